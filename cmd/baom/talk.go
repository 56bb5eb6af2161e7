package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"baom/content"
	"baom/flows"
)

// library loads the program's content with the office's own laid over it.
func library(dir string) (*content.Library, error) {
	if dir == "" {
		return builtin()
	}
	return content.Load(content.Builtin(), os.DirFS(dir))
}

// builtin is the program's content alone, which does not change while it runs: it is read once.
var builtin = sync.OnceValues(func() (*content.Library, error) { return content.Load(content.Builtin()) })

// zone is the offices' time zone.
func zone() *time.Location {
	l, err := time.LoadLocation("Africa/Casablanca")
	if err != nil { // cannot be: the program carries the zones
		return time.UTC
	}
	return l
}

// talk plays the dialogue: a line in is a message, lines out that begin with "> " are the bot's, its choices are
// written as [n] label. See flows.Player for the lines that stand for files, places and officers.
func (p *program) talk(_ context.Context, args []string) error {
	f := p.flags("talk")
	lang := f.String("lang", "", "start in this language")
	if err := parse(f, args); err != nil {
		return err
	}
	if *lang != "" && !content.Lang(*lang).Known() {
		return fmt.Errorf("%w: no language %q; there are %v", errUsage, *lang, content.Langs())
	}
	c, err := readConfig(p.env)
	if err != nil {
		return err
	}
	lib, err := library(c.ContentDir)
	if err != nil {
		return err
	}
	book, err := flows.New(lib)
	if err != nil {
		return err
	}
	now := time.Now()
	player := &flows.Player{Book: book, Now: now.In(zone()), Seed: uint64(now.UnixNano())}
	show := func(effects []flows.Effect) {
		for _, e := range effects {
			say, ok := e.(flows.Say)
			if !ok {
				fmt.Fprint(p.stdout, strings.TrimSuffix(flows.Transcript([]flows.Effect{e}), "\n"))
				continue
			}
			fmt.Fprintln(p.stdout, "> "+strings.ReplaceAll(say.Text, "\n", "\n> "))
			for i, o := range say.Choices {
				fmt.Fprintf(p.stdout, "[%d] %s\n", i+1, o.Label)
			}
		}
	}
	if *lang != "" {
		effects, err := player.Play("(bouton lang." + *lang + ")")
		if err != nil {
			return err
		}
		show(effects)
	}
	for in := bufio.NewScanner(p.stdin); in.Scan(); {
		effects, err := player.Play(in.Text())
		if err != nil {
			fmt.Fprintln(p.stderr, err)
			continue
		}
		show(effects)
	}
	return nil
}

// version says what this program is and what it was built from.
func (p *program) version(context.Context, []string) error {
	info, _ := debug.ReadBuildInfo()
	version := "unknown"
	if info != nil {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				version += " " + s.Value
			}
		}
		fmt.Fprintln(p.stdout, "baom", version, info.GoVersion)
		return nil
	}
	fmt.Fprintln(p.stdout, "baom", version)
	return nil
}
