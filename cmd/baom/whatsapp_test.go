package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"
	"rsc.io/qr"

	"baom/handlers/browsertest"
	"baom/handlers/whatsapp/whatsapptest"
)

// quick are settings with which a test does not wait for a person's pace.
var quick = []string{"BAOM_WHATSAPP=on", "BAOM_WHATSAPP_PAUSE=0s", "BAOM_WHATSAPP_PER_MINUTE=600"}

// linkByCode links the office's telephone with baom pair, by code, and waits until serve has the line.
func linkByCode(t *testing.T, s *whatsapptest.Server, office *whatsapptest.Account, r *running) {
	t.Helper()
	out := newOutput()
	done := make(chan int, 1)
	p := &program{env: r.env, stdin: strings.NewReader(""), stdout: out, stderr: out, wire: s.HTTPClient()}
	go func() { done <- p.run(context.Background(), []string{"pair", "-phone", "+212 528 00 00 01"}) }()
	if err := office.Enter(out.find(t, `enter the code  ([0-9A-Z-]+)`)); err != nil {
		t.Fatal(err)
	}
	out.find(t, `(Paired)`)
	if code := <-done; code != 0 {
		t.Fatalf("baom pair ended with %d", code)
	}
	r.log.find(t, `("state":"connected")`)
}

// TestWholeLineWhatsApp is the main job over WhatsApp, through real encryption: the office's telephone is linked; a person
// opens a case with a voice note; an officer in a browser answers with words and a document; the person gets both and says
// how it went.
func TestWholeLineWhatsApp(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM Agadir")
	r := serveOn(t, s.HTTPClient(), quick...)
	linkByCode(t, s, office, r)
	tab := r.officer(t, "fr", 1280)
	p := s.Person("33600000002", "90000000000002", "Awa")
	p.Say(office, "👋")
	p.Expect("Choisissez votre langue")
	p.Say(office, "Français")
	p.Expect("Êtes-vous d'accord")
	p.Say(office, "1")
	if m := whatsapptest.Text(p.Expect("Que voulez-vous faire")); !strings.Contains(m, "\n1. Poser une question\n2. Ouvrir un dossier\n") || !strings.Contains(m, "_Répondez avec le numéro") {
		t.Errorf("the menu is shown as %q", m)
	}
	p.Say(office, "٢") // 2
	p.Expect("Quelle est votre situation")
	p.Say(office, "je viens d'un autre pays")
	p.Expect("De quoi avez-vous besoin")
	p.Say(office, "Travail")
	p.Expect("Plus précisément")
	p.Say(office, "1")
	p.Expect("prénom")
	p.Say(office, "Awa")
	p.Expect("nom de famille")
	p.Say(office, "passer")
	p.Expect("nationalité")
	p.Say(office, "sénégalaise")
	p.Expect("commune")
	p.Say(office, "Agadir")
	p.Expect("âge")
	p.Say(office, "29")
	p.Expect("Vous êtes")
	p.Say(office, "une femme")
	p.Expect("travail")
	p.Say(office, "Travail agricole")
	p.Expect("famille")
	p.Say(office, "passer")
	p.Expect("vous joindre")
	p.Say(office, "ici par message")
	p.Expect("avec vos mots")
	p.Voice(office, []byte("OggS une note vocale"))
	p.Expect("Est-ce juste")
	p.Say(office, "oui, envoyer")
	ref := regexp.MustCompile(`[A-Z]{2}-[0-9A-Z]{4}-[0-9]{2}`).FindString(whatsapptest.Text(p.Expect("Votre référence")))
	tab.Sees(ref)
	paper := filepath.Join(t.TempDir(), "liste des papiers.pdf")
	pdf := []byte("%PDF-1.4 une liste")
	if err := os.WriteFile(paper, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	work(t, tab, "Bonjour Awa. Venez jeudi à 9 h.", func() {
		p.Expect("vous répond maintenant")
		if m := whatsapptest.Text(p.Expect("Venez jeudi")); m != "*Administration :*\nBonjour Awa. Venez jeudi à 9 h." {
			t.Errorf("the officer's words come as %q", m)
		}
		tab.Run(browsertest.Until(`document.querySelector("#lines audio") !== null`))
		tab.Run(chromedp.SetUploadFiles(`form.reply [type=file]`, []string{paper}))
		tab.Click(".send")
		doc := p.Read().Message.GetDocumentMessage()
		if data, err := p.Client.Download(t.Context(), doc); err != nil || !bytes.Equal(data, pdf) || doc.GetFileName() != "liste des papiers.pdf" {
			t.Errorf("the document comes as %q, %d bytes: %v", doc.GetFileName(), len(data), err)
		}
		tab.Shoot("line-whatsapp-case")
	})
	p.Expect("Le service vous a plu")
	p.Say(office, "5")
	p.Expect("ajouter un mot")
	p.Say(office, "merci beaucoup madame")
	p.Expect("Cela nous aide")
	if c := r.survey(t); c.Score != 5 || c.Reference != ref || c.Office != "agadir" || c.Answers["first-name"] != "Awa" {
		t.Errorf("the case is %+v", c)
	}
	for _, secret := range []string{"33600000002", "90000000000002", "Awa", "jeudi"} {
		if strings.Contains(r.log.buf.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	resp, err := http.Get(r.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	body.ReadFrom(resp.Body)
	if !strings.Contains(body.String(), `baom_whatsapp_link{state="connected"} 1`) || !strings.Contains(body.String(), "baom_whatsapp_alarm 0") {
		t.Errorf("/metrics says %s", body.String())
	}
}

// TestErasedWhatsApp: who has their data erased is named nowhere in the database, in WhatsApp's own tables neither; who is
// still there is; and who writes again is received as somebody new. By the command it is the same, whether serve runs or not.
func TestErasedWhatsApp(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM Agadir")
	r := serveOn(t, s.HTTPClient(), quick...)
	linkByCode(t, s, office, r)
	agree := func(p *whatsapptest.Person) {
		t.Helper()
		p.Say(office, "👋")
		p.Expect("Choisissez votre langue")
		p.Say(office, "Français")
		p.Expect("Êtes-vous d'accord")
		p.Say(office, "1")
		p.Expect("Que voulez-vous faire")
	}
	awa, bintou := s.Person("33600000002", "90000000000002", "Awa"), s.Person("33600000003", "90000000000003", "Bintou")
	agree(awa)
	agree(bintou)
	if len(r.naming(t, "33600000003", "90000000000003")) < 4 {
		t.Error("this test proves nothing: nobody is named")
	}
	awa.Say(office, "supprimer")
	awa.Expect("Tout effacer")
	awa.Say(office, "1")
	awa.Expect("Tout est effacé")
	gone := func(when string, names ...string) {
		t.Helper()
		s.Until(when+" nothing names who was erased", func() bool { return len(r.naming(t, names...)) == 0 })
	}
	gone("after the farewell", "33600000002", "90000000000002")
	if len(r.naming(t, "33600000003", "90000000000003")) < 4 {
		t.Error("somebody else is gone too")
	}
	agree(awa)
	out := newOutput()
	p := &program{env: r.env, stdin: strings.NewReader(""), stdout: out, stderr: out, wire: s.HTTPClient()}
	if code := p.run(t.Context(), []string{"forget", "whatsapp", "33600000002"}); code != 0 {
		t.Fatalf("baom forget: %d %s", code, out.buf.String())
	}
	gone("after baom forget", "33600000002", "90000000000002")
	r.stop()
	if code := p.run(t.Context(), []string{"forget", "whatsapp", "90000000000003@lid"}); code != 0 {
		t.Fatalf("baom forget without serve: %d %s", code, out.buf.String())
	}
	if left := r.naming(t, "33600000003", "90000000000003"); len(left) > 0 {
		t.Errorf("left of who was erased while serve did not run: %v", left)
	}
}

// naming lists the tables of the database that hold one of the names as it is.
func (r *running) naming(t *testing.T, names ...string) (found []string) {
	t.Helper()
	url := ""
	for _, e := range r.env {
		if v, ok := strings.CutPrefix(e, "BAOM_DATABASE_URL="); ok {
			url = v
		}
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `select quote_ident(table_schema) || '.' || quote_ident(table_name) from information_schema.tables
		where table_schema in ('public', 'whatsapp') and table_type = 'BASE TABLE'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 30 {
		t.Fatal(len(tables), err)
	}
	for _, table := range tables {
		for _, name := range names {
			var n int
			if err := conn.QueryRow(t.Context(), `select count(*) from `+table+` x where strpos(x::text, $1) > 0`, name).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				found = append(found, table)
			}
		}
	}
	return found
}

// TestLinkInConsole: an administrator links the telephone in the console, by code, sees it connected, and is told on every
// page when it is logged out.
func TestLinkInConsole(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM Agadir")
	r := serveOn(t, s.HTTPClient(), quick...)
	tab := r.officer(t, "fr", 360)
	tab.Run(chromedp.Navigate(r.url + "/console/whatsapp"))
	tab.Sees("Aucun téléphone")
	tab.Press("Montrer un QR")
	tab.Run(chromedp.WaitVisible(`svg.qr`))
	tab.Fits("the QR")
	tab.Shoot("whatsapp-qr")
	r2 := serveOn(t, s.HTTPClient(), quick...)
	tab = r2.officer(t, "ar", 360)
	tab.Run(chromedp.Navigate(r2.url + "/console/whatsapp"))
	tab.Click("#phone details summary")
	tab.Type("[name=phone]", "+212528000001")
	tab.Click("#phone details button")
	code := browsertest.Ask(tab, "the code", chromedp.Text(`#phone .secret`))
	tab.Shoot("whatsapp-code-ar")
	if err := office.Enter(strings.TrimSpace(code)); err != nil {
		t.Fatal(err)
	}
	tab.Run(browsertest.Until(`document.querySelector("[data-state=connected]") !== null`))
	tab.Shoot("whatsapp-connected-ar")
	s.Unlink(office.Device(1))
	tab.Run(browsertest.Until(`document.querySelector("[data-state=loggedout]") !== null`))
	tab.Run(chromedp.Navigate(r2.url+"/console/"), chromedp.WaitVisible(`.linkalarm`))
	tab.Shoot("whatsapp-loggedout-ar")
	r2.log.forgive("the line has ended")
}

// TestBlocks: what the terminal shows is the QR, module by module.
func TestBlocks(t *testing.T) {
	code, err := qr.Encode("https://wa.me/settings/linked_devices#"+fmt.Sprintf("%0200d", 7), qr.L)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(blocks(code), "\n"), "\n")
	signs := map[rune][2]bool{' ': {}, '▀': {true, false}, '▄': {false, true}, '█': {true, true}}
	for y := -2; y < code.Size+2; y += 2 {
		row := []rune(strings.TrimSuffix(strings.TrimPrefix(lines[(y+2)/2], "\x1b[30;107m"), "\x1b[0m"))
		if len(row) != code.Size+4 {
			t.Fatalf("a line of %d modules", len(row))
		}
		for x := -2; x < code.Size+2; x++ {
			if got := signs[row[x+2]]; got != [2]bool{code.Black(x, y), code.Black(x, y+1)} {
				t.Fatalf("at %d, %d there is %q", x, y, row[x+2])
			}
		}
	}
}
