package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"rsc.io/qr"

	"baom/bot"
	"baom/content"
	"baom/handlers/console"
	"baom/handlers/whatsapp"
	"baom/storage"
)

// newWhatsApp makes the channel on a schema of its own in the same database.
func newWhatsApp(ctx context.Context, c *config, key []byte, databaseURL string, store *storage.Store, lib func() *content.Library, log *slog.Logger, wire *http.Client) (*whatsapp.WhatsApp, *sql.DB, error) {
	db, err := storage.Schema(ctx, databaseURL, "whatsapp")
	if err != nil {
		return nil, nil, err
	}
	w, err := whatsapp.New(whatsapp.Config{DB: db, Secret: key, HTTP: wire, Linger: 3 * time.Second, Pause: c.pause, PerMinute: c.rate, Polls: c.WhatsAppPolls == "on", Log: log,
		Hint:    func(l content.Lang) string { return lib().Page("choices.hint", l, nil) },
		Reached: store.Reached,
		Hold:    func(ctx context.Context) (context.Context, func(), bool, error) { return store.Hold(ctx, "whatsapp") }})
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return w, db, nil
}

// pair links the office's telephone: it shows a QR in the terminal, or with -phone a code to enter on the telephone.
func (p *program) pair(ctx context.Context, args []string) error {
	f := p.flags("pair")
	phone := f.String("phone", "", "the telephone's number, such as +212612345678: a code is shown instead of a QR")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 || strings.Trim(*phone, "+0123456789 .-()") != "" {
		return fmt.Errorf("%w: it takes -phone and nothing else", errUsage)
	}
	return p.withServices(ctx, func(c *config, s *services) error {
		key, err := c.secretKey()
		if err != nil {
			return err
		}
		return p.withStoreOf(ctx, s, key, func(store *storage.Store) error {
			lib, err := library(c.ContentDir)
			if err != nil {
				return err
			}
			w, db, err := newWhatsApp(ctx, c, key, s.databaseURL, store, func() *content.Library { return lib }, quietLog(), p.wire)
			if err != nil {
				return err
			}
			defer db.Close()
			fmt.Fprint(p.stdout, "On the telephone with the office's number: WhatsApp, Settings, Linked devices, Link a device.\n")
			err = w.Pair(ctx, *phone, func(link bot.Link) { showLink(p.stdout, link) })
			if err == nil {
				fmt.Fprintf(p.stdout, "\nPaired. Start baom serve with %sWHATSAPP=on; if it runs already, it has taken the line.\n", prefix)
			}
			return err
		})
	})
}

// showLink shows what a pairing waits for.
func showLink(w io.Writer, link bot.Link) {
	switch left := time.Until(link.Expires).Round(time.Second); {
	case link.Passkey && link.Enter == "":
		fmt.Fprint(w, "\nThis account asks for a passkey, which a linked device cannot give: remove the passkey in WhatsApp (Settings, Account, Passkeys), then pair again.\n")
	case link.Enter != "":
		fmt.Fprintf(w, "\nChoose \u201cLink with phone number instead\u201d and enter the code  %s\n", link.Enter)
	case link.QR != "":
		code, err := qr.Encode(link.QR, qr.L)
		if err != nil {
			return
		}
		fmt.Fprintf(w, "\n%sScan it within %s; then another one is shown.\n", blocks(code), left)
	}
}

// blocks draws a QR for a terminal, two rows of it to a line, dark on light whatever the terminal's colours.
func blocks(code *qr.Code) string {
	const dark = "\x1b[30;107m"
	const quiet = 2 // modules around it
	var out strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		out.WriteString(dark)
		for x := -quiet; x < code.Size+quiet; x++ {
			switch up, down := code.Black(x, y), code.Black(x, y+1); {
			case up && down:
				out.WriteString("\u2588")
			case up:
				out.WriteString("\u2580")
			case down:
				out.WriteString("\u2584")
			default:
				out.WriteString(" ")
			}
		}
		out.WriteString("\x1b[0m\n")
	}
	return out.String()
}

// carryWhatsApp adds the channel to the bot, and its page to the console. A pairing that the console begins goes on until
// ctx ends.
func (s *server) carryWhatsApp(ctx context.Context, w *whatsapp.WhatsApp) {
	s.whatsapp = w
	s.registry.MustRegister(&phoneLine{w})
	s.bot.Messengers = append(s.bot.Messengers, w)
	s.console.Phone = &console.Phone{Link: w.Link, Unpair: w.Unpair, Pair: func(phone string) {
		shown := make(chan struct{}, 1) // the page that follows shows the code already
		go func() {
			if err := w.Pair(ctx, phone, func(bot.Link) { offer(shown) }); err != nil && ctx.Err() == nil {
				s.log.Warn("whatsapp: the pairing failed", "error", err)
			}
			offer(shown)
		}()
		select {
		case <-shown:
		case <-time.After(5 * time.Second):
		}
	}}
}

func offer(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
