package content_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"baom/content"
)

func TestFindOffice(t *testing.T) {
	lib := builtin(t)
	for said, want := range map[string]string{
		"Agadir":                            "agadir",
		"Agadir Melloul":                    "agadir-melloul",
		"Ait Melloul":                       "ait-melloul",
		"je suis à Aït-Melloul depuis mars": "ait-melloul",
		"agadir meloul":                     "agadir-melloul", // a slip in the longer name, not Agadir
		"aitmelloul":                        "ait-melloul",
		"j'habite à Tarudannt":              "taroudant",
		"Tiznitt":                           "tiznit",
		"أكادير":                            "agadir",
		"أنا ساكن فأكادير":                  "agadir",
		"بتيزنيت":                           "tiznit",
		"ⴰⴳⴰⴷⵉⵔ":                            "agadir",
		"hwara":                             "taroudant",   // no BAOM there: the office that receives its people
		"قرب القليعة":                       "ait-melloul", // near it, but nothing else is named
		"Sidi Bibi, près d'Agadir":          "sidi-bibi",   // near another
		"Argana, province de Taroudant":     "argana",      // in the province of another
		"Agadir ou Tiznit":                  "",            // two
		"Anza, Agadir":                      "agadir",      // two names of one office
		"Paris":                             "",
		"je veux une carte":                 "",
		"":                                  "",
		strings.Repeat("Agadir ", 100):      "",
	} {
		if got, ok := lib.FindOffice(said); got != want || ok != (want != "") {
			t.Errorf("%q is in the office %q (%v), not %q", said, got, ok, want)
		}
	}
}

// Every spelling that the files give leads to its office.
func TestEverySpellingIsFound(t *testing.T) {
	lib := builtin(t)
	for _, o := range lib.Offices() {
		for _, name := range append([]string{o.Name[content.French], o.Name[content.Arabic]}, o.Also...) {
			for _, said := range []string{name, "j'habite à " + strings.ToUpper(name), "ساكن في " + name} {
				if got, _ := lib.FindOffice(said); got != o.ID {
					t.Errorf("%q is in the office %q, not %s", said, got, o.ID)
				}
			}
		}
	}
}

func TestRegionIsNoCommune(t *testing.T) {
	f := files()
	f["offices.yaml"] += "  - {name: {fr: Massa, ar: ماسة}, office: agadir}\nregions: [Souss-Massa, سوس ماسة]\n"
	lib, err := content.Load(layer(f))
	if err != nil {
		t.Fatal(err)
	}
	for said, want := range map[string]string{"je suis dans le Souss Massa": "", "Massa": "agadir", "سوس ماسة": ""} {
		if got, _ := lib.FindOffice(said); got != want {
			t.Errorf("%q is in the office %q, not %q", said, got, want)
		}
	}
}

func TestNearestOffice(t *testing.T) {
	lib := builtin(t)
	for _, c := range []struct {
		lat, lon float64
		want     string
		km       float64
	}{
		{30.4202, -9.5982, "agadir", 0},
		{29.70, -9.73, "tiznit", 5},
		{48.85, 2.35, "agadir", 2300},
		{math.NaN(), 0, "", 0},
		{91, 0, "", 0},
	} {
		o, km := lib.NearestOffice(c.lat, c.lon)
		if o == nil || c.want == "" {
			if o != nil || c.want != "" {
				t.Errorf("nearest to %g, %g is %v", c.lat, c.lon, o)
			}
			continue
		}
		if c.km < 1000 && o.ID != c.want || math.Abs(km-c.km) > max(5, c.km/10) {
			t.Errorf("nearest to %g, %g is %s at %.0f km, not %s at %.0f", c.lat, c.lon, o.ID, km, c.want, c.km)
		}
	}
}

// office has every kind of hours: a pause at noon, a short day, Ramadan, a closed day, and days without any.
func office(t *testing.T) *content.Office {
	f := files()
	f["offices.yaml"] = `offices:
  - id: agadir
    letters: AG
    name: {fr: Agadir, ar: أكادير, en: Agadir}
    province: {fr: Agadir}
    lat: 30.42
    lon: -9.6
    coordinates: exact
    hours: {mon: "09:00-12:00 14:00-16:30", tue: "09:00-12:00 14:00-16:30", wed: "09:00-12:00 14:00-16:30", thu: "09:00-12:00 14:00-16:30", fri: "08:30-11:30"}
    ramadan: {mon: "10:00-14:00", tue: "10:00-14:00"}
    closed: [2026-11-24]
ramadan-dates: [{from: 2027-02-08, to: 2027-03-09}]
`
	lib, err := content.Load(layer(f))
	if err != nil {
		t.Fatal(err)
	}
	return lib.Office("agadir")
}

func TestHours(t *testing.T) {
	o := office(t)
	zone := time.FixedZone("+01", 3600)
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		at   string
		open bool
		next string
	}{
		{"2026-11-23 08:59", false, "2026-11-23 09:00"}, // Monday
		{"2026-11-23 09:00", true, "2026-11-23 14:00"},
		{"2026-11-23 12:00", false, "2026-11-23 14:00"},
		{"2026-11-23 16:29", true, "2026-11-25 09:00"}, // the 24th is closed
		{"2026-11-24 10:00", false, "2026-11-25 09:00"},
		{"2026-11-27 11:30", false, "2026-11-30 09:00"}, // Friday, then the week-end
		{"2027-02-08 09:30", false, "2027-02-08 10:00"}, // Ramadan
		{"2027-02-10 10:00", false, "2027-02-15 10:00"},
		{"2027-03-09 13:59", true, "2027-03-10 09:00"}, // its last day
	} {
		now := at(c.at)
		if got := o.Open(now); got != c.open {
			t.Errorf("%s: open is %v", c.at, got)
		}
		if got, ok := o.Next(now); !ok || !got.Equal(at(c.next)) {
			t.Errorf("after %s it opens at %s, not %s", c.at, got, c.next)
		}
	}
	want := map[content.Lang]string{
		content.French:  "lundi–jeudi 9 h–12 h, 14 h–16 h 30 ; vendredi 8 h 30–11 h 30",
		content.English: "Monday–Thursday 9:00–12:00, 14:00–16:30 ; Friday 8:30–11:30",
		content.Arabic:  "الاثنين–الخميس 9:00–12:00, 14:00–16:30 ; الجمعة 8:30–11:30",
		content.Spanish: "lunes–jueves 9:00–12:00, 14:00–16:30 ; viernes 8:30–11:30",
	}
	got := map[content.Lang]string{}
	for l := range want {
		got[l] = o.HoursText(l)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := o.HoursOn(at("2027-02-20 10:00"), content.French); got != "lundi–mardi 10 h–14 h" {
		t.Errorf("in Ramadan: %s", got)
	}
	if got := o.HoursOn(at("2027-03-20 10:00"), content.French); got != want[content.French] {
		t.Errorf("after Ramadan: %s", got)
	}
}

// On the night on which the clocks change, opening is still told by the clock on the wall.
func TestNextOverClockChange(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip("no time zones on this machine: ", err)
	}
	saturday := time.Date(2026, 3, 28, 12, 0, 0, 0, zone)
	if next, _ := office(t).Next(saturday); next.Format("2006-01-02 15:04") != "2026-03-30 09:00" {
		t.Errorf("opens at %s", next)
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		days int
		lang content.Lang
		want string
	}{
		{0, content.French, "aujourd'hui à 23 h 30"}, {1, content.English, "tomorrow at 23:30"}, {3, content.French, "jeudi à 23 h 30"},
		{9, content.Spanish, "miércoles 02/12 a las 23:30"}, {1, content.Tachelhit, "غدا على الساعة 23:30"},
	} {
		if got := content.When(now.AddDate(0, 0, c.days).Add(30*time.Minute), now, c.lang); got != c.want {
			t.Errorf("in %d days: %q, not %q", c.days, got, c.want)
		}
	}
}

func TestOrient(t *testing.T) {
	f := files()
	entry := func(id, more string) string {
		return "- {id: " + id + ", name: {fr: n, ar: n, en: n}, for: {fr: f, ar: f, en: f}, source: s, verified: \"2026-01-01\", confidence: high, " + more + "}\n"
	}
	f["structures.yaml"] = entry("cnss", "needs: [A1]") + entry("police", "lat: 0") + entry("far", "needs: [A1], lat: 34, lon: -6.8") +
		entry("near", "needs: [A1], lat: 30.42, lon: -9.6") + entry("theirs", "needs: [A1], whom: [rpt]") + entry("others", "needs: [A1], whom: [mdm]") +
		entry("house", "whom: [rpt]")
	lib, err := content.Load(layer(f))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, need, profile string
		lat, lon            float64
		want                string
	}{
		{"near Agadir", "A1", "rpt", 30.4, -9.6, "theirs near cnss far house"},
		{"place not known", "A1", "rpt", math.NaN(), math.NaN(), "theirs cnss far near house"},
		{"profile not known", "A1", "", 0, 0, "cnss far near theirs others"},
		{"another profile", "A1", "ret", 34, -6.8, "far cnss near"},
		{"another need", "B1", "mdm", 0, 0, ""},
	} {
		var got []string
		for _, s := range lib.Orient(c.need, c.profile, c.lat, c.lon) {
			got = append(got, s.ID)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, not %s", c.name, got, c.want)
		}
	}
}

func BenchmarkFindOffice(b *testing.B) {
	lib := builtin(b)
	for b.Loop() {
		lib.FindOffice("je suis à Aït-Melloul depuis mars")
	}
}

// TestOfficesOf: a province names its offices; a commune that has its province's name only where it is said to be that.
func TestOfficesOf(t *testing.T) {
	lib := builtin(t)
	for text, want := range map[string]int{"province de Tiznit": 6, "Tiznit": 0, "إقليم تيزنيت": 6, "je vis à Chtouka Ait Baha": 3, "شتوكة آيت باها": 3,
		"préfecture d'Inezgane-Ait Melloul": 1, "Paris": 0, "": 0, "province": 0} {
		if got := lib.OfficesOf(text); len(got) != want {
			t.Errorf("%q: %v, want %d", text, got, want)
		}
	}
}
