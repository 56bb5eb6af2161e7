package content

import (
	"cmp"
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

//go:embed countries.yaml
var countriesYAML []byte

// A gazette is the names of countries and nationalities, folded.
type gazette struct {
	codes map[string]string // name → code
	names []string          // in order, for misspellings
	words int               // of the longest name
	runs  map[uint64][]int32
	count []float32 // by name: how many runs it has
}

// nameTags are the languages whose names of countries are known from the CLDR, first the ones that win where two
// countries share a name.
var nameTags = []language.Tag{language.French, language.Arabic, language.English, language.Spanish, language.Portuguese, language.Italian,
	language.German, language.Dutch, language.Amharic, language.Swahili, language.Urdu, language.Persian, language.Bengali, language.Turkish}

// countries reads the names once: those of countries.yaml and those of the CLDR.
var countries = sync.OnceValue(func() *gazette {
	var extra map[string]string
	if err := yaml.Unmarshal(countriesYAML, &extra); err != nil {
		panic(err) // the file is part of the program
	}
	g := &gazette{codes: map[string]string{}, runs: map[uint64][]int32{}}
	codes := slices.Sorted(maps.Keys(extra))
	for _, tag := range nameTags {
		namer := display.Regions(tag)
		for _, code := range codes {
			g.add(namer.Name(language.MustParseRegion(code)), code)
		}
	}
	for _, code := range codes {
		for name := range strings.SplitSeq(extra[code], ",") {
			g.add(name, code)
		}
	}
	for _, code := range codes { // after all others, so that no form made by rule hides a real word
		for name := range strings.SplitSeq(extra[code], ",") {
			for _, form := range forms(Fold(name)) {
				g.add(form, code)
			}
		}
	}
	g.index()
	return g
})

func (g *gazette) add(name, code string) {
	f := Fold(name)
	if f == "" {
		return
	}
	for _, f := range [...]string{f, strings.TrimPrefix(f, "ال")} {
		if _, taken := g.codes[f]; !taken {
			g.codes[f] = code
			g.names = append(g.names, f)
			g.words = max(g.words, strings.Count(f, " ")+1)
		}
	}
}

// forms are the feminine and the plural of a folded nationality, by the rules of the language its ending shows.
func forms(name string) []string {
	if isArabic(name) {
		if strings.HasSuffix(name, "ي") {
			return []string{name + "ه", name + "ين", name + "ات"}
		}
		return nil
	}
	switch {
	case strings.HasSuffix(name, "ien"), strings.HasSuffix(name, "een"), strings.HasSuffix(name, "on"):
		return []string{name + "ne", name + "s", name + "nes"}
	case strings.HasSuffix(name, "ais"), strings.HasSuffix(name, "ois"):
		return []string{name + "e", name + "es"}
	case strings.HasSuffix(name, "es"):
		return []string{name + "a", name + "as"}
	case strings.HasSuffix(name, "o"):
		return []string{name[:len(name)-1] + "a", name + "s", name[:len(name)-1] + "as"}
	case strings.HasSuffix(name, "a"), strings.HasSuffix(name, "e"), strings.HasSuffix(name, "i"):
		return []string{name + "s"}
	}
	return []string{name + "e", name + "s", name + "es", name + "a", name + "as"}
}

// index counts the runs of two and three letters by which misspelt names are found.
func (g *gazette) index() {
	g.count = make([]float32, len(g.names))
	for i, name := range g.names {
		g.count[i] = float32(eachRun(name, func(h uint64) {
			if l := g.runs[h]; len(l) == 0 || l[len(l)-1] != int32(i) {
				g.runs[h] = append(l, int32(i))
			}
		}))
	}
}

// eachRun calls f with the runs of two and three letters of a name and returns how many there are.
func eachRun(name string, f func(h uint64)) int {
	n := 0
	a, b := '^', '^'
	for _, r := range name + "$" {
		f(mix(mix(1, uint64(b)), uint64(r)))
		f(mix(mix(mix(2, uint64(a)), uint64(b)), uint64(r)))
		n += 2
		a, b = b, r
	}
	return n
}

// CountryName is the name of a country, by its ISO 3166 code, in a language; "" for an unknown code. Darija and
// Tachelhit have the Arabic name.
func CountryName(code string, l Lang) string {
	if len(code) != 2 {
		return ""
	}
	region, err := language.ParseRegion(code)
	if err != nil || !region.IsCountry() {
		return ""
	}
	tag := language.French
	switch l {
	case Arabic, Darija, Tachelhit:
		tag = language.Arabic
	case English:
		tag = language.English
	case Spanish:
		tag = language.Spanish
	}
	return display.Regions(tag).Name(region)
}

// A CountryHit is a country that may be meant: its ISO 3166 code, and from 0 to 1 how much the words are like one of
// its names.
type CountryHit struct {
	Code  string
	Score float64
}

// Country reads a country or a nationality out of what a person wrote, in any of the languages, inside a sentence,
// misspelt. sure is false where nothing, or more than one country, is named.
func Country(text string) (code string, sure bool) {
	hits := Countries(text, 2)
	if len(hits) == 0 || hits[0].Score < 0.7 || len(hits) > 1 && hits[1].Score > hits[0].Score-0.05 {
		return "", false
	}
	return hits[0].Code, true
}

// Countries ranks the countries that a text may name, best first, at most so many.
func Countries(text string, limit int) []CountryHit {
	g := countries()
	words := strings.Fields(Fold(text))
	if len(words) > 40 {
		words = words[:40]
	}
	scores := map[string]float64{}
	g.exact(words, scores)
	if len(scores) == 0 {
		g.like(words, scores)
	}
	var hits []CountryHit
	for code, score := range scores {
		hits = append(hits, CountryHit{code, score})
	}
	slices.SortFunc(hits, func(a, b CountryHit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Code, b.Code))
	})
	return hits[:min(limit, len(hits))]
}

// exact finds names that stand in the words as they are; the longest names first, none inside another.
func (g *gazette) exact(words []string, scores map[string]float64) {
	all := max(1, len(strings.Join(words, "")))
	taken := make([]bool, len(words))
	for n := min(g.words, len(words)); n > 0; n-- {
		for i := 0; i+n <= len(words); i++ {
			if slices.Contains(taken[i:i+n], true) {
				continue
			}
			name := strings.Join(words[i:i+n], " ")
			code := g.lookup(name, n == 1 && len(words) > 1)
			if code == "" {
				continue
			}
			for j := i; j < i+n; j++ {
				taken[j] = true
			}
			share := 0.9 + 0.1*float64(len(name))/float64(all+n)
			if n > 1 || len(words) == 1 {
				share = max(share, 0.95)
			}
			scores[code] = max(scores[code], min(1, share))
		}
	}
}

// ambiguous are names of countries that are everyday words too: inside a sentence they name none.
var ambiguous = map[string]bool{"us": true, "sin": true, "casa": true, "rim": true, "lita": true, "pole": true, "mariano": true, "casablanca": true,
	"nigerois": true, "man": true, "lao": true, "finn": true, "dane": true, "eau": true, "maurice": true, "salvador": true, "saba": true, "guadalupe": true}

func (g *gazette) lookup(name string, inside bool) string {
	if inside && (ambiguous[name] || utf8.RuneCountInString(name) < 3) {
		return ""
	}
	if code := g.codes[name]; code != "" {
		return code
	}
	for _, p := range [...]string{"ال", "لل", "بال", "فال", "وال", "من", "ف", "ب", "ل", "l", "al", "el", "d", "f", "fl"} {
		if rest, ok := strings.CutPrefix(name, p); ok && utf8.RuneCountInString(rest) > 3 {
			if code := g.codes[rest]; code != "" {
				return code
			}
		}
	}
	return ""
}

// like finds names that the words are like: by the letters they share.
func (g *gazette) like(words []string, scores map[string]float64) {
	shared := make([]float32, len(g.names))
	for n := min(6, len(words)); n > 0; n-- {
		for i := 0; i+n <= len(words); i++ {
			said := strings.Join(words[i:i+n], " ")
			if utf8.RuneCountInString(said) < 4 {
				continue
			}
			clear(shared)
			runs := float32(eachRun(said, func(h uint64) {
				for _, name := range g.runs[h] {
					shared[name]++
				}
			}))
			for name, s := range shared {
				if s == 0 {
					continue
				}
				if score := float64(2 * s / (runs + g.count[name])); score > 0.4 {
					code := g.codes[g.names[name]]
					scores[code] = max(scores[code], min(0.9, score*1.15))
				}
			}
		}
	}
}
