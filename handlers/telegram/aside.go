package telegram

import (
	"context"
	"sync"
	"time"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
)

// arrived does the small things that follow an update's arrival, beside the line and without its guarantees: the press
// is answered so that the button stops turning, unless that is done, and its keyboard goes.
func (t *Telegram) arrived(ctx context.Context, u *models.Update, filed, answered bool) {
	switch {
	case u.CallbackQuery != nil:
		q := u.CallbackQuery
		if !answered {
			t.aside(ctx, func(ctx context.Context) { t.post(ctx, "answerCallbackQuery", pressed{Query: q.ID}, nil) })
		}
		if m := q.Message.Message; m != nil && filed {
			t.bareKeyboard(ctx, m.Chat.ID, m.ID)
		}
	case u.Message != nil && !filed:
		t.leave(ctx, u.Message.Chat, false)
	case u.MyChatMember != nil:
		t.membership(ctx, u.MyChatMember)
	}
}

// membership follows what a chat has done with the bot. Nothing can be answered to somebody who has blocked it: that is
// counted, and the next message to them says so for itself.
func (t *Telegram) membership(ctx context.Context, m *models.ChatMemberUpdated) {
	switch status := m.NewChatMember.Type; {
	case m.Chat.Type == models.ChatTypePrivate:
		if status == models.ChatMemberTypeBanned {
			t.Log.Info("telegram: somebody has blocked the bot", "since the start", t.blocked.Add(1))
		}
	case status != models.ChatMemberTypeBanned && status != models.ChatMemberTypeLeft:
		t.leave(ctx, m.Chat, true)
	}
}

// leave leaves a group or channel, once each time that somebody has added the bot to it: what people say to one another
// there is not for us.
func (t *Telegram) leave(ctx context.Context, chat models.Chat, added bool) {
	if chat.ID == 0 || chat.Type == "" || chat.Type == models.ChatTypePrivate {
		return
	}
	t.groupsMu.Lock()
	known := t.groups[chat.ID]
	if len(t.groups) > 10000 {
		clear(t.groups)
	}
	t.groups[chat.ID] = true
	t.groupsMu.Unlock()
	if !known || added {
		t.aside(ctx, func(ctx context.Context) { t.api.LeaveChat(ctx, &tg.LeaveChatParams{ChatID: chat.ID}) })
	}
}

// aside runs a small call beside the line, whose failure matters to nobody; where too many are under way it is left out.
func (t *Telegram) aside(ctx context.Context, f func(context.Context)) {
	select {
	case t.room <- struct{}{}:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	t.crew.Go(func() {
		defer func() { cancel(); <-t.room }()
		f(ctx)
	})
}

// settle waits for the small calls beside the line, which takes no longer than their time limit, and lets no more begin.
func (t *Telegram) settle() {
	t.typing.Stop()
	for range cap(t.room) {
		t.room <- struct{}{}
	}
	t.crew.Wait()
}

// bareKeyboard removes the buttons under a message, beside the line, unless that was done a moment ago: the press that
// they had and the answer to it both ask for it.
func (t *Telegram) bareKeyboard(ctx context.Context, chat int64, message int) {
	if t.bare.now(chat, message) {
		t.aside(ctx, func(ctx context.Context) {
			t.post(ctx, "editMessageReplyMarkup", bare{chat, message, keyboard{Rows: [][]button{}}}, nil)
		})
	}
}

// maxCleared bounds how many chats are remembered.
const maxCleared = 10000

// cleared remembers of each chat the last message whose buttons were removed.
type cleared struct {
	mu   sync.Mutex
	last map[int64]int
}

// now notes that a message's buttons are removed now, and reports whether that is news.
func (c *cleared) now(chat int64, message int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last[chat] == message {
		return false
	}
	if c.last == nil || len(c.last) >= maxCleared {
		c.last = map[int64]int{}
	}
	c.last[chat] = message
	return true
}

func (t *Telegram) showTyping(chat int64) {
	t.aside(context.Background(), func(ctx context.Context) {
		t.api.SendChatAction(ctx, &tg.SendChatActionParams{ChatID: chat, Action: models.ChatActionTyping})
	})
}
