package content

import (
	"cmp"
	"context"
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
	clusterNear  = 0.36
)

// Cluster puts questions together that ask the same, in whatever script and words: by their stems, the senses of words that
// synonyms share across languages, the consonants of Darija in both scripts, their characters where they are misspelt, and
// the answers that come nearest, which are the same in every language.
// It returns the numbers of the texts, the largest group first; in a group, the text that is most like the others first. It
// takes long for many texts, and ends early, with its error, when ctx does.
func (lib *Library) Cluster(ctx context.Context, texts []string) ([][]int, error) {
	x := &extractor{env: snowballstem.NewEnv(""), senses: builtinSenses()}
	vectors, telling := make([]map[uint64]float64, len(texts)), make([][]uint64, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		vectors[i], telling[i] = lib.sketch(x, text)
		unit(vectors[i])
	}
	type cluster struct {
		members []int
		sum     map[uint64]float64
		length  float64
	}
	var clusters []*cluster
	has := map[uint64][]int{} // the clusters in which a telling feature is
	for i, v := range vectors {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		tried := map[int]bool{}
		best, near := -1, clusterNear
		for _, f := range telling[i] {
			for _, k := range has[f] {
				if tried[k] {
					continue
				}
				tried[k] = true
				if s := dotOf(v, clusters[k].sum) / clusters[k].length; s > near || s == near && k < best {
					best, near = k, s
				}
			}
		}
		if best < 0 {
			best = len(clusters)
			clusters = append(clusters, &cluster{sum: map[uint64]float64{}})
		}
		c := clusters[best]
		c.members = append(c.members, i)
		for f, n := range v {
			c.sum[f] += n
		}
		c.length = math.Sqrt(dotOf(c.sum, c.sum))
		for _, f := range telling[i] {
			if !slices.Contains(has[f], best) {
				has[f] = append(has[f], best)
			}
		}
	}
	out := make([][]int, len(clusters))
	for k, c := range clusters {
		slices.SortStableFunc(c.members, func(a, b int) int {
			return cmp.Compare(dotOf(vectors[b], c.sum), dotOf(vectors[a], c.sum))
		})
		out[k] = c.members
	}
	slices.SortStableFunc(out, func(a, b []int) int { return len(b) - len(a) })
	return out, nil
}

// sketch is the weighted features of a text, of which rare ones in the base weigh more, and those of more than characters.
func (lib *Library) sketch(x *extractor, text string) (v map[uint64]float64, telling []uint64) {
	tag, _ := Identify(text)
	v = map[uint64]float64{}
	words := lib.index.spell.repair(splitWords(text, maxPhrase))
	meant := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return stopwords[w] })
	if len(meant) == 0 {
		meant = words
	}
	weights := [families]float64{famStem: clusterStem, famSense: clusterSense, famBone: clusterBone, famChar: clusterChar}
	for _, f := range x.take(meant, tagLang(tag), true, false) {
		rarity := lib.index.unknown
		if id, ok := lib.index.vocab.find(f); ok {
			rarity = lib.index.rarity[id]
		}
		v[f.hash] = weights[f.fam] * float64(rarity)
		if f.fam != famChar {
			telling = append(telling, f.hash)
		}
	}
	for k, h := range lib.Find(Query{Text: text}).Hits {
		if k < 3 {
			f := hashWord(0x417, h.ID)
			v[f] = clusterHit * float64(lib.index.unknown) * h.Score
			telling = append(telling, f)
		}
	}
	return v, telling
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

// dotOf is the inner product of two vectors.
func dotOf(a, b map[uint64]float64) float64 {
	if len(a) > len(b) {
		a, b = b, a
	}
	sum := 0.0
	for f, n := range a {
		sum += n * b[f]
	}
	return sum
}
