package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/tools/txtar"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/console"
	"baom/storage"
)

//go:embed demo/conversations.txtar
var invented embed.FS

// A demo makes the demonstration office: its officers, an earlier list taken over from Excel, and conversations that are
// played through the bot and the desk themselves, at the times at which they would have happened. It is the same at every
// start but for the day and the passphrases.
type demo struct {
	now      time.Time // the time it is in the story
	end      time.Time // the present
	lib      *content.Library
	store    *storage.Store
	bot      *bot.Bot
	desk     *bot.Desk
	officers map[string]*bot.Officer
	keys     int

	sessions   map[bot.Peer]flows.Session // where each conversation stands
	references map[bot.Peer]string        // of its case
}

// demoOfficers are the officers of the demonstration, one of each role at least.
func demoOfficers() []bot.Officer {
	return []bot.Officer{
		{Login: "admin", Name: "Administration", Role: bot.RoleAdmin},
		{Login: "latifa", Name: "Latifa Bennani", Role: bot.RoleHead, Office: "agadir", Langs: []content.Lang{content.French, content.Arabic, content.Darija}},
		{Login: "amina", Name: "Amina El Idrissi", Role: bot.RoleOfficer, Office: "agadir", Langs: []content.Lang{content.French, content.Arabic, content.Darija}},
		{Login: "karim", Name: "Karim Ait Said", Role: bot.RoleOfficer, Office: "agadir", Langs: []content.Lang{content.French, content.Spanish}},
		{Login: "sara", Name: "Sara Amrani", Role: bot.RoleOfficer, Office: "agadir", Langs: []content.Lang{content.French, content.English}},
		{Login: "nadia", Name: "Nadia Oubella", Role: bot.RoleHead, Office: "ait-amira", Langs: []content.Lang{content.French, content.Arabic}},
		{Login: "elue", Name: "Fatima Zahra Tazi", Role: bot.RoleSupervisor, Office: "agadir"},
		{Login: "reseau", Name: "Omar Lahlou", Role: bot.RoleNetwork},
	}
}

// demonstrate fills an empty database with the demonstration office, and prints the log-ins.
func (p *program) demonstrate(ctx context.Context, databaseURL string, key []byte, shelf *shelf, log *slog.Logger) error {
	d := &demo{end: time.Now().In(zone()).Truncate(time.Second), lib: shelf.Library(), officers: map[string]*bot.Officer{},
		sessions: map[bot.Peer]flows.Session{}, references: map[bot.Peer]string{}}
	d.now = d.end.AddDate(-1, 0, 0)
	clock := func() time.Time { return d.now }
	var err error
	d.store, err = storage.Open(ctx, storage.Options{DatabaseURL: databaseURL, Secret: key, Now: clock, Log: log})
	if err != nil {
		return err
	}
	defer d.store.Close()
	draws := uint64(0)
	d.bot = &bot.Bot{Book: shelf.Book, Journal: d.store, Now: clock, Log: log, Seed: func() uint64 {
		draws++
		return draws * 0x9E3779B97F4A7C15
	}}
	d.desk = &bot.Desk{Cases: d.store, Questions: d.store, Register: d.store, Imports: d.store, Lib: shelf.Library, Now: clock}
	if err := d.appoint(ctx, p); err != nil {
		return fmt.Errorf("the demonstration's officers: %w", err)
	}
	d.now = d.end.AddDate(0, 0, -20)
	if err := d.takeOver(ctx); err != nil {
		return fmt.Errorf("the demonstration's earlier list: %w", err)
	}
	data, err := invented.ReadFile("demo/conversations.txtar")
	if err != nil {
		return err
	}
	scenes, err := d.scenes(data)
	if err != nil {
		return err
	}
	return d.play(ctx, scenes)
}

// appoint makes the officers and an office's ready replies, and prints the log-ins. They have one passphrase, made anew at
// every start.
func (d *demo) appoint(ctx context.Context, p *program) error {
	pass := newPassphrase()
	hash, err := console.HashPassphrase(pass)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "demonstration: nobody in here exists, and everything is made anew at the next start\nlog in to the console with the passphrase %s as\n", pass)
	for _, o := range demoOfficers() {
		o.Hash = hash
		if err := d.store.SaveOfficer(ctx, &o); err != nil {
			return err
		}
		d.officers[o.Login] = &o
		where := o.Office
		if where == "" {
			where = "every office"
		}
		fmt.Fprintf(p.stdout, "  %-8s %-10s %-12s %s\n", o.Login, o.Role, where, o.Name)
	}
	for _, r := range []bot.Canned{
		{Name: "Bienvenue", Texts: content.Text{content.French: "Bonjour {prenom}, ici {agent} du {bureau}. Je lis votre demande et je vous réponds.", content.Arabic: "السلام عليكم {prenom}، معكم {agent} من {bureau}. أقرأ طلبكم وأجيبكم.", content.English: "Hello {prenom}, this is {agent} at {bureau}. I am reading your request and will answer."}},
		{Name: "Rendez-vous au bureau", Texts: content.Text{content.French: "{prenom}, pouvez-vous passer au bureau ? Votre référence : {reference}.", content.Arabic: "{prenom}، هل يمكنكم المجيء إلى المكتب؟ مرجعكم: {reference}."}},
		{Name: "Sans nouvelles", Texts: content.Text{content.French: "Bonjour {prenom}, avez-vous encore besoin de nous ? Écrivez-nous quand vous voulez.", content.Arabic: "السلام عليكم {prenom}، هل ما زلتم بحاجة إلينا؟ اكتبوا لنا متى شئتم."}},
	} {
		r.Office = "agadir"
		if err := d.desk.SaveCanned(ctx, d.officers["latifa"], r); err != nil {
			return err
		}
	}
	return nil
}

// takeOver takes over the office's list as it was kept in Excel until now, from a workbook, as an officer would.
func (d *demo) takeOver(ctx context.Context) error {
	book := excelize.NewFile()
	defer book.Close()
	rows := [][]any{{"N°", "Date", "Nom et prénom", "Sexe", "Âge", "Nationalité", "Commune", "Catégorie", "Motif", "État", "Clôture", "Suite donnée", "Langue"}}
	label := func(id string) string { return d.lib.Label(id, content.French) }
	kinds := []struct {
		profile, need, nationality, lang string
		names                            []string
	}{
		{"rpt", "A1", "Sénégal", "Français", []string{"Awa Ndiaye", "Cheikh Fall", "Ousmane Sy", "Bineta Gueye"}},
		{"mdm", "H1", "Maroc", "Français", []string{"Rachid Amrani", "Samira Ouahbi", "Khalid Naciri", "Naïma Bouzid"}},
		{"rpt", "C1", "Côte d'Ivoire", "Français", []string{"Adjoua Kouassi", "Serge Yao", "Mariam Touré", "Fatou Bamba"}},
		{"ad", "G2", "Maroc", "Arabe", []string{"Khadija Aznag", "Zahra Idali", "Rkia Oufkir", "Aicha Belaid"}},
		{"rpt", "E2", "Guinée", "Français", []string{"Alpha Barry", "Mamadou Bah", "Sékou Camara", "Aissatou Sow"}},
		{"ret", "G1", "Maroc", "Arabe", []string{"Lahcen Amghar", "Mohamed Tamri", "Fatima Outmani", "Ahmed Iguider"}},
	}
	outcomes := []string{"informed", "accompanied", "oriented", "informed"}
	ages := []int{19, 23, 28, 31, 34, 38, 42, 47, 53, 61}
	communes := []string{"agadir", "agadir", "agadir", "taroudant", "ait-melloul"}
	const n = 168
	first := d.end.AddDate(0, -11, 0)
	span := d.now.AddDate(0, 0, -14).Sub(first) // the last are closed by now
	for i := range n {
		k := kinds[(i*i+i/5)%len(kinds)]
		day := first.Add(span * time.Duration(i) / n)
		for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
			day = day.AddDate(0, 0, 1)
		}
		day = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
		name := k.names[(i/3)%len(k.names)] + " " + string(rune('A'+i%26)) + string(rune('a'+i/26)) + "."
		gender := []string{"f", "m"}[(i/2)%2]
		closed := day.AddDate(0, 0, 2+i%9)
		rows = append(rows, []any{i + 1, day, name, label("gender." + gender), ages[(i*7)%len(ages)], k.nationality,
			d.lib.Office(communes[i%len(communes)]).Name.In(content.French), label("profile." + k.profile), label("need." + k.need),
			label("console.state.closed"), closed, label("console.outcome." + outcomes[i%len(outcomes)]), k.lang})
	}
	for i, row := range rows {
		if err := book.SetSheetRow("Sheet1", "A"+strconv.Itoa(i+1), &row); err != nil {
			return err
		}
	}
	file, err := book.WriteToBuffer()
	if err != nil {
		return err
	}
	latifa := d.officers["latifa"]
	sheet, err := console.ReadSheet(file.Bytes())
	if err != nil {
		return err
	}
	id, err := d.desk.BeginImport(ctx, latifa, "agadir", sheet)
	if err != nil {
		return err
	}
	i, err := d.desk.OpenImport(ctx, latifa, id)
	if err != nil {
		return err
	}
	run, err := d.desk.DryRun(ctx, i)
	if err != nil {
		return err
	}
	if run.Count[bot.FateNew] != n {
		return fmt.Errorf("of %d rows %v can be taken: unknown %v", n, run.Count, run.Unknown)
	}
	_, err = d.desk.TakeOver(ctx, latifa, run, run.Digest, nil, false)
	return err
}

// A scene is one line of a conversation, and when it happens.
type scene struct {
	at   time.Time
	peer bot.Peer
	line string
}

// begins reads the heading of a conversation: its channel and how long ago it began.
var begins = regexp.MustCompile(`^(telegram|whatsapp|web) (\d+) (j|h|m)(?: (\d\d):(\d\d))?$`)

// scenes are the lines of all conversations in the order in which they happen.
func (d *demo) scenes(data []byte) ([]scene, error) {
	var all []scene
	for n, f := range txtar.Parse(data).Files {
		m := begins.FindStringSubmatch(f.Name)
		if m == nil {
			return nil, fmt.Errorf("a conversation begins with %q", f.Name)
		}
		ago, _ := strconv.Atoi(m[2])
		at := d.end.Add(-time.Duration(ago) * map[string]time.Duration{"j": 24 * time.Hour, "h": time.Hour, "m": time.Minute}[m[3]])
		if m[4] != "" {
			hour, _ := strconv.Atoi(m[4])
			minute, _ := strconv.Atoi(m[5])
			at = time.Date(at.Year(), at.Month(), at.Day(), hour, minute, 0, 0, at.Location())
		}
		peer := bot.Peer{Channel: bot.Channel(m[1]), ID: fmt.Sprintf("demo-%d", n+1)}
		for line := range strings.Lines(string(f.Data)) {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			if wait, ok := strings.CutPrefix(line, "+ "); ok {
				number, unit, _ := strings.Cut(wait, " ")
				count, err := strconv.Atoi(number)
				length, known := map[string]time.Duration{"j": 24 * time.Hour, "h": time.Hour, "m": time.Minute}[unit]
				if err != nil || !known {
					return nil, fmt.Errorf("%s: how long is %q", f.Name, line)
				}
				at = at.Add(time.Duration(count) * length)
				continue
			}
			at = at.Add(time.Minute)
			all = append(all, scene{at, peer, line})
		}
	}
	slices.SortStableFunc(all, func(a, b scene) int { return a.at.Compare(b.at) })
	return all, nil
}

// play lets all scenes happen, each at its time; what would be to come is left out.
func (d *demo) play(ctx context.Context, scenes []scene) error {
	for _, s := range scenes {
		if s.at.After(d.end) {
			continue
		}
		d.now = s.at
		var err error
		switch {
		case strings.HasPrefix(s.line, "> "):
			err = d.says(ctx, s.peer, s.line[2:])
		case strings.HasPrefix(s.line, "? "):
			err = d.fillsIn(ctx, s.peer, s.line[2:])
		default:
			err = d.acts(ctx, s)
		}
		if err == nil {
			err = d.settle(ctx)
		}
		if err != nil {
			return fmt.Errorf("the demonstration, at %q: %w", s.line, err)
		}
	}
	d.now = d.end
	return d.settle(ctx)
}

// says lets a person write or press, and takes the turn.
func (d *demo) says(ctx context.Context, peer bot.Peer, line string) error {
	in, err := flows.ReadLine(line, nil)
	if err != nil {
		return err
	}
	in.At = d.now
	d.keys++
	e := bot.Entry{Peer: peer, Key: fmt.Sprintf("demo:%d", d.keys), Input: in}
	switch in.Kind {
	case flows.Image:
		e.Media = &bot.Media{Kind: in.Kind, Mime: "image/png", Data: demoPicture()}
	case flows.Voice:
		e.Media = &bot.Media{Kind: in.Kind, Mime: "audio/wav", Seconds: 3, Data: demoTone()}
	case flows.Document:
		e.Media = &bot.Media{Kind: in.Kind, Mime: "text/plain", Name: "attestation.txt", Data: []byte("Démonstration : cette attestation est inventée.\n")}
	}
	if e.Media != nil {
		e.Media.State, e.Media.Size = bot.MediaReady, int64(len(e.Media.Data))
	}
	_, deliver, err := d.store.Answer(ctx, e, func(s flows.Session, e bot.Entry) bot.Turn {
		t := d.bot.Take(s, e)
		d.sessions[peer] = t.Session
		if reference := t.Session.Slots["case"]; reference != "" {
			d.references[peer] = reference
		}
		return t
	})
	if err == nil && deliver != nil {
		err = deliver(ctx, nowhere{}.Send)
	}
	return err
}

// fillsIn lets a person open a case and answer the form.
func (d *demo) fillsIn(ctx context.Context, peer bot.Peer, answers string) error {
	given := map[string]string{}
	for _, a := range strings.Split(answers, ";") {
		id, value, _ := strings.Cut(strings.TrimSpace(a), "=")
		given[id] = value
	}
	line := "(bouton menu.intake)"
	for range 2 * len(d.lib.Form().Fields) {
		if err := d.says(ctx, peer, line); err != nil {
			return err
		}
		s := d.sessions[peer]
		if s.Flow != "intake" {
			return nil
		}
		d.now = d.now.Add(10 * time.Second)
		f, asked := d.lib.Field(s.State)
		value := given[f.ID]
		switch {
		case s.State == "summary":
			line = "(bouton summary.send)"
		case !asked:
			return fmt.Errorf("the form stands at %q", s.State)
		case value == "":
			line = "(bouton skip)"
		case f.Kind == "name" || f.Kind == "words" || f.Kind == "contact" && value != "here":
			line = value
		default:
			line = "(bouton " + f.ID + "." + value + ")"
			if f.Kind == "country" {
				line = "(bouton country." + value + ")"
			}
		}
	}
	return fmt.Errorf("the form does not end: %s", d.sessions[peer].State)
}

// acts lets an officer do something with the case of a conversation.
func (d *demo) acts(ctx context.Context, s scene) error {
	login, rest, _ := strings.Cut(s.line, " ")
	who := d.officers[login]
	what, words, _ := strings.Cut(" "+rest, " : ")
	verb := append(strings.Fields(what), "", "", "")
	if who == nil {
		return errors.New("no officer of that name")
	}
	id, err := d.caseOf(ctx, s.peer)
	if err != nil {
		return err
	}
	switch verb[0] {
	case "":
		_, err = d.desk.Reply(ctx, who, id, words, nil)
	case "prend":
		_, err = d.desk.Claim(ctx, who, id)
	case "note":
		_, err = d.desk.Note(ctx, who, id, words)
	case "passe":
		to := d.officers[verb[2]]
		if to == nil {
			return errors.New("nobody of that name to pass it to")
		}
		_, err = d.desk.Hand(ctx, who, id, bot.To{Officer: to.ID}, words)
	case "oriente":
		_, err = d.desk.Card(ctx, who, id, verb[1])
	case "ferme":
		_, err = d.desk.Close(ctx, who, id, bot.Closing{Outcome: verb[1], Structure: verb[2], Words: words})
	case "étiquette":
		_, err = d.desk.Tag(ctx, who, id, nil, strings.Join(verb[1:], " "))
	default:
		err = fmt.Errorf("an officer does %q", verb[0])
	}
	return err
}

// caseOf is the case of a conversation, whatever its state.
func (d *demo) caseOf(ctx context.Context, peer bot.Peer) (int64, error) {
	list, err := d.store.Queue(ctx, bot.Query{Reference: d.references[peer], States: []string{bot.StateOpen, bot.StateClaimed, bot.StateClosed}})
	if err == nil && (len(list) != 1 || d.references[peer] == "") {
		err = errors.New("the conversation has no case")
	}
	if err != nil {
		return 0, err
	}
	return list[0].ID, nil
}

// settle takes the turns that are due and lets everything that was said arrive.
func (d *demo) settle(ctx context.Context) error {
	for _, do := range []func() error{
		func() error { return d.store.Turn(ctx, d.bot.Take) },
		func() error { return d.store.Deliver(ctx, bot.Web, nowhere{}.Send) },
		func() error { return d.store.Deliver(ctx, bot.Telegram, nowhere{}.Send) },
		func() error { return d.store.Deliver(ctx, bot.WhatsApp, nowhere{}.Send) },
	} {
		for {
			err := do()
			if errors.Is(err, bot.ErrIdle) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// A nowhere is the network of a demonstration: what is sent leads to nobody, and nothing arrives.
type nowhere struct{ channel bot.Channel }

// Channel implements bot.Messenger.
func (n nowhere) Channel() bot.Channel { return n.channel }

// Run implements bot.Messenger.
func (nowhere) Run(ctx context.Context, _ func(context.Context, bot.Entry) error) error {
	<-ctx.Done()
	return nil
}

// Open implements bot.Messenger.
func (nowhere) Open(context.Context, bot.Media) (io.ReadCloser, error) {
	return nil, &bot.SendError{Permanent: true, Why: "démonstration", Err: errors.New("nothing is fetched from nowhere")}
}

// Send implements bot.Messenger.
func (nowhere) Send(_ context.Context, m bot.Message) (string, error) {
	return fmt.Sprintf("demo:%d", m.ID), nil
}

// demoPicture is a picture of nothing: a sheet of paper with lines.
func demoPicture() []byte {
	img := image.NewGray(image.Rect(0, 0, 420, 560))
	for y := range 560 {
		for x := range 420 {
			shade := uint8(250 - y/40)
			if x > 40 && x < 380-(y/28*53)%120 && y > 60 && y < 500 && y%28 < 5 {
				shade = 120
			}
			img.SetGray(x, y, color.Gray{Y: shade})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img) // a buffer takes everything
	return b.Bytes()
}

// demoTone is three seconds of a tone as a WAV file.
func demoTone() []byte {
	const rate, n = 8000, 24000
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, 36+n)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 8)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, n)
	for i := range n {
		b = append(b, byte(128+40*math.Sin(2*math.Pi*440*float64(i)/rate)))
	}
	return b
}
