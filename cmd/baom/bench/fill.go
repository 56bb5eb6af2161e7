package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"iter"
	"log/slog"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
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

// What the invented people are called and say. Their family names say that they are invented, wherever they are read.
var (
	firstNames = []string{"Aya", "Bakary", "Carmen", "Drissa", "Esther", "Fadma", "Gora", "Hanane", "Idir", "Joseph", "Khadija", "Lahcen", "Mariama", "Nabil",
		"Oumou", "Pape", "Rkia", "Salif", "Tasaadit", "Viviane", "Wassim", "Youssou", "Zahra", "فاطمة", "محمد", "خديجة"}
	lastNames = []string{"Inventé", "Fictif", "Exemple", "Modèle", "Essai", "Imaginaire"}
	endings   = []string{"ou", "ane", "iba", "oulé", "akh", "enzo", "ir", "ata", "elli", "ouch", "endi", "am"}
	says      = map[content.Lang][]string{
		content.French: {"bonjour", "je veux ouvrir un dossier", "comment renouveler ma carte de séjour ?", "merci beaucoup", "mon patron ne me paie pas depuis trois mois",
			"où est le bureau ?", "j'ai perdu le récépissé", "mon fils a neuf ans, quelle école peut le prendre ?"},
		content.Arabic:  {"السلام عليكم", "أريد فتح ملف", "كيف أجدد بطاقة الإقامة؟", "شكرا جزيلا", "أين يوجد المكتب؟", "ابني عمره تسع سنوات، أي مدرسة تقبله؟"},
		content.English: {"hello", "I want to open a file", "how do I renew my residence card?", "thank you", "where is the office?", "my employer has not paid me for three months"},
		content.Spanish: {"hola", "quiero abrir un expediente", "¿cómo renuevo la tarjeta de residencia?", "gracias", "¿dónde está la oficina?"},
		"ary":           {"سلام", "بغيت نفتح دوسي", "كيفاش نجدد لاكارط؟", "شكرا بزاف", "فين كاين المكتب؟"},
	}
	answersSaid = "**La carte de séjour se renouvelle deux mois avant sa fin.** Allez au bureau des étrangers avec l'ancienne carte, le passeport, quatre photos et le contrat. Le récépissé vaut titre provisoire. Est-ce que cela vous aide ?"
	choicesSaid = []content.Option{{ID: "useful.yes", Label: "Oui, merci"}, {ID: "useful.no", Label: "Non"}, {ID: "menu.officer", Label: "Parler à quelqu'un"}}
)

// invention says how much is invented.
type invention struct{ conversations, lines, cases int }

// runFill fills the empty record of a data folder, which serve then shows: BAOM_DATA_DIR=DIR baom serve.
func runFill(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench fill", flag.ContinueOnError)
	var n invention
	f.IntVar(&n.conversations, "conversations", 100_000, "how many")
	f.IntVar(&n.lines, "lines", 10, "of each, on average")
	f.IntVar(&n.cases, "cases", 0, "how many; 0: a tenth of the conversations")
	pass := f.String("pass", "exemple-exemple", "the passphrase of the invented officers")
	if err := f.Parse(args); err != nil || f.NArg() != 1 {
		return errors.Join(err, errors.New("usage: bench fill [-conversations N] [-lines N] [-cases N] DIR"))
	}
	if n.cases == 0 {
		n.cases = n.conversations / 10
	}
	postgres, err := local.StartPostgres(ctx, local.Options{Dir: f.Arg(0)})
	if err != nil {
		return err
	}
	defer postgres.Stop(context.WithoutCancel(ctx))
	key, err := keyOf(f.Arg(0))
	if err != nil {
		return err
	}
	if err := storage.Migrate(ctx, postgres.URL); err != nil {
		return err
	}
	store, err := storage.Open(ctx, storage.Options{DatabaseURL: postgres.URL, Secret: key, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer store.Close()
	lib, err := content.Load(content.Builtin())
	if err != nil {
		return err
	}
	officers, err := inventOfficers(ctx, store, lib, *pass)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := store.Fill(ctx, invent(n, lib, officers, began)); err != nil {
		return err
	}
	health, err := storage.Examine(ctx, postgres.URL, time.Now)
	if err != nil {
		return err
	}
	fmt.Printf("%d conversations, about %d lines, %d cases in %s; %d MB\n", n.conversations, n.conversations*n.lines, n.cases, time.Since(began).Round(time.Second), health.Size>>20)
	return nil
}

// keyOf is the secret key of a data folder, made where there is none, as serve makes it.
func keyOf(dir string) ([]byte, error) {
	path := filepath.Join(dir, "secret.key")
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key := make([]byte, 32)
		rand.Read(key)
		return key, os.WriteFile(path, []byte(hex.EncodeToString(key)+"\n"), 0o600)
	}
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(strings.TrimSpace(string(data)))
}

// inventOfficers makes two officers in each office, where there are none: their ids by office.
func inventOfficers(ctx context.Context, store *storage.Store, lib *content.Library, pass string) (map[string][]int64, error) {
	officers := map[string][]int64{}
	hash, err := console.HashPassphrase(pass)
	if err != nil {
		return nil, err
	}
	for _, o := range lib.Offices() {
		for _, role := range []string{bot.RoleOfficer, bot.RoleHead} {
			who := &bot.Officer{Login: "exemple-" + role + "-" + o.ID, Name: "Exemple " + role, Hash: hash, Role: role, Office: o.ID}
			if known, err := store.OfficerByLogin(ctx, who.Login); err == nil {
				who = known
			} else if err := store.SaveOfficer(ctx, who); err != nil {
				return nil, err
			}
			officers[o.ID] = append(officers[o.ID], who.ID)
		}
	}
	return officers, nil
}

// An inventor invents people, the same ones for the same number.
type inventor struct {
	*mrand.Rand
	invention
	lib      *content.Library
	officers map[string][]int64
	now      time.Time
	opened   map[string]uint64 // how many cases an office has had
}

// invent invents conversations: of those with a case most are closed, within the year in which they are kept; of those
// without, the last word was said within the month in which they are.
func invent(n invention, lib *content.Library, officers map[string][]int64, now time.Time) iter.Seq[*storage.Past] {
	return func(yield func(*storage.Past) bool) {
		in := &inventor{mrand.New(mrand.NewPCG(1, 2)), n, lib, officers, now, map[string]uint64{}}
		cases := 0
		for i := range n.conversations {
			with := cases*n.conversations < n.cases*(i+1)
			if with {
				cases++
			}
			if !yield(in.past(i, with)) {
				return
			}
		}
	}
}

func (in *inventor) one(list []string) string { return list[in.IntN(len(list))] }

// past is one conversation.
func (in *inventor) past(i int, with bool) *storage.Past {
	channel := []bot.Channel{bot.Telegram, bot.WhatsApp, bot.Web}[in.IntN(3)]
	p := &storage.Past{Peer: bot.Peer{Channel: channel, ID: fmt.Sprintf("exemple-%d", i)}}
	langs := []content.Lang{content.French, content.French, content.Arabic, content.Arabic, "ary", content.English, content.Spanish}
	p.Session = flows.Session{Lang: langs[in.IntN(len(langs))], Flow: "menu", State: "menu", Consent: "yes", Slots: map[string]string{"lang.by": "choice"}}
	p.Seen = in.now.Add(-time.Duration(in.Float64() * float64(29*24*time.Hour)))
	n := 2 + in.IntN(max(1, 2*in.lines-5))
	if with {
		n += 8
		p.Opening = n / 2
		in.addCase(p)
	}
	p.Session.Seen = p.Seen
	for j := range n {
		l := bot.Line{Author: bot.ByPerson, Text: in.one(says[p.Session.Lang]), At: p.Seen.Add(-time.Duration(n-j) * 7 * time.Minute)}
		switch {
		case j%2 == 0:
		case p.Case != nil && p.Case.Officer != 0 && j > p.Opening:
			l = bot.Line{Author: bot.ByOfficer, Text: "Bonjour, votre dossier avance. Passez au bureau mardi matin avec le contrat.", At: l.At}
		default:
			l = bot.Line{Author: bot.ByBot, Text: answersSaid, Choices: choicesSaid, At: l.At}
		}
		if p.Case != nil && j == p.Opening {
			l = bot.Line{Author: bot.ByEvent, Event: "opened", At: p.Case.Opened}
		}
		p.Lines = append(p.Lines, l)
	}
	return p
}

// addCase gives a conversation its case.
func (in *inventor) addCase(p *storage.Past) {
	offices, needs := in.lib.Offices(), in.lib.Needs()
	o := &offices[int(float64(len(offices))*in.Float64()*in.Float64())] // some have many more than others
	need := needs[in.IntN(len(needs))]
	in.opened[o.ID]++ // no two of an office are the same: 7919 has no divisor in common with their number
	age := time.Duration(in.Float64() * float64(360*24*time.Hour))
	k := &bot.Case{Reference: flows.Reference(o.Letters, in.opened[o.ID]*7919), Office: o.ID, State: bot.StateClosed, Opened: in.now.Add(-age)}
	k.Answers = map[string]string{"profile": in.one([]string{"mdm", "ret", "rpt", "ad", "other"}), "need": need.ID, "first-name": in.one(firstNames),
		"last-name": in.one(lastNames) + in.one(endings) + in.one(endings), "nationality": in.one([]string{"SN", "CI", "GN", "ML", "CM", "MA", "NG"}), "commune": o.ID,
		"age": in.one([]string{"age.18-24", "age.25-34", "age.35-49", "age.50-64"}), "gender": in.one([]string{"gender.f", "gender.m"}),
		"work": in.one([]string{"work.farm", "work.unemployed", "work.self"}), "phone": fmt.Sprintf("+2120000%05d", in.IntN(100000)), "words": in.one(says[p.Session.Lang])}
	k.Last = k.Answers["words"]
	switch in.IntN(12) {
	case 0: // in the queue
		k.State, k.Waiting, k.Unread = bot.StateOpen, k.Opened, 1
		if in.IntN(20) == 0 {
			k.Urgent = "medical"
		}
	case 1: // in somebody's hands
		k.State, k.Officer, k.Claimed = bot.StateClaimed, in.officers[o.ID][in.IntN(2)], k.Opened.Add(age/10)
		if in.IntN(2) == 0 {
			k.Waiting, k.Unread = k.Opened.Add(age/2), 1
		}
	default:
		k.Officer, k.Claimed, k.Closed = in.officers[o.ID][in.IntN(2)], k.Opened.Add(age/10), k.Opened.Add(age/2)
		k.Outcome, k.Score = in.one(slices.DeleteFunc(bot.Outcomes(), func(o string) bool { return o == "withdrawn" })), in.IntN(6)
	}
	if k.State != bot.StateClosed {
		p.Session.Flow, p.Session.State = "handoff", "live"
		p.Session.Slots["case"], p.Session.Slots["case.state"] = k.Reference, k.State
	}
	p.Case = k
	p.Seen = k.Opened.Add(age / 2)
}
