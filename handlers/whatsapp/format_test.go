package whatsapp

import (
	"strings"
	"testing"
	"time"

	"baom/content"
	"baom/flows"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

func TestRender(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"bold and italic", "**Oui**, *peut-être*.", "*Oui*, _peut-être_."},
		{"within a word there are no marks", "**A**lpha", "Alpha"},
		{"stars that mean nothing", "un ** deux ** trois", "un ∗∗ deux ∗∗ trois"},
		{"lists", "1. un\n2. deux\n\n- a\n- **b**", "1. un\n2. deux\n\n• a\n• *b*"},
		{"a link", "[le site](https://baom.ma/x)", "le site (https://baom.ma/x)"},
		{"a link that shows itself", "https://baom.ma/a_b_c", "https://baom.ma/a_b_c"},
		{"a number", "[appelez](tel:+212528000000)", "appelez (+212528000000)"},
		{"a number that shows itself", "05 37 54 54 00", "05 37 54 54 00"},
		{"a code to dial", `composez \*133\*1\#`, "composez ∗133∗1#"},
		{"one star is none", "note *", "note *"},
		{"underscores", "_pas italique_ et nom_de_fichier", "ˍpas italiqueˍ et nom_de_fichier"},
	} {
		if got := render(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzRender: whatever the Markdown, no words are lost on the way to parts, and parts keep the limit.
func FuzzRender(f *testing.F) {
	for _, s := range []string{"**a *b* c**", "[x](https://a.b/?q=\"<)", "1. a\n2. b\n\n- c", "05 37 54 54 00", "*133*1#", "**\\*", "[a **b** c](tel:+212600000000)",
		strings.Repeat("é🙂", 40), strings.Repeat("mot ", 40), strings.Repeat("à\u0301", 80), "\xe2*\x80*\x80", "_a_ ~b~ `c`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2000 {
			return
		}
		text := render(s)
		var words []string
		for _, part := range split(text, 50) {
			if n := content.Units(part); n > 50 || n == 0 || strings.TrimSpace(part) != part {
				t.Fatalf("a part of %d units: %q", n, part)
			}
			words = append(words, strings.Fields(part)...)
		}
		if strings.Join(words, "") != strings.Join(strings.Fields(text), "") {
			t.Fatalf("%q in parts is %q", text, words)
		}
		said := ""
		for _, b := range content.Markdown(strings.ToValidUTF8(s, "\ufffd")) {
			for _, item := range b.Items {
				for _, span := range item {
					said += span.Text
				}
			}
		}
		if at, ok := missingLetter(said, text); !ok {
			t.Fatalf("%q lost %q in %q", said, at, text)
		}
	})
}

// missingLetter is the first letter or digit of what was meant that does not stand, in its order, in what is shown.
func missingLetter(meant, shown string) (rune, bool) {
	rest := []rune(shown)
	for _, r := range meant {
		if !wordy(r) {
			continue
		}
		for len(rest) > 0 && rest[0] != r {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return r, false
		}
		rest = rest[1:]
	}
	return 0, true
}

// FuzzCard: a vCard of any shape is read within bounds.
func FuzzCard(f *testing.F) {
	f.Add("BEGIN:VCARD\nFN:Awa\nTEL;waid=1:+33 6\nitem1.TEL:tel:06\nEND:VCARD")
	f.Add("FN\\,:\\n\r\nTEL::::\n;:\n.:")
	f.Fuzz(func(t *testing.T, s string) {
		_, phones := readCard(s)
		if len(phones) > 5 {
			t.Fatalf("%d telephones", len(phones))
		}
		for _, p := range phones {
			if len(p) > 40 || p == "" {
				t.Fatalf("a telephone %q", p)
			}
		}
	})
}

// FuzzEntry: whatever a message holds, it is read without a panic, within the bounds of an entry.
func FuzzEntry(f *testing.F) {
	for _, m := range []*waE2E.Message{
		{Conversation: proto.String("bonjour")}, {AudioMessage: &waE2E.AudioMessage{PTT: proto.Bool(true)}}, {DocumentMessage: &waE2E.DocumentMessage{FileName: proto.String("\xff")}},
		{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum()}}, {ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum()}},
		{ReactionMessage: &waE2E.ReactionMessage{}}, {ContactsArrayMessage: &waE2E.ContactsArrayMessage{Contacts: []*waE2E.ContactMessage{{}}}}, {LiveLocationMessage: &waE2E.LiveLocationMessage{}},
		{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("2"), ContextInfo: &waE2E.ContextInfo{Participant: proto.String("212528000001@s.whatsapp.net"),
			QuotedMessage: &waE2E.Message{Conversation: proto.String("1. a\n2. b")}}}},
	} {
		raw, err := proto.Marshal(m)
		if err != nil {
			raw = []byte{0x0a, 0x01, 0x61}
		}
		f.Add("3EB0", raw)
	}
	w := &WhatsApp{Config: Config{Now: time.Now}}
	l := &line{own: types.NewJID("212528000001", types.DefaultUserServer), live: map[string]time.Time{}}
	f.Fuzz(func(t *testing.T, id string, raw []byte) {
		m := &waE2E.Message{}
		if proto.Unmarshal(raw, m) != nil {
			return
		}
		e := (&events.Message{RawMessage: m, Info: types.MessageInfo{ID: id, MessageSource: types.MessageSource{
			Chat: types.NewJID("33600000002", types.DefaultUserServer), Sender: types.NewJID("33600000002", types.DefaultUserServer)}}}).UnwrapRaw()
		if e.Message.GetPollUpdateMessage() != nil { // needs a store
			return
		}
		entry, ok := w.entry(l, e)
		if ok && (len(entry.Key) == 0 || len(entry.Key) > 200 || entry.Peer.ID != "33600000002" || entry.Deletes == "" && entry.Input.Text == "" && entry.Input.Kind == flows.Text) {
			t.Fatalf("%+v", entry)
		}
	})
}

func TestLabelled(t *testing.T) {
	text := "1. Prévenez le patron\n2. Demandez\n\nEst-ce utile ?\n\n1. Oui, merci\n2. Non\n10. Autre"
	for n, want := range map[int]string{1: "Oui, merci", 2: "Non", 10: "Autre", 3: ""} {
		if got := labelled(text, n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
}
