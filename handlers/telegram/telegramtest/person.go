package telegramtest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// A Person is somebody with a telephone, in a private chat with the bot. Everything they do is handed to the bot in
// order; nothing waits for the bot but Read, Expect and Press.
type Person struct {
	ID   int64  // of the person and of the chat
	Lang string // of their telephone; empty: Telegram does not say

	s       *Server
	got     []*Message
	read    int
	blocked bool
	typing  int
	last    map[string]any // the last message they wrote, for Edit
}

// Person makes somebody, with the language of their telephone.
func (s *Server) Person(id int64, lang string) *Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &Person{ID: id, Lang: lang, s: s}
	s.chats[id] = p
	return p
}

func (p *Person) chat() map[string]any {
	return map[string]any{"id": p.ID, "first_name": "P", "type": "private"}
}

func (p *Person) from() map[string]any {
	u := map[string]any{"id": p.ID, "is_bot": false, "first_name": "P"}
	if p.Lang != "" {
		u["language_code"] = p.Lang
	}
	return u
}

// message is a message of theirs with what it carries.
func (p *Person) message(chat map[string]any, carried map[string]any) map[string]any {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.s.message++
	m := map[string]any{"message_id": p.s.message, "from": p.from(), "chat": chat, "date": time.Now().Unix()}
	for k, v := range carried {
		m[k] = v
	}
	p.last = m
	return m
}

// Carry sends a message that carries anything, by the names of the Bot API: {"dice": {…}}.
func (p *Person) Carry(carried map[string]any) {
	p.s.t.Helper()
	p.s.Push("message", p.ID, p.message(p.chat(), carried))
}

// Send writes words.
func (p *Person) Send(text string) {
	p.s.t.Helper()
	p.Carry(written(text))
}

func written(text string) map[string]any {
	m := map[string]any{"text": text}
	if strings.HasPrefix(text, "/") {
		word, _, _ := strings.Cut(text, " ")
		m["entities"] = []map[string]any{{"type": "bot_command", "offset": 0, "length": len(utf16.Encode([]rune(word)))}}
	}
	return m
}

// SendIn writes words in a group that the bot is in; a group's id is negative.
func (p *Person) SendIn(group int64, text string) {
	p.s.t.Helper()
	p.s.Push("message", group, p.message(groupChat(group), written(text)))
}

// AddTo adds the bot to a group.
func (p *Person) AddTo(group int64) {
	p.s.t.Helper()
	p.member(group, groupChat(group), "left", "member")
}

func groupChat(id int64) map[string]any {
	return map[string]any{"id": id, "title": "G", "type": "supergroup"}
}

func (p *Person) member(id int64, chat map[string]any, before, after string) {
	p.s.t.Helper()
	status := func(s string) map[string]any {
		m := map[string]any{"user": self(), "status": s}
		if s == "kicked" {
			m["until_date"] = 0
		}
		return m
	}
	p.s.Push("my_chat_member", id, map[string]any{"chat": chat, "from": p.from(), "date": time.Now().Unix(),
		"old_chat_member": status(before), "new_chat_member": status(after)})
}

// Edit changes the words of the last message they wrote.
func (p *Person) Edit(text string) {
	p.s.t.Helper()
	p.s.mu.Lock()
	m := map[string]any{}
	for k, v := range p.last {
		m[k] = v
	}
	p.s.mu.Unlock()
	if len(m) == 0 {
		p.s.t.Fatal("nothing was written that could be changed")
	}
	m["edit_date"] = time.Now().Unix()
	if _, file := m["caption"]; file {
		m["caption"] = text
	} else {
		m["text"] = text
	}
	p.s.Push("edited_message", p.ID, m)
}

// Location shares a place.
func (p *Person) Location(lat, lon float64) {
	p.s.t.Helper()
	p.Carry(map[string]any{"location": map[string]any{"latitude": lat, "longitude": lon}})
}

// Venue shares a place with a name and an address.
func (p *Person) Venue(title, address string, lat, lon float64) {
	p.s.t.Helper()
	place := map[string]any{"latitude": lat, "longitude": lon}
	p.Carry(map[string]any{"location": place, "venue": map[string]any{"location": place, "title": title, "address": address}})
}

// Contact shares a contact of their telephone.
func (p *Person) Contact(name, number string) {
	p.s.t.Helper()
	p.Carry(map[string]any{"contact": map[string]any{"first_name": name, "phone_number": number}})
}

// Sticker sends a sticker.
func (p *Person) Sticker() {
	p.s.t.Helper()
	p.Carry(map[string]any{"sticker": map[string]any{"file_id": "CAACAgQAAxkBAAI", "file_unique_id": "AgAD", "type": "regular", "width": 512, "height": 512, "is_animated": false, "is_video": false}})
}

// file puts bytes where the bot can download them, and describes them.
func (p *Person) file(folder, end string, data []byte, more map[string]any) map[string]any {
	p.s.mu.Lock()
	id := p.s.newFile(folder, end, data)
	p.s.mu.Unlock()
	f := map[string]any{"file_id": id, "file_unique_id": unique(id), "file_size": len(data)}
	for k, v := range more {
		f[k] = v
	}
	return f
}

// Voice sends a voice note.
func (p *Person) Voice(data []byte) {
	p.s.t.Helper()
	p.Carry(map[string]any{"voice": p.file("voice", ".oga", data, map[string]any{"duration": 3, "mime_type": "audio/ogg"})})
}

// Photo sends a photo with a caption, or without one. Telegram makes a small copy beside it.
func (p *Person) Photo(data []byte, caption string) {
	p.s.t.Helper()
	small := p.file("thumbnails", ".jpg", []byte("small"), map[string]any{"width": 90, "height": 67})
	large := p.file("photos", ".jpg", data, map[string]any{"width": 800, "height": 600})
	m := map[string]any{"photo": []map[string]any{small, large}}
	if caption != "" {
		m["caption"] = caption
	}
	p.Carry(m)
}

// Document sends a file with a name.
func (p *Person) Document(name, mime string, data []byte) {
	p.s.t.Helper()
	p.Carry(map[string]any{"document": p.file("documents", "", data, map[string]any{"file_name": name, "mime_type": mime})})
}

// Press presses the newest button with that label, or with data that ends in that option's id. It waits until there is
// one.
func (p *Person) Press(label string) {
	p.s.t.Helper()
	deadline := time.After(p.s.Patience)
	for {
		p.s.mu.Lock()
		wake := p.s.wake
		message, data := p.find(label)
		p.s.mu.Unlock()
		if message != 0 {
			p.PressData(message, data)
			return
		}
		select {
		case <-wake:
		case <-deadline:
			p.s.t.Fatalf("no button %q in sight; the person sees %s", label, p.Screen())
		}
	}
}

// find looks for a button, newest message first; the server is locked.
func (p *Person) find(label string) (message int, data string) {
	for i := len(p.got) - 1; i >= 0; i-- {
		for _, row := range p.got[i].Buttons {
			for _, b := range row {
				if b.Label == label || b.Data[strings.LastIndexByte(b.Data, '|')+1:] == label {
					return p.got[i].ID, b.Data
				}
			}
		}
	}
	return 0, ""
}

// PressData presses a button that may not be in sight any more. A message that was never there is one that has become
// too old for Telegram to show.
func (p *Person) PressData(message int, data string) {
	p.s.t.Helper()
	p.s.mu.Lock()
	p.s.message++
	id := strconv.FormatInt(4300000000000000+int64(p.s.message), 10)
	p.s.queries[id] = false
	under := map[string]any{"message_id": message, "chat": p.chat(), "date": 0}
	for _, m := range p.got {
		if m.ID == message {
			under = p.shown(m)
		}
	}
	p.s.mu.Unlock()
	p.s.Push("callback_query", p.ID, map[string]any{"id": id, "from": p.from(), "message": under, "chat_instance": "-3300000000000000001", "data": data})
}

// Block blocks the bot, or lets it write again; the bot is told if it asked for my_chat_member.
func (p *Person) Block(blocked bool) {
	p.s.t.Helper()
	p.s.mu.Lock()
	p.blocked = blocked
	p.s.mu.Unlock()
	if blocked {
		p.member(p.ID, p.chat(), "member", "kicked")
	} else {
		p.member(p.ID, p.chat(), "kicked", "member")
	}
}

// Read waits for the next message that has not been read.
func (p *Person) Read() Message {
	p.s.t.Helper()
	deadline := time.After(p.s.Patience)
	for {
		p.s.mu.Lock()
		if p.read < len(p.got) {
			m := *p.got[p.read]
			p.read++
			p.s.mu.Unlock()
			return m
		}
		wake := p.s.wake
		p.s.mu.Unlock()
		select {
		case <-wake:
		case <-deadline:
			p.s.t.Fatalf("nothing more came; the person sees %s", p.Screen())
		}
	}
}

// Expect reads messages until one holds the words, and returns it.
func (p *Person) Expect(words string) Message {
	p.s.t.Helper()
	for range 20 {
		if m := p.Read(); strings.Contains(m.Text, words) {
			return m
		}
	}
	p.s.t.Fatalf("%q did not come; the person sees %s", words, p.Screen())
	return Message{}
}

// Got is everything that has arrived, with the buttons that are still there.
func (p *Person) Got() []Message {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	var out []Message
	for _, m := range p.got {
		out = append(out, *m)
	}
	return out
}

// Typed is how often the bot was seen typing.
func (p *Person) Typed() int {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return p.typing
}

// Screen is the last messages as text, for errors.
func (p *Person) Screen() string {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	var out strings.Builder
	for _, m := range p.got[max(0, len(p.got)-3):] {
		fmt.Fprintf(&out, "\n%q", m.Text)
		for _, row := range m.Buttons {
			fmt.Fprintf(&out, " %v", row)
		}
	}
	return out.String()
}
