package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"

	"baom/bot"
)

// The codes with which WhatsApp refuses a message.
const (
	codeGone       = 404 // nobody has this number any more
	codeNotAllowed = 405 // this sort of message, or to this person, is not allowed
	codeTooMany    = 429
	codeFirst      = 463 // this number may not write first, for a time
	codeInvalid    = 479 // not a message that WhatsApp's own clients would send
)

// refusal is the code with which WhatsApp refused a message, or 0. whatsmeow writes it at the end of its error.
func refusal(err error) int {
	if !errors.Is(err, whatsmeow.ErrServerReturnedError) {
		return 0
	}
	text := err.Error()
	code, _ := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1:])
	return code
}

// sendError tells what to do about a failed message. Why is read by officers, in French. whatsmeow's errors name people,
// so that only their kind is passed on. recent says that the person wrote a short while ago.
func (w *WhatsApp) sendError(err error, recent bool) error {
	kind := func(what string) error { return errors.New(what) }
	permanent := func(why, what string) error { return &bot.SendError{Permanent: true, Why: why, Err: kind(what)} }
	code := refusal(err)
	if code != 0 {
		w.count(code)
	}
	said := (*bot.SendError)(nil)
	switch {
	case errors.As(err, &said):
		return said
	case code == codeFirst && recent: // the token of who wrote may still be on its way
		return &bot.SendError{After: 10 * time.Second, Why: "WhatsApp limite ce numéro pour un temps", Err: kind("refused with 463")}
	case code == codeFirst:
		return permanent("WhatsApp ne laisse pas ce numéro écrire en premier", "refused with 463")
	case code == codeInvalid, code == codeNotAllowed, code == 400, code == 403, code == 406:
		return permanent("WhatsApp a refusé ce message", fmt.Sprintf("refused with %d", code))
	case code == codeGone, strings.HasPrefix(err.Error(), "no LID found"):
		return permanent("ce numéro n'a pas WhatsApp", "nobody has this number")
	case code == codeTooMany:
		return &bot.SendError{After: 5 * time.Minute, Why: "WhatsApp demande d'attendre", Err: kind("refused with 429")}
	case code != 0:
		return &bot.SendError{Why: "WhatsApp a refusé ce message", Err: kind(fmt.Sprintf("refused with %d", code))}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, whatsmeow.ErrMessageTimedOut), errors.Is(err, whatsmeow.ErrIQTimedOut):
		return &bot.SendError{Why: "WhatsApp ne répond pas", Err: kind("no answer in time")}
	case errors.Is(err, whatsmeow.ErrNotConnected), errors.Is(err, whatsmeow.ErrNotLoggedIn), isDisconnected(err):
		return &bot.SendError{After: 3 * time.Second, Why: "WhatsApp n'est pas connecté", Err: kind("the line was lost")}
	}
	return &bot.SendError{Why: "WhatsApp ne répond pas", Err: fmt.Errorf("%T", err)}
}

func isDisconnected(err error) bool {
	var lost *whatsmeow.DisconnectedError
	return errors.As(err, &lost)
}
