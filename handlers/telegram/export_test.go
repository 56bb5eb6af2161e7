package telegram

import "time"

// Read reads an update as far as an entry.
func Read(body []byte) bool {
	u, ok := decode(body)
	_, says := (&Telegram{Config: Config{Now: time.Now}}).entry(u)
	return ok && says
}
