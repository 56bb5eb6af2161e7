package content

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

//go:embed countries.yaml
var countriesYAML []byte

// A gazette is the names of countries and nationalities.
type gazette struct {
	codes []string
	names map[string]string // folded name → code
	list  []string          // the folded names, for misspellings
}

// countries reads the names once: those of the CLDR in the languages of the region, and those of countries.yaml.
var countries = sync.OnceValue(func() *gazette {
	g := &gazette{names: map[string]string{}}
	add := func(name, code string) {
		f := Fold(name)
		if f == "" {
			return
		}
		if _, taken := g.names[f]; !taken {
			g.names[f] = code
			g.list = append(g.list, f)
		}
	}
	var extra map[string][]string
	if err := yaml.Unmarshal(countriesYAML, &extra); err != nil {
		panic(err) // the file is part of the program
	}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			region, err := language.ParseRegion(code)
			if err != nil || !region.IsCountry() || region.String() != code {
				continue
			}
			g.codes = append(g.codes, code)
		}
	}
	for _, code := range g.codes {
		for _, word := range extra[code] {
			add(word, code)
		}
	}
	for _, code := range g.codes {
		for _, tag := range []language.Tag{language.French, language.Arabic, language.English, language.Spanish} {
			add(display.Regions(tag).Name(language.MustParseRegion(code)), code)
		}
	}
	slices.Sort(g.list)
	return g
})

// CountryName is the name of a country, by its ISO 3166 code, in a language; "" for an unknown code.
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

// Country reads a country or nationality out of what a person wrote, in any of the languages, inside a sentence,
// with a slip of one letter. sure is false where nothing, or more than one country, is named.
func Country(text string) (code string, sure bool) {
	g := countries()
	words := strings.Fields(Fold(text))
	if len(words) == 0 || len(words) > 30 {
		return "", false
	}
	found, length := "", 0
	for i := range words {
		for n := min(5, len(words)-i); n > 0; n-- {
			name := strings.Join(words[i:i+n], " ")
			c, ok := g.names[name]
			if !ok && n == 1 { // the Arabic article, and the Darija l-
				for _, p := range []string{"ال", "لل", "l", "al", "el"} {
					if rest, cut := strings.CutPrefix(name, p); cut && len(rest) > 3 {
						if c, ok = g.names[rest]; ok {
							break
						}
					}
				}
				if !ok && !strings.HasPrefix(name, "ا") && len(name) > 4 {
					c, ok = g.names["ال"+name]
				}
			}
			if ok && len(name) > length {
				found, length = c, len(name)
			}
		}
	}
	if found != "" {
		return found, true
	}
	for i := range words {
		for n := min(4, len(words)-i); n > 0; n-- {
			said := strings.Join(words[i:i+n], " ")
			if len(said) < 5 {
				continue
			}
			for _, name := range g.list {
				if len(name) >= 5 && oneSlip(said, name) {
					if found != "" && found != g.names[name] {
						return "", false
					}
					found = g.names[name]
				}
			}
		}
		if found != "" {
			return found, true
		}
	}
	return "", false
}
