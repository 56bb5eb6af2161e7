package content

import (
	"math"
	"slices"
	"strings"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/arabic"
	"github.com/blevesearch/snowballstem/french"
)

// The search is a fusion of two kinds of evidence on the same inverted index: stems of words, which carry meaning, and
// word-bounded character n-grams, which forgive spelling and carry Arabizi. Both are weighted by their rarity over
// entries, not over phrasings, so that an entry with many phrasings does not make its own words common. An entry's score
// is drawn from its best phrasings: the cosine of the best, with the mean of the best three. Features that no phrasing
// has weigh on the question's side as the rarest do: a question about something else is far from everything, and that is
// how we know when not to answer.

// A Unit is one thing that can be found: an answer in one language.
type Unit struct {
	ID       string
	Lang     string
	Title    string
	Asks     []string // phrasings
	Body     string
	Profiles []string // whom it concerns; empty: everybody
}

// A Query is a question. Lang and Profile, if known, count as hints.
type Query struct {
	Text    string
	Lang    Lang
	Profile string
	Limit   int // at most that many hits; 0: 10
}

// A Verdict says what a search is good for.
type Verdict string

// The verdicts.
const (
	Sure  Verdict = "sure"  // answer with the first hit
	Maybe Verdict = "maybe" // offer the first three
	None  Verdict = "none"  // say that nothing was found
)

// A Hit is a unit that was found, with a score from 0 to 1.
type Hit struct {
	ID    string  `json:"id"`
	Lang  string  `json:"lang"`
	Score float64 `json:"score"`
}

// Found is what a search returns, best first.
type Found struct {
	Verdict Verdict `json:"verdict"`
	Hits    []Hit   `json:"hits"`
}

// Thresholds of the verdicts, chosen on phrasings held out of our own base against questions foreign to it.
const (
	sureScore  = 0.46
	sureMargin = 0.05
	maybeScore = 0.30
	priorBonus = 0.02
)

// An Index finds units. It is immutable and safe for concurrent use.
type Index struct {
	units    []Unit
	entries  []string // distinct ids
	features map[string]int32
	weight   []float64   // of a feature: its rarity over entries
	postings [][]posting // by feature
	phrases  []phrase
	rarest   float64
}

type posting struct {
	phrase int32
	weight float32
}

type phrase struct {
	unit  int32
	entry int32
}

// NewIndex builds an index.
func NewIndex(units []Unit) *Index {
	ix := &Index{units: units, features: map[string]int32{}}
	ids := map[string]int32{}
	var texts []map[int32]float64
	in := []map[int32]bool{} // feature → entries
	for i, u := range units {
		entry, ok := ids[u.ID]
		if !ok {
			entry = int32(len(ix.entries))
			ids[u.ID] = entry
			ix.entries = append(ix.entries, u.ID)
		}
		asks := u.Asks
		if u.Title != "" {
			asks = append(slices.Clip(asks), u.Title)
		}
		if len(asks) == 0 && u.Body != "" {
			asks = []string{u.Body}
		}
		for _, text := range asks {
			counts := map[int32]float64{}
			eachFeature(text, func(name string, weight float64) {
				id, ok := ix.features[name]
				if !ok {
					id = int32(len(in))
					ix.features[name] = id
					in = append(in, map[int32]bool{})
				}
				counts[id] += weight
				in[id][entry] = true
			})
			texts = append(texts, counts)
			ix.phrases = append(ix.phrases, phrase{int32(i), entry})
		}
	}
	n := float64(len(ix.entries))
	ix.weight = make([]float64, len(in))
	for f, entries := range in {
		ix.weight[f] = math.Log(1 + n/float64(len(entries)))
	}
	ix.rarest = math.Log(1 + n)
	ix.postings = make([][]posting, len(in))
	for p, counts := range texts {
		feats := make([]int32, 0, len(counts))
		norm := 0.0
		for f := range counts {
			feats = append(feats, f)
		}
		slices.Sort(feats)
		for _, f := range feats {
			counts[f] = tf(counts[f]) * ix.weight[f]
			norm += counts[f] * counts[f]
		}
		for _, f := range feats {
			ix.postings[f] = append(ix.postings[f], posting{int32(p), float32(counts[f] / math.Sqrt(norm))})
		}
	}
	return ix
}

func tf(count float64) float64 { return math.Sqrt(count) }

// Search ranks the entries for a question.
func (ix *Index) Search(q Query) Found {
	found := Found{Verdict: None}
	text := q.Text
	if len(text) > 1000 {
		text = strings.ToValidUTF8(text[:1000], "")
	}
	counts := map[string]float64{}
	var names []string
	eachFeature(text, func(name string, weight float64) {
		if counts[name] == 0 {
			names = append(names, name)
		}
		counts[name] += weight
	})
	if len(names) == 0 || len(ix.phrases) == 0 {
		return found
	}
	slices.Sort(names)
	norm := 0.0
	scores := make([]float64, len(ix.phrases))
	for _, name := range names {
		f, known := ix.features[name]
		w := ix.rarest
		if known {
			w = ix.weight[f]
		}
		w *= tf(counts[name])
		norm += w * w
		if known {
			for _, p := range ix.postings[f] {
				scores[p.phrase] += w * float64(p.weight)
			}
		}
	}
	norm = math.Sqrt(norm)
	found.Hits = ix.rank(scores, norm, q)
	if len(found.Hits) > 0 {
		first, second := found.Hits[0].Score, 0.0
		if len(found.Hits) > 1 {
			second = found.Hits[1].Score
		}
		switch {
		case first >= sureScore && first-second >= sureMargin:
			found.Verdict = Sure
		case first >= maybeScore:
			found.Verdict = Maybe
		}
	}
	return found
}

// rank gathers the scores of phrasings into those of entries.
func (ix *Index) rank(scores []float64, norm float64, q Query) []Hit {
	best := make([][3]float64, len(ix.entries))
	unit := make([]int32, len(ix.entries))
	for p, s := range scores {
		if s == 0 {
			continue
		}
		s /= norm
		ph := ix.phrases[p]
		b := &best[ph.entry]
		switch {
		case s > b[0]:
			b[0], b[1], b[2] = s, b[0], b[1]
			unit[ph.entry] = ph.unit
		case s > b[1]:
			b[1], b[2] = s, b[1]
		case s > b[2]:
			b[2] = s
		}
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 10
	}
	var hits []Hit
	for e, b := range best {
		if b[0] == 0 {
			continue
		}
		u := ix.units[unit[e]]
		score := 0.7*b[0] + 0.1*(b[0]+b[1]+b[2])
		if q.Profile != "" && len(u.Profiles) > 0 && slices.Contains(u.Profiles, q.Profile) {
			score += priorBonus
		}
		hits = append(hits, Hit{ID: ix.entries[e], Lang: u.Lang, Score: min(1, score)})
	}
	slices.SortStableFunc(hits, func(a, b Hit) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return hits[:min(limit, len(hits))]
}

// eachFeature calls f with the features of a text: stems of its words, pairs of neighbouring stems, and the characters
// of its words by two to five, with their edges.
func eachFeature(text string, f func(name string, weight float64)) {
	words := strings.Fields(Fold(text))
	if len(words) > 80 {
		words = words[:80]
	}
	env := snowballstem.NewEnv("")
	before := ""
	for _, w := range words {
		s := stem(env, w)
		if stopwords[w] {
			f("w "+s, 0.15)
			before = ""
			continue
		}
		f("w "+s, 4)
		if before != "" {
			f("p "+before+" "+s, 1)
		}
		before = s
		edge := []rune("^" + w + "$")
		for n := 3; n <= 5; n++ {
			for i := 0; i+n <= len(edge); i++ {
				f(string(edge[i:i+n]), 0.5)
			}
		}
	}
}

// stem reduces a folded word to its stem, by the script it is written in.
func stem(env *snowballstem.Env, w string) string {
	if len(w) < 4 {
		return w
	}
	env.SetCurrent(w)
	if w[0] >= 0xd8 && w[0] <= 0xdb {
		arabic.Stem(env)
	} else if w[0] < 0x80 {
		french.Stem(env)
	}
	return env.Current()
}

// stopwords carry little of a question's meaning in any of the languages.
var stopwords = wordSet(`bonjour bonsoir salut svp merci madame monsieur voudrais veux savoir hello hi please want know salam bghit n3ref hola quiero
 le la les l un une des de du d et ou a au aux en je j tu il elle on nous vous ils mon ma mes ton son sa ses ce cet cette ces
 c est suis es sont ai as avons avez ont que qu qui quoi quel quelle quels comment combien quand pour par sur dans avec sans pas ne n me m se s y faire fais fait peut puis peux dois doit
 the a an of to in on at for with my i me is are am do does can what how when where which it be have has this that you your
 el los las una unos del al por para con mi es como que cuando donde yo
 اريد اسال احتاج السلام عليكم سلام شكرا مرحبا ان
 في من على الى عن هل ما ماذا كيف اين متى كم انا لي هذا هذه التي الذي و او ان لا
 wach chno kifach fin imta ch7al dyal li b f l men mn 3la ana dyali had w ila
 واش شنو كيفاش فين امتي شحال ديال ديالي ب ف ل اللي باش علي`)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[Fold(w)] = true
	}
	return set
}
