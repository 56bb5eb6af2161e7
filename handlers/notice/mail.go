package notice

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"baom/bot"
)

// Mail sends notices through the office's server of mail. The connection is always encrypted: by STARTTLS, or from its
// first byte on port 465. It is safe for concurrent use.
type Mail struct {
	Server         string // host:port
	User, Password string // empty: without log-in
	From           string
	TLS            *tls.Config // nil: the machine's own authorities
}

// NewMail checks the settings and makes the sender. It calls nobody.
func NewMail(server, user, password, from string) (*Mail, error) {
	host, port, err := net.SplitHostPort(server)
	if n, err1 := strconv.Atoi(port); err != nil || err1 != nil || host == "" || n < 1 || n > 65535 {
		return nil, fmt.Errorf("%q is not written mail.example.ma:587", server)
	}
	if _, err := bot.MailAddress(from); err != nil {
		return nil, fmt.Errorf("%q is not an address of mail", from)
	}
	if (user == "") != (password == "") {
		return nil, errors.New("a user and a password belong together")
	}
	return &Mail{Server: server, User: user, Password: password, From: from}, nil
}

func (m *Mail) client() (*mail.Client, error) {
	host, port, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	options := []mail.Option{mail.WithPort(n), mail.WithTimeout(20 * time.Second), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithHELO("baom.invalid")}
	if n == 465 {
		options = append(options, mail.WithSSL())
	}
	if m.TLS != nil {
		options = append(options, mail.WithTLSConfig(m.TLS))
	}
	if m.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.User), mail.WithPassword(m.Password))
	}
	return mail.NewClient(host, options...)
}

// Send sends a notice as a mail of plain text.
func (m *Mail) Send(ctx context.Context, w bot.Way, n bot.Notice) error {
	message := mail.NewMsg()
	if err := errors.Join(message.From(m.From), message.To(w.Address)); err != nil {
		return &bot.SendError{Why: "address", Err: errors.New("an address that cannot be written")}
	}
	message.Subject(n.Title)
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetGenHeader("Content-Language", string(n.Lang))
	message.SetDate()
	message.SetMessageID()
	text := n.Text
	if n.URL != "" {
		text += "\n\n" + n.URL
	}
	message.SetBodyString(mail.TypeTextPlain, text+"\n")
	client, err := m.client()
	if err != nil {
		return &bot.SendError{Why: "server", Err: err}
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return &bot.SendError{Why: m.why(err), Err: errors.New("the server of mail does not take it")}
	}
	return nil
}

// Reach connects, encrypts and logs in, and sends nothing.
func (m *Mail) Reach(ctx context.Context) error {
	client, err := m.client()
	if err != nil {
		return err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return err
	}
	return client.Close()
}

// why is the code of a failure: the server, or this address.
func (m *Mail) why(err error) string {
	if fault := (*mail.SendError)(nil); errors.As(err, &fault) && fault.Reason == mail.ErrSMTPRcptTo {
		return "address"
	}
	return "server"
}
