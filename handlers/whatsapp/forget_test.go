package whatsapp_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"baom/bot"
	"baom/handlers/whatsapp"
	"baom/handlers/whatsapp/whatsapptest"
)

// impersonal are the columns of whatsmeow's tables that hold text and name nobody but the office. Those that name somebody
// are those of Forget: a column that is in neither came with a newer whatsmeow, and somebody has to say which it is.
var impersonal = []string{
	"baom_link.state", "baom_link.number",
	"whatsmeow_app_state_mutation_macs.jid", "whatsmeow_app_state_mutation_macs.name", "whatsmeow_app_state_sync_keys.jid",
	"whatsmeow_app_state_version.jid", "whatsmeow_app_state_version.name",
	"whatsmeow_chat_settings.our_jid", "whatsmeow_contacts.our_jid", "whatsmeow_event_buffer.our_jid", "whatsmeow_identity_keys.our_jid",
	"whatsmeow_message_secrets.our_jid", "whatsmeow_nct_salt.our_jid", "whatsmeow_pre_keys.jid", "whatsmeow_privacy_tokens.our_jid",
	"whatsmeow_retry_buffer.our_jid", "whatsmeow_sender_keys.our_jid", "whatsmeow_sessions.our_jid",
	"whatsmeow_device.jid", "whatsmeow_device.lid", "whatsmeow_device.platform", "whatsmeow_device.business_name", "whatsmeow_device.push_name",
	"whatsmeow_device.companion_meta_nonce", "whatsmeow_device.facebook_uuid",
	"whatsmeow_message_secrets.message_id", "whatsmeow_retry_buffer.message_id", "whatsmeow_retry_buffer.format", // of rows that go by another column
	"whatsmeow_contacts.first_name", "whatsmeow_contacts.full_name", "whatsmeow_contacts.push_name", "whatsmeow_contacts.business_name", "whatsmeow_contacts.redacted_phone",
}

// texts lists the columns of the channel's tables that hold text, as table.column.
func (a *agency) texts(t *testing.T) (columns []string) {
	t.Helper()
	rows, err := a.DB.QueryContext(t.Context(), `select m.name || '.' || c.name from sqlite_master m, pragma_table_info(m.name) c
		where m.type = 'table' and lower(c.type) in ('text', 'uuid') and (m.name like 'whatsmeow\_%' escape '\' or m.name = 'baom_link') order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, name)
	}
	if err := rows.Err(); err != nil || len(columns) < 30 {
		t.Fatal(len(columns), err)
	}
	return columns
}

// naming lists the columns in which a text begins with one of the names, and nothing that goes on as a longer number.
func (a *agency) naming(t *testing.T, names ...string) (found []string) {
	t.Helper()
	for _, column := range a.texts(t) {
		table, name, _ := strings.Cut(column, ".")
		for _, user := range names {
			var n int
			err := a.DB.QueryRowContext(t.Context(), fmt.Sprintf(`select count(*) from %s where %s = '%s' or %s glob '%s[^0-9]*'`, table, name, user, name, user)).Scan(&n)
			if err != nil {
				t.Fatal(err)
			}
			if n > 0 && !slices.Contains(found, column) {
				found = append(found, column)
			}
		}
	}
	return found
}

// TestForget: who is forgotten is in no table of the channel's, under neither name; who is called alike is; and who writes
// again is heard and answered, before a restart and after.
func TestForget(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM")
	c := config(s)
	a := open(t, s, office, c, &record{})
	awa := s.Person("33600000002", "90000000000002", "Awa")
	alike := s.Person("336000000021", "900000000000021", "Alike")
	for _, column := range a.texts(t) {
		table, name, _ := strings.Cut(column, ".")
		if known := slices.Contains(impersonal, column); known == whatsapp.NamedIn(table, name) {
			t.Errorf("does %s name people?", column)
		}
	}
	n := 0
	talk := func(p *whatsapptest.Person, peer bot.Peer, words string) {
		t.Helper()
		p.Say(office, words)
		n++
		if e := a.record.wait(s, n); e.Peer != peer || e.Input.Text != words {
			t.Fatalf("came %q", e.Input.Text)
		}
		if _, err := a.Send(t.Context(), bot.Message{ID: int64(n), Peer: peer, Text: "oui : " + words}); err != nil {
			t.Fatal(err)
		}
		p.Expect("oui : " + words)
	}
	other := bot.Peer{Channel: bot.WhatsApp, ID: "336000000021"}
	talk(awa, awaPeer, "bonjour")
	talk(alike, other, "salam")
	if _, err := a.DB.ExecContext(t.Context(), `insert into whatsmeow_privacy_tokens (our_jid, their_jid, token, timestamp) values ('x', '90000000000002@lid', x'00', 1)`); err != nil {
		t.Fatal(err)
	}
	before := a.naming(t, "33600000002", "90000000000002")
	for _, column := range []string{"whatsmeow_sessions.their_id", "whatsmeow_identity_keys.their_id", "whatsmeow_lid_map.pn", "whatsmeow_lid_map.lid", "whatsmeow_retry_buffer.chat_jid", "whatsmeow_privacy_tokens.their_jid"} {
		if !slices.Contains(before, column) {
			t.Errorf("this test proves nothing about %s: %v", column, before)
		}
	}
	kept := a.naming(t, other.ID, "900000000000021")
	for _, twice := range []string{"once", "again"} {
		if err := a.Forget(t.Context(), awaPeer); err != nil {
			t.Fatal(twice, err)
		}
	}
	if found := a.naming(t, "33600000002", "90000000000002"); len(found) > 0 {
		t.Errorf("left of who is forgotten: %v", found)
	}
	if now := a.naming(t, other.ID, "900000000000021"); !slices.Equal(now, kept) {
		t.Errorf("left of who is called alike: %v of %v", now, kept)
	}
	talk(awa, awaPeer, "me revoilà")
	talk(alike, other, "encore")
	a.stop()
	a = open(t, s, office, c, a.record)
	talk(awa, awaPeer, "toujours là")
	if err := a.Forget(t.Context(), bot.Peer{Channel: bot.WhatsApp, ID: "90000000000002@lid"}); err != nil {
		t.Fatal(err)
	}
	if found := a.naming(t, "33600000002", "90000000000002"); len(found) > 0 {
		t.Errorf("forgotten by the other name: %v", found)
	}
	a.stop()
	if err := a.Forget(t.Context(), other); err != nil {
		t.Errorf("without a line: %v", err)
	}
	if found := a.naming(t, other.ID, "900000000000021"); len(found) > 0 {
		t.Errorf("forgotten without a line: %v", found)
	}
}
