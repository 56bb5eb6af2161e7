package telegram

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tg "github.com/go-telegram/bot"

	"baom/bot"
)

// hide takes out of an error what must not be seen: the token, which is part of every address, and the body of an
// answer, which holds a person's words. The error of a context stays one.
func (t *Telegram) hide(err error) error {
	text := strings.ReplaceAll(err.Error(), t.Token, "***")
	if head, _, found := strings.Cut(text, "error decode response body"); found {
		text = head + "the answer cannot be read"
	}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			return fmt.Errorf("%s: %w", text, cause)
		}
	}
	return errors.New(text)
}

// sendError tells what to do about an answer of Telegram's. Why is read by officers, in French.
func (t *Telegram) sendError(what string, err error) error {
	var flood *tg.TooManyRequestsError
	var moved *tg.MigrateError
	if errors.As(err, &moved) { // its text holds a chat's id
		return &bot.SendError{Permanent: true, Why: "la conversation a changé d'adresse", Err: fmt.Errorf("%s: the chat has moved", what)}
	}
	hidden := fmt.Errorf("%s: %w", what, t.hide(err))
	permanent := func(why string) error { return &bot.SendError{Permanent: true, Why: why, Err: hidden} }
	text := err.Error()
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case errors.As(err, &flood):
		return &bot.SendError{After: time.Duration(max(1, flood.RetryAfter)) * time.Second, Why: "Telegram demande d'attendre", Err: hidden}
	case errors.Is(err, tg.ErrorForbidden) && has("blocked"):
		return permanent("la personne a bloqué le bot")
	case errors.Is(err, tg.ErrorForbidden):
		return permanent("le compte n'existe plus ou refuse les messages")
	case errors.Is(err, tg.ErrorUnauthorized), errors.Is(err, tg.ErrorNotFound): // the operator can mend that: nothing is given up
		return &bot.SendError{Why: "Telegram ne reconnaît pas le bot", Err: hidden}
	case !errors.Is(err, tg.ErrorBadRequest):
		return &bot.SendError{Why: "Telegram ne répond pas", Err: hidden}
	case has("chat not found", "user is deactivated", "user not found", "PEER_ID_INVALID"):
		return permanent("la conversation n'existe plus")
	case has("too big"):
		return permanent("fichier trop grand")
	case has("temporarily unavailable"): // said of a file that is gone as well: tried again until the tries are used up
		return &bot.SendError{Why: "fichier indisponible", Err: hidden}
	case has("wrong file", "invalid file"):
		return permanent("fichier introuvable")
	}
	return permanent("Telegram a refusé ce message")
}
