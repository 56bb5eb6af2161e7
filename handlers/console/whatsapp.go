package console

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"rsc.io/qr"

	"baom/bot"
)

// A Phone is the office's link to WhatsApp, as an administrator looks after it.
type Phone struct {
	Link   func(context.Context) bot.Link
	Pair   func(phone string)          // begins to pair, by QR or, with a phone number, by code; Link shows how it goes
	Unpair func(context.Context) error // removes this device from the telephone
}

// phoneView is the page of the link. QR is drawn here: what it holds is never written elsewhere.
type phoneView struct {
	bot.Link
	Drawn template.HTML
	Codes []codeCount
	Fault bool // the last thing asked for did not work
}

type codeCount struct {
	Code int
	N    int64
}

// alarm is the state of the link where who looks must do something about it.
func (c *Console) alarm(ctx context.Context, who *bot.Officer) bot.LinkState {
	if c.Phone == nil || who == nil || who.Role != bot.RoleAdmin {
		return ""
	}
	if state := c.Phone.Link(ctx).State; state.Alarming() {
		return state
	}
	return ""
}

// keeper lets administrators alone look after the link; without one there is no such page.
func (c *Console) keeper(h member) member {
	return func(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
		switch {
		case who.Role != bot.RoleAdmin:
			return fmt.Errorf("whatsapp: %w", bot.ErrForbidden)
		case c.Phone == nil:
			return fmt.Errorf("whatsapp: %w", bot.ErrNotFound)
		}
		return h(w, r, who)
	}
}

func (c *Console) whatsapp(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.render(w, r, who, http.StatusOK, "whatsapp", "console.whatsapp.title", c.phoneView(r))
}

func (c *Console) whatsappLive(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.write(w, r, http.StatusOK, "whatsapp-live", c.phoneView(r))
}

func (c *Console) phoneView(r *http.Request) phoneView {
	v := phoneView{Link: c.Phone.Link(r.Context()), Fault: r.URL.Query().Has("fault")}
	if v.QR != "" {
		v.Drawn = drawQR(v.QR)
	}
	for _, code := range []int{463, 479, 405, 429, 404} {
		if n := v.Errors[code]; n > 0 {
			v.Codes = append(v.Codes, codeCount{code, n})
		}
	}
	return v
}

func (c *Console) pairPhone(w http.ResponseWriter, r *http.Request, _ *bot.Officer) error {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	phone := strings.TrimSpace(r.FormValue("phone"))
	if len(phone) > 40 || strings.Trim(phone, "+0123456789 .-()") != "" {
		return fmt.Errorf("the telephone's number: %w", bot.ErrInvalid)
	}
	c.Phone.Pair(phone)
	http.Redirect(w, r, "/console/whatsapp", http.StatusSeeOther)
	return nil
}

func (c *Console) unpairPhone(w http.ResponseWriter, r *http.Request, _ *bot.Officer) error {
	to := "/console/whatsapp"
	if err := c.Phone.Unpair(r.Context()); err != nil {
		c.Log.Warn("console: the telephone could not be unpaired", "error", err)
		to += "?fault"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// drawQR draws a QR as an image within the page: nothing of it is cached or asked for elsewhere.
func drawQR(text string) template.HTML {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return ""
	}
	const quiet = 4
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	size := code.Size + 2*quiet
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img"><rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="%s"/></svg>`,
		size, size, size, size, path.String()))
}
