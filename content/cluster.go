package content

import (
	"math"
	"slices"

	"github.com/blevesearch/snowballstem"
)

// The weights of what two questions have in common, and how much of it makes them one. Chosen on the base's own phrasings put
// in disorder (TestCluster): three pairs in four that are put together are of one answer. Who answers a group sees its
// questions and can leave some out.
const (
	clusterStem  = 1.0
	clusterSense = 1.6
	clusterBone  = 0.9
	clusterChar  = 0.12
	clusterHit   = 2.0
	clusterNear  = 0.42
)

// Cluster puts questions together that ask the same, in whatever script and words: by their stems, the senses of words that
// synonyms share across languages, the consonants of Darija in both scripts, their characters where they are misspelt, and
// the answers that come nearest, which are the same in every language.
// It returns the numbers of the texts, the largest group first; in a group, the text that is most like the others first.
func (lib *Library) Cluster(texts []string) [][]int {
	x := &extractor{env: snowballstem.NewEnv(""), senses: builtinSenses()}
	vectors := make([]map[uint64]float64, len(texts))
	have := map[uint64]int{}
	for i, text := range texts {
		vectors[i] = x.sketch(text)
		for k, h := range lib.Find(Query{Text: text}).Hits {
			if k < 3 {
				vectors[i][hashWord(0x417, h.ID)] = clusterHit * h.Score
			}
		}
		for f := range vectors[i] {
			have[f]++
		}
	}
	for _, v := range vectors {
		for f, n := range v {
			v[f] = n * math.Log(1+float64(len(texts)+8)/float64(have[f]+1))
		}
		unit(v)
	}
	type cluster struct {
		members []int
		sum     map[uint64]float64
	}
	var clusters []*cluster
	for i, v := range vectors {
		best, near := (*cluster)(nil), clusterNear
		for _, c := range clusters {
			if s := cosine(v, c.sum); s > near {
				best, near = c, s
			}
		}
		if best == nil {
			best = &cluster{sum: map[uint64]float64{}}
			clusters = append(clusters, best)
		}
		best.members = append(best.members, i)
		for f, n := range v {
			best.sum[f] += n
		}
	}
	out := make([][]int, len(clusters))
	for k, c := range clusters {
		slices.SortStableFunc(c.members, func(a, b int) int {
			return compareFloat(cosine(vectors[b], c.sum), cosine(vectors[a], c.sum))
		})
		out[k] = c.members
	}
	slices.SortStableFunc(out, func(a, b []int) int { return len(b) - len(a) })
	return out
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// sketch is the weighted features of a text.
func (x *extractor) sketch(text string) map[uint64]float64 {
	tag, _ := Identify(text)
	v := map[uint64]float64{}
	words := splitWords(text, maxPhrase)
	meant := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return stopwords[w] })
	if len(meant) == 0 {
		meant = words
	}
	for _, f := range x.take(meant, tagLang(tag), true, false) {
		switch f.fam {
		case famStem:
			v[f.hash] = clusterStem
		case famSense:
			v[f.hash] = clusterSense
		case famBone:
			v[f.hash] = clusterBone
		case famChar:
			v[f.hash] = clusterChar
		}
	}
	return v
}

// unit brings a vector to the length one.
func unit(v map[uint64]float64) {
	sum := 0.0
	for _, n := range v {
		sum += n * n
	}
	if sum == 0 {
		return
	}
	for f, n := range v {
		v[f] = n / math.Sqrt(sum)
	}
}

// cosine is how alike two vectors are, from 0 to 1.
func cosine(a, b map[uint64]float64) float64 {
	if len(a) > len(b) {
		a, b = b, a
	}
	dot, aa, bb := 0.0, 0.0, 0.0
	for f, n := range a {
		dot += n * b[f]
		aa += n * n
	}
	for _, n := range b {
		bb += n * n
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return dot / math.Sqrt(aa*bb)
}
