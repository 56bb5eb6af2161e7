package whatsapp

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// guard wraps the parts of a device's store in which whatsmeow would keep what people write, and their names.
func (w *WhatsApp) guard(dev *store.Device) error {
	block, err := aes.NewCipher(w.key)
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	dev.EventBuffer = &buffer{EventBuffer: dev.EventBuffer, aead: aead, alive: w.alive}
	dev.Contacts = noNames{dev.Contacts}
	dev.LIDs = w.lids
	return nil
}

// alive reports whether the database can be reached.
func (w *WhatsApp) alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return w.DB.PingContext(ctx) == nil
}

// A buffer is whatsmeow's memory of messages on the way, sealed. It holds a message between its decryption, which cannot be
// done twice, and its filing; and for a day what was sent, for a telephone that asks for it again.
//
// Where the database is away the buffer waits for it: whatsmeow would take the failure for one of the message's, and
// acknowledge it.
type buffer struct {
	store.EventBuffer
	aead  cipher.AEAD
	alive func(context.Context) bool
}

func (b *buffer) seal(plain []byte, about string) []byte {
	nonce := make([]byte, b.aead.NonceSize())
	rand.Read(nonce)
	return b.aead.Seal(nonce, nonce, plain, []byte(about))
}

func (b *buffer) open(sealed []byte, about string) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("what is buffered is too short")
	}
	plain, err := b.aead.Open(nil, sealed[:n], sealed[n:], []byte(about))
	if err != nil {
		return nil, errors.New("what is buffered cannot be opened: was it sealed with another secret key?")
	}
	return plain, nil
}

// patiently tries until it works, or fails though the database can be reached, or ctx ends.
func (b *buffer) patiently(ctx context.Context, try func() error) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := try()
		if err == nil || ctx.Err() != nil || b.alive(ctx) {
			return err
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// GetBufferedEvent implements store.EventBuffer.
func (b *buffer) GetBufferedEvent(ctx context.Context, hash [32]byte) (e *store.BufferedEvent, err error) {
	err = b.patiently(ctx, func() error {
		e, err = b.EventBuffer.GetBufferedEvent(ctx, hash)
		return err
	})
	if err == nil && e != nil && e.Plaintext != nil {
		e.Plaintext, err = b.open(e.Plaintext, "in "+string(hash[:]))
	}
	return e, err
}

// PutBufferedEvent implements store.EventBuffer. It is called within DoDecryptionTxn.
func (b *buffer) PutBufferedEvent(ctx context.Context, hash [32]byte, plain []byte, at time.Time) error {
	return b.EventBuffer.PutBufferedEvent(ctx, hash, b.seal(plain, "in "+string(hash[:])), at)
}

// DoDecryptionTxn implements store.EventBuffer. The keys that a decryption uses up come back with the transaction.
func (b *buffer) DoDecryptionTxn(ctx context.Context, do func(context.Context) error) error {
	return b.patiently(ctx, func() error { return b.EventBuffer.DoDecryptionTxn(ctx, do) })
}

// AddOutgoingEvent implements store.EventBuffer.
func (b *buffer) AddOutgoingEvent(ctx context.Context, chat types.JID, id types.MessageID, format string, plain []byte) error {
	return b.EventBuffer.AddOutgoingEvent(ctx, chat, id, format, b.seal(plain, "out "+id))
}

// GetOutgoingEvent implements store.EventBuffer.
func (b *buffer) GetOutgoingEvent(ctx context.Context, chat, alt types.JID, id types.MessageID) (string, []byte, error) {
	format, sealed, err := b.EventBuffer.GetOutgoingEvent(ctx, chat, alt, id)
	if err != nil || sealed == nil {
		return format, sealed, err
	}
	plain, err := b.open(sealed, "out "+id)
	return format, plain, err
}

// noNames is an address book into which nothing is written.
type noNames struct{ store.ContactStore }

// PutPushName implements store.ContactStore.
func (noNames) PutPushName(context.Context, types.JID, string) (bool, string, error) {
	return false, "", nil
}

// PutBusinessName implements store.ContactStore.
func (noNames) PutBusinessName(context.Context, types.JID, string) (bool, string, error) {
	return false, "", nil
}

// PutContactName implements store.ContactStore.
func (noNames) PutContactName(context.Context, types.JID, string, string) error { return nil }

// PutAllContactNames implements store.ContactStore.
func (noNames) PutAllContactNames(context.Context, []store.ContactEntry) error { return nil }

// PutManyRedactedPhones implements store.ContactStore.
func (noNames) PutManyRedactedPhones(context.Context, []store.RedactedPhoneEntry) error { return nil }

// makeTable makes the one table of our own in whatsmeow's schema: how the link stands, for the other processes and after a
// restart. The times are seconds since 1970.
func (w *WhatsApp) makeTable(ctx context.Context) error {
	_, err := w.DB.ExecContext(ctx, `create table if not exists baom_link (
		id integer primary key check (id = 1), state text not null, since bigint not null, until bigint not null, code integer not null, number text not null)`)
	if err != nil {
		return fmt.Errorf("make the table of the link: %w", err)
	}
	return nil
}

func (w *WhatsApp) hasTables(ctx context.Context) bool {
	var n int
	return w.DB.QueryRowContext(ctx, `select count(*) from baom_link`).Scan(&n) == nil
}

// wrote reports whether a peer has written to this number since it was paired: then there is a session with one of their
// devices, and there is none for another reason, since nobody else is written to.
func (w *WhatsApp) wrote(ctx context.Context, own types.JID, names ...types.JID) (bool, error) {
	for _, j := range names {
		if j.IsEmpty() {
			continue
		}
		var n int
		err := w.DB.QueryRowContext(ctx, `select count(*) from whatsmeow_sessions where our_jid = $1 and their_id like $2`,
			own.String(), j.SignalAddressUser()+":%").Scan(&n)
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// A logger passes on what whatsmeow says that an operator should know, without its arguments: they name people, and hold
// whole messages.
type logger struct{ log *slog.Logger }

var _ waLog.Logger = logger{}

// Warnf implements waLog.Logger.
func (l logger) Warnf(format string, _ ...any) { l.log.Debug("whatsmeow warns", "of", format) }

// Errorf implements waLog.Logger.
func (l logger) Errorf(format string, _ ...any) { l.log.Warn("whatsmeow reports", "what", format) }

// Infof implements waLog.Logger.
func (l logger) Infof(format string, _ ...any) { l.log.Debug("whatsmeow says", "what", format) }

// Debugf implements waLog.Logger.
func (logger) Debugf(string, ...any) {}

// Sub implements waLog.Logger.
func (l logger) Sub(string) waLog.Logger { return l }
