package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"baom/content"
)

// tsv reads a table with a heading, as maps by column.
func tsv(path string) ([]map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	var head []string
	var rows []map[string]string
	for line := 1; in.Scan(); line++ {
		cells := strings.Split(strings.TrimSuffix(in.Text(), "\r"), "\t")
		if head == nil {
			head = cells
			continue
		}
		if len(cells) > len(head) {
			return nil, fmt.Errorf("%s:%d: %d columns under a heading of %d", path, line, len(cells), len(head))
		}
		row := map[string]string{}
		for i, c := range cells {
			row[head[i]] = c
		}
		rows = append(rows, row)
	}
	if head == nil {
		return nil, fmt.Errorf("%s has no heading", path)
	}
	return rows, in.Err()
}

// tags are the language tags of the test sets that differ from ours.
func ourTag(tag string) string {
	return map[string]string{"fra": "fr", "arb": "ar", "eng": "en", "spa": "es"}[tag]
}

// A quality is what eval prints.
type quality struct {
	N         int     `json:"n"`
	Accuracy1 float64 `json:"accuracy1"`
	Hit3      float64 `json:"hit3"`
	MRR10     float64 `json:"mrr10"`
	HalfA     float64 `json:"accuracy1_a"` // of the questions of even number, by which constants are chosen
	HalfB     float64 `json:"accuracy1_b"` // of the others
	MeanMs    float64 `json:"mean_ms"`
	P99Ms     float64 `json:"p99_ms"`
	LoadMs    float64 `json:"load_ms"`
	IndexMB   float64 `json:"index_mb"`
}

// eval measures the search that serve uses on a set of questions.
func (p *program) eval(ctx context.Context, args []string) error {
	f := p.flags("eval")
	docs := f.String("docs", "", "folder with docs.tsv")
	examples := f.String("examples", "", "file of phrasings")
	asJSON := f.Bool("json", false, "print JSON")
	if err := parse(f, args); err != nil {
		return err
	}
	if *docs == "" || f.NArg() != 1 {
		return fmt.Errorf("%w: it takes -docs and one file of questions", errUsage)
	}
	entries, err := tsv(filepath.Join(*docs, "docs.tsv"))
	if err != nil {
		return err
	}
	byID := map[string]int{}
	var units []content.Unit
	for _, d := range entries {
		byID[d["id"]] = len(units)
		units = append(units, content.Unit{ID: d["id"], Lang: d["lang"], Title: d["title"], Body: d["text"]})
	}
	if *examples != "" {
		rows, err := tsv(*examples)
		if err != nil {
			return err
		}
		for _, r := range rows {
			i, ok := byID[r["id"]]
			if !ok {
				return fmt.Errorf("%s: there is no entry %s", *examples, r["id"])
			}
			units[i].Asks = append(units[i].Asks, r["text"])
		}
	}
	queries, err := tsv(f.Arg(0))
	if err != nil {
		return err
	}
	if len(queries) == 0 {
		return errors.New("there are no questions")
	}
	q, err := measure(ctx, units, queries)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(p.stdout).Encode(q)
	}
	fmt.Fprintf(p.stdout, "n %d  accuracy@1 %.3f  hit@3 %.3f  MRR@10 %.3f  halves %.3f %.3f  mean %.3f ms  p99 %.3f ms  load %.0f ms  index %.1f MB\n",
		q.N, q.Accuracy1, q.Hit3, q.MRR10, q.HalfA, q.HalfB, q.MeanMs, q.P99Ms, q.LoadMs, q.IndexMB)
	return nil
}

func measure(ctx context.Context, units []content.Unit, queries []map[string]string) (quality, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	index := content.NewIndex(units)
	q := quality{N: len(queries), LoadMs: ms(time.Since(began))}
	if err := index.Train(ctx, ""); err != nil {
		return quality{}, err
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	q.IndexMB = float64(after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc)) / 1e6
	times := make([]time.Duration, 0, len(queries))
	halves := [2]*float64{&q.HalfA, &q.HalfB}
	for i, row := range queries {
		gold := strings.Fields(row["gold"])
		began := time.Now()
		found := index.Search(content.Query{Text: row["text"], Lang: content.Lang(ourTag(row["lang"])), Limit: 10})
		times = append(times, time.Since(began))
		for rank, h := range found.Hits {
			if slices.Contains(gold, h.ID) {
				if rank == 0 {
					q.Accuracy1++
					*halves[i%2]++
				}
				if rank < 3 {
					q.Hit3++
				}
				q.MRR10 += 1 / float64(rank+1)
				break
			}
		}
	}
	n := float64(len(queries))
	q.Accuracy1, q.Hit3, q.MRR10 = q.Accuracy1/n, q.Hit3/n, q.MRR10/n
	q.HalfA, q.HalfB = q.HalfA/math.Ceil(n/2), q.HalfB/math.Max(1, math.Floor(n/2))
	var sum time.Duration
	for _, d := range times {
		sum += d
	}
	slices.Sort(times)
	q.MeanMs, q.P99Ms = ms(sum)/n, ms(times[len(times)*99/100])
	return q, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// langid measures how well languages are recognised.
func (p *program) langid(_ context.Context, args []string) error {
	f := p.flags("langid")
	asJSON := f.Bool("json", false, "print JSON")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return fmt.Errorf("%w: it takes one file of messages", errUsage)
	}
	rows, err := tsv(f.Arg(0))
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return errors.New("there are no messages")
	}
	total, right := map[string]float64{}, map[string]float64{}
	hits := 0.0
	content.Identify("bonjour") // reads what the languages are known by
	began := time.Now()
	for _, r := range rows {
		want := r["gold"]
		if want == "" {
			want = r["lang"]
		}
		tag, _ := content.Identify(r["text"])
		total[want]++
		if sameLanguage(tag, want) {
			right[want]++
			hits++
		}
	}
	out := struct {
		N        int                `json:"n"`
		Accuracy float64            `json:"accuracy"`
		MeanUs   float64            `json:"mean_us"`
		Classes  map[string]float64 `json:"classes"`
	}{len(rows), hits / float64(len(rows)), float64(time.Since(began).Microseconds()) / float64(len(rows)), map[string]float64{}}
	for c, n := range total {
		out.Classes[c] = right[c] / n
	}
	if *asJSON {
		return json.NewEncoder(p.stdout).Encode(out)
	}
	fmt.Fprintf(p.stdout, "n %d  accuracy %.3f  mean %.1f µs\n", out.N, out.Accuracy, out.MeanUs)
	for _, c := range slices.Sorted(mapKeys(total)) {
		fmt.Fprintf(p.stdout, "  %-10s %.3f\n", c, out.Classes[c])
	}
	return nil
}

func mapKeys(m map[string]float64) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// sameLanguage compares a tag of ours with one of a set. The Tamazight varieties are told apart only where we claim to.
func sameLanguage(ours, theirs string) bool {
	if t := ourTag(theirs); t != "" {
		theirs = t
	}
	switch theirs {
	case "ber-Latn":
		return ours == "shi" || ours == "kab" || ours == "tzm"
	case "ber-Tfng":
		return strings.HasSuffix(ours, "-Tfng")
	}
	return ours == theirs
}

// printRows prints a table with aligned columns.
func printRows(p *program, rows []content.Row) error {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}
