package content

import (
	"slices"
	"strings"
)

// A places is the gazetteer: every spelling of every commune and the office that receives its people.
type places struct {
	office  map[string]string // folded name, also without its spaces → office id, or "" for a name that is no commune
	longest map[string]int    // first word of a name → words of the longest name that begins so
	list    []choiceName      // all names, by length and alphabet
}

// gazetteer gathers the names of the communes and what is no commune but sounds like one, such as the region.
func (lib *Library) gazetteer() places {
	p := places{office: map[string]string{}, longest: map[string]int{}}
	add := func(office string, texts ...string) {
		for _, text := range texts {
			f := Fold(text)
			if _, known := p.office[f]; f == "" || known {
				continue
			}
			p.office[f] = office
			words := appendWords(nil, f)
			p.longest[words[0]] = max(p.longest[words[0]], len(words))
			p.list = append(p.list, choiceName{f, len(words), office != "" && slices.ContainsFunc(words, longWord)})
			if joined := strings.ReplaceAll(f, " ", ""); len(words) > 1 && longWord(joined) {
				if _, known := p.office[joined]; !known {
					p.office[joined] = office
					p.longest[joined] = max(p.longest[joined], 1)
				}
			}
		}
	}
	every := func(office string, name Text, also []string) {
		for _, l := range Langs() {
			add(office, name[l])
		}
		add(office, also...)
	}
	for _, o := range lib.offices {
		every(o.ID, o.Name, o.Also)
	}
	for _, c := range lib.communes {
		office := c.Office
		if o, _ := lib.NearestOffice(c.Lat, c.Lon); office == "" && o != nil {
			office = o.ID
		}
		every(office, c.Name, c.Also)
	}
	add("", lib.regions...)
	slices.SortFunc(p.list, func(a, b choiceName) int {
		if d := len(b.text) - len(a.text); d != 0 {
			return d
		}
		return strings.Compare(a.text, b.text)
	})
	return p
}

// FindOffice is the office of the commune that a text names, in any spelling or script, also inside a sentence, behind
// an Arabic preposition, or with a slip in a word of five letters or more. A commune without a BAOM leads to the office
// that receives its people. The longest name counts: "Agadir Melloul" is neither "Agadir" nor "Ait Melloul"; and a
// place that one is near, or a province, counts only where no other is named. ok is false where no commune is named,
// or several of different offices are.
func (lib *Library) FindOffice(text string) (id string, ok bool) {
	if len(text) > maxSaid {
		return "", false
	}
	said := Fold(text)
	words := appendWords(nil, said)
	found := lib.places.exact(said, words)
	if len(words) <= maxMisspeltPlace {
		found = lib.places.misspelt(words, found)
	}
	var plain, beside []string
	for _, m := range found {
		switch {
		case m.id == "" || slices.ContainsFunc(found, m.within):
		case aside(words[:m.from]):
			beside = append(beside, m.id)
		default:
			plain = append(plain, m.id)
		}
	}
	if len(plain) == 0 {
		plain = beside
	}
	slices.Sort(plain)
	if plain = slices.Compact(plain); len(plain) != 1 {
		return "", false
	}
	return plain[0], true
}

// IsPlace reports whether a text is the name of a commune and nothing else.
func (lib *Library) IsPlace(text string) bool {
	if len(text) > maxCommand {
		return false
	}
	_, ok := lib.places.office[Fold(text)]
	return ok
}

// maxMisspeltPlace is how many words a text has at most in which a misspelt commune is looked for.
const maxMisspeltPlace = 10

// exact lists the names that stand in a text.
func (p *places) exact(said string, words []string) []mention {
	var found []mention
	start := 0
	for i, w := range words {
		for _, stem := range unprefixed(w) {
			skip := len(w) - len(stem)
			if !strings.HasSuffix(w, stem) { // للقليعة: the article is hidden
				if office, ok := p.office[stem]; ok {
					found = append(found, mention{i, i + 1, office})
				}
				continue
			}
			end := start + len(w)
			for n := 1; n <= p.longest[stem] && i+n <= len(words); n++ {
				if n > 1 {
					end += 1 + len(words[i+n-1])
				}
				if office, ok := p.office[said[start+skip:end]]; ok {
					found = append(found, mention{i, i + n, office})
				}
			}
		}
		start += len(w) + 1
	}
	return found
}

// unprefixed lists what a word may be without an Arabic preposition or "and" written as one with it, the word itself
// first.
func unprefixed(w string) []string {
	list := []string{w}
	for _, p := range []string{"ب", "ف", "ل", "و", "من", "د"} {
		if rest, ok := strings.CutPrefix(w, p); ok && len(rest) >= 8 {
			list = append(list, rest)
		}
	}
	if rest, ok := strings.CutPrefix(w, "لل"); ok && len(rest) >= 6 {
		list = append(list, "ال"+rest)
	}
	return list
}

// misspelt adds to the mentions the names that stand in a text but for a slip. A name that is spelt right is not taken
// for a misspelling of another, unless it is a part of that.
func (p *places) misspelt(words []string, exact []mention) []mention {
	found := exact
	for _, n := range p.list {
		if !n.slip {
			continue
		}
		for i := n.slipsInto(words, 0); i >= 0; i = n.slipsInto(words, i+1) {
			m := mention{i, i + n.words, p.office[n.text]}
			if !slices.ContainsFunc(exact, func(e mention) bool { return m.from < e.to && e.from < m.to && !e.within(m) }) {
				found = append(found, m)
			}
		}
	}
	return found
}

// asides are the words before a name that make it a place beside the point: one that is near, or the province.
var asides = [...]string{
	"pres de", "pres d", "a cote de", "a cote d", "proche de", "proche d", "loin de", "loin d", "province de", "province d", "province", "prefecture de",
	"prefecture d", "region de", "region d", "near", "next to", "close to", "far from", "province of", "region of", "cerca de", "lejos de", "provincia de",
	"قرب", "بالقرب من", "قريب من", "قريبه من", "بجانب", "بعيد عن", "اقليم", "عماله", "حدا", "قريب ل", "qrib l", "9rib l", "7da", "hda", "qrib mn", "9rib mn", "igr n",
}

// aside reports whether the words before a name put it aside.
func aside(before []string) bool {
	if len(before) == 0 {
		return false
	}
	tail := strings.Join(before[max(0, len(before)-3):], " ")
	return slices.ContainsFunc(asides[:], func(a string) bool {
		rest, ok := strings.CutSuffix(tail, a)
		return ok && (rest == "" || strings.HasSuffix(rest, " "))
	})
}

// OfficesOf lists the offices of the province that a text names, by id; none where it names no province, or where a name
// that is also a commune's is not said to be a province's ("province de Tiznit", "إقليم تيزنيت").
func (lib *Library) OfficesOf(text string) (ids []string) {
	if len(text) > maxSaid {
		return nil
	}
	said := " " + Fold(text) + " "
	meant := false // a word for province is there
	for _, w := range []string{"province", "prefecture", "provincia", "إقليم", "عمالة"} {
		if f := Fold(w); strings.Contains(said, " "+f+" ") || strings.Contains(said, " "+f+"s ") {
			meant = true
		}
	}
	for _, o := range lib.offices {
		for _, name := range o.Province {
			name = Fold(name)
			if name == "" || !meant && lib.isCommune(name) {
				continue
			}
			if strings.Contains(said, " "+name+" ") {
				ids = append(ids, o.ID)
				break
			}
		}
	}
	return ids
}

// isCommune reports whether a folded name is that of a commune.
func (lib *Library) isCommune(name string) bool {
	called := func(t Text) bool {
		for _, n := range t {
			if Fold(n) == name {
				return true
			}
		}
		return false
	}
	return slices.ContainsFunc(lib.offices, func(o Office) bool { return called(o.Name) }) ||
		slices.ContainsFunc(lib.communes, func(c Commune) bool { return called(c.Name) })
}
