package flows_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"baom/flows"
)

// TestLinkCode: a code is read in any writing, a slip is caught, and no word of a dictionary is a code.
func TestLinkCode(t *testing.T) {
	seen := map[string]bool{}
	slips, caught := 0, 0
	for i := range 2000 {
		sum := sha256.Sum256(fmt.Append(nil, i))
		code := flows.LinkCode(sum[:])
		if got, ok := flows.ParseLinkCode(" " + strings.ToLower(strings.ReplaceAll(code, "-", " "))); !ok || got != code {
			t.Fatalf("%s is read as %q, %v", code, got, ok)
		}
		if seen[code] {
			t.Fatalf("%s comes twice", code)
		}
		seen[code] = true
		for at := range code {
			if code[at] == '-' || code[at] == '2' {
				continue
			}
			slips++
			if _, ok := flows.ParseLinkCode(code[:at] + "2" + code[at+1:]); !ok {
				caught++
			}
		}
	}
	if caught*100 < slips*95 {
		t.Errorf("of %d slips %d are caught", slips, caught)
	}
	for _, word := range []string{"", "RECHERCHE", "passeport", "AG-7F3K-92", "+212612345678", "061234567", strings.Repeat("2", 9), "récépissé", "K7M-P3F-XQ"} {
		if code, ok := flows.ParseLinkCode(word); ok && word != strings.Repeat("2", 9) {
			t.Errorf("%q is read as the code %s", word, code)
		}
	}
}
