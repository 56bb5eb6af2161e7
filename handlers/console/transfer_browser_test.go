package console_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/browsertest"
)

// A person writes with the bot's own dialogue.
type person struct {
	w    *world
	bot  *bot.Bot
	peer bot.Peer
	n    int
}

func (w *world) person(id string) *person {
	w.t.Helper()
	book, err := flows.New(w.console.Lib())
	if err != nil {
		w.t.Fatal(err)
	}
	p := &person{w: w, peer: bot.Peer{Channel: bot.Web, ID: id}}
	seed := uint64(time.Now().UnixNano())
	p.bot = &bot.Bot{Book: func() *flows.Book { return book }, Now: func() time.Time { return time.Now().In(w.zone) }, Seed: func() uint64 { seed++; return seed * 7919 }, Log: slog.New(slog.DiscardHandler)}
	return p
}

// says lets the person write, or press a button where the words begin with a line.
func (p *person) says(words string) {
	p.w.t.Helper()
	p.n++
	in := flows.Input{Text: words, At: time.Now()}
	if choice, ok := strings.CutPrefix(words, "|"); ok {
		in = flows.Input{Choice: choice, At: time.Now()}
	}
	if _, err := p.w.store.Receive(p.w.t.Context(), bot.Entry{Peer: p.peer, Key: fmt.Sprint("web:", p.n), Input: in}); err != nil {
		p.w.t.Fatal(err)
	}
}

// heard waits until the newest words to the person contain some.
func (p *person) heard(words string) chromedp.Action[chromedp.Void] {
	return untilTrue(func() bool {
		lines, err := p.w.store.Transcript(p.w.t.Context(), p.peer, 0)
		return err == nil && len(lines) > 0 && strings.Contains(lines[len(lines)-1].Text, words)
	})
}

// turns takes the turns that are due, until ctx ends.
func (p *person) turns(ctx context.Context) {
	for ctx.Err() == nil {
		if err := p.w.store.Turn(ctx, p.bot.Take); err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// TestBrowserTransfer is how a case changes office: an officer proposes it, the person asks back and agrees, and the other
// office reads it; and how the bot is given the conversation back.
func TestBrowserTransfer(t *testing.T) {
	for _, tt := range []struct {
		lang          content.Lang
		width, height int64
	}{{content.French, 1280, 800}, {content.Arabic, 360, 740}} {
		t.Run(fmt.Sprintf("%s-%d", tt.lang, tt.width), func(t *testing.T) {
			w := newWorld(t)
			go w.deliver(t.Context())
			p := w.person("moussa")
			go p.turns(t.Context())
			moves(t, w, p, tt.lang, tt.width, tt.height)
		})
	}
}

func moves(t *testing.T, w *world, p *person, lang content.Lang, width, height int64) {
	name := fmt.Sprintf("%s-%d-transfer", lang, width)
	for _, words := range []string{"|lang." + string(lang), "|consent.yes", "|menu.officer", "|commune.agadir", "…"} {
		p.says(words)
	}
	var id int64
	if !waits(func() bool {
		list, err := w.store.Queue(t.Context(), bot.Query{})
		if err == nil && len(list) == 1 {
			id = list[0].ID
		}
		return id != 0
	}) {
		t.Fatal("no case was opened")
	}
	page := fmt.Sprintf("/console/cases/%d", id)
	amina, omar := openBrowser(t, width, height), openBrowser(t, width, height)
	enter(t, amina, w, "amina", lang, page)
	enter(t, omar, w, "omar", lang, "/console/")
	run(t, amina, chromedp.Click(`.verbs .main`), chromedp.WaitVisible(`.done[data-done=claim]`))

	// The bot asks a question again, and says that it is the bot; the officer sees who speaks.
	fill := func(form, field, value string) chromedp.Action[chromedp.Void] {
		return script(fmt.Sprintf(`(() => { const f = document.querySelector("[data-form=%s]"); f.closest("details").open = true; f.elements[%q].value = %q })()`, form, field, value))
	}
	press := func(form string) chromedp.Action[chromedp.Void] {
		return script(fmt.Sprintf(`document.querySelector("form[data-form=%s] button").click()`, form))
	}
	run(t, amina, fill("return", "point", "field.nationality"), script(`document.querySelector("form[data-form=return]").scrollIntoView()`))
	shoot(t, amina, name+"-1-return")
	fits(t, amina, "giving back")
	run(t, amina, press("return"), chromedp.WaitVisible(`.done[data-done=return]`), chromedp.WaitVisible(`.returned`))
	shoot(t, amina, name+"-2-bot")
	fits(t, amina, "the bot speaks")
	p.says("Mali")
	run(t, amina, chromedp.WaitNotPresent(`.returned`))
	if k, _, err := w.store.Case(t.Context(), id); err != nil || k.Answers["nationality"] != "ML" {
		t.Errorf("the answer: %+v, %v", k, err)
	}

	// Proposed, asked back, agreed: the page of the old office says that it may not read it any more.
	run(t, amina, fill("propose", "office", "tiznit"), fill("propose", "text", "Votre travail est à Tiznit."), script(`document.querySelector("form[data-form=propose]").scrollIntoView()`))
	shoot(t, amina, name+"-3-propose")
	fits(t, amina, "a proposal")
	run(t, amina, press("propose"), chromedp.WaitVisible(`.done[data-done=propose]`), chromedp.WaitVisible(`.proposed`), p.heard("Votre travail est à Tiznit."))
	shoot(t, amina, name+"-4-proposed")
	fits(t, amina, "a proposal that stands")
	p.says("Et qui lira mes messages à Tiznit ?")
	run(t, amina, browsertest.Until(`[...document.querySelectorAll("li.person")].at(-1).textContent.includes("Tiznit ?")`), chromedp.WaitVisible(`.proposed`))
	p.says("|transfer.yes.tiznit")
	run(t, omar, chromedp.WaitVisible(fmt.Sprintf("#case-%d", id)), chromedp.Navigate(w.url+page), chromedp.WaitVisible(`.verbs .main`))
	shoot(t, omar, name+"-5-arrived")
	fits(t, omar, "a case from another office")
	run(t, amina, chromedp.Navigate(w.url+page), chromedp.WaitNotPresent(`.case`))
	if k, _, err := w.store.Case(t.Context(), id); err != nil || k.Office != "tiznit" || k.Proposal != nil {
		t.Errorf("moved: %+v, %v", k, err)
	}
}

// waits reports whether something comes to be within half a minute.
func waits(is func() bool) bool {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return true
		}
	}
	return false
}
