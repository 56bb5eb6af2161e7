package content

import (
	"embed"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"

	"go.yaml.in/yaml/v3"
)

//go:embed langid/*.txt
var languageFiles embed.FS

// languageTags are the tags that a language can be identified by, by script.
var (
	latinTags  = []string{"fr", "en", "es", "ary-Latn", "kab", "shi", "tzm"}
	arabicTags = []string{"ar", "ary"}
)

// A profile knows the languages of one script by their words and runs of letters: naive Bayes.
type profile struct {
	tags  []string
	table map[uint64]int32 // feature → where in says its row begins
	says  []float32        // what it says for each tag, in logarithms, less their mean
}

type profiles struct{ latin, arabic *profile }

// languages learns the languages once, from langid/TAG.txt and langid/TAG-*.txt.
var languages = sync.OnceValue(func() profiles {
	var p profiles
	var work sync.WaitGroup
	work.Go(func() { p.arabic = newProfile(arabicTags) })
	p.latin = newProfile(latinTags)
	work.Wait()
	return p
})

// Constants of the profiles.
const (
	smoothing     = 0.3 // what a sign never seen counts
	ownWeight     = 6   // of our own lines beside the program's pages and answers
	wordWeight    = 4   // of a whole word beside a run of letters
	darijaShare   = 0.5 // of standard Arabic in Darija
	evidenceScale = 12  // the signs of a text are not independent: so many logarithms make one
)

func newProfile(tags []string) *profile {
	p := &profile{tags: tags, table: map[uint64]int32{}}
	n := len(tags)
	var counts []float64 // by sign and tag
	total := make([]float64, len(tags))
	files, err := languageFiles.ReadDir("langid")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	learn := func(i int, text string, weight float64) {
		eachSign(text, func(h uint64, w float64) {
			at, known := p.table[h]
			if !known {
				at = int32(len(counts))
				p.table[h] = at
				for range n {
					counts = append(counts, 0)
				}
			}
			counts[int(at)+i] += weight * w
			total[i] += weight * w
		})
	}
	for i, tag := range tags {
		for _, f := range files {
			name := strings.TrimSuffix(f.Name(), ".txt")
			if name != tag && !(strings.HasPrefix(name, tag+"-") && name != "ary-Latn") {
				continue
			}
			data, err := languageFiles.ReadFile("langid/" + f.Name())
			if err != nil {
				panic(err)
			}
			for line := range strings.Lines(string(data)) {
				learn(i, line, ownWeight)
			}
		}
		for _, text := range spokenWords(Lang(tag)) {
			learn(i, text, 1)
		}
	}
	if len(tags) == 2 { // Darija says much in the words of standard Arabic
		share := darijaShare * total[1] / total[0]
		for c := range slices.Chunk(counts, n) {
			c[1] += share * c[0]
		}
		total[1] *= 1 + darijaShare
	}
	p.says = make([]float32, len(counts))
	for at := 0; at < len(counts); at += n {
		c, v := counts[at:at+n], p.says[at:at+n]
		mean := 0.0
		for i := range n {
			x := math.Log((c[i] + smoothing) / (total[i] + smoothing*float64(len(p.table))))
			v[i] = float32(x)
			mean += x
		}
		for i := range v {
			v[i] -= float32(mean / float64(n))
		}
	}
	return p
}

// spokenWords are the program's own pages and answers in a language: more of it to know it by.
func spokenWords(l Lang) []string {
	var texts []string
	pages, _ := fs.Glob(builtin, "pages/*.yaml")
	for _, name := range pages {
		if i := strings.LastIndex(strings.TrimSuffix(name, ".yaml"), "."); name != "pages/"+string(l)+".yaml" && (i < 0 || name[i+1:] != string(l)+".yaml") {
			continue
		}
		data, err := builtin.ReadFile(name)
		if err != nil {
			panic(err) // the file is part of the program
		}
		var file struct{ Pages, Labels map[string]string }
		if yaml.Unmarshal(data, &file) == nil {
			texts = slices.AppendSeq(texts, maps.Values(file.Pages))
		}
	}
	answers, _ := fs.Glob(builtin, "answers/"+string(l)+"/*.md")
	for _, name := range answers {
		data, err := builtin.ReadFile(name)
		if err != nil {
			panic(err)
		}
		if _, body, ok := strings.Cut(strings.TrimPrefix(string(data), "---"), "\n---\n"); ok {
			texts = append(texts, body)
		}
	}
	slices.Sort(texts) // sums of fractions depend on their order
	return texts
}

// eachSign calls f with the signs of a text: its words, the runs of one to four letters in them, and its letters that
// are not ASCII as they are.
func eachSign(text string, f func(h uint64, w float64)) {
	for _, r := range text {
		if r >= 0x80 && (r < 0x600 || r > 0x6ff) && unicode.IsLetter(r) {
			f(mix(0xacce, uint64(unicode.ToLower(r))), 1)
		}
	}
	for _, w := range strings.Fields(Fold(text)) {
		if !strings.ContainsFunc(w, unicode.IsLetter) {
			continue
		}
		f(hashWord(0x3030, w), wordWeight)
		rs := [34]rune{'^'}
		n := 1
		for _, r := range w {
			if n < 32 {
				rs[n] = r
				n++
			}
		}
		rs[n] = '$'
		n++
		for i := range n {
			h := uint64(0xc4a5)
			for k := 0; k < 5 && i+k < n; k++ {
				h = mix(h, uint64(rs[i+k]))
				if k > 0 || i > 0 && i < n-1 {
					f(h, 1)
				}
			}
		}
	}
}

// Identify names the language of a text by its tag (fr, ar, en, es, ary, ary-Latn, kab, shi, tzm, zgh-Tfng), and how
// sure that is, from 0 to 1. The script decides first, then words and runs of letters.
func Identify(text string) (tag string, confidence float64) {
	if len(text) > 1000 {
		text = text[:1000]
	}
	var latin, arab, tifinagh int
	for _, r := range text {
		switch {
		case r >= 0x2d30 && r <= 0x2d7f:
			tifinagh++
		case unicode.Is(unicode.Arabic, r):
			arab++
		case unicode.IsLetter(r):
			latin++
		}
	}
	switch total := latin + arab + tifinagh; {
	case total == 0:
		return "", 0
	case tifinagh*2 > total:
		return "zgh-Tfng", 1
	case arab*2 >= total:
		return languages().arabic.name(text)
	}
	return languages().latin.name(text)
}

func (p *profile) name(text string) (string, float64) {
	score := make([]float64, len(p.tags))
	signs := 0.0
	eachSign(text, func(h uint64, w float64) {
		signs += w
		at, known := p.table[h]
		if !known {
			return
		}
		for i, x := range p.says[at : int(at)+len(score)] {
			score[i] += float64(x) * w
		}
	})
	best, second := 0, -1
	for i := 1; i < len(score); i++ {
		switch {
		case score[i] > score[best]:
			best, second = i, best
		case second < 0 || score[i] > score[second]:
			second = i
		}
	}
	return p.tags[best], chanceOf((score[best] - score[second]) / evidenceScale)
}
