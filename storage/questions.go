package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// queueAsked files what became of a question, apart from who asked it. Only who wishes to be told leaves a way back: the
// number of the conversation, sealed with the office's key.
func (s *Store) queueAsked(b *pgx.Batch, q flows.Asked, conversation int64, now time.Time) error {
	var words, back, asker []byte
	var err error
	if q.Question != "" {
		if words, err = seal(s.vault.office, "question", 0, []byte(q.Question)); err != nil {
			return err
		}
	}
	if q.Outcome == flows.AskWished {
		if back, err = s.wayBack(conversation); err != nil {
			return err
		}
		asker = s.vault.asker(conversation)
	}
	b.Queue(`insert into questions (day, lang, outcome, answer, need, question, back, asker) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		now, q.Lang, q.Outcome, q.Answer, q.Need, words, back, asker)
	return nil
}

// wayBack is a conversation, sealed with the office's key; asker the keyed hash by which its wishes are found.
func (s *Store) wayBack(conversation int64) ([]byte, error) {
	return seal(s.vault.office, "way back", 0, binary.BigEndian.AppendUint64(nil, uint64(conversation)))
}

func (v *vault) asker(conversation int64) []byte {
	return v.hash("asker", strconv.FormatInt(conversation, 10))
}

// queueRepoint lets the wishes of a conversation that becomes part of another lead there.
func (s *Store) queueRepoint(b *pgx.Batch, from, to int64) error {
	back, err := s.wayBack(to)
	if err == nil {
		b.Queue(`update questions set back = $2, asker = $3 where asker = $1`, s.vault.asker(from), back, s.vault.asker(to))
	}
	return err
}

// questionRow is a question as it is stored.
type questionRow struct {
	ID      int64
	Day     time.Time
	Lang    content.Lang
	Outcome string
	Answer  string
	Need    string
	Words   []byte
	Waits   bool
}

// Questions implements bot.Questions.
func (s *Store) Questions(ctx context.Context, limit int) ([]bot.Question, error) {
	return s.questions(ctx, `select id, day, lang, outcome, answer, need, question, back is not null from questions
		where question is not null and written is null order by id desc limit $1`, limit)
}

func (s *Store) questions(ctx context.Context, query string, args ...any) ([]bot.Question, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[questionRow])
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	list := make([]bot.Question, len(found))
	for i, r := range found {
		var words []byte
		if err := unseal(s.vault.office, "question", 0, r.Words, &words); err != nil {
			return nil, err
		}
		list[i] = bot.Question{ID: r.ID, Day: r.Day, Lang: r.Lang, Outcome: r.Outcome, Answer: r.Answer, Need: r.Need, Text: string(words), Waits: r.Waits}
	}
	return list, nil
}

// Write implements bot.Questions.
func (s *Store) Write(ctx context.Context, w *bot.Written, ids []int64, tell func(content.Lang) string) error {
	var told news
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		w.At = s.now()
		err := tx.QueryRow(ctx, `insert into written (officer, at, lang, need, title, body) values ($1, $2, $3, $4, $5, $6) returning id`,
			w.Officer, w.At, w.Lang, w.Need, w.Title, w.Text).Scan(&w.ID)
		if err != nil {
			return err
		}
		// The conversations first, as everywhere: see the package comment.
		rows, err := tx.Query(ctx, `select back from questions where id = any($1) and written is null and back is not null`, ids)
		if err != nil {
			return err
		}
		ahead, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		if err != nil {
			return err
		}
		waiting, err := s.waysBack(ahead)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `select 1 from conversations where id = any($1) order by id for no key update`, waiting); err != nil {
			return err
		}
		rows, err = tx.Query(ctx, `with q as (select id, back from questions where id = any($1) and written is null order by id for update)
			update questions u set written = $2, back = null, asker = null from q where u.id = q.id returning q.back`, ids, w.ID)
		if err != nil {
			return err
		}
		backs, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		if err != nil {
			return err
		}
		if len(backs) == 0 {
			return fmt.Errorf("these questions were answered meanwhile, or are gone: %w", bot.ErrConflict)
		}
		if tell == nil && slices.ContainsFunc(backs, func(back []byte) bool { return back != nil }) {
			return fmt.Errorf("somebody waits for the answer: %w", bot.ErrForbidden)
		}
		w.Questions = len(backs)
		if w.Told, err = s.tellBack(ctx, tx, backs, tell, &told); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update written set told = $2 where id = $1`, w.ID, w.Told)
		return err
	})
	if err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	s.hub.poke(told...)
	return nil
}

// waysBack opens ways back: the conversations they lead to, each once, in the lock order.
func (s *Store) waysBack(backs [][]byte) (conversations []int64, err error) {
	for _, sealed := range backs {
		var plain []byte
		if err := unseal(s.vault.office, "way back", 0, sealed, &plain); err != nil {
			return nil, err
		}
		if len(plain) == 8 {
			conversations = append(conversations, int64(binary.BigEndian.Uint64(plain)))
		}
	}
	slices.Sort(conversations)
	return slices.Compact(conversations), nil
}

// tellBack sends each of the conversations that the sealed ways back lead to what tell says in its language. Who has been
// forgotten since, or refuses by now that anything be kept, is not written to.
func (s *Store) tellBack(ctx context.Context, tx pgx.Tx, backs [][]byte, tell func(content.Lang) string, told *news) (n int, err error) {
	conversations, err := s.waysBack(backs)
	if err != nil {
		return 0, err
	}
	for _, id := range conversations {
		var person int64
		var wrapped, peer []byte
		var channel bot.Channel
		var lang content.Lang
		var caseID *int64
		// Read by a statement of its own: who was forgotten while the lock was waited for is not written to.
		if _, err := tx.Exec(ctx, `select 1 from conversations where id = $1 for no key update`, id); err != nil {
			return 0, err
		}
		err := tx.QueryRow(ctx, `select c.person, p.wrapped, c.channel, c.peer, c.lang, c.open_case from conversations c join people p on p.id = c.person
			where c.id = $1 and c.kept and c.reachable and p.wrapped is not null for no key update of c`, id).Scan(&person, &wrapped, &channel, &peer, &lang, &caseID)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return 0, err
		}
		aead, err := s.vault.open(person, wrapped)
		if err != nil {
			return 0, err
		}
		b := &pgx.Batch{}
		if err := s.queueMessage(b, aead, person, id, channel, caseID, nil, false, bot.Message{Lang: lang, Text: tell(lang)}, s.now(), &birth{due: s.now()}); err != nil {
			return 0, err
		}
		told.add(bot.TopicOutbox(channel))
		if channel == bot.Web {
			var address []byte
			if err := unseal(aead, "peer", person, peer, &address); err != nil {
				return 0, err
			}
			told.add(bot.TopicPeer(bot.Peer{Channel: channel, ID: string(address)}))
		}
		if caseID != nil {
			told.add(bot.TopicCase(*caseID))
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return 0, err
		}
		n++
	}
	b := &pgx.Batch{}
	told.queue(b)
	return n, tx.SendBatch(ctx, b).Close()
}

// Written implements bot.Questions.
func (s *Store) Written(ctx context.Context) ([]bot.Written, error) {
	rows, err := s.pool.Query(ctx, `select w.id, w.officer, o.name, w.at, w.lang, w.need, w.title, w.body, w.told,
		(select count(*) from questions q where q.written = w.id) from written w join officers o on o.id = w.officer order by w.id desc limit 500`)
	if err != nil {
		return nil, fmt.Errorf("read written answers: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (w bot.Written, err error) {
		err = r.Scan(&w.ID, &w.Officer, &w.Name, &w.At, &w.Lang, &w.Need, &w.Title, &w.Text, &w.Told, &w.Questions)
		return w, err
	})
	if err != nil {
		return nil, fmt.Errorf("read written answers: %w", err)
	}
	for i := range list {
		if list[i].Asks, err = s.questions(ctx, `select id, day, lang, outcome, answer, need, question, false from questions
			where written = $1 and question is not null order by id limit 50`, list[i].ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Asking implements bot.Questions.
func (s *Store) Asking(ctx context.Context, since time.Time) ([]bot.Asking, error) {
	rows, err := s.pool.Query(ctx, `select date_trunc('month', day)::date, lang, need, outcome, count(*) from questions
		where day >= $1 group by 1, 2, 3, 4 order by 1 desc, 2, 3, 4`, since)
	if err != nil {
		return nil, fmt.Errorf("count questions: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[bot.Asking])
	if err != nil {
		return nil, fmt.Errorf("count questions: %w", err)
	}
	return list, nil
}

// The words of a question are kept so long, and a way back while somebody may still wait at its end.
const (
	keepQuestion = 400 * 24 * time.Hour
	keepWayBack  = 90 * 24 * time.Hour
)

// purgeQuestions takes the words and the ways back from questions that are old. The counts stay.
func (s *Store) purgeQuestions(ctx context.Context, now time.Time) error {
	_, err := s.pool.Exec(ctx, `update questions set question = case when day < $1 then null else question end, back = null, asker = null
		where day < $1 and (question is not null or back is not null) or day < $2 and back is not null`, now.Add(-keepQuestion), now.Add(-keepWayBack))
	if err != nil {
		return fmt.Errorf("purge questions: %w", err)
	}
	return nil
}
