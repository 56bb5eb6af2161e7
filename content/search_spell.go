package content

import (
	"math/bits"
	"slices"
)

// A speller repairs words that a base does not know, by the words that it knows.
type speller struct {
	known map[string]int32
	byLen [40][]spelt
}

type spelt struct {
	mask  uint32
	runes []rune
	word  string
	count int32
}

func newSpeller() *speller { return &speller{known: map[string]int32{}} }

func (s *speller) add(words []string) {
	for _, w := range words {
		s.known[w]++
	}
}

func maskOf(rs []rune) uint32 {
	var m uint32
	for _, r := range rs {
		m |= 1 << (uint32(r) & 31)
	}
	return m
}

func (s *speller) done() {
	for w, n := range s.known {
		rs := []rune(w)
		if len(rs) < 3 || len(rs) >= len(s.byLen) {
			continue
		}
		s.byLen[len(rs)] = append(s.byLen[len(rs)], spelt{maskOf(rs), rs, w, n})
	}
	for i := range s.byLen {
		slices.SortFunc(s.byLen[i], func(a, b spelt) int {
			if a.count != b.count {
				return int(b.count - a.count)
			}
			if a.word < b.word {
				return -1
			}
			return 1
		})
	}
}

// repair replaces unknown words by the nearest known one.
func (s *speller) repair(words []string) []string {
	for i, w := range words {
		if s.known[w] > 0 {
			continue
		}
		if r := s.nearest(w); r != "" {
			words[i] = r
		}
	}
	return words
}

func (s *speller) nearest(w string) string {
	rs := []rune(w)
	if len(rs) < 4 || len(rs) >= len(s.byLen)-2 || rs[0] >= '0' && rs[0] <= '9' {
		return ""
	}
	most := 1
	if len(rs) >= 8 {
		most = 2
	}
	m := maskOf(rs)
	best, bd, bc := "", most+1, int32(0)
	for _, dl := range [...]int{0, 1, -1, 2, -2} {
		if dl > most || -dl > most {
			continue
		}
		for _, c := range s.byLen[len(rs)+dl] {
			if bits.OnesCount32(m^c.mask) > 2*most {
				continue
			}
			d := damerau(rs, c.runes, most)
			if d < bd || d == bd && d <= most && (c.count > bc || c.count == bc && c.word < best) {
				best, bd, bc = c.word, d, c.count
			}
		}
	}
	if bd > most {
		return ""
	}
	return best
}

// damerau is the distance of two words in letters inserted, dropped, changed or swapped, or more than most.
func damerau(a, b []rune, most int) int {
	var rows [3][44]int
	for j := 0; j <= len(b); j++ {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur, prev, pp := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		cur[0] = i
		low := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, pp[j-2]+1)
			}
			cur[j] = d
			low = min(low, d)
		}
		if low > most {
			return most + 1
		}
	}
	return rows[len(a)%3][len(b)]
}
