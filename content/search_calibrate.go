package content

import (
	"math"
	"slices"
)

// signals are what tells whether the first hit is an answer.
type signals [11]float64

// signs gathers them for a hit: how like its best phrasing the question is; how much of the question's words it and its
// body have; how near it is in the narrow layers; how far it is ahead; how much of the question no entry knows; how many
// words that carry meaning it shares; what the guard says; how sure the nets are of it; how many of the question's pairs
// of words phrasings have; and how large the base is, as in a larger one more is alike by chance.
func (ix *Index) signs(asked question, m *model, sc *scratch, order []ranked) signals {
	first := order[0]
	s := signals{0: 1, 1: ix.likeness(asked, sc, first.entry)}
	var have, all, unknown, shared float32
	for _, t := range asked.terms {
		all += t.weight
		got := ix.shares(t, uint16(first.entry))
		have += t.weight * got
		if t.feature < 0 {
			unknown += t.weight
		}
		if !t.stop {
			shared += got
		}
	}
	if all > 0 {
		s[2], s[5] = float64(have/all), float64(unknown/all)
	}
	if m != nil {
		s[3] = float64(first.near)
		s[7] = math.Max(-1, math.Min(1, float64(sc.foreign)/8))
		s[8] = float64(first.share)
	}
	if len(order) > 1 {
		s[4] = math.Min(4, float64(first.score-order[1].score))
	}
	s[9] = float64(asked.pairs)
	s[10] = math.Max(0, math.Min(1, float64(rounded(math.Log2(float64(len(ix.entries))/smallBase)))/3))
	s[6] = math.Min(3, float64(shared)) / 3
	return s
}

// shares is how far an entry has a word: 1, less where it has the word's sense only or the word was misspelt.
func (ix *Index) shares(t term, e uint16) float32 {
	got := float32(0)
	if t.feature >= 0 && ix.postings.has(t.feature, e) {
		got = 1
	} else if slices.ContainsFunc(t.senses, func(f int32) bool { return ix.postings.has(f, e) }) {
		got = 0.7
	}
	if t.repaired {
		got *= 0.7
	}
	return got
}

// likeness is the cosine of a question and the phrasing of an entry that is most like it.
func (ix *Index) likeness(asked question, s *scratch, e int32) float64 {
	best := float32(0)
	for _, p := range ix.entries[e].phrases {
		best = max(best, s.phrases[p])
	}
	return float64(best)
}

// has reports whether an entry has a feature.
func (p *postings) has(f int32, e uint16) bool {
	lo, hi := p.start[f], p.start[f+1]
	for lo < hi {
		mid := (lo + hi) / 2
		switch {
		case p.entry[mid] < e:
			lo = mid + 1
		case p.entry[mid] > e:
			hi = mid
		default:
			return true
		}
	}
	return false
}

// The weights by which the signals tell how likely the first hit is an answer: with the trained evidence, and without.
var (
	trainedSigns = signals{-4.75, 0, 3.35, 2.36, 0, -0.09, 0, -5.33, 2.18, 1.03, -1.67}
	plainSigns   = signals{-4.40, 3.30, 2.16, 0, 0.37, -1.02, 2.04, 0, 0, 2.78, -1.40}
)

const (
	smallBase = 22 // entries of a base that counts as small; one of eight times as many counts as large
	sureFrom  = 0.8
	maybeFrom = 0.4
	sureLead  = 0.4 // of the first hit before the second, in fused z-scores
	sureShare = 0.5 // of the first hit, by the nets
)

// found turns ranks into hits and a verdict.
func (ix *Index) found(asked question, m *model, s *scratch, order []ranked, limit int) Found {
	if limit <= 0 {
		limit = 10
	}
	weights := plainSigns
	if m != nil {
		weights = trainedSigns
	}
	signs := ix.signs(asked, m, s, order)
	sum := 0.0
	for i, x := range signs {
		sum += float64(weights[i] * x)
	}
	chance := chanceOf(sum)
	f := Found{Verdict: None}
	lead := len(order) == 1 || order[0].score-order[1].score >= sureLead && (m == nil || order[0].share >= sureShare)
	clear := signs[6] >= 0.5 || signs[1] >= 0.7 // one word alone is no question, unless it is a phrasing
	switch {
	case !slices.ContainsFunc(asked.terms, func(t term) bool { return !t.stop }):
	case chance >= sureFrom && lead && clear:
		f.Verdict = Sure
	case chance >= maybeFrom:
		f.Verdict = Maybe
	}
	for _, r := range order[:min(limit, len(order))] {
		behind := float64(order[0].score-r.score) / 2
		f.Hits = append(f.Hits, Hit{ID: ix.entries[r.entry].id, Lang: ix.entries[r.entry].lang, Score: chance / (1 + behind)})
	}
	return f
}

// chanceOf is the logistic function, by the exponential that is the same on every machine.
func chanceOf(x float64) float64 {
	if x < 0 {
		e := float64(exp(float32(x)))
		return e / (1 + e)
	}
	return 1 / (1 + float64(exp(float32(-x))))
}
