package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/html"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/console"
)

// TestPhone: an administrator alone looks after WhatsApp's link; every state has its words in every language; a QR is drawn
// within the page; what alarms is on every page.
func TestPhone(t *testing.T) {
	w := newWorld(t)
	root, head, officer := w.browser("root"), w.browser("latifa"), w.browser("amina")
	if status, _, _ := root.get("/console/whatsapp"); status != 404 {
		t.Errorf("without WhatsApp: %d", status)
	}
	var link atomic.Pointer[bot.Link]
	var pairs []string
	unpair := errors.New("there is no line")
	w.console.Phone = &console.Phone{Link: func(context.Context) bot.Link { return *link.Load() }, Pair: func(phone string) { pairs = append(pairs, phone) },
		Unpair: func(context.Context) error { return unpair }}
	link.Store(&bot.Link{State: bot.LinkUnpaired, Problem: "nobody scanned the code in time"})
	for _, b := range []*browser{head, officer} {
		for _, path := range []string{"/console/whatsapp", "/console/whatsapp/live"} {
			if status, _, _ := b.get(path); status != 403 {
				t.Errorf("%s: %d", path, status)
			}
		}
		for _, path := range []string{"/console/whatsapp/pair", "/console/whatsapp/unpair"} {
			if status, _, _ := b.post(path, url.Values{}); status != 403 {
				t.Errorf("%s: %d", path, status)
			}
		}
	}
	for _, form := range []url.Values{{}, {"phone": {"+212 528 00 00 01"}}} {
		if status, to, _ := root.post("/console/whatsapp/pair", form); status != 303 || to != "/console/whatsapp" {
			t.Errorf("pair: %d %s", status, to)
		}
	}
	if status, _, _ := root.post("/console/whatsapp/pair", url.Values{"phone": {"<script>"}}); status != 422 || fmt.Sprintf("%q", pairs) != `["" "+212 528 00 00 01"]` {
		t.Errorf("a number that is none: %d; paired %q", status, pairs)
	}
	if status, to, _ := root.post("/console/whatsapp/unpair", url.Values{}); status != 303 || !strings.HasSuffix(to, "?fault") {
		t.Errorf("unpair: %d %s", status, to)
	}
	now := time.Now()
	for _, lang := range []content.Lang{content.French, content.Arabic, content.English} {
		for _, b := range []*browser{root, head} {
			b.post("/console/lang", url.Values{"lang": {string(lang)}, "back": {"/console/account"}})
		}
		for _, state := range []bot.LinkState{bot.LinkOff, bot.LinkUnpaired, bot.LinkPairing, bot.LinkConnecting, bot.LinkConnected, bot.LinkElsewhere, bot.LinkReplaced,
			bot.LinkLoggedOut, bot.LinkBanned, bot.LinkOutdated, bot.LinkRefused} {
			link.Store(&bot.Link{State: state, Since: now, Until: now.Add(time.Hour), Number: "+212528000001", Code: 101, QR: "https://wa.me/settings/linked_devices#secret,of,the,pairing,1",
				Enter: "ABCD-EFGH", Passkey: true, Errors: map[int]int64{463: 2}})
			for _, path := range []string{"/console/whatsapp", "/console/whatsapp/live", "/console/whatsapp?fault"} {
				_, _, body := root.get(path)
				doc := parse(t, body)
				if said := text(doc); strings.Contains(said, "console.") || strings.Contains(said, "{") {
					t.Errorf("%s in %s: a word is missing: %s", state, lang, said)
				}
				if strings.Contains(body, "secret,of,the") || len(all(doc, func(n *html.Node) bool { return n.Data == "svg" && len(attr(n, "viewbox")) > 0 || n.Data == "svg" })) != 1 {
					t.Errorf("%s in %s: the QR is not drawn, or written", state, lang)
				}
			}
			alarm := func(b *browser) int { return len(all(b.page("/console/account"), class("linkalarm"))) }
			if got := alarm(root); (got == 1) != state.Alarming() || alarm(head) != 0 {
				t.Errorf("%s: %d alarms for an administrator", state, got)
			}
		}
	}
}

// TestLinesOfWhatsApp: what a line answers, that it was taken back, and what is not kept are shown to the officer.
func TestLinesOfWhatsApp(t *testing.T) {
	w := newWorld(t)
	id := w.arrive(arrival{words: "bonjour", channel: bot.WhatsApp})
	peer := bot.Peer{Channel: bot.WhatsApp, ID: fmt.Sprintf("person-%d", 1)}
	file := func(n int, in flows.Input, deletes string) {
		t.Helper()
		if _, err := w.store.Receive(t.Context(), bot.Entry{Peer: peer, Key: fmt.Sprintf("wa:%d", n), Input: in, Deletes: deletes}); err != nil {
			t.Fatal(err)
		}
		for {
			err := w.store.Turn(t.Context(), func(s flows.Session, e bot.Entry) bot.Turn {
				return bot.Turn{Session: s, Case: &bot.CaseChange{Relay: true}}
			})
			if errors.Is(err, bot.ErrIdle) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	file(1, flows.Input{Text: "à jeter"}, "")
	file(2, flows.Input{Text: "celui-ci", Quote: "Quel besoin ?\n1. <b>Travail</b>"}, "")
	file(3, flows.Input{Kind: flows.Once}, "")
	file(4, flows.Input{Kind: flows.Reaction, Text: "👍"}, "")
	file(5, flows.Input{}, "wa:1")
	doc := w.browser("amina").page(fmt.Sprint("/console/cases/", id))
	said := text(doc)
	for _, want := range []string{"Message supprimé par la personne", "Quel besoin ?", "<b>Travail</b>", "n'est pas gardée", "👍"} {
		if !strings.Contains(said, want) {
			t.Errorf("the case does not show %q", want)
		}
	}
	if strings.Contains(said, "à jeter") {
		t.Error("a line that was taken back is shown")
	}
}
