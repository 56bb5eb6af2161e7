package telegram_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/telegram"
	"baom/handlers/telegram/telegramtest"
)

var peer = bot.Peer{Channel: bot.Telegram, ID: "42"}

var question = bot.Message{ID: 5, Text: "D'accord ?", Choices: []content.Option{{ID: "consent.yes", Label: "Oui"}, {ID: "consent.no", Label: "Non"}}}

func send(t *testing.T, ch *telegram.Telegram, m bot.Message) string {
	t.Helper()
	m.Peer = peer
	id, err := ch.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// sender is a channel that only sends, and somebody to send to.
func sender(t *testing.T) (*telegramtest.Server, *telegram.Telegram, *telegramtest.Person) {
	t.Helper()
	api := telegramtest.New(t)
	ch, err := telegram.New(telegram.Config{Token: api.Token, APIURL: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	return api, ch, api.Person(42, "fr")
}

// TestRequests holds what is asked of Telegram for each kind of message, word for word.
func TestRequests(t *testing.T) {
	media := func(kind flows.Kind, mime, name string) *bot.Media {
		return &bot.Media{Kind: kind, Mime: mime, Name: name, Data: []byte("four")}
	}
	text := func(html string) telegramtest.Params {
		return telegramtest.Params{"text": html, "parse_mode": "HTML", "link_preview_options": `{"is_disabled":true}`}
	}
	file := func(field, is, caption string) telegramtest.Params {
		p := telegramtest.Params{field: is, "parse_mode": "HTML"}
		if caption != "" {
			p["caption"] = caption
		}
		return p
	}
	buttons := text("D&#39;accord ?")
	buttons["reply_markup"] = `{"inline_keyboard":[[{"text":"Oui","callback_data":"5|consent.yes"},{"text":"Non","callback_data":"5|consent.no"}],` +
		`[{"text":"Un choix dont le texte est long","callback_data":"5|x"}],[{"text":"Fin","callback_data":"5|y"}]]}`
	for _, c := range []struct {
		name   string
		m      bot.Message
		method string
		want   telegramtest.Params
	}{
		{"markup", bot.Message{Text: "**Bonjour** *vous* <b>\n\n3. un & deux\n4. trois\n\n- x"}, "sendMessage", text("<b>Bonjour</b> <i>vous</i> &lt;b&gt;\n\n3. un &amp; deux\n4. trois\n\n• x")},
		{"numbers and addresses", bot.Message{Text: "https://b.example 05 37 54 54 00 [Appeler](tel:+212537545400) [écrire](mailto:a@b.example)"}, "sendMessage",
			text("https://b.example 05 37 54 54 00 Appeler (+212537545400) écrire (a@b.example)")},
		{"bytes that are no letters", bot.Message{Text: "a\xe2*\x80*b"}, "sendMessage", text("a\ufffd<i>\ufffd</i>b")},
		{"a name with such bytes", bot.Message{Media: media(flows.Document, "application/pdf", "b\xffil.pdf")}, "sendDocument", file("document", "b_il.pdf, 4 bytes", "")},
		{"a link", bot.Message{Text: "[**ici** et là](https://a.example/?a=1&b=2)"}, "sendMessage",
			text(`<b><a href="https://a.example/?a=1&amp;b=2">ici</a></b><a href="https://a.example/?a=1&amp;b=2"> et là</a>`)},
		{"buttons", bot.Message{ID: 5, Text: "D'accord ?", Choices: append(question.Choices[:2:2], content.Option{ID: "x", Label: "Un choix dont le texte est long"}, content.Option{ID: "y", Label: "Fin"})},
			"sendMessage", buttons},
		{"an officer", bot.Message{Text: "- à demain", Officer: "Amina Test"}, "sendMessage", text("<b>Amina :</b>\n\n• à demain")},
		{"an officer's line", bot.Message{Text: "à demain", Officer: "*A* <b>"}, "sendMessage", text("<b>*A* :</b>\nà demain")},
		{"a voice note", bot.Message{Text: "écoutez", Media: media(flows.Voice, "audio/ogg; codecs=opus", "")}, "sendVoice", file("voice", "message.ogg, 4 bytes", "écoutez")},
		{"a recording", bot.Message{Media: media(flows.Voice, "audio/mpeg", "r.mp3")}, "sendAudio", file("audio", "r.mp3, 4 bytes", "")},
		{"a browser's recording", bot.Message{Media: media(flows.Voice, "audio/webm;codecs=opus", "")}, "sendDocument", file("document", "message.webm, 4 bytes", "")},
		{"a photo", bot.Message{Media: media(flows.Image, "image/jpeg", "")}, "sendPhoto", file("photo", "photo.jpg, 4 bytes", "")},
		{"a drawing", bot.Message{Media: media(flows.Image, "image/svg+xml", "plan.svg")}, "sendDocument", file("document", "plan.svg, 4 bytes", "")},
		{"a film", bot.Message{Media: media(flows.Video, "video/mp4", "")}, "sendVideo", file("video", "video.mp4, 4 bytes", "")},
		{"a document", bot.Message{Media: media(flows.Document, "application/pdf", "guide.pdf"), Officer: "Amina"}, "sendDocument", file("document", "guide.pdf, 4 bytes", "<b>Amina :</b>")},
		{"a document without a name", bot.Message{Media: media(flows.Document, "application/pdf", "")}, "sendDocument", file("document", "document.pdf, 4 bytes", "")},
	} {
		api, ch, _ := sender(t)
		send(t, ch, c.m)
		c.want["chat_id"] = "42"
		got := api.Requests(c.method)
		if len(got) != 1 {
			t.Errorf("%s: %s was called %d times", c.name, c.method, len(got))
			continue
		}
		for k := range c.want {
			if got[0][k] != c.want[k] {
				t.Errorf("%s: %s is\n%s, want\n%s", c.name, k, got[0][k], c.want[k])
			}
		}
		for k := range got[0] {
			if _, ok := c.want[k]; !ok {
				t.Errorf("%s: %s was sent as well: %s", c.name, k, got[0][k])
			}
		}
	}
}

// TestCard: a place and a number go out as Telegram's own, before the words, which have the choices.
func TestCard(t *testing.T) {
	api, ch, p := sender(t)
	m := question
	m.ID, m.Card = 9, &flows.Card{Name: "BAOM Agadir", Address: "Commune", Lat: 30.42, Lon: -9.6, Phone: "+212537263663"}
	send(t, ch, m)
	var got []string
	for _, m := range p.Got() {
		got = append(got, m.Method+" "+m.Text)
	}
	want := []string{"sendVenue BAOM Agadir Commune 30.42 -9.6", "sendContact +212537263663 BAOM Agadir", "sendMessage " + question.Text}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if venue := api.Requests("sendVenue")[0]; venue["reply_markup"] != "" || len(p.Got()[2].Buttons) == 0 {
		t.Errorf("the choices are not under the words: %v", venue)
	}
}

// TestKeyboardGoes: the old buttons are removed once the next message has gone out, and only then.
func TestKeyboardGoes(t *testing.T) {
	api, ch, p := sender(t)
	id := send(t, ch, question)
	api.Fail("sendMessage", telegramtest.Fault{Status: 500, Text: "oops"})
	next := bot.Message{ID: 6, Peer: peer, Text: "suite", Keyboard: id}
	if _, err := ch.Send(t.Context(), next); err == nil {
		t.Fatal("sent in spite of a fault")
	}
	if len(p.Got()[0].Buttons) == 0 {
		t.Error("the buttons went before the message that follows them")
	}
	send(t, ch, next)
	api.Until("the buttons are gone", func() bool { return len(p.Got()[0].Buttons) == 0 })
}

// long is a text of many paragraphs, most letters of two bytes, some of two units.
var long = strings.Repeat("ASCII only, one byte a unit. ", 200) + "\n\n" + strings.Repeat("فقرة من **بضع كلمات** فقط 🙂.\n\n", 400)

// TestLongMessage: a text over the limit goes out in parts, none of it lost, the choices under the last; where a part
// meets a fault the next try goes on with it.
func TestLongMessage(t *testing.T) {
	api, ch, p := sender(t)
	m := bot.Message{ID: 7, Peer: peer, Text: long, Choices: []content.Option{{ID: "z", Label: "Z"}}}
	api.Fail("sendMessage", telegramtest.Fault{}, telegramtest.Fault{Status: 500, Text: "oops"}, telegramtest.Fault{}, telegramtest.Fault{DropBefore: true})
	for try := 0; ; try++ {
		if _, err := ch.Send(t.Context(), m); err == nil {
			break
		} else if try > 2 {
			t.Fatal(err)
		}
	}
	var seen []string
	for i, m := range p.Got() {
		seen = append(seen, m.Text)
		if last := i == len(p.Got())-1; last != (len(m.Buttons) == 1) {
			t.Errorf("part %d has buttons %v", i, m.Buttons)
		}
	}
	if want := strings.Fields(content.Plain(long)); strings.Join(strings.Fields(strings.Join(seen, "\n")), " ") != strings.Join(want, " ") {
		t.Errorf("the person sees %d parts that are not the text", len(seen))
	}
}

// TestLongCaption: words that are too long for a caption follow their file, and are not repeated with it.
func TestLongCaption(t *testing.T) {
	api, ch, p := sender(t)
	m := bot.Message{ID: 8, Peer: peer, Text: strings.Repeat("mot ", 300), Media: &bot.Media{Kind: flows.Image, Mime: "image/png", Data: []byte("png")}, Choices: question.Choices}
	api.Fail("sendMessage", telegramtest.Fault{Status: 429, Retry: 1, Text: "Too Many Requests: retry after 1"})
	if _, err := ch.Send(t.Context(), m); err == nil {
		t.Fatal("sent in spite of a fault")
	}
	send(t, ch, m) // it waits for the second that Telegram asked for
	got := p.Got()
	if len(got) != 2 || got[0].Method != "sendPhoto" || got[0].Text != "" || got[0].Buttons != nil || !strings.HasPrefix(got[1].Text, "mot mot") || len(got[1].Buttons) != 1 {
		t.Errorf("the person sees %s", p.Screen())
	}
}

// TestSecondBest: what Telegram refuses as it is goes out in a simpler way.
func TestSecondBest(t *testing.T) {
	api, ch, p := sender(t)
	api.Fail("sendMessage", telegramtest.Fault{Status: 400, Text: "Bad Request: can't parse entities: Unsupported start tag"})
	send(t, ch, bot.Message{ID: 1, Text: "**gras** & <b>", Choices: question.Choices})
	if m := p.Read(); m.Text != "gras & <b>" || m.HTML != "gras & <b>" || len(m.Buttons) != 1 {
		t.Errorf("without markup the person sees %+v", m)
	}
	api.Fail("sendVoice", telegramtest.Fault{Status: 400, Text: "Bad Request: VOICE_MESSAGES_FORBIDDEN"})
	send(t, ch, bot.Message{ID: 2, Text: "écoutez", Media: &bot.Media{Kind: flows.Voice, Mime: "audio/ogg", Data: []byte("ogg")}})
	if m := p.Read(); m.Method != "sendDocument" || m.Name != "message.ogg" || m.Text != "écoutez" || string(m.File) != "ogg" {
		t.Errorf("where voice notes are refused the person sees %+v", m)
	}
	send(t, ch, bot.Message{ID: 3, Media: &bot.Media{Kind: flows.Image, Mime: "image/jpeg", Data: make([]byte, 11<<20)}})
	if m := p.Read(); m.Method != "sendDocument" || m.Name != "photo.jpg" {
		t.Errorf("a photo over 10 MB came by %s", m.Method)
	}
}

func TestSendErrors(t *testing.T) {
	api, ch, p := sender(t)
	try := func(name string, m bot.Message) *bot.SendError {
		t.Helper()
		_, err := ch.Send(t.Context(), m)
		var e *bot.SendError
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v is no SendError", name, err)
		}
		if strings.Contains(err.Error(), api.Token) || strings.Contains(err.Error(), "secret") || e.Why == "" {
			t.Errorf("%s: %v", name, err)
		}
		return e
	}
	m := bot.Message{Peer: peer, Text: "secret"}
	for _, c := range []struct {
		name      string
		fault     telegramtest.Fault
		permanent bool
		why       string
	}{
		{"a gateway's error", telegramtest.Fault{Status: 502, Text: "Bad Gateway"}, false, "répond pas"},
		{"cut before", telegramtest.Fault{DropBefore: true}, false, "répond pas"},
		{"cut after", telegramtest.Fault{Drop: true}, false, "répond pas"},
		{"an unknown token", telegramtest.Fault{Status: 401, Text: "Unauthorized"}, false, "reconnaît pas"},
		{"a deleted account", telegramtest.Fault{Status: 403, Text: "Forbidden: user is deactivated"}, true, "n'existe plus"},
		{"chat not found", telegramtest.Fault{Status: 400, Text: "Bad Request: chat not found"}, true, "n'existe plus"},
		{"another refusal", telegramtest.Fault{Status: 400, Text: "Bad Request: STRANGE"}, true, "refusé"},
	} {
		api.Fail("sendMessage", c.fault)
		if e := try(c.name, m); e.Permanent != c.permanent || e.After != 0 || !strings.Contains(e.Why, c.why) {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
	p.Block(true)
	if e := try("blocked", m); !e.Permanent || !strings.Contains(e.Why, "bloqué") {
		t.Errorf("blocked: %+v", e)
	}
	for name, m := range map[string]bot.Message{
		"an unknown chat": {Peer: bot.Peer{Channel: bot.Telegram, ID: "43"}, Text: "x"},
		"no chat":         {Peer: bot.Peer{Channel: bot.Telegram, ID: "x"}, Text: "x"},
		"no words":        {Peer: peer, Text: " \n"},
	} {
		if e := try(name, m); !e.Permanent {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// A broken transport answers every call with a body that ends too early.
type broken struct{ body string }

func (b broken) RoundTrip(r *http.Request) (*http.Response, error) {
	io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(b.body))}, nil
}

// TestUnreadableAnswer: an answer that cannot be read, which holds a person's words, does not show them in the error.
func TestUnreadableAnswer(t *testing.T) {
	ch, err := telegram.New(telegram.Config{Token: "1:abc", HTTP: &http.Client{Transport: broken{`{"ok":true,"result":{"text":"secret","chat":{"id":42,"first_name":"Amina"`}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = ch.Send(t.Context(), bot.Message{Peer: peer, Text: "secret"})
	var e *bot.SendError
	if !errors.As(err, &e) || e.Permanent || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "Amina") {
		t.Errorf("%v", err)
	}
}

// TestFlood: what Telegram asks for is kept to, for that person at once and without asking again; others are not held up.
func TestFlood(t *testing.T) {
	api := telegramtest.New(t)
	now := time.Unix(1700000000, 0)
	ch, err := telegram.New(telegram.Config{Token: api.Token, APIURL: api.URL, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	p, other := api.Person(42, "fr"), api.Person(43, "fr")
	try := func() time.Duration {
		t.Helper()
		_, err := ch.Send(t.Context(), bot.Message{Peer: peer, Text: "x"})
		var e *bot.SendError
		if !errors.As(err, &e) || e.Permanent {
			t.Fatalf("%v", err)
		}
		return e.After
	}
	api.Fail("sendMessage", telegramtest.Fault{Status: 429, Retry: 70, Text: "Too Many Requests: retry after 70"})
	if after := try(); after != 70*time.Second {
		t.Errorf("asked for 70 s, the error says %v", after)
	}
	now = now.Add(10 * time.Second)
	if after := try(); after != 60*time.Second || api.Calls("sendMessage") != 1 {
		t.Errorf("10 s later: %v, %d calls", after, api.Calls("sendMessage"))
	}
	if _, err := ch.Send(t.Context(), bot.Message{Peer: bot.Peer{Channel: bot.Telegram, ID: "43"}, Text: "à l'autre"}); err != nil {
		t.Error(err)
	}
	other.Expect("à l'autre")
	now = now.Add(60 * time.Second)
	send(t, ch, bot.Message{Text: "enfin"})
	p.Expect("enfin")
}

// TestWrongChoices: a choice that no button can hold is left out and said in the log; the message goes out.
func TestWrongChoices(t *testing.T) {
	api := telegramtest.New(t)
	var log logbook
	ch, err := telegram.New(telegram.Config{Token: api.Token, APIURL: api.URL, Log: log.log()})
	if err != nil {
		t.Fatal(err)
	}
	p := api.Person(42, "fr")
	longest := strings.Repeat("z", 43) // as long as content lets an id be
	send(t, ch, bot.Message{ID: 1<<63 - 1, Text: "x", Choices: []content.Option{{ID: strings.Repeat("y", 60), Label: "trop"}, {ID: longest, Label: ""}}})
	m := p.Read()
	if len(m.Buttons) != 1 || m.Buttons[0][0] != (telegramtest.Button{Label: longest, Data: "9223372036854775807|" + longest}) || !strings.Contains(log.String(), "no button can hold") {
		t.Errorf("%+v; the log says %s", m.Buttons, log.String())
	}
}
