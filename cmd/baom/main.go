// Command baom receives people who write to a municipal migrants' office, and gives the office's officers their desk.
// `baom serve` does everything; `baom help` lists the other commands. See the README.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // the offices' time zone, on machines without one
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// A program is one call of baom: its environment and where it reads and writes.
type program struct {
	env            []string
	stdin          io.Reader
	stdout, stderr io.Writer

	wire  *http.Client     // makes WhatsApp's connections; nil but in tests
	clock func() time.Time // nil but in tests: time.Now
}

// now is the time that the program goes by.
func (p *program) now() time.Time {
	if p.clock != nil {
		return p.clock()
	}
	return time.Now()
}

// A command is one of baom's sub-commands. do returns errUsage, or an error wrapping it, where the call's words are
// wrong.
type command struct {
	name, args, does string
	do               func(p *program, ctx context.Context, args []string) error
}

var errUsage = errors.New("usage")

func commands() []command {
	return []command{
		{"serve", "", "run everything: channels, web chat, console", (*program).serve},
		{"talk", "[-lang fr]", "try the dialogue in the terminal, with no service at all", (*program).talk},
		{"ask", "-lang fr [-json] QUESTION", "the ranked answers to a question, with scores", (*program).ask},
		{"eval", "-docs DIR [-examples FILE] [-json] QUERIES.tsv", "how well the search does on a set of questions", (*program).eval},
		{"langid", "[-json] QUERIES.tsv", "how well languages are recognised", (*program).langid},
		{"check", "[-fresh] [DIR]", "faults of content, forms and flows; what is to be reviewed", (*program).check},
		{"flows", "", "the dialogues as diagrams, for flows/README.md", (*program).diagrams},
		{"migrate", "", "bring the database's tables up to date", (*program).migrate},
		{"doctor", "[-lang fr] [-json] [-backups DIR]", "look at everything that serve needs, and say what to do", (*program).doctor},
		{"backup", "[-copy] [-keep N] [FILE]", "save the record, also while serve runs; the secret key is kept apart", (*program).backup},
		{"restore", "FILE", "read a backup into an empty database, and compare", (*program).restore},
		{"officer", "add -login L -name N -office O [-role officer] | reset -login L", "make an account for the console, or take its second factor away", (*program).officer},
		{"pair", "[-phone +212612345678]", "link the office's telephone for WhatsApp", (*program).pair},
		{"export", "-o FILE.xlsx [-office O] [-from DAY] [-to DAY]", "write the register as an Excel workbook", (*program).export},
		{"forget", "CHANNEL PEER", "erase what is held about a person", (*program).forget},
		{"config", "", "the settings in force, secrets hidden", (*program).config},
		{"version", "", "what this program is", (*program).version},
	}
}

// run is main without the process: it returns the exit status, 0 for success, 1 for a failure, 2 for wrong usage.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return (&program{env: env, stdin: stdin, stdout: stdout, stderr: stderr}).run(ctx, args)
}

func (p *program) run(ctx context.Context, args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		p.help(p.stdout)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	i := slices.IndexFunc(commands(), func(c command) bool { return c.name == args[0] })
	if i < 0 {
		var names []string
		for _, c := range commands() {
			names = append(names, c.name)
		}
		fmt.Fprintf(p.stderr, "baom: there is no command %q; did you mean %q? `baom help` lists them.\n", args[0], nearest(args[0], names))
		return 2
	}
	c := commands()[i]
	err := c.do(p, ctx, args[1:])
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(p.stderr, "baom %s: %v\nusage: baom %s %s\n", c.name, strings.TrimPrefix(err.Error(), "usage: "), c.name, c.args)
		return 2
	}
	fmt.Fprintf(p.stderr, "baom %s: %v\n", c.name, err)
	return 1
}

func (p *program) help(w io.Writer) {
	fmt.Fprint(w, "baom receives people who write to a migrants' office, and gives its officers their desk.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  baom %-60s %s\n", c.name+" "+c.args, c.does)
	}
	fmt.Fprint(w, "\nSettings are environment variables that begin with BAOM_; `baom config` lists them.\n")
}

// flags makes a flag set that reports its errors as wrong usage.
func (p *program) flags(name string) *flag.FlagSet {
	f := flag.NewFlagSet("baom "+name, flag.ContinueOnError)
	f.SetOutput(p.stderr)
	return f
}

// parse reads args into f; an error is wrong usage, except a request for help.
func parse(f *flag.FlagSet, args []string) error {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %v", errUsage, err)
	}
	return nil
}

// nearest is the name that differs least from what was typed.
func nearest(typed string, names []string) string {
	best, least := "", 1<<30
	for _, n := range names {
		if d := distance(strings.ToLower(typed), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete or change to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
