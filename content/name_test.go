package content_test

import (
	"slices"
	"testing"

	"baom/content"
)

// TestSounds holds names together that are the same however they are written, and apart those that are not.
func TestSounds(t *testing.T) {
	alike := func(a, b string) bool {
		all := func(name string) (near []string) {
			for _, key := range content.Sounds(name) {
				near = append(near, content.Near(key)...)
			}
			return near
		}
		mine := all(b)
		return slices.ContainsFunc(all(a), func(key string) bool { return slices.Contains(mine, key) })
	}
	for _, same := range [][]string{
		{"Mohamed", "Mohammed", "Muhammad", "MOHAMED", "محمد", "مُحَمَّد", "Mouhamed", "Mohaemd", "Mohmed"},
		{"Fatima", "Fatema", "Fatimah", "فاطمة", "فاطمه"},
		{"Khadija", "Khadidja", "خديجة", "5adija"},
		{"Youssef", "Yusuf", "يوسف", "Yousef"},
		{"Aïcha", "Aicha", "عائشة", "Aisha"},
		{"Idrissi", "El Idrissi", "الإدريسي", "Idrisi"},
		{"Abdellah", "Abdallah", "عبد الله", "عبدالله"},
		{"Abderrahmane", "Abdel Rahman", "عبد الرحمان", "Abdurrahman"},
		{"Hicham", "Hisham", "هشام"},
		{"Ouafae", "Wafae", "وفاء"},
		{"Gueye", "Guèye"},
		{"Traoré", "traore", "Troaré"},
		{"Ghita", "غيثة"},
		{"ⵢⵓⵙⴼ", "Yousf"},
	} {
		for _, other := range same[1:] {
			if !alike(same[0], other) {
				t.Errorf("%s and %s are not found by one another: %q %q", same[0], other, content.Sounds(same[0]), content.Sounds(other))
			}
		}
	}
	for _, apart := range [][2]string{{"Fatima", "Khadija"}, {"Mohamed", "Hamid"}, {"El Amrani", "El Idrissi"}, {"Traoré", "Diallo"}, {"أمينة", "مريم"}} {
		if alike(apart[0], apart[1]) {
			t.Errorf("%s and %s are taken for one another: %q %q", apart[0], apart[1], content.Sounds(apart[0]), content.Sounds(apart[1]))
		}
	}
	for _, none := range []string{"", "  ", "…"} {
		if keys := content.Sounds(none); len(keys) != 0 {
			t.Errorf("%q has keys %q", none, keys)
		}
	}
}
