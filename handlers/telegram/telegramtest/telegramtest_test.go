package telegramtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"baom/handlers/telegram/telegramtest"
)

// A spy is a test that notes its failures instead of failing.
type spy struct {
	testing.TB
	failures []string
	cleanup  []func()
}

func (s *spy) Errorf(format string, args ...any) {
	s.failures = append(s.failures, fmt.Sprintf(format, args...))
}
func (s *spy) Cleanup(f func()) { s.cleanup = append(s.cleanup, f) }
func (s *spy) end() {
	for _, f := range s.cleanup {
		f()
	}
}

// call calls a method with JSON parameters and returns the status and the answer.
func call(t *testing.T, api *telegramtest.Server, method string, params map[string]any) (int, string) {
	t.Helper()
	body, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(api.URL+"/bot"+api.Token+"/"+method, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// TestRules: what Telegram refuses is refused, and what only a faulty bot would do fails the bot's test.
func TestRules(t *testing.T) {
	text := func(more map[string]any) map[string]any {
		p := map[string]any{"chat_id": 42, "text": "x"}
		for k, v := range more {
			p[k] = v
		}
		return p
	}
	buttons := func(button map[string]any) map[string]any {
		return text(map[string]any{"reply_markup": map[string]any{"inline_keyboard": [][]map[string]any{{button}}}})
	}
	button := func(label, data string) map[string]any {
		return buttons(map[string]any{"text": label, "callback_data": data})
	}
	for _, c := range []struct {
		name, method string
		params       map[string]any
		status       int
		answer       string
		fault        bool // of the bot's
	}{
		{"words", "sendMessage", text(nil), 200, `"text":"x"`, false},
		{"HTML", "sendMessage", text(map[string]any{"text": "<b>a</b> &amp;", "parse_mode": "HTML"}), 200, `"text":"a \u0026"`, false},
		{"HTML that is not", "sendMessage", text(map[string]any{"text": "a < b", "parse_mode": "HTML"}), 400, "can't parse entities", true},
		{"4096 units", "sendMessage", text(map[string]any{"text": strings.Repeat("🙂", 2048)}), 200, "ok", false},
		{"4097 units", "sendMessage", text(map[string]any{"text": strings.Repeat("🙂", 2048) + "x"}), 400, "too long", true},
		{"no words", "sendMessage", text(map[string]any{"text": " "}), 400, "empty", true},
		{"64 bytes", "sendMessage", button("a", strings.Repeat("é", 32)), 200, "callback_data", false},
		{"65 bytes", "sendMessage", button("a", strings.Repeat("é", 32)+"x"), 400, "BUTTON_DATA_INVALID", true},
		{"no label", "sendMessage", button("", "x"), 400, "BUTTON", true},
		{"a button for two things", "sendMessage", buttons(map[string]any{"text": "a", "callback_data": "x", "copy_text": map[string]any{"text": ""}}), 200, "ok", true},
		{"no chat", "sendMessage", map[string]any{"text": "x"}, 400, "chat_id is empty", true},
		{"a stranger", "sendMessage", map[string]any{"chat_id": 7, "text": "x"}, 400, "chat not found", false},
		{"blocked", "sendMessage", map[string]any{"chat_id": 43, "text": "x"}, 403, "blocked by the user", false},
		{"no file", "sendVoice", map[string]any{"chat_id": 42}, 400, "no voice", true},
		{"a place", "sendVenue", map[string]any{"chat_id": 42, "latitude": 30.4, "longitude": -9.6, "title": "BAOM", "address": "Agadir"}, 200, "BAOM Agadir", false},
		{"a place nowhere", "sendVenue", map[string]any{"chat_id": 42, "title": "BAOM", "address": "Agadir"}, 400, "no location", true},
		{"a contact without a name", "sendContact", map[string]any{"chat_id": 42, "phone_number": "+212537263663"}, 400, "no first_name", true},
		{"nothing to edit", "editMessageReplyMarkup", map[string]any{"chat_id": 42, "message_id": 1}, 400, "not found", false},
		{"no press", "answerCallbackQuery", map[string]any{"callback_query_id": "1"}, 400, "query is too old", false},
		{"no action", "sendChatAction", map[string]any{"chat_id": 42, "action": "dance"}, 400, "action", true},
		{"a wrong method", "sendTelepathy", nil, 404, "method not found", true},
		{"a webhook to nowhere", "setWebhook", map[string]any{"url": "nowhere"}, 400, "bad webhook", true},
		{"a secret with spaces", "setWebhook", map[string]any{"url": "https://a.example", "secret_token": "a b"}, 400, "unallowed", true},
	} {
		s := &spy{TB: t}
		api := telegramtest.New(s)
		api.Person(42, "fr")
		api.Person(43, "fr").Block(true)
		status, answer := call(t, api, c.method, c.params)
		s.end()
		if status != c.status || !strings.Contains(answer, c.answer) || (len(s.failures) > 0) != c.fault {
			t.Errorf("%s: %d %s; failures %v", c.name, status, answer, s.failures)
		}
	}
}

// TestPolling: updates come again until a later offset confirms them, and a newer poll ends an older one.
func TestPolling(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	p.Send("un")
	p.Send("deux")
	poll := func(params map[string]any) (int, string) {
		t.Helper()
		return call(t, api, "getUpdates", params)
	}
	for range 2 {
		if _, got := poll(nil); !strings.Contains(got, "un") || !strings.Contains(got, "deux") {
			t.Errorf("unconfirmed: %s", got)
		}
	}
	if _, got := poll(map[string]any{"limit": 1}); strings.Contains(got, "deux") {
		t.Errorf("one at most: %s", got)
	}
	if _, got := poll(map[string]any{"offset": 2}); strings.Contains(got, `"un"`) || !strings.Contains(got, "deux") {
		t.Errorf("after the first: %s", got)
	}
	if _, got := poll(map[string]any{"offset": 3}); !strings.Contains(got, `"result":[]`) || api.Pending() != 0 {
		t.Errorf("after the last: %s", got)
	}
	older, newer := make(chan int), make(chan string)
	go func() {
		status, _ := poll(map[string]any{"timeout": 20})
		older <- status
	}()
	api.Until("the older one polls", func() bool { return api.Calls("getUpdates") == 6 })
	go func() {
		_, answer := poll(map[string]any{"timeout": 20, "allowed_updates": []string{"callback_query"}})
		newer <- answer
	}()
	if status := <-older; status != 409 {
		t.Errorf("the older of two polls got %d", status)
	}
	p.Send("not asked for")
	p.PressData(1, "x|y")
	if got := <-newer; strings.Contains(got, "not asked for") || !strings.Contains(got, "x|y") {
		t.Errorf("presses alone were asked for: %s", got)
	}
	call(t, api, "setWebhook", map[string]any{"url": "http://127.0.0.1:1/"})
	if status, _ := poll(nil); status != 409 {
		t.Errorf("with a webhook a poll got %d", status)
	}
}

// TestFaults: they come one by one, in order, before the call is done or after.
func TestFaults(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	api.Fail("sendMessage", telegramtest.Times(2, telegramtest.Fault{Status: 429, Retry: 3, Text: "Too Many Requests"})...)
	api.Fail("sendMessage", telegramtest.Fault{DropBefore: true}, telegramtest.Fault{Drop: true})
	words := map[string]any{"chat_id": 42, "text": "x"}
	for range 2 {
		if status, answer := call(t, api, "sendMessage", words); status != 429 || !strings.Contains(answer, `"retry_after":3`) {
			t.Errorf("%d %s", status, answer)
		}
	}
	for after := range 2 {
		resp, err := http.Post(api.URL+"/bot"+api.Token+"/sendMessage", "application/json", strings.NewReader(`{"chat_id":42,"text":"x"}`))
		if err == nil {
			resp.Body.Close()
			t.Error("the connection was not cut")
		}
		if got := len(p.Got()); got != after {
			t.Errorf("cut %d: %d messages came", after, got)
		}
	}
	if status, _ := call(t, api, "sendMessage", words); status != 200 || api.Calls("sendMessage") != 5 {
		t.Errorf("afterwards: %d, %d calls", status, api.Calls("sendMessage"))
	}
}

// TestFiles: bytes go both ways, by a path that is not the id; a form may name its file as a form or by attach.
func TestFiles(t *testing.T) {
	api := telegramtest.New(t)
	p := api.Person(42, "fr")
	p.Voice([]byte("ogg"))
	_, answer := call(t, api, "getUpdates", nil)
	var updates struct {
		Result []struct {
			Message struct {
				Voice struct {
					ID string `json:"file_id"`
				} `json:"voice"`
			} `json:"message"`
		} `json:"result"`
	}
	if err := json.Unmarshal([]byte(answer), &updates); err != nil || len(updates.Result) != 1 {
		t.Fatalf("%s: %v", answer, err)
	}
	id := updates.Result[0].Message.Voice.ID
	_, answer = call(t, api, "getFile", map[string]any{"file_id": id})
	_, path, _ := strings.Cut(answer, `"file_path":"`)
	path, _, _ = strings.Cut(path, `"`)
	resp, err := http.Get(api.URL + "/file/bot" + api.Token + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if data, err := io.ReadAll(resp.Body); err != nil || string(data) != "ogg" || path == id {
		t.Errorf("%s holds %q, %v", path, data, err)
	}
	for _, field := range []string{"voice", "elsewhere"} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		form.WriteField("chat_id", "42")
		if field != "voice" {
			form.WriteField("voice", "attach://"+field)
		}
		w, err := form.CreateFormFile(field, "v.ogg")
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte("réponse"))
		form.Close()
		resp, err := http.Post(api.URL+"/bot"+api.Token+"/sendVoice", form.FormDataContentType(), &body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if m := p.Read(); string(m.File) != "réponse" || m.Name != "v.ogg" {
			t.Errorf("by %s came %+v", field, m)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ html, text, err string }{
		{"a &lt;b&gt; &amp;&quot;&#39;&#x41; &nbsp; & ;", `a <b> &"'A &nbsp; & ;`, ""},
		{"<b>a<i>b</i></b> > c", "ab > c", ""},
		{`<a href="https://x/?a=1&amp;b=2">y</a>`, "y", ""},
		{`<B>a</>`, "a", ""},
		{`<span class="tg-spoiler">a</span>`, "a", ""},
		{"<b>a", "", "can't find end tag"},
		{"a</b>", "", "unexpected end tag"},
		{"<b><i>a</b></i>", "", "unmatched end tag"},
		{"a < b", "", "unsupported start tag"},
		{"a <", "", "unclosed start tag"},
		{"<p>a</p>", "", "unsupported start tag"},
		{"<br/>", "", "unsupported start tag"},
		{"<span>a</span>", "", "must have class"},
		{`<a href="x>y</a>`, "", "unclosed start tag"},
		{"<a href>y</a>", "", "equal sign"},
		{"<b>a</b", "", "unclosed end tag"},
	} {
		if got, err := telegramtest.Text(c.html); got != c.text || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", c.html, got, err)
		}
	}
}
