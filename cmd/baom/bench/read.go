package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A page is one of the console's, asked for again and again with other addresses.
type page struct {
	name  string
	login string // whose eyes
	path  func() string
}

// runRead measures how long the console's pages take on a filled record, one request at a time.
func (b *bench) runRead(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench read", flag.ContinueOnError)
	times := f.Int("times", 60, "how often each page")
	office := f.String("office", "agadir", "whose officers look")
	pass := f.String("pass", "exemple-exemple", "the passphrase of the invented officers")
	f.StringVar(&b.program, "baom", "", "the program; empty: built from this tree")
	if err := f.Parse(args); err != nil || f.NArg() != 1 {
		return errors.Join(err, errors.New("usage: bench read [-times N] [-office O] DIR"))
	}
	b.data = f.Arg(0)
	return b.with(ctx, func() error {
		program, err := b.serve(ctx, "filled", "127.0.0.1:9")
		if err != nil {
			return err
		}
		defer program.stop()
		r := &reader{base: "http://" + program.addr, clients: map[string]*http.Client{}}
		for _, login := range []string{"exemple-officer-" + *office, "exemple-head-" + *office} {
			if err := r.login(login, *pass); err != nil {
				return err
			}
		}
		return r.measure(*office, *times)
	})
}

// A reader is officers who have logged in.
type reader struct {
	base    string
	clients map[string]*http.Client
}

func (r *reader) login(login, pass string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	c := &http.Client{Jar: jar}
	resp, err := c.PostForm(r.base+"/console/login", url.Values{"login": {login}, "passphrase": {pass}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || strings.HasSuffix(resp.Request.URL.Path, "/login") {
		return fmt.Errorf("%s cannot log in: %s", login, resp.Status)
	}
	r.clients[login] = c
	return nil
}

// get asks for a page, and tells how long it took until its last byte.
func (r *reader) get(login, path string) (body []byte, took time.Duration, err error) {
	began := time.Now()
	resp, err := r.clients[login].Get(r.base + path)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return body, time.Since(began), err
}

var caseLink = regexp.MustCompile(`/console/cases/(\d+)"`)

func (r *reader) measure(office string, times int) error {
	officer, head := "exemple-officer-"+office, "exemple-head-"+office
	var cases []string
	for _, tab := range []string{"open", "closed"} {
		body, _, err := r.get(officer, "/console/?tab="+tab)
		if err != nil {
			return err
		}
		for _, m := range caseLink.FindAllSubmatch(body, -1) {
			cases = append(cases, string(m[1]))
		}
	}
	if len(cases) == 0 {
		return errors.New("there are no cases: fill the record first")
	}
	one := func(list []string) string { return list[rand.IntN(len(list))] }
	words := []string{"mariama", "lahcen ouane", "inventé", "خديجة", "0420", "travail", "12345"}
	fixed := func(path string) func() string { return func() string { return path } }
	fmt.Printf("%-16s %9s %9s %9s %9s\n", "", "p50 ms", "p95 ms", "max ms", "kB")
	for _, p := range []page{
		{"queue", officer, fixed("/console/")},
		{"all", officer, fixed("/console/?tab=all")},
		{"closed", officer, fixed("/console/?tab=closed")},
		{"closed, on", officer, func() string { return "/console/?tab=closed&before=" + one(cases) }},
		{"need", officer, func() string { return "/console/?tab=all&need=" + one([]string{"A1", "E2", "H1"}) }},
		{"case", officer, func() string { return "/console/cases/" + one(cases) }},
		{"search", officer, func() string { return "/console/?q=" + url.QueryEscape(one(words)) }},
		{"register", officer, fixed("/console/register")},
		{"figures", head, fixed("/console/figures")},
	} {
		var took []time.Duration
		size := 0
		for range times {
			body, d, err := r.get(p.login, p.path())
			if err != nil {
				return err
			}
			took, size = append(took, d), max(size, len(body))
		}
		slices.Sort(took)
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		fmt.Printf("%-16s %9.1f %9.1f %9.1f %9d\n", p.name, ms(took[len(took)/2]), ms(took[len(took)*95/100]), ms(took[len(took)-1]), size>>10)
	}
	return nil
}
