package telegram

import (
	"encoding/json"

	"github.com/go-telegram/bot/models"
)

// decode reads an update. The library refuses a whole update for one part that it does not know, such as a new sort of
// forward; since one update that cannot be read would hold up every later one, what matters of it is then read part by
// part. It is not ok where there is no update id: that is no update.
func decode(raw []byte) (*models.Update, bool) {
	var lean update
	if json.Unmarshal(raw, &lean) != nil {
		u := salvage(raw)
		return u, u.ID > 0
	}
	u := &models.Update{ID: lean.ID, Message: lean.Message, EditedMessage: lean.Edited, MyChatMember: lean.Member}
	if q := lean.Query; q != nil {
		u.CallbackQuery = &models.CallbackQuery{ID: q.ID, From: q.From, Data: q.Data}
		switch m := q.Message; {
		case m != nil && m.Date != 0:
			u.CallbackQuery.Message.Message = m
		case m != nil: // Telegram does not know any more what it said
			u.CallbackQuery.Message.InaccessibleMessage = &models.InaccessibleMessage{Chat: m.Chat, MessageID: m.ID}
		}
	}
	return u, u.ID > 0
}

// An update is what we ask for of the library's type, which reads a pressed button's message twice.
type update struct {
	ID      int64                     `json:"update_id"`
	Message *models.Message           `json:"message"`
	Edited  *models.Message           `json:"edited_message"`
	Member  *models.ChatMemberUpdated `json:"my_chat_member"`
	Query   *struct {
		ID      string          `json:"id"`
		From    models.User     `json:"from"`
		Data    string          `json:"data"`
		Message *models.Message `json:"message"`
	} `json:"callback_query"`
}

// salvage reads what matters of an update, leaving out what cannot be read.
func salvage(raw []byte) *models.Update {
	u := &models.Update{}
	f := fieldsOf(raw)
	f.read("update_id", &u.ID)
	u.Message = f.message("message")
	u.EditedMessage = f.message("edited_message")
	if q := fieldsOf(f["callback_query"]); q != nil {
		u.CallbackQuery = &models.CallbackQuery{}
		q.read("id", &u.CallbackQuery.ID)
		q.read("from", &u.CallbackQuery.From)
		q.read("data", &u.CallbackQuery.Data)
		u.CallbackQuery.Message.Message = q.message("message")
	}
	return u
}

// fields are the parts of a JSON object.
type fields map[string]json.RawMessage

func fieldsOf(raw []byte) (f fields) {
	if json.Unmarshal(raw, &f) != nil {
		return nil
	}
	return f
}

// read sets what to points to, if the part is there and can be read.
func (f fields) read(name string, to any) {
	if raw := f[name]; raw != nil {
		_ = json.Unmarshal(raw, to) // what cannot be read is left out: see decode
	}
}

func (f fields) message(name string) *models.Message {
	parts := fieldsOf(f[name])
	if parts == nil {
		return nil
	}
	m := &models.Message{}
	for name, to := range map[string]any{
		"message_id": &m.ID, "from": &m.From, "date": &m.Date, "edit_date": &m.EditDate, "chat": &m.Chat, "text": &m.Text, "caption": &m.Caption,
		"voice": &m.Voice, "audio": &m.Audio, "photo": &m.Photo, "video": &m.Video, "video_note": &m.VideoNote, "document": &m.Document,
		"animation": &m.Animation, "location": &m.Location, "venue": &m.Venue, "contact": &m.Contact, "sticker": &m.Sticker, "dice": &m.Dice,
	} {
		parts.read(name, to)
	}
	return m
}

// chatOf is the chat that an update belongs to, or 0.
func chatOf(u *models.Update) int64 {
	switch {
	case u.CallbackQuery != nil:
		chat, _ := pressedIn(u.CallbackQuery)
		return chat
	case u.Message != nil:
		return u.Message.Chat.ID
	case u.EditedMessage != nil:
		return u.EditedMessage.Chat.ID
	case u.MyChatMember != nil:
		return u.MyChatMember.Chat.ID
	}
	return 0
}
