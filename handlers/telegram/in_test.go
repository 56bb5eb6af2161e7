package telegram_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"baom/bot"
	"baom/flows"
	"baom/handlers/telegram"
	"baom/handlers/telegram/telegramtest"
)

func entryOf(in flows.Input) bot.Entry { return bot.Entry{Input: in} }

func fileOf(kind flows.Kind, mime, name string, size int64, seconds int) bot.Entry {
	return bot.Entry{Input: flows.Input{Kind: kind}, Media: &bot.Media{Kind: kind, Mime: mime, Name: name, Size: size, Seconds: seconds, State: bot.MediaWanted,
		Ref: []byte(`{"id":"F","unique":"U"}`)}}
}

// checkEntry posts the parts of an update and compares what is filed; the zero Entry is nothing.
func checkEntry(t *testing.T, name, parts, lang string, at int64, want bot.Entry) {
	t.Helper()
	var got bot.Entry
	h := hook(t, func(_ context.Context, e bot.Entry) error { got = e; return nil })
	if code := post(h, `{"update_id":7,`+parts+`}`, "s3cret"); code != 200 {
		t.Errorf("%s: status %d", name, code)
	}
	if !reflect.DeepEqual(want, bot.Entry{}) {
		want.Key, want.Peer = "tg:7", bot.Peer{Channel: bot.Telegram, ID: "42"}
		want.Input.At, want.Input.Slots = time.Unix(at, 0), map[string]string{"hint.lang": lang}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: filed %s, want %s", name, show(got), show(want))
	}
}

func show(e bot.Entry) string {
	text := fmt.Sprintf("%s %s %+v", e.Key, e.Peer.ID, e.Input)
	if e.Media != nil {
		text += fmt.Sprintf(" %+v %s", *e.Media, e.Media.Ref)
	}
	return text
}

// TestMessages reads messages by what they carry.
func TestMessages(t *testing.T) {
	none := bot.Entry{}
	const f = `"file_id":"F","file_unique_id":"U"`
	lost := fileOf(flows.Document, "video/x-matroska", "film.mkv", 30<<20, 0)
	lost.Media.State = bot.MediaLost
	captioned := fileOf(flows.Image, "image/jpeg", "", 900, 0)
	captioned.Input.Text = "mon reçu"
	for _, c := range []struct {
		name, carried string
		want          bot.Entry
	}{
		{"words", `"text":"bonjour"`, entryOf(flows.Input{Text: "bonjour"})},
		{"a command", `"text":"/menu"`, entryOf(flows.Input{Text: "/menu"})},
		{"a command that begins like another", `"text":"/starting"`, entryOf(flows.Input{Text: "/starting"})},
		{"start", `"text":"/start"`, entryOf(flows.Input{Choice: "start"})},
		{"start with a need", `"text":"/start need.A1"`, entryOf(flows.Input{Choice: "need.A1"})},
		{"start from a link", `"text":"/start need_A1"`, entryOf(flows.Input{Choice: "need.A1"})},
		{"start with an answer", `"text":"/start answer_rpt_civil_birth"`, entryOf(flows.Input{Choice: "answer.rpt.civil.birth"})},
		{"start with rubbish", `"text":"/start <b>|x"`, entryOf(flows.Input{Choice: "start"})},
		{"start with too much", `"text":"/start ` + strings.Repeat("x", 65) + `"`, entryOf(flows.Input{Choice: "start"})},
		{"voice", `"voice":{` + f + `,"duration":7,"mime_type":"audio/ogg","file_size":900}`, fileOf(flows.Voice, "audio/ogg", "", 900, 7)},
		{"audio", `"audio":{` + f + `,"duration":7,"file_name":"a.mp3","mime_type":"audio/mpeg","file_size":900}`, fileOf(flows.Voice, "audio/mpeg", "a.mp3", 900, 7)},
		{"the largest photo", `"caption":"mon reçu","photo":[{"file_id":"S","width":90,"height":60,"file_size":2000},{` + f + `,"width":800,"height":600,"file_size":900},{"file_id":"M","width":320,"height":240}]`, captioned},
		{"video", `"video":{` + f + `,"width":1,"height":1,"duration":7,"mime_type":"video/mp4","file_name":"v.mp4","file_size":900}`, fileOf(flows.Video, "video/mp4", "v.mp4", 900, 7)},
		{"video note", `"video_note":{` + f + `,"length":1,"duration":7,"file_size":900}`, fileOf(flows.Video, "video/mp4", "", 900, 7)},
		{"document", `"document":{` + f + `,"file_name":"bail.pdf","mime_type":"application/pdf","file_size":900}`, fileOf(flows.Document, "application/pdf", "bail.pdf", 900, 0)},
		{"a document without a type", `"document":{` + f + `}`, fileOf(flows.Document, "application/octet-stream", "", 0, 0)},
		{"a file over 20 MB", `"document":{` + f + `,"file_name":"film.mkv","mime_type":"video/x-matroska","file_size":31457280}`, lost},
		{"location", `"location":{"latitude":30.4,"longitude":-9.6}`, entryOf(flows.Input{Kind: flows.Location, Lat: 30.4, Lon: -9.6})},
		{"live location", `"location":{"latitude":30.4,"longitude":-9.6,"live_period":900}`, entryOf(flows.Input{Kind: flows.Location, Lat: 30.4, Lon: -9.6})},
		{"venue", `"location":{"latitude":30.4,"longitude":-9.6},"venue":{"location":{"latitude":30.4,"longitude":-9.6},"title":"Gare","address":"Rue 1"}`, entryOf(flows.Input{Kind: flows.Location, Text: "Gare Rue 1", Lat: 30.4, Lon: -9.6})},
		{"contact", `"contact":{"phone_number":"212600000000","first_name":"X","last_name":"Y"}`, entryOf(flows.Input{Kind: flows.Contact, Text: "X Y +212600000000"})},
		{"sticker", `"sticker":{` + f + `,"type":"regular","width":1,"height":1}`, entryOf(flows.Input{Kind: flows.Sticker})},
		{"dice", `"dice":{"emoji":"🎲","value":3}`, entryOf(flows.Input{Kind: flows.Sticker})},
		{"animation, with its document", `"animation":{` + f + `,"width":1,"height":1,"duration":1},"document":{` + f + `}`, entryOf(flows.Input{Kind: flows.Sticker})},
		{"poll", `"poll":{"id":"1","question":"?","options":[]}`, entryOf(flows.Input{Kind: flows.Other})},
		{"something new", `"hologram":{"file_id":"x"}`, entryOf(flows.Input{Kind: flows.Other})},
		{"a pinned message", `"pinned_message":{"message_id":3,"date":1,"chat":{"id":42,"type":"private"},"text":"x"}`, none},
		{"a timer that was set", `"message_auto_delete_timer_changed":{"message_auto_delete_time":86400}`, none},
		{"a part the library refuses", `"text":"x","forward_origin":{"type":"from the future"}`, entryOf(flows.Input{Text: "x"})},
		{"a file with a part the library refuses", `"voice":{` + f + `,"duration":7,"file_size":900},"forward_origin":{"type":"?"}`, fileOf(flows.Voice, "audio/ogg", "", 900, 7)},
	} {
		checkEntry(t, c.name, `"message":{"message_id":1,"date":1700000000,"chat":{"id":42,"type":"private"},"from":{"id":42,"is_bot":false,"language_code":"fr-MA"},`+c.carried+`}`, "fr", 1700000000, c.want)
	}
}

// TestUpdates reads whole updates. A press does not say when: it has the clock's time, 1800000000.
func TestUpdates(t *testing.T) {
	none := bot.Entry{}
	press := func(data, message string) string {
		return `"callback_query":{"id":"9","from":{"id":42,"language_code":"en-GB"},"chat_instance":"1","data":"` + data + `","message":` + message + `}`
	}
	const private = `{"message_id":1,"date":5,"chat":{"id":42,"type":"private"}}`
	for _, c := range []struct {
		name, parts, lang string
		at                int64
		want              bot.Entry
	}{
		{"an edited message", `"edited_message":{"message_id":1,"date":1600000000,"edit_date":1700000000,"chat":{"id":42,"type":"private"},"from":{"id":42,"language_code":"fr"},"text":"bonsoir"}`,
			"fr", 1700000000, entryOf(flows.Input{Text: "bonsoir", Edited: true})},
		{"a live location that moves", `"edited_message":{"message_id":1,"date":1,"chat":{"id":42,"type":"private"},"location":{"latitude":1,"longitude":1,"live_period":9}}`, "", 0, none},
		{"a live location that ends", `"edited_message":{"message_id":1,"date":1,"chat":{"id":42,"type":"private"},"location":{"latitude":1,"longitude":1}}`, "", 0, none},
		{"a group", `"message":{"message_id":1,"date":1,"chat":{"id":-7,"type":"supergroup"},"from":{"id":42},"text":"x"}`, "", 0, none},
		{"another bot", `"message":{"message_id":1,"date":1,"chat":{"id":42,"type":"private"},"from":{"id":42,"is_bot":true},"text":"x"}`, "", 0, none},
		{"a press", press("17|need.A1", private), "en", 1800000000, entryOf(flows.Input{Choice: "need.A1"})},
		{"a press under an old message", press("17|need.A1", strings.Replace(private, `"date":5`, `"date":0`, 1)), "en", 1800000000, entryOf(flows.Input{Choice: "need.A1"})},
		{"a press without a bar", press("menu.menu", private), "en", 1800000000, entryOf(flows.Input{Choice: "menu.menu"})},
		{"a press in a group", press("1|x", strings.Replace(private, "private", "group", 1)), "", 0, none},
		{"a press of nothing", press("17|", private), "", 0, none},
		{"blocked", `"my_chat_member":{"chat":{"id":42,"type":"private"},"from":{"id":42},"date":1,"old_chat_member":{"status":"member"},"new_chat_member":{"status":"kicked"}}`, "", 0, none},
		{"a kind that we did not ask for", `"channel_post":{"message_id":1,"date":1,"chat":{"id":-7,"type":"channel"},"text":"x"}`, "", 0, none},
	} {
		checkEntry(t, c.name, c.parts, c.lang, c.at, c.want)
	}
}

// TestHint: a telephone's language is passed on only where baom could begin in it.
func TestHint(t *testing.T) {
	for code, want := range map[string]string{"fr": "fr", "ar-MA": "ar", "EN-us": "en", "es": "es", "de": "", "zgh": "", "": ""} {
		var got bot.Entry
		h := hook(t, func(_ context.Context, e bot.Entry) error { got = e; return nil })
		post(h, strings.Replace(hello, `"language_code":"fr"`, `"language_code":"`+code+`"`, 1), "s3cret")
		if got.Input.Text != "bonjour" || got.Input.Slots["hint.lang"] != want {
			t.Errorf("%q gives the hint %q, want %q", code, got.Input.Slots["hint.lang"], want)
		}
	}
}

// TestPeople lets somebody do all that the drivers can, and has it read from the poll.
func TestPeople(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr-FR")
	r := newRecord()
	run(t, polling(api), r.receive)
	p.Send("bonjour")
	p.Edit("bonsoir")
	p.Location(30.4, -9.6)
	p.Venue("Gare", "Rue 1", 30.4, -9.6)
	p.Contact("X", "+212600000000")
	p.Sticker()
	p.Voice([]byte("ogg"))
	p.Photo([]byte("jpeg"), "mon reçu")
	p.Edit("mon bail")
	p.Document("bail.pdf", "application/pdf", []byte("pdf"))
	p.PressData(1, "abc|answer.rpt.civil.birth")
	p.Block(true)
	p.Block(false)
	p.SendIn(-7, "x")
	p.Send("fin")
	r.wait(t, 12)
	for i, want := range []flows.Input{
		{Text: "bonjour"}, {Text: "bonsoir", Edited: true}, {Kind: flows.Location, Lat: 30.4, Lon: -9.6}, {Kind: flows.Location, Text: "Gare Rue 1", Lat: 30.4, Lon: -9.6},
		{Kind: flows.Contact, Text: "X +212600000000"}, {Kind: flows.Sticker}, {Kind: flows.Voice}, {Kind: flows.Image, Text: "mon reçu"},
		{Kind: flows.Image, Text: "mon bail", Edited: true}, {Kind: flows.Document}, {Choice: "answer.rpt.civil.birth"}, {Text: "fin"},
	} {
		in := r.wait(t, 0)[i].Input
		if want.At, want.Slots = in.At, map[string]string{"hint.lang": "fr"}; in.At.IsZero() || !reflect.DeepEqual(in, want) {
			t.Errorf("entry %d is %+v, want %+v", i, in, want)
		}
	}
}

func TestOpen(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	r := newRecord()
	ch, _ := run(t, polling(api), r.receive)
	p.Voice([]byte("des octets"))
	voice := *r.wait(t, 1)[0].Media
	read := func(m bot.Media) (string, error) {
		f, err := ch.Open(t.Context(), m)
		if err != nil {
			return "", err
		}
		defer f.Close()
		data, err := io.ReadAll(f)
		return string(data), err
	}
	if got, err := read(voice); err != nil || got != "des octets" {
		t.Errorf("%q, %v", got, err)
	}
	p.Document("gros.bin", "", make([]byte, 21<<20))
	large := *r.wait(t, 1)[1].Media
	if large.State != bot.MediaLost {
		t.Errorf("a file over 20 MB is %q", large.State)
	}
	for _, c := range []struct {
		name, method string
		fault        telegramtest.Fault
		m            bot.Media
		permanent    bool
	}{
		{"too large", "", telegramtest.Fault{}, large, true},
		{"a reference that is none", "", telegramtest.Fault{}, bot.Media{Ref: []byte("{")}, true},
		{"not there, for now or for ever", "", telegramtest.Fault{}, bot.Media{Ref: []byte(`{"id":"nothing"}`)}, false},
		{"gone from the server", "file", telegramtest.Fault{Status: 404, Text: "Not Found"}, voice, true},
		{"the server is ill", "file", telegramtest.Fault{Status: 500, Text: "oops"}, voice, false},
		{"the API is ill", "getFile", telegramtest.Fault{Status: 502, Text: "Bad Gateway"}, voice, false},
		{"flood", "getFile", telegramtest.Fault{Status: 429, Retry: 3, Text: "Too Many Requests: retry after 3"}, voice, false},
		{"cut off", "getFile", telegramtest.Fault{DropBefore: true}, voice, false},
	} {
		if c.method != "" {
			api.Fail(c.method, c.fault)
		}
		_, err := read(c.m)
		var e *bot.SendError
		if permanent := errors.As(err, &e) && e.Permanent; err == nil || permanent != c.permanent {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), api.Token) {
			t.Errorf("%s: the error shows the token: %v", c.name, err)
		}
	}
	if got, err := read(voice); err != nil || got != "des octets" {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

// TestGroupsAreLeft: the bot leaves a group when it is added, and once where it finds itself in one.
func TestGroupsAreLeft(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	r := newRecord()
	_, stop := run(t, polling(api), r.receive)
	p.AddTo(-7)
	p.SendIn(-7, "x")
	p.SendIn(-8, "x")
	p.SendIn(-8, "y")
	p.AddTo(-8)
	p.Send("fin")
	r.wait(t, 1)
	api.Until("everything is confirmed", func() bool { return api.Pending() == 0 })
	stop() // waits for the calls under way
	left := map[string]int{}
	for _, c := range api.Requests("leaveChat") {
		left[c["chat_id"]]++
	}
	if left["-7"] != 1 || left["-8"] != 2 || len(r.words()) != 1 {
		t.Errorf("left %v; filed %v", left, r.words())
	}
}

func TestPressIsAnswered(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	r := newRecord()
	r.refusing(first(1))
	ch, _ := run(t, polling(api), r.receive)
	send(t, ch, question)
	p.Press("Oui")
	r.wait(t, 1)
	api.Until("the button has stopped turning and is gone", func() bool { return api.Unanswered() == 0 && len(p.Got()[0].Buttons) == 0 })
}

// TestTyping: somebody who waits sees that the bot is at it.
func TestTyping(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	r := newRecord()
	run(t, polling(api), r.receive)
	p.Send("bonjour")
	r.wait(t, 1)
	api.Until("the bot is seen typing", func() bool { return p.Typed() == 1 })
}

func TestBlockedIsCounted(t *testing.T) {
	api := telegramtest.New(t)
	var log logbook
	c := polling(api)
	c.Log = log.log()
	p := api.Person(424242, "fr")
	r := newRecord()
	run(t, c, r.receive)
	p.Block(true)
	p.Block(false)
	p.Block(true)
	api.Until("everything is confirmed", func() bool { return api.Calls("getUpdates") > 0 && api.Pending() == 0 })
	if got := log.String(); strings.Count(got, "blocked the bot") != 2 || !strings.Contains(got, "=2") || strings.Contains(got, "424242") {
		t.Errorf("the log says %s", got)
	}
}

// BenchmarkEntry is the reading of an update, with a file.
func BenchmarkEntry(b *testing.B) {
	body, err := json.Marshal(map[string]any{"update_id": 7, "message": map[string]any{"message_id": 1, "date": 1700000000, "chat": map[string]any{"id": 42, "type": "private"},
		"from": map[string]any{"id": 42, "language_code": "fr"}, "caption": "mon reçu", "photo": []any{map[string]any{"file_id": "F", "file_unique_id": "U", "width": 800, "height": 600}}}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !telegram.Read(body) {
			b.Fatal("not read")
		}
	}
}
