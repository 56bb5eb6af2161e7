package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"golang.org/x/net/html"

	"baom/bot"
	"baom/flows"
)

// An overtaking record lets something happen to an officer after they were read at a log-in, while the passphrase is being
// checked.
type overtaking struct {
	bot.Cases
	meanwhile func(*bot.Officer)
}

func (o *overtaking) OfficerByLogin(ctx context.Context, login string) (*bot.Officer, error) {
	who, err := o.Cases.OfficerByLogin(ctx, login)
	if err == nil && o.meanwhile != nil {
		o.meanwhile(who)
	}
	return who, err
}

// TestLoginOvertaken: who is disabled, or gets another passphrase, while their log-in is under way does not get in, and
// what was done to them stays done.
func TestLoginOvertaken(t *testing.T) {
	w := newWorld(t)
	hasty := &overtaking{Cases: w.store}
	w.console.Cases = hasty
	for what, meanwhile := range map[string]func(*bot.Officer) error{
		"disabled": func(o *bot.Officer) error { return w.store.SetDisabled(t.Context(), o.ID, true) },
		"renewed":  func(o *bot.Officer) error { return w.store.SetPassphrase(t.Context(), o.ID, "", "renewed") },
	} {
		login := map[string]string{"disabled": "amina", "renewed": "karim"}[what]
		hasty.meanwhile = func(o *bot.Officer) {
			if err := meanwhile(o); err != nil {
				t.Error(err)
			}
		}
		b := w.browser("")
		if status, _, body := b.post("/console/login", url.Values{"login": {login}, "passphrase": {passphrase}}); status != 401 || !strings.Contains(body, "phrase de passe ne va pas") {
			t.Errorf("%s meanwhile: %d", what, status)
		}
		if _, to, _ := b.get("/console/"); !strings.HasPrefix(to, "/console/login") {
			t.Errorf("%s meanwhile, and in", what)
		}
		o, err := w.store.OfficerByLogin(t.Context(), login)
		if err != nil || o.Disabled != (what == "disabled") || (o.Hash == "renewed") != (what == "renewed") {
			t.Errorf("%s meanwhile is undone: %+v %v", what, o, err)
		}
	}
	// The same at a change of passphrase.
	hasty.meanwhile = nil
	b := w.browser("latifa")
	hasty.meanwhile = func(o *bot.Officer) {
		if err := w.store.SetDisabled(t.Context(), o.ID, true); err != nil {
			t.Error(err)
		}
	}
	another := "cinq mots bien mieux choisis"
	if status, _, _ := b.post("/console/account", url.Values{"old": {passphrase}, "new": {another}, "again": {another}}); status != 409 && status != 422 {
		t.Errorf("a change of passphrase of who is disabled meanwhile: %d", status)
	}
	if o, err := w.store.OfficerByLogin(t.Context(), "latifa"); err != nil || !o.Disabled || o.Hash != w.officers["latifa"].Hash {
		t.Errorf("it was made: %v", err)
	}
}

// TestLogins: officers see where they are logged in and end what they do not know; so does who manages them, and nobody
// else.
func TestLogins(t *testing.T) {
	w := newWorld(t)
	out := func(b *browser) bool {
		_, to, _ := b.get("/console/account")
		return strings.HasPrefix(to, "/console/login")
	}
	ends := func(b *browser, path string) (list []string) {
		for _, f := range all(b.page(path), func(n *html.Node) bool { return n.Data == "form" && strings.HasSuffix(attr(n, "action"), "/end") }) {
			list = append(list, attr(f, "action"))
		}
		return list
	}
	here, lost, head, omar := w.browser("amina"), w.browser("amina"), w.browser("latifa"), w.browser("omar")
	mine := ends(here, "/console/account")
	if len(mine) != 2 {
		t.Fatalf("two log-ins are %v", mine)
	}
	for login, b := range map[string]*browser{"karim": w.browser("karim"), "omar": omar, "samir": w.browser("samir")} {
		if status, _, _ := b.post(mine[0], nil); status != 403 || out(lost) {
			t.Errorf("%s ends Amina's log-in: %d", login, status)
		}
	}
	if status, to, _ := here.post(mine[0], nil); status != 303 || to != "/console/account" { // the last to begin comes first
		t.Errorf("end a log-in: %d %s", status, to)
	}
	if !out(lost) || out(here) {
		t.Error("the one that was ended is over, and no other")
	}
	if status, _, _ := here.post(mine[0], nil); status != 404 {
		t.Errorf("again: %d", status)
	}
	of := fmt.Sprintf("/console/officers/%d", w.officers["amina"].ID)
	theirs := ends(head, of)
	if len(theirs) != 1 {
		t.Fatalf("the head sees %v", theirs)
	}
	// A log-in of somebody else under Amina's name.
	hers := ends(omar, "/console/account")[0]
	if status, _, _ := head.post(of+hers[strings.LastIndex(hers, "/logins"):], nil); status != 404 || out(omar) {
		t.Errorf("the head ends a log-in of another office: %d", status)
	}
	if status, to, _ := head.post(theirs[0], nil); status != 303 || to != of || !out(here) {
		t.Errorf("the head ends it: %d %s", status, to)
	}
	// A log-out is the end of the log-in, not only of the cookie.
	k := w.browser("karim")
	k.post("/console/logout", nil)
	if list, err := w.store.Logins(t.Context(), w.officers["karim"].ID); err != nil || len(list) != 1 {
		t.Errorf("after the log-out of one of two: %v %v", list, err)
	}
}

// TestAudit: whoever reads a case, in whatever way, prints it, takes a register away or changes somebody's rights is in the
// log of the office, once for a sitting; its head reads that and nobody else's; nobody's words or name is in it; after
// thirteen months it is gone.
func TestAudit(t *testing.T) {
	w := newWorld(t)
	media := &bot.Media{Kind: flows.Image, Mime: "image/png", Data: png, State: bot.MediaReady, Size: int64(len(png))}
	id := w.arrive(arrival{words: "mon mari me frappe", answers: map[string]string{"need": "I1", "profile": "rpt", "first-name": "Mariam"}, media: media})
	away := w.arrive(arrival{words: "ailleurs", office: "tiznit"})
	_, lines, err := w.store.Case(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	amina, karim, head, root, omar := w.browser("amina"), w.browser("karim"), w.browser("latifa"), w.browser("root"), w.browser("omar")
	acts := func(q bot.ActQuery) (list []string) {
		t.Helper()
		found, err := w.store.Acts(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range found {
			list = append(list, strings.TrimSpace(fmt.Sprint(a.Name, " ", a.What, " ", a.Office, " ", a.AboutName)))
		}
		return list
	}
	at := fmt.Sprint("/console/cases/", id)
	for range 3 {
		amina.page(at)
		amina.get(at + "/live")
	}
	omar.get(at) // refused
	for _, b := range []struct {
		*browser
		path string
	}{{karim, at + "/live"}, {head, fmt.Sprintf("/console/media/%d/%d", id, lines[len(lines)-1].ID)}, {root, at + "/insert"}} {
		b.get(b.path)
	}
	want := []string{"Administration read agadir", "لطيفة بناني read agadir", "Karim Ouhaddou read agadir", "Amina El Idrissi read agadir"}
	if got := acts(bot.ActQuery{}); !slices.Equal(got, want) {
		t.Errorf("reading in every way is\n%q, want\n%q", got, want)
	}
	amina.page(at + "/sheet")
	amina.page(at + "/receipt")
	amina.page("/console/register")
	amina.workbook("/console/register.xlsx")
	omar.page(fmt.Sprint("/console/cases/", away))
	of := fmt.Sprint("/console/officers/", w.officers["karim"].ID)
	head.post(of+"/rights", url.Values{"role": {"supervisor"}, "office": {"agadir"}})
	head.post(of+"/renew", nil)
	head.post(of+"/disabled", url.Values{"disabled": {"yes"}})
	head.post(of+"/disabled", url.Values{"disabled": {"no"}})
	root.post("/console/officers", url.Values{"login": {"sara"}, "name": {"Sara"}, "role": {"head"}, "office": {"tiznit"}})
	want = []string{"لطيفة بناني enable agadir Karim Ouhaddou", "لطيفة بناني disable agadir Karim Ouhaddou", "لطيفة بناني renew agadir Karim Ouhaddou", "لطيفة بناني entrust agadir Karim Ouhaddou",
		"Amina El Idrissi export agadir", "Amina El Idrissi register agadir", "Amina El Idrissi receipt agadir", "Amina El Idrissi sheet agadir"}
	if got := acts(bot.ActQuery{Office: "agadir", Limit: 8}); !slices.Equal(got, want) {
		t.Errorf("the rest is\n%q, want\n%q", got, want)
	}
	if got, want := acts(bot.ActQuery{Office: "tiznit"}), []string{"Administration appoint tiznit Sara", "Omar Achtouk read tiznit"}; !slices.Equal(got, want) {
		t.Errorf("elsewhere it is %q, want %q", got, want)
	}
	page := text(head.page("/console/audit"))
	for _, want := range []string{"Amina El Idrissi · a lu un dossier", "Amina El Idrissi · a exporté le registre", "لطيفة بناني · a fermé un compte · Karim Ouhaddou"} {
		if !strings.Contains(page, want) {
			t.Errorf("the head does not read %q: %s", want, page)
		}
	}
	for _, no := range []string{"Omar", "Sara", "Mariam", "frappe"} {
		if strings.Contains(page, no) {
			t.Errorf("the head of Agadir reads %q", no)
		}
	}
	k, _, err := w.store.Case(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if page := text(head.page("/console/audit?what=read&case=" + url.QueryEscape(strings.ToLower(k.Reference)))); strings.Count(page, "· a lu un dossier · "+k.Reference) != 4 {
		t.Errorf("of the case: %s", page)
	}
	if status, _, _ := head.get("/console/audit?office=tiznit"); status != 403 {
		t.Errorf("the head reads another office's log: %d", status)
	}
	if page := text(root.page("/console/audit")); !strings.Contains(page, "Omar Achtouk") || !strings.Contains(page, "Amina El Idrissi") {
		t.Error("the administrator does not read every office's log")
	}
}

// A phone makes the codes of a second factor, as an application for codes does.
type phone struct {
	t      *testing.T
	secret string
}

// at is the code so many steps of half a minute from a time.
func (p phone) at(now time.Time, steps int) string {
	p.t.Helper()
	code, err := totp.GenerateCode(p.secret, now.Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// enrol gives an officer who is logged in a second factor, and returns the phone and the recovery codes. It uses the code
// of the step before this one.
func (b *browser) enrol(now time.Time) (phone, []string) {
	b.w.t.Helper()
	const at = "/console/account/second"
	if status, _, _ := b.post(at+"/begin", url.Values{"passphrase": {"pas la bonne phrase"}}); status != 422 {
		b.w.t.Errorf("a second factor is begun without the passphrase: %d", status)
	}
	if status, to, _ := b.post(at+"/begin", url.Values{"passphrase": {passphrase}}); status != 303 || to != at {
		b.w.t.Fatalf("begin: %d %s", status, to)
	}
	doc := b.page(at)
	secrets, codes := all(doc, class("secret")), all(doc, class("qr"))
	if len(secrets) != 1 || len(codes) != 1 {
		b.w.t.Fatalf("%d secrets, %d codes to scan", len(secrets), len(codes))
	}
	p := phone{b.w.t, strings.ReplaceAll(text(secrets[0]), " ", "")}
	if status, _, _ := b.post(at, url.Values{"code": {p.at(now, -5)}}); status != 422 {
		b.w.t.Errorf("an old code confirms: %d", status)
	}
	status, _, body := b.post(at, url.Values{"code": {p.at(now, -1)}})
	recovery := texts(all(parse(b.w.t, body), class("secret")))
	if status != 200 || len(recovery) != 10 {
		b.w.t.Fatalf("confirm: %d, %d recovery codes", status, len(recovery))
	}
	return p, recovery
}

// TestSecondFactor: with it, the passphrase alone opens nothing; a code opens once, in any digits, half a minute early or
// late; a recovery code opens once; guessing is slowed and the honest still get in; who manages an officer takes it away,
// which ends their log-ins.
func TestSecondFactor(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.console.Now = func() time.Time { return now }
	amina := w.browser("amina")
	phone, recovery := amina.enrol(now)
	if status, _, _ := amina.get("/console/"); status != 200 {
		t.Fatalf("after it: %d", status)
	}
	half := func() *browser {
		t.Helper()
		b := w.browser("")
		if status, to, _ := b.post("/console/login", url.Values{"login": {"amina"}, "passphrase": {passphrase}, "next": {"/console/figures"}}); status != 303 || to != "/console/login/code?next=%2Fconsole%2Ffigures" {
			t.Fatalf("the passphrase alone: %d %s", status, to)
		}
		return b
	}
	in := func(b *browser) bool { status, _, _ := b.get("/console/"); return status == 200 }
	enter := func(b *browser, code string) int {
		status, _, _ := b.post("/console/login/code", url.Values{"code": {code}, "next": {"/console/figures"}})
		return status
	}
	b := half()
	if in(b) {
		t.Error("the passphrase alone opens the queue")
	}
	if status := enter(b, phone.at(now, -1)); status != 401 || in(b) {
		t.Errorf("the code that confirmed the factor opens again: %d", status)
	}
	for _, bad := range []string{"", "12345", "1234567", "abcdef", phone.at(now, 4), recovery[0] + "x"} {
		if status := enter(b, bad); status != 401 || in(b) {
			t.Errorf("the code %q: %d", bad, status)
		}
		now = now.Add(45 * time.Second) // what was tried comes back, within the time for a code
	}
	b = half()
	code := phone.at(now, 0)
	arabic := strings.Map(func(r rune) rune { return r - '0' + '٠' }, code)
	if status := enter(b, arabic[:len(arabic)/2]+" "+arabic[len(arabic)/2:]); status != 303 || !in(b) {
		t.Errorf("the right code, in Arabic digits: %d", status)
	}
	other := half()
	if status := enter(other, code); status != 401 || in(other) {
		t.Errorf("a code is taken twice: %d", status)
	}
	if status := enter(other, recovery[3]); status != 303 || !in(other) {
		t.Errorf("a recovery code: %d", status)
	}
	if status := enter(half(), recovery[3]); status != 401 {
		t.Errorf("a recovery code is taken twice: %d", status)
	}
	if page := text(amina.page("/console/account/second")); !strings.Contains(page, "Codes de secours restants : 9.") {
		t.Errorf("what is left: %s", page)
	}
	// Somebody who has the passphrase guesses from many addresses; Amina, on a device that is known, gets in.
	stopped := 0
	for i := range 40 {
		b := half()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/console/login/code", strings.NewReader(url.Values{"code": {"000000"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
		if status, _, _ := b.do(r); status == 429 {
			stopped++
		}
		now = now.Add(10 * time.Second)
	}
	if stopped < 20 {
		t.Errorf("guessing codes from 40 addresses was stopped %d times only", stopped)
	}
	if status, to, _ := amina.post("/console/login", url.Values{"login": {"amina"}, "passphrase": {passphrase}}); status != 303 || !strings.HasPrefix(to, "/console/login/code") {
		t.Fatalf("the honest officer's passphrase: %d %s", status, to)
	}
	if status := enter(amina, phone.at(now, 0)); status != 303 || !in(amina) {
		t.Errorf("the honest officer is locked out on a known device: %d", status)
	}
	// Too late, and a passphrase that was changed meanwhile.
	late := half()
	now = now.Add(6 * time.Minute)
	if status := enter(late, phone.at(now, 0)); status != 303 || in(late) {
		t.Errorf("a code after the time for it: %d", status)
	}
	head := w.browser("latifa")
	of := fmt.Sprintf("/console/officers/%d", w.officers["amina"].ID)
	if status, _, _ := w.browser("karim").post(of+"/second", nil); status != 403 {
		t.Errorf("a colleague takes it away: %d", status)
	}
	if status, _, _ := head.post(of+"/second", nil); status != 303 || in(amina) {
		t.Errorf("the head takes it away: %d", status)
	}
	if !in(w.browser("amina")) {
		t.Error("and the passphrase alone does not open")
	}
	if n, err := w.store.Recovery(t.Context(), w.officers["amina"].ID); err != nil || n != 0 {
		t.Errorf("%d recovery codes stay, %v", n, err)
	}
	if acts, err := w.store.Acts(t.Context(), bot.ActQuery{What: bot.ActReset}); err != nil || len(acts) != 1 || acts[0].About != w.officers["amina"].ID {
		t.Errorf("in the log: %+v %v", acts, err)
	}
}

// TestSecondFactorRequired: a role that works only with a second factor reaches nothing else before, and then everything;
// it cannot be given up.
func TestSecondFactorRequired(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.console.Now = func() time.Time { return now }
	w.console.Second = []string{bot.RoleHead}
	const at = "/console/account/second"
	head := w.browser("latifa")
	id := w.arrive(arrival{words: "bonjour"})
	for _, path := range []string{"/console/", "/console/account", fmt.Sprint("/console/cases/", id), "/console/register.xlsx", "/console/officers"} {
		if status, to, _ := head.get(path); status != 303 || to != at {
			t.Errorf("GET %s before: %d %s", path, status, to)
		}
	}
	if status, to, _ := head.post(fmt.Sprintf("/console/cases/%d/claim", id), nil); status != 303 || to != at {
		t.Errorf("claim before: %d %s", status, to)
	}
	if status, _, _ := head.get("/console/events"); status != 403 {
		t.Errorf("events before: %d", status)
	}
	if status, _, _ := w.browser("amina").get("/console/"); status != 200 {
		t.Errorf("an officer need not: %d", status)
	}
	phone, _ := head.enrol(now)
	if status, _, _ := head.get(fmt.Sprint("/console/cases/", id)); status != 200 {
		t.Errorf("a case after: %d", status)
	}
	if status, _, _ := head.post(at+"/drop", url.Values{"code": {phone.at(now, 0)}}); status != 403 {
		t.Errorf("it is given up: %d", status)
	}
	if status, _, body := head.post(at+"/codes", url.Values{"code": {phone.at(now, 0)}}); status != 200 || len(all(parse(t, body), class("secret"))) != 10 {
		t.Errorf("other recovery codes: %d", status)
	}
	w.console.Second = nil
	now = now.Add(time.Minute)
	if status, _, _ := head.post(at+"/drop", url.Values{"code": {phone.at(now, 0)}}); status != 303 {
		t.Errorf("where it is not asked for, it can be given up: %d", status)
	}
	if status, _, _ := w.browser("latifa").get("/console/"); status != 200 {
		t.Errorf("then the passphrase is enough: %d", status)
	}
}
