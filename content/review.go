package content

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Row is one line of a table that a command prints; the first row is its heading.
type Row []string

// Coverage tells how much of the pages, labels and answers each language has, how many answers are drafts that nobody
// has proofread, and how many were translated from an earlier French text.
func Coverage(lib *Library) []Row {
	rows := []Row{{"language", "pages", "labels", "answers", "drafts", "stale"}}
	for _, l := range Langs() {
		var pages, labels, answers, drafts, stale int
		for _, langs := range lib.pages {
			if _, ok := langs[l]; ok {
				pages++
			}
		}
		for _, t := range lib.labels {
			if t[l] != "" {
				labels++
			}
		}
		for _, a := range lib.answers {
			if a.Body[l] != "" {
				answers++
			}
			if a.Status[l] == "draft" {
				drafts++
			}
			if a.Stale[l] {
				stale++
			}
		}
		rows = append(rows, Row{string(l), fmt.Sprintf("%d/%d", pages, len(lib.pages)), fmt.Sprintf("%d/%d", labels, len(lib.labels)),
			fmt.Sprintf("%d/%d", answers, len(lib.answers)), strconv.Itoa(drafts), strconv.Itoa(stale)})
	}
	return rows
}

// Fresh is the yearly review list: the answers by the day on which they are to be reviewed, then the offices whose hours
// or telephone nobody has confirmed, then the structures, the longest unverified first.
func Fresh(lib *Library, now time.Time) []Row {
	rows := []Row{{"what", "review by", "days left", "confidence", "to verify"}}
	left := func(by time.Time) string { return strconv.Itoa(int(math.Floor(by.Sub(now).Hours() / 24))) }
	for _, a := range slices.SortedStableFunc(slices.Values(lib.answers), func(a, b *Answer) int { return a.ReviewBy.Compare(b.ReviewBy) }) {
		rows = append(rows, Row{a.ID, a.ReviewBy.Format(time.DateOnly), left(a.ReviewBy), a.Confidence, a.toVerify()})
	}
	for _, o := range lib.offices {
		var verify []string
		if !o.HoursConfirmed {
			verify = append(verify, "hours")
		}
		if o.Phone == "" {
			verify = append(verify, "telephone")
		}
		if o.Coordinates != "exact" {
			verify = append(verify, "place")
		}
		if len(verify) > 0 {
			rows = append(rows, Row{"office " + o.ID, "-", "-", "-", strings.Join(verify, ", ")})
		}
	}
	for _, s := range slices.SortedStableFunc(slices.Values(lib.structs), func(a, b Structure) int { return cmp.Compare(a.Verified, b.Verified) }) {
		verified, err := time.Parse(time.DateOnly, s.Verified)
		if err != nil {
			continue // Load lets none in
		}
		by := verified.AddDate(1, 0, 0)
		verify := "entry"
		if s.PhoneUnverified != "" || s.Phone != "" && !s.PhoneConfirmed {
			verify += ", telephone"
		}
		rows = append(rows, Row{"structure " + s.ID, by.Format(time.DateOnly), left(by), s.Confidence, verify})
	}
	return rows
}

// toVerify tells which translations of an answer are drafts, and which are stale.
func (a *Answer) toVerify() string {
	var parts []string
	for _, l := range slices.Sorted(maps.Keys(a.Body)) {
		switch {
		case a.Stale[l]:
			parts = append(parts, "translate again: "+string(l))
		case a.Status[l] == "draft":
			parts = append(parts, "proofread: "+string(l))
		}
	}
	return strings.Join(parts, ", ")
}
