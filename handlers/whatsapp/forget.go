package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"

	"baom/bot"
)

var _ bot.Forgetter = (*WhatsApp)(nil)

// named are the columns of whatsmeow's tables that name somebody who is not us: a phone number or a LID, alone or with a
// device and a server behind it.
var named = []struct{ table, column string }{
	{"whatsmeow_identity_keys", "their_id"},
	{"whatsmeow_sessions", "their_id"},
	{"whatsmeow_sender_keys", "chat_id"},
	{"whatsmeow_sender_keys", "sender_id"},
	{"whatsmeow_contacts", "their_jid"},
	{"whatsmeow_chat_settings", "chat_jid"},
	{"whatsmeow_message_secrets", "chat_jid"},
	{"whatsmeow_message_secrets", "sender_jid"},
	{"whatsmeow_privacy_tokens", "their_jid"},
	{"whatsmeow_retry_buffer", "chat_jid"},
	{"whatsmeow_lid_map", "lid"},
	{"whatsmeow_lid_map", "pn"},
}

// Forget implements bot.Forgetter. It needs no line. If they write again, their telephone is asked to begin the encryption
// anew, and does so by itself: the first message comes a moment later. whatsmeow remembers whose devices it has seen until
// the line is opened anew.
func (w *WhatsApp) Forget(ctx context.Context, p bot.Peer) error {
	at, err := address(p.ID)
	if err != nil {
		return fmt.Errorf("whatsapp: forget: %w", err)
	}
	if err := w.prepare(ctx); err != nil {
		return fmt.Errorf("whatsapp: forget: %w", err)
	}
	tx, err := w.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("whatsapp: forget: %w", err)
	}
	defer tx.Rollback()
	names := []types.JID{at}
	other, query := types.JID{Server: types.HiddenUserServer}, `select lid from whatsmeow_lid_map where pn = $1`
	if at.Server == types.HiddenUserServer {
		other.Server, query = types.DefaultUserServer, `select pn from whatsmeow_lid_map where lid = $1`
	}
	switch err := tx.QueryRowContext(ctx, query, at.User).Scan(&other.User); {
	case err == nil:
		names = append(names, other)
	case !errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("whatsapp: forget: %w", err)
	}
	for _, n := range named {
		for _, name := range names {
			// The name alone, or with something behind it that is no digit: not one that begins alike.
			_, err := tx.ExecContext(ctx, `delete from `+n.table+` where substr(`+n.column+`, 1, $2) = $1 and substr(`+n.column+`, $2 + 1, 1) not between '0' and '9'`, name.User, len(name.User))
			if err != nil {
				return fmt.Errorf("whatsapp: forget in %s: %w", n.table, err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("whatsapp: forget: %w", err)
	}
	for _, name := range names {
		id := name.User
		if name.Server == types.HiddenUserServer {
			id += lidMark
		}
		w.typing.End(id)
		w.pace.forget(id)
		w.chats.forget(id, name)
		if l := w.line.Load(); l != nil {
			l.forget(id)
		}
	}
	w.lids.clear()
	return nil
}

// lids is whatsmeow's memory of which phone number belongs to which LID, of which one can be taken: what is remembered is
// dropped whole, and read again from its table as it is needed.
type lids struct {
	fresh func() *sqlstore.CachedLIDMap
	now   atomic.Pointer[sqlstore.CachedLIDMap]
}

var _ store.LIDStore = (*lids)(nil)

func newLIDs(db *sql.DB, dialect string) *lids {
	l := &lids{fresh: func() *sqlstore.CachedLIDMap { return sqlstore.NewWithDB(db, dialect, nil).LIDMap }}
	l.clear()
	return l
}

func (l *lids) clear() { l.now.Store(l.fresh()) }

// PutManyLIDMappings implements store.LIDStore.
func (l *lids) PutManyLIDMappings(ctx context.Context, mappings []store.LIDMapping) error {
	return l.now.Load().PutManyLIDMappings(ctx, mappings)
}

// PutLIDMapping implements store.LIDStore.
func (l *lids) PutLIDMapping(ctx context.Context, lid, pn types.JID) error {
	return l.now.Load().PutLIDMapping(ctx, lid, pn)
}

// GetPNForLID implements store.LIDStore.
func (l *lids) GetPNForLID(ctx context.Context, lid types.JID) (types.JID, error) {
	return l.now.Load().GetPNForLID(ctx, lid)
}

// GetLIDForPN implements store.LIDStore.
func (l *lids) GetLIDForPN(ctx context.Context, pn types.JID) (types.JID, error) {
	return l.now.Load().GetLIDForPN(ctx, pn)
}

// GetManyLIDsForPNs implements store.LIDStore.
func (l *lids) GetManyLIDsForPNs(ctx context.Context, pns []types.JID) (map[types.JID]types.JID, error) {
	return l.now.Load().GetManyLIDsForPNs(ctx, pns)
}
