package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/console"
	"baom/storage"
	"baom/storage/local"
)

// check reports every fault of the content, forms and flows, the program's own or with DIR laid over it.
func (p *program) check(_ context.Context, args []string) error {
	f := p.flags("check")
	fresh := f.Bool("fresh", false, "the yearly review list: what is to be verified, oldest first")
	if err := parse(f, args); err != nil {
		return err
	}
	c, err := readConfig(p.env)
	if err != nil {
		return err
	}
	dir := c.ContentDir
	if f.NArg() > 0 {
		dir = f.Arg(0)
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("the content folder: %w", err)
		}
	}
	lib, err := library(dir)
	if err != nil {
		return err
	}
	if *fresh {
		return printRows(p, content.Fresh(lib, time.Now()))
	}
	for _, w := range append(lib.Warnings(), lib.Overdue(time.Now())...) {
		fmt.Fprintln(p.stdout, "warning:", w)
	}
	if err := printRows(p, content.Coverage(lib)); err != nil {
		return err
	}
	if _, err := flows.New(lib); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "no faults: %d pages, %d answers, %d offices\n", len(lib.PageIDs()), len(lib.Answers()), len(lib.Offices()))
	return nil
}

// ask prints the ranked answers to a question.
func (p *program) ask(ctx context.Context, args []string) error {
	f := p.flags("ask")
	lang := f.String("lang", "fr", "the asker's language")
	profile := f.String("profile", "", "the asker's profile: mdm, ret, rpt, ad")
	asJSON := f.Bool("json", false, "print JSON")
	if err := parse(f, args); err != nil {
		return err
	}
	question := strings.Join(f.Args(), " ")
	if question == "" || !content.Lang(*lang).Known() {
		return fmt.Errorf("%w: it takes a question, and a language of %v", errUsage, content.Langs())
	}
	c, err := readConfig(p.env)
	if err != nil {
		return err
	}
	lib, err := library(c.ContentDir)
	if err != nil {
		return err
	}
	if c.SearchLearns == "on" { // as serve does: the first time for a content it takes a while
		if err := lib.Train(ctx, c.learnt()); err != nil {
			return err
		}
	}
	found := lib.Find(content.Query{Text: question, Lang: content.Lang(*lang), Profile: *profile, Limit: 10})
	if *asJSON {
		return json.NewEncoder(p.stdout).Encode(found)
	}
	fmt.Fprintln(p.stdout, found.Verdict)
	for _, h := range found.Hits {
		fmt.Fprintf(p.stdout, "%.3f  %-36s %s\n", h.Score, h.ID, lib.Answer(h.ID).Title.In(content.Lang(*lang)))
	}
	return nil
}

// migrate brings the tables up to date.
func (p *program) migrate(ctx context.Context, args []string) error {
	if err := parse(p.flags("migrate"), args); err != nil {
		return err
	}
	return p.withServices(ctx, func(_ *config, s *services) error {
		if err := storage.Migrate(ctx, s.databaseURL); err != nil {
			return err
		}
		fmt.Fprintln(p.stdout, "the tables are up to date")
		return nil
	})
}

// officer makes an account for the console, or takes the second factor of one away.
func (p *program) officer(ctx context.Context, args []string) error {
	switch {
	case len(args) > 0 && args[0] == "reset":
		return p.resetOfficer(ctx, args[1:])
	case len(args) == 0 || args[0] != "add":
		return fmt.Errorf("%w: add makes an account, reset takes its second factor away", errUsage)
	}
	f := p.flags("officer add")
	login := f.String("login", "", "name to log in with")
	name := f.String("name", "", "name to show; people see its first word")
	office := f.String("office", "", "id of the office; empty for an administrator or a coordinator")
	role := f.String("role", bot.RoleOfficer, strings.Join(bot.Roles(), ", "))
	langs := f.String("langs", "fr,ar", "languages, by comma")
	if err := parse(f, args[1:]); err != nil {
		return err
	}
	c, err := readConfig(p.env)
	if err != nil {
		return err
	}
	lib, err := library(c.ContentDir)
	if err != nil {
		return err
	}
	o := &bot.Officer{Login: *login, Name: *name, Office: *office, Role: *role}
	for _, l := range strings.Split(*langs, ",") {
		o.Langs = append(o.Langs, content.Lang(strings.TrimSpace(l)))
	}
	if err := validOfficer(o, lib); err != nil {
		return fmt.Errorf("%w: %v", errUsage, err)
	}
	pass := newPassphrase()
	if o.Hash, err = console.HashPassphrase(pass); err != nil {
		return err
	}
	return p.withStore(ctx, func(s *storage.Store) error {
		if err := s.SaveOfficer(ctx, o); errors.Is(err, bot.ErrConflict) {
			return fmt.Errorf("the login %q is taken", o.Login)
		} else if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "%s can log in with the passphrase %s (shown this once; to be changed after the first log-in)\n", o.Login, pass)
		return nil
	})
}

// resetOfficer takes the second factor of an account away, for an administrator whom nobody else can help: the telephone is
// gone, and the recovery codes too.
func (p *program) resetOfficer(ctx context.Context, args []string) error {
	f := p.flags("officer reset")
	login := f.String("login", "", "name to log in with")
	if err := parse(f, args); err != nil {
		return err
	}
	return p.withStore(ctx, func(s *storage.Store) error {
		o, err := s.OfficerByLogin(ctx, *login)
		if errors.Is(err, bot.ErrNotFound) {
			return fmt.Errorf("there is no officer %q", *login)
		}
		if err == nil {
			err = s.DropSecond(ctx, o.ID)
		}
		if err == nil {
			err = s.Note(ctx, bot.Act{What: bot.ActReset, Office: o.Office, About: o.ID})
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "%s logs in without a code of the telephone, until they begin another second factor\n", o.Login)
		return nil
	})
}

func validOfficer(o *bot.Officer, lib *content.Library) error {
	var faults []error
	if o.Login == "" || o.Name == "" {
		faults = append(faults, errors.New("it takes -login and -name"))
	}
	if !slices.Contains(bot.Roles(), o.Role) {
		faults = append(faults, fmt.Errorf("there is no role %q: %s", o.Role, strings.Join(bot.Roles(), ", ")))
	}
	if !bot.OfOffice(o.Role) {
		o.Office = ""
	}
	if bot.OfOffice(o.Role) && lib.Office(o.Office) == nil {
		var ids []string
		for _, office := range lib.Offices() {
			ids = append(ids, office.ID)
		}
		faults = append(faults, fmt.Errorf("there is no office %q; did you mean %q? There are %s", o.Office, nearest(o.Office, ids), strings.Join(ids, ", ")))
	}
	for _, l := range o.Langs {
		if !l.Known() {
			faults = append(faults, fmt.Errorf("there is no language %q: %v", l, content.Langs()))
		}
	}
	return errors.Join(faults...)
}

// forget erases what is held about one person, named by channel and by the network's identifier.
func (p *program) forget(ctx context.Context, args []string) error {
	f := p.flags("forget")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 2 {
		return fmt.Errorf("%w: it takes a channel (telegram, whatsapp, web) and the network's id of the person, or import and the reference of a case taken over from Excel", errUsage)
	}
	peer := bot.Peer{Channel: bot.Channel(f.Arg(0)), ID: f.Arg(1)}
	return p.withServices(ctx, func(c *config, services *services) error {
		key, err := c.secretKey()
		if err != nil {
			return err
		}
		return p.withStoreOf(ctx, services, key, func(s *storage.Store) error {
			err := s.Forget(ctx, peer)
			if errors.Is(err, bot.ErrNotFound) {
				return errors.New("nobody by that id has written on that channel")
			}
			if err == nil && peer.Channel.Remembers() {
				err = p.forgetBeside(ctx, c, services.databaseURL, key, s)
			}
			if err == nil {
				fmt.Fprintln(p.stdout, "what was held is erased")
			}
			return err
		})
	})
}

// forgetBeside lets WhatsApp forget who was forgotten. A serve that has the line does so within seconds, in its memory too;
// without one it is done here.
func (p *program) forgetBeside(ctx context.Context, c *config, databaseURL string, key []byte, s *storage.Store) error {
	release, free, err := s.Lock(ctx, "whatsapp")
	if err != nil || !free {
		return err
	}
	release()
	lib, err := library(c.ContentDir)
	if err != nil {
		return err
	}
	w, db, err := newWhatsApp(ctx, c, key, databaseURL, s, func() *content.Library { return lib }, quietLog(), p.wire)
	if err != nil {
		return err
	}
	defer db.Close()
	for err == nil {
		err = s.Erase(ctx, bot.WhatsApp, w.Forget)
	}
	if errors.Is(err, bot.ErrIdle) {
		return nil
	}
	return err
}

// withServices runs do with the databases of the settings, or with the private ones started for as long as it takes.
func (p *program) withServices(ctx context.Context, do func(*config, *services) error) error {
	c, err := readConfig(p.env)
	if err != nil {
		return err
	}
	if c.DatabaseURL == "" { // the private servers of a serve that runs are used, and left running
		if postgres, redis := local.Running(c.DataDir); postgres != "" {
			if c.RedisURL != "" {
				redis = c.RedisURL
			}
			return do(c, &services{databaseURL: postgres, redisURL: redisOf(redis)})
		}
	}
	if c.RedisURL == "" && c.DatabaseURL == "" {
		c.RedisURL = "none" // the private one is live only while serve runs
	}
	s, err := openServices(ctx, c, quietLog())
	if err != nil {
		return err
	}
	err = do(c, s)
	return errors.Join(err, s.stop(context.WithoutCancel(ctx)))
}

// redisOf is the Redis of a setting, empty for none.
func redisOf(setting string) string {
	if setting == "none" {
		return ""
	}
	return setting
}

func (p *program) withStore(ctx context.Context, do func(*storage.Store) error) error {
	return p.withServices(ctx, func(c *config, s *services) error {
		key, err := c.secretKey()
		if err != nil {
			return err
		}
		return p.withStoreOf(ctx, s, key, do)
	})
}

func (p *program) withStoreOf(ctx context.Context, s *services, key []byte, do func(*storage.Store) error) error {
	if err := storage.Migrate(ctx, s.databaseURL); err != nil {
		return err
	}
	store, err := storage.Open(ctx, storage.Options{DatabaseURL: s.databaseURL, RedisURL: s.redisURL, Secret: key, Now: time.Now, Log: quietLog()})
	if err != nil {
		return err
	}
	defer store.Close()
	return do(store)
}

// diagrams prints the dialogues, a case's life and its course as diagrams.
func (p *program) diagrams(_ context.Context, args []string) error {
	if err := parse(p.flags("flows"), args); err != nil {
		return err
	}
	lib, err := library("")
	if err != nil {
		return err
	}
	all := append(flows.Flows(lib.Form()), flows.Flow{Name: "a case's life", Moves: bot.Life()}, flows.Flow{Name: "a case's course", Moves: bot.Course()})
	return flows.Draw(p.stdout, all)
}
