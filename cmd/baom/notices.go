package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"baom/bot"
	"baom/handlers/console"
	"baom/handlers/notice"
	"baom/handlers/telegram"
	"baom/storage"
)

// newNotifier makes what tells officers that somebody waits, with the ways that the settings allow: a browser where people
// reach the console by https, Telegram with a bot, mail with a server.
func newNotifier(ctx context.Context, c *config, store *storage.Store, shelf *shelf, t *telegram.Telegram, registry *prometheus.Registry, now func() time.Time, log *slog.Logger) (*bot.Notifier, *console.Notices, error) {
	tries := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "baom_notices_total", Help: "Notices to officers, by way and what became of them: sent, failed, or gone where the address is no more."},
		[]string{"way", "outcome"})
	registry.MustRegister(tries)
	public := strings.TrimSuffix(c.PublicURL, "/")
	n := &bot.Notifier{Notices: store, Cases: store, Lib: shelf.Library, Now: now, Log: log, Send: map[string]func(context.Context, bot.Way, bot.Notice) error{},
		Count: func(kind, outcome string) { tries.WithLabelValues(kind, outcome).Inc() }}
	if public != "" {
		n.URL = public + "/console/"
	}
	page := &console.Notices{Notifier: n, Notices: store}
	if strings.HasPrefix(public, "https://") {
		private, key, err := store.PushKey(ctx, notice.NewPushKey)
		if err != nil {
			return nil, nil, err
		}
		push := &notice.Push{Public: key, Private: private, Contact: public}
		n.Send[bot.ByPush] = push.Send
		page.Key, page.Subscription, page.Host = key, notice.Subscription, notice.Host
	}
	if t != nil {
		n.Send[bot.ByTelegram] = func(ctx context.Context, w bot.Way, notice bot.Notice) error {
			_, err := t.Send(ctx, bot.Message{Peer: bot.Peer{Channel: bot.Telegram, ID: w.Address}, Lang: w.Lang, Text: strings.TrimSpace(notice.Text + "\n\n" + notice.URL)})
			if fault := (*bot.SendError)(nil); errors.As(err, &fault) { // it stays, so that the account page can say so
				err = &bot.SendError{Why: map[bool]string{true: "blocked", false: "unreachable"}[fault.Permanent], Err: fault.Err}
			}
			return err
		}
	}
	if c.MailServer != "" {
		mail, err := c.mail()
		if err != nil {
			return nil, nil, err
		}
		n.Send[bot.ByMail] = mail.Send
	}
	return n, page, nil
}

// mail is the sender of mail by the settings.
func (c *config) mail() (*notice.Mail, error) {
	return notice.NewMail(c.MailServer, c.MailUser, c.MailPassword, c.MailFrom)
}

// notices examines the ways in which officers are told.
func (x *examination) notices(ctx context.Context) {
	c := x.c
	switch {
	case c.MailServer == "":
		x.note("mail", isOK, both("pas de courrier réglé : pas de résumé du jour", "no mail is set: no digest of the day"), nothing)
	default:
		m, err := c.mail()
		if err != nil {
			return // told with the settings
		}
		reaching, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if err := m.Reach(reaching); err != nil {
			x.note("mail", isFault, both("le serveur %s n'accepte pas : %v", "the server %s does not accept: %v", c.MailServer, err),
				both("vérifiez BAOM_MAIL_SERVER (587 avec STARTTLS, 465 chiffré), le compte et le mot de passe", "check BAOM_MAIL_SERVER (587 with STARTTLS, 465 encrypted), the user and the password"))
		} else {
			x.note("mail", isOK, both("le serveur %s accepte le compte, chiffré", "the server %s accepts the account, encrypted", c.MailServer), nothing)
		}
	}
	if !strings.HasPrefix(c.PublicURL, "https://") {
		x.note("push", isOK, both("pas de notifications du navigateur : il faut BAOM_PUBLIC_URL en https", "no notices in the browser: they need BAOM_PUBLIC_URL with https"), nothing)
		return
	}
	if reached, why := pushReached(ctx, x.http); !reached {
		x.note("push", isWarning, both("les notifications du navigateur ne partiront pas : %s", "notices in the browser will not leave: %s", why),
			both("la machine doit atteindre fcm.googleapis.com, updates.push.services.mozilla.com et web.push.apple.com par le port 443", "the machine must reach fcm.googleapis.com, updates.push.services.mozilla.com and web.push.apple.com on port 443"))
		return
	}
	x.note("push", isOK, both("les services de notification du navigateur sont joints", "the services of notices in the browser are reached"), nothing)
}

// pushServices carry the pushes of nearly every browser.
var pushServices = []string{"https://fcm.googleapis.com/", "https://updates.push.services.mozilla.com/", "https://web.push.apple.com/"}

// pushReached reports whether any of them answers, whatever it says.
func pushReached(ctx context.Context, client *http.Client) (ok bool, why string) {
	for _, service := range pushServices {
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(asking, http.MethodHead, service, nil)
		if err != nil {
			return false, err.Error()
		}
		response, err := client.Do(r)
		if err == nil {
			response.Body.Close()
			return true, ""
		}
		why = err.Error()
	}
	return false, why
}
