package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"baom/bot"
	"baom/content"
	"baom/handlers/console"
	"baom/storage"
)

// export writes the register of an office, or of all, as an Excel workbook, for whoever runs the program: the console's
// rights are not asked.
func (p *program) export(ctx context.Context, args []string) error {
	f := p.flags("export")
	office := f.String("office", "", "id of the office; empty: all")
	from := f.String("from", "", "first day, such as 2026-01-01")
	to := f.String("to", "", "last day")
	state := f.String("state", "", "open, claimed or closed")
	need := f.String("need", "", "code of the need")
	profile := f.String("profile", "", "code of the profile")
	lang := f.String("lang", "fr", "of the headings and codes: fr, ar or en")
	out := f.String("o", "", "file to write; - is the standard output")
	if err := parse(f, args); err != nil {
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
	l := console.Ledger{Lib: lib, Lang: content.Lang(*lang), Location: zone(), Office: *office}
	q := bot.Selection{State: *state, Need: *need, Profile: *profile}
	q.From, q.To, err = period(*from, *to, l.Location)
	switch {
	case err != nil:
		return err
	case *out == "" || f.NArg() > 0:
		return fmt.Errorf("%w: it takes -o FILE", errUsage)
	case !slices.Contains(content.Complete(), l.Lang):
		return fmt.Errorf("%w: -lang is fr, ar or en", errUsage)
	case *office != "" && lib.Office(*office) == nil:
		return fmt.Errorf("%w: there is no office %q", errUsage, *office)
	case !slices.Contains([]string{"", bot.StateOpen, bot.StateClaimed, bot.StateClosed}, *state):
		return fmt.Errorf("%w: -state is open, claimed or closed", errUsage)
	}
	if *office != "" {
		q.Offices = []string{*office}
	}
	for _, given := range [][2]string{{"office", *office}, {"from", *from}, {"to", *to}, {"state", *state}, {"need", *need}, {"profile", *profile}} {
		if given[1] != "" {
			l.About = append(l.About, given)
		}
	}
	return p.withStore(ctx, func(s *storage.Store) error {
		if err := s.Note(ctx, bot.Act{What: bot.ActExport, Office: *office}); err != nil {
			return err
		}
		return p.writeTo(*out, func(w io.Writer) error { return console.WriteRegister(w, l, s.List(ctx, q)) })
	})
}

// period reads the first and the last day of a time; the end is the day after the last.
func period(from, to string, zone *time.Location) (start, end time.Time, err error) {
	day := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		d, wrong := time.ParseInLocation(time.DateOnly, text, zone)
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("%w: %q is not a day such as 2026-01-01", errUsage, text))
		}
		return d
	}
	start, end = day(from), day(to)
	if !end.IsZero() {
		end = end.AddDate(0, 0, 1)
	}
	return start, end, err
}

// writeTo writes a file that only its owner reads, whole or not at all.
func (p *program) writeTo(name string, write func(io.Writer) error) (err error) {
	if name == "-" {
		return write(p.stdout)
	}
	if !strings.HasSuffix(name, ".xlsx") {
		return fmt.Errorf("%w: the file's name ends in .xlsx", errUsage)
	}
	f, err := os.OpenFile(name+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the workbook: %w", err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(name+".part"))
	}
	if err := os.Rename(name+".part", name); err != nil {
		return fmt.Errorf("write the workbook: %w", err)
	}
	return nil
}
