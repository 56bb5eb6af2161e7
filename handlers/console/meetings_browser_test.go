package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"baom/bot"
	"baom/content"
)

// TestBrowserMeetings is an appointment as an officer makes it: an hour at which the office is closed is asked about
// again, then it stands on the case, on its time line and on the list of the day, where it is noted who came.
func TestBrowserMeetings(t *testing.T) {
	for _, tt := range []struct {
		lang          content.Lang
		width, height int64
	}{{content.French, 1280, 800}, {content.Arabic, 360, 740}} {
		t.Run(fmt.Sprintf("%s-%d", tt.lang, tt.width), func(t *testing.T) {
			w := newWorld(t)
			go w.deliver(t.Context())
			name := fmt.Sprintf("%s-%d-meeting", tt.lang, tt.width)
			id := w.arrive(arrival{words: "Je voudrais venir au bureau.", answers: map[string]string{"profile": "rpt", "need": "A1", "first-name": "Mariam", "last-name": "Diallo"}})
			path := fmt.Sprintf("/console/cases/%d", id)
			tab := openBrowser(t, tt.width, tt.height)
			enter(t, tab, w, "amina", tt.lang, path)
			day := time.Now().In(w.zone).AddDate(0, 0, 1).Format(time.DateOnly)
			set := func(clock string) chromedp.Action[chromedp.Void] {
				return script(fmt.Sprintf(`(() => { const f = document.querySelector("form[action$='/meeting']"); f.closest("details")?.setAttribute("open", ""); f.day.value = %q; f.time.value = %q; })()`, day, clock))
			}
			run(t, tab, chromedp.WaitVisible(`#acts`), set("03:00"))
			shoot(t, tab, name+"-1-form")
			run(t, tab, chromedp.Click(`form[action$="/meeting"] > button`), chromedp.WaitVisible(`.at-meeting-sure .fault`))
			fits(t, tab, "the second look")
			shoot(t, tab, name+"-2-sure")
			run(t, tab, set("10:00"), chromedp.Click(`button[name=sure]`), chromedp.WaitVisible(`#acts`), until(`document.querySelectorAll("#lines .event").length >= 2`))
			k, _, err := w.store.Case(t.Context(), id)
			if err != nil || k.Meeting == nil || k.Meeting.At.In(w.zone).Format("2006-01-02 15:04") != day+" 10:00" {
				t.Fatalf("the appointment is %+v (%v)", k.Meeting, err)
			}
			shoot(t, tab, name+"-3-case")
			run(t, tab, chromedp.Navigate(w.url+"/console/meetings?day="+day), chromedp.WaitVisible(`.meetings .people li`))
			fits(t, tab, "the list of the day")
			shoot(t, tab, name+"-4-day")
			run(t, tab, chromedp.Navigate(w.url+"/console/meetings"), chromedp.WaitVisible(`.meetings .empty`))
		})
	}
}

// TestMeetingsWithoutScript: forms and links are enough to propose, to move, to call off and to note who came.
func TestMeetingsWithoutScript(t *testing.T) {
	w := newWorld(t)
	b := w.browser("amina")
	id := w.arrive(arrival{words: "bonjour"})
	path := fmt.Sprint("/console/cases/", id)
	state := func() string {
		t.Helper()
		k, _, err := w.store.Case(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if k.Meeting == nil {
			return ""
		}
		return k.Meeting.State
	}
	now := time.Now().In(w.zone)
	post := func(at time.Time, more ...string) (int, string) {
		t.Helper()
		form := url.Values{"day": {at.Format(time.DateOnly)}, "time": {at.Format("15:04")}, "minutes": {"30"}}
		for _, m := range more {
			form.Set(m, "yes")
		}
		status, _, body := b.post(path+"/meeting", form)
		return status, body
	}
	night := time.Date(now.Year(), now.Month(), now.Day()+3, 3, 0, 0, 0, w.zone)
	if status, body := post(night); status != 200 || !strings.Contains(body, "fermé") || state() != "" {
		t.Fatalf("at night: %d, %q", status, state())
	}
	if status, _ := post(now.AddDate(0, 0, -1), "sure"); status != 422 {
		t.Errorf("yesterday: %d", status)
	}
	if status, _ := post(now.AddDate(1, 0, 0), "sure"); status != 422 {
		t.Errorf("in a year: %d", status)
	}
	for _, form := range []url.Values{{"day": {"demain"}, "time": {"10:00"}, "minutes": {"30"}}, {"day": {now.Format(time.DateOnly)}, "time": {""}, "minutes": {"30"}}, {"day": {night.Format(time.DateOnly)}, "time": {"10:00"}, "minutes": {"x"}}} {
		if status, _, _ := b.post(path+"/meeting", form); status != 422 {
			t.Errorf("%v: %d", form, status)
		}
	}
	if status, _ := post(night, "sure"); status != 303 || state() != bot.MeetingProposed {
		t.Fatalf("all the same: %d, %q", status, state())
	}
	if status, _, _ := b.post(path+"/meeting/off", nil); status != 303 || state() != bot.MeetingOff {
		t.Fatalf("called off: %d, %q", status, state())
	}
	if status, _ := post(now.Add(2*time.Hour), "sure"); status != 303 {
		t.Fatal(status)
	}
	k, _, err := w.store.Case(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	day := k.Meeting.At.In(w.zone).Format(time.DateOnly)
	doc := b.page("/console/meetings?day=" + day)
	if n := len(all(doc, func(n *html.Node) bool { return attr(n, "href") == path })); n != 1 {
		t.Errorf("%d on the list of the day", n)
	}
	if status, to, _ := b.post(fmt.Sprintf("%s/meetings/%d/attended", path, k.Meeting.ID), url.Values{"came": {"yes"}, "day": {day}}); status != 303 || to != "/console/meetings?day="+day+"&office=agadir" || state() != bot.MeetingCame {
		t.Errorf("came: %d %s %q", status, to, state())
	}
}

// TestRemind: a case that somebody wants to be reminded of is marked on its day, found by its chip, and done with by a press.
func TestRemind(t *testing.T) {
	w := newWorld(t)
	b := w.browser("amina")
	id := w.arrive(arrival{words: "bonjour"})
	w.arrive(arrival{words: "un autre"})
	path, now := fmt.Sprint("/console/cases/", id), time.Now().In(w.zone)
	listed := func() (n int) {
		return len(all(b.page("/console/?tab=all&remind=yes"), func(n *html.Node) bool { return n.Data == "li" && strings.HasPrefix(attr(n, "id"), "case-") }))
	}
	for _, day := range []string{"", "demain", now.AddDate(0, 0, -1).Format(time.DateOnly), now.AddDate(2, 0, 0).Format(time.DateOnly)} {
		if status, _, _ := b.post(path+"/remind", url.Values{"day": {day}}); status != 422 {
			t.Errorf("%q: %d", day, status)
		}
	}
	if status, _, _ := b.post(path+"/remind", url.Values{"day": {now.AddDate(0, 0, 2).Format(time.DateOnly)}}); status != 303 || listed() != 0 {
		t.Fatalf("before its day: %d, %d listed", status, listed())
	}
	if _, err := w.store.Change(t.Context(), id, func(k *bot.Case) (bot.CaseWork, error) { // its day comes
		k.Remind = k.Remind.AddDate(0, 0, -2)
		return bot.CaseWork{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := listed(); n != 1 || !strings.Contains(text(b.page("/console/?tab=all")), "À reprendre") {
		t.Errorf("on its day: %d listed", n)
	}
	if status, _, _ := b.post(path+"/remind", url.Values{"done": {"yes"}}); status != 303 || listed() != 0 {
		t.Errorf("done with: %d, %d listed", status, listed())
	}
}
