package console

import (
	"errors"
	"fmt"
	"net/http"

	"baom/bot"
)

// Notices are the ways in which officers can be told, outside the console, that somebody waits.
type Notices struct {
	Notifier *bot.Notifier
	Notices  bot.Notices

	Key          string                                                          // by which push services know the office; empty: no pushes
	Subscription func(endpoint, p256dh, auth string) (address string, err error) // reads what a browser says
	Host         func(address string) string                                     // names its push service
}

// A noticesView is how an officer is told, on their account's page.
type noticesView struct {
	On                   bool // anything is offered
	Push, Telegram, Mail bool // what is offered
	Key                  string
	Ways                 []wayView
	Code                 string // to be sent to the office's bot: shown this once
	WrongMail            bool
}

// A wayView is a way with a name for it.
type wayView struct {
	bot.Way
	Name string
}

// Has reports whether the officer is told by a kind of way.
func (v noticesView) Has(kind string) bool {
	for _, w := range v.Ways {
		if w.Kind == kind {
			return true
		}
	}
	return false
}

// noticesOf is what an officer has chosen, and can choose.
func (c *Console) noticesOf(r *http.Request, who *bot.Officer) (v noticesView, err error) {
	n := c.Notices
	if n == nil || !who.Works() {
		return v, nil
	}
	v.Push, v.Telegram, v.Mail = n.Notifier.Offers(bot.ByPush), n.Notifier.Offers(bot.ByTelegram), n.Notifier.Offers(bot.ByMail)
	v.On, v.Key = v.Push || v.Telegram || v.Mail, n.Key
	ways, err := n.Notices.Ways(r.Context(), who.ID)
	for _, w := range ways {
		named := wayView{Way: w}
		switch w.Kind {
		case bot.ByMail:
			named.Name = w.Address
		case bot.ByPush:
			if n.Host != nil {
				named.Name = n.Host(w.Address)
			}
		}
		v.Ways = append(v.Ways, named)
	}
	return v, err
}

// told is an error unless the officer can be told by a kind of way.
func (c *Console) told(who *bot.Officer, kind string) error {
	if !who.Works() || c.Notices == nil || !c.Notices.Notifier.Offers(kind) {
		return fmt.Errorf("a way to be told: %w", bot.ErrForbidden)
	}
	return nil
}

// addPush has a browser told.
func (c *Console) addPush(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	if err := c.told(who, bot.ByPush); err != nil {
		return err
	}
	address, err := c.Notices.Subscription(r.FormValue("endpoint"), r.FormValue("p256dh"), r.FormValue("auth"))
	if err != nil {
		return err
	}
	return c.addWay(w, r, who, bot.ByPush, address)
}

// addMail has the digest of the day sent to an address.
func (c *Console) addMail(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	if err := c.told(who, bot.ByMail); err != nil {
		return err
	}
	address, err := bot.MailAddress(r.FormValue("address"))
	if errors.Is(err, bot.ErrInvalid) {
		return c.showAccount(w, r, who, http.StatusUnprocessableEntity, accountView{Notices: noticesView{WrongMail: true}})
	}
	if err != nil {
		return err
	}
	return c.addWay(w, r, who, bot.ByMail, address)
}

func (c *Console) addWay(w http.ResponseWriter, r *http.Request, who *bot.Officer, kind, address string) error {
	if err := c.Notices.Notices.AddWay(r.Context(), &bot.Way{Officer: who.ID, Kind: kind, Address: address, Lang: c.lang(r)}); err != nil {
		return err
	}
	return c.onwards(w, r, "way", "/console/account#told")
}

// linkTelegram shows a code, once, that the officer sends to the office's bot.
func (c *Console) linkTelegram(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	if err := c.told(who, bot.ByTelegram); err != nil {
		return err
	}
	code, err := c.Notices.Notifier.Code(r.Context(), who)
	if err != nil {
		return err
	}
	return c.showAccount(w, r, who, http.StatusOK, accountView{Notices: noticesView{Code: code}})
}

func (c *Console) dropWay(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	id, err := number(r, "id")
	if err == nil && c.Notices == nil {
		err = bot.ErrNotFound
	}
	if err == nil {
		err = c.Notices.Notices.DropWay(r.Context(), who.ID, id)
	}
	if err != nil {
		return err
	}
	return c.onwards(w, r, "way.off", "/console/account#told")
}

// tryWay sends a notice at once; whether it left is then on the page.
func (c *Console) tryWay(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	id, err := number(r, "id")
	if err == nil && c.Notices == nil {
		err = bot.ErrNotFound
	}
	if err != nil {
		return err
	}
	sent, err := c.Notices.Notifier.Try(r.Context(), who, id)
	if err != nil {
		return err
	}
	what := "way.failed"
	if sent {
		what = "way.tried"
	}
	return c.onwards(w, r, what, "/console/account#told")
}

// worker is the script that a browser keeps for pushes: at an address that never changes, asked for anew each time.
func (c *Console) worker(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(c.assets["worker.js"].plain)
}
