package content

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/blevesearch/snowballstem"
	"go.yaml.in/yaml/v3"
)

//go:embed synonyms/*.yaml synonyms/foreign.txt
var synonymFiles embed.FS

// senses are the senses of stems, by language and stem: words that say nearly the same have one in common, within a
// language and across languages.
type senses map[string][]uint16

func (s senses) of(lang, stem string) []uint16 {
	if isArabic(stem) {
		lang = "ar"
	}
	if len(s) == 0 {
		return nil
	}
	return s[lang+" "+stem]
}

// builtinSenses reads synonyms/*.yaml once: sense → language → words.
var builtinSenses = sync.OnceValue(func() senses {
	s := senses{}
	names, _ := fs.Glob(synonymFiles, "synonyms/*.yaml")
	env := snowballstem.NewEnv("")
	next := uint16(0)
	for _, name := range names {
		data, err := synonymFiles.ReadFile(name)
		if err != nil {
			panic(err) // the file is part of the program
		}
		var file yaml.Node
		if err := yaml.Unmarshal(data, &file); err != nil {
			panic(err)
		}
		if len(file.Content) == 0 {
			continue
		}
		root := file.Content[0].Content
		for i := 1; i < len(root); i += 2 {
			var words map[string]string
			if err := root[i].Decode(&words); err != nil {
				panic(err)
			}
			s.add(env, words, next)
			next++
		}
	}
	return s
})

// add gives the words of every language one sense.
func (s senses) add(env *snowballstem.Env, words map[string]string, sense uint16) {
	for lang, list := range words {
		for _, w := range strings.Fields(Fold(list)) {
			l := lang
			if isArabic(w) {
				l = "ar"
			}
			key := l + " " + stem(env, l, w)
			if !slices.Contains(s[key], sense) {
				s[key] = append(s[key], sense)
			}
		}
	}
}

// foreignQuestions are questions that no base of ours answers, from synonyms/foreign.txt.
var foreignQuestions = sync.OnceValue(func() []string {
	data, err := synonymFiles.ReadFile("synonyms/foreign.txt")
	if err != nil {
		panic(err) // the file is part of the program
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
})
