package content_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"baom/content"
)

// TestRegisterOfAnOffice: an office keeps its own columns, in its order and with its headings; the others keep those of
// all, whose headings are the intake's where they have none.
func TestRegisterOfAnOffice(t *testing.T) {
	own := `columns:
  - {id: opened, column: {fr: Date, ar: التاريخ, en: Date}}
  - {id: age}
offices:
  tiznit:
    - {id: need, column: {fr: Motif, ar: السبب, en: Reason}}
    - {id: reference, column: {fr: N°, ar: رقم, en: No}}
`
	lib, err := content.Load(content.Builtin(), fstest.MapFS{"forms/register.yaml": {Data: []byte(own)}})
	if err != nil {
		t.Fatal(err)
	}
	headings := func(office string, l content.Lang) string {
		var list []string
		for _, c := range lib.Register(office) {
			list = append(list, c.ID+"="+c.Column.In(l))
		}
		return strings.Join(list, " ")
	}
	for _, tt := range []struct {
		office string
		lang   content.Lang
		want   string
	}{
		{"tiznit", content.French, "need=Motif reference=N°"},
		{"tiznit", content.Arabic, "need=السبب reference=رقم"},
		{"agadir", content.French, "opened=Date age=Âge"},
		{"", content.English, "opened=Date age=Age"},
	} {
		if got := headings(tt.office, tt.lang); got != tt.want {
			t.Errorf("%q in %s: %s, want %s", tt.office, tt.lang, got, tt.want)
		}
	}
	wrong := strings.Replace(own, "tiznit", "nowhere", 1)
	if _, err := content.Load(content.Builtin(), fstest.MapFS{"forms/register.yaml": {Data: []byte(wrong)}}); err == nil || !strings.Contains(err.Error(), `forms/register.yaml:5: there is no office "nowhere"`) {
		t.Errorf("an office that is none: %v", err)
	}
}
