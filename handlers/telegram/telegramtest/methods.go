package telegramtest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// A Button is one button under a message.
type Button struct{ Label, Data string }

// A Message is what a person sees: text as it is shown, its buttons row by row, a file if there is one.
type Message struct {
	ID      int
	Method  string // sendMessage, sendVoice …
	Text    string // without markup; of a file, its caption
	HTML    string // as the bot sent it
	Buttons [][]Button
	File    []byte
	Name    string // of the file
}

// The Bot API's limits, in bytes, and in UTF-16 units of what is shown.
const (
	maxText     = 4096
	maxCaption  = 1024
	maxData     = 64
	maxDownload = 20 << 20
	maxUpload   = 50 << 20
	maxPhoto    = 10 << 20
)

// self is the bot as a user.
func self() map[string]any {
	return map[string]any{"id": 1000001, "is_bot": true, "first_name": "BAOM", "username": "baom_test_bot"}
}

// call does everything but getUpdates; the server is locked.
func (s *Server) call(method string, form map[string]string, uploads map[string]upload) (int, any, string) {
	switch method {
	case "getMe":
		me := self()
		me["can_join_groups"], me["can_read_all_group_messages"], me["supports_inline_queries"] = true, false, false
		return 200, me, ""
	case "setWebhook", "deleteWebhook":
		return s.setWebhook(method, form)
	case "getWebhookInfo":
		return 200, map[string]any{"url": s.hook.url, "has_custom_certificate": false, "pending_update_count": len(s.updates)}, ""
	case "sendChatAction":
		return s.chatAction(form)
	case "leaveChat":
		return 200, true, ""
	case "answerCallbackQuery":
		answered, known := s.queries[form["callback_query_id"]]
		if !known || answered {
			return 400, nil, "Bad Request: query is too old and response timeout expired or query ID is invalid"
		}
		s.queries[form["callback_query_id"]] = true
		return 200, true, ""
	case "editMessageReplyMarkup":
		return s.editMarkup(form)
	case "getFile":
		return s.getFile(form)
	case "sendMessage", "sendVoice", "sendAudio", "sendPhoto", "sendVideo", "sendDocument", "sendVenue", "sendContact":
		return s.send(method, form, uploads)
	}
	s.breaks("unknown method %s", method)
	return 404, nil, "Not Found: method not found"
}

func (s *Server) setWebhook(method string, form map[string]string) (int, any, string) {
	if form["drop_pending_updates"] == "true" {
		s.updates = nil
	}
	if method == "deleteWebhook" || form["url"] == "" {
		s.hook = hook{}
		return 200, true, ""
	}
	if u, err := url.Parse(form["url"]); err != nil || u.Host == "" {
		s.breaks("a webhook at %q", form["url"])
		return 400, nil, "Bad Request: bad webhook: invalid webhook URL specified"
	}
	if secret := form["secret_token"]; len(secret) > 256 || strings.Trim(secret, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		s.breaks("a secret token with letters that are not allowed")
		return 400, nil, "Bad Request: secret token contains unallowed characters"
	}
	if text := form["max_connections"]; text != "" {
		if n, err := strconv.Atoi(text); err != nil || n < 1 || n > 100 {
			s.breaks("max_connections %s", text)
			return 400, nil, "Bad Request: max_connections is invalid"
		}
	}
	s.allow(form["allowed_updates"])
	s.hook = hook{form["url"], form["secret_token"]}
	s.deliver()
	return 200, true, ""
}

// person is the private chat that a call names, or what Telegram answers where the bot may not write to it.
func (s *Server) person(form map[string]string) (*Person, int, string) {
	if form["chat_id"] == "" {
		s.breaks("a call without chat_id")
		return nil, 400, "Bad Request: chat_id is empty"
	}
	chat, err := strconv.ParseInt(form["chat_id"], 10, 64)
	p := s.chats[chat]
	switch {
	case err != nil || p == nil:
		return nil, 400, "Bad Request: chat not found"
	case p.blocked:
		return nil, 403, "Forbidden: bot was blocked by the user"
	}
	return p, 0, ""
}

func (s *Server) chatAction(form map[string]string) (int, any, string) {
	p, status, text := s.person(form)
	if p == nil {
		return status, nil, text
	}
	if form["action"] != "typing" && !strings.HasPrefix(form["action"], "upload_") && !strings.HasPrefix(form["action"], "record_") {
		s.breaks("chat action %q", form["action"])
		return 400, nil, "Bad Request: wrong parameter action in request"
	}
	p.typing++
	return 200, true, ""
}

func (s *Server) getFile(form map[string]string) (int, any, string) {
	id := form["file_id"]
	f, ok := s.files[id]
	switch {
	case !ok:
		return 400, nil, "Bad Request: wrong file_id or the file is temporarily unavailable"
	case len(f.data) > maxDownload:
		return 400, nil, "Bad Request: file is too big"
	}
	return 200, map[string]any{"file_id": id, "file_unique_id": unique(id), "file_size": len(f.data), "file_path": f.path}, ""
}

// newFile keeps bytes where the bot can ask for them; the server is locked.
func (s *Server) newFile(folder, end string, data []byte) string {
	id := fmt.Sprintf("AgACAgQAAxkBAAI%06d", len(s.files))
	s.files[id] = file{fmt.Sprintf("%s/file_%d%s", folder, len(s.files), end), data}
	return id
}

func unique(id string) string { return "AQAD" + id[len(id)-6:] }

func (s *Server) editMarkup(form map[string]string) (int, any, string) {
	p, status, text := s.person(form)
	if p == nil {
		return status, nil, text
	}
	rows, ok := s.buttons(form["reply_markup"])
	if !ok {
		return 400, nil, "Bad Request: can't parse inline keyboard"
	}
	for _, m := range p.got {
		if strconv.Itoa(m.ID) != form["message_id"] {
			continue
		}
		if fmt.Sprint(m.Buttons) == fmt.Sprint(rows) {
			return 400, nil, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"
		}
		m.Buttons = rows
		return 200, p.shown(m), ""
	}
	return 400, nil, "Bad Request: message to edit not found"
}

// buttons reads and checks an inline keyboard; the server is locked.
func (s *Server) buttons(markup string) (rows [][]Button, ok bool) {
	if markup == "" {
		return nil, true
	}
	var k struct {
		Rows [][]map[string]any `json:"inline_keyboard"`
	}
	if err := json.Unmarshal([]byte(markup), &k); err != nil {
		s.breaks("reply_markup %q", markup)
		return nil, false
	}
	for _, row := range k.Rows {
		var out []Button
		for _, b := range row {
			label, _ := b["text"].(string)
			data, _ := b["callback_data"].(string)
			if strings.TrimSpace(label) == "" || len(data) < 1 || len(data) > maxData {
				s.breaks("a button %q with data %q", label, data)
				return nil, false
			}
			if len(b) != 2 {
				s.breaks("a button %q that does more than one thing: %v", label, b)
			}
			out = append(out, Button{label, data})
		}
		if len(out) > 8 {
			s.breaks("a row of %d buttons", len(out))
		}
		if len(out) > 0 {
			rows = append(rows, out)
		}
	}
	return rows, true
}

func (s *Server) send(method string, form map[string]string, uploads map[string]upload) (int, any, string) {
	p, status, text := s.person(form)
	if p == nil {
		return status, nil, text
	}
	m := &Message{Method: method, HTML: form["text"]}
	switch method {
	case "sendMessage":
	case "sendVenue", "sendContact":
		var refusal string
		if m.HTML, refusal = s.card(method, form); refusal != "" {
			return 400, nil, refusal
		}
	default:
		m.HTML = form["caption"]
		if status, text := s.sentFile(m, uploads); status != 0 {
			return status, nil, text
		}
	}
	if refusal := s.words(m, form["parse_mode"]); refusal != "" {
		return 400, nil, refusal
	}
	var ok bool
	if m.Buttons, ok = s.buttons(form["reply_markup"]); !ok {
		return 400, nil, "Bad Request: BUTTON_DATA_INVALID"
	}
	s.message++
	m.ID = s.message
	p.got = append(p.got, m)
	return 200, p.shown(m), ""
}

// card reads a place or a contact as what is written on it, or says what Telegram answers to one that it refuses.
func (s *Server) card(method string, form map[string]string) (shown, refusal string) {
	need := []string{"phone_number", "first_name"}
	if method == "sendVenue" {
		need = []string{"title", "address", "latitude", "longitude"}
		for _, name := range need[2:] {
			if at, err := strconv.ParseFloat(form[name], 64); err != nil || at < -180 || at > 180 {
				s.breaks("a venue with the %s %q", name, form[name])
				return "", "Bad Request: there is no location in the request"
			}
		}
	}
	for _, name := range need {
		if form[name] == "" {
			s.breaks("%s without %s", method, name)
			return "", "Bad Request: there is no " + name + " in the request"
		}
		shown = strings.TrimSpace(shown + " " + form[name])
	}
	return shown, ""
}

// words reads the text of a message as it is shown, or says what Telegram answers to one that it refuses.
func (s *Server) words(m *Message, mode string) (refusal string) {
	m.Text = m.HTML
	if !utf8.ValidString(m.HTML) || !utf8.ValidString(m.Name) {
		s.breaks("bytes that are no UTF-8")
		return "Bad Request: strings must be encoded in UTF-8"
	}
	switch mode {
	case "":
	case "HTML":
		var err error
		if m.Text, err = Text(m.HTML); err != nil {
			s.breaks("HTML that Telegram refuses: %v", err)
			return "Bad Request: can't parse entities: " + err.Error()
		}
	default:
		s.breaks("parse_mode %q is not known here", mode)
		return "Bad Request: unsupported parse_mode"
	}
	m.Text = strings.TrimSpace(m.Text)
	n := len(utf16.Encode([]rune(m.Text)))
	switch {
	case m.Method == "sendMessage" && n == 0:
		s.breaks("an empty text")
		return "Bad Request: message text is empty"
	case m.Method == "sendMessage" && n > maxText:
		s.breaks("a text of %d units", n)
		return "Bad Request: message is too long"
	case m.Method != "sendMessage" && n > maxCaption:
		s.breaks("a caption of %d units", n)
		return "Bad Request: message caption is too long"
	}
	return ""
}

// sentFile takes the file of a call into a message, or says what Telegram answers.
func (s *Server) sentFile(m *Message, uploads map[string]upload) (int, string) {
	field := strings.ToLower(strings.TrimPrefix(m.Method, "send"))
	u, ok := uploads[field]
	switch {
	case !ok:
		s.breaks("%s without a file", m.Method)
		return 400, "Bad Request: there is no " + field + " in the request"
	case len(u.data) == 0:
		return 400, "Bad Request: file must be non-empty"
	case len(u.data) > maxUpload:
		return 413, "Request Entity Too Large"
	case field == "photo" && len(u.data) > maxPhoto:
		return 400, "Bad Request: file is too big for a photo"
	}
	m.File, m.Name = u.data, u.name
	return 0, ""
}

// shown is a message of the bot's as the API describes it.
func (p *Person) shown(m *Message) map[string]any {
	out := map[string]any{"message_id": m.ID, "from": self(), "chat": p.chat(), "date": time.Now().Unix()}
	if m.Method == "sendMessage" {
		out["text"] = m.Text
	} else {
		kind := strings.ToLower(strings.TrimPrefix(m.Method, "send"))
		out[kind] = described(kind, m)
		if m.Text != "" {
			out["caption"] = m.Text
		}
	}
	if len(m.Buttons) > 0 {
		rows := [][]map[string]any{}
		for _, row := range m.Buttons {
			var list []map[string]any
			for _, b := range row {
				list = append(list, map[string]any{"text": b.Label, "callback_data": b.Data})
			}
			rows = append(rows, list)
		}
		out["reply_markup"] = map[string]any{"inline_keyboard": rows}
	}
	return out
}

// described is a file that the bot sent as the API describes it.
func described(kind string, m *Message) any {
	id := fmt.Sprintf("BQACAgQAAxkDAAI%06d", m.ID)
	about := map[string]any{"file_id": id, "file_unique_id": unique(id), "file_size": len(m.File)}
	switch kind {
	case "photo":
		about["width"], about["height"] = 800, 600
		return []any{about}
	case "document":
		about["file_name"] = m.Name
	case "video":
		about["width"], about["height"], about["duration"] = 800, 600, 1
	default:
		about["duration"] = 1
	}
	return about
}
