package storage

import (
	"container/list"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"baom/content"
)

// keySize is that of every key, in bytes: AES-256.
const keySize = 32

// A vault seals and opens. The office's key is opened once, at the start; people's keys are opened when needed and
// a bounded number of them remembered.
type vault struct {
	office       tink.AEAD
	hashKey      []byte
	installation string // names this record among others, without saying anything of its keys

	mu     sync.Mutex
	byID   map[int64]*list.Element
	recent *list.List // of *personKey, most recent first
}

type personKey struct {
	person int64
	aead   tink.AEAD
}

// rememberedKeys bounds the cache of opened keys: about 1 kB each.
const rememberedKeys = 20000

// newVault opens the office's key with the secret, or makes it on first use.
func newVault(ctx context.Context, db querier, secret []byte) (*vault, error) {
	if len(secret) != keySize {
		return nil, fmt.Errorf("the secret key has %d bytes; it takes %d", len(secret), keySize)
	}
	wrapKey, err := hkdf.Key(sha256.New, secret, nil, "baom office key", keySize)
	if err != nil {
		return nil, err
	}
	hashKey, err := hkdf.Key(sha256.New, secret, nil, "baom blind index", keySize)
	if err != nil {
		return nil, err
	}
	wrapper, err := subtle.NewAESGCM(wrapKey)
	if err != nil {
		return nil, err
	}
	fresh := make([]byte, keySize)
	rand.Read(fresh)
	wrapped, err := wrapper.Encrypt(fresh, []byte("office"))
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec(ctx, `insert into office_keys (id, wrapped) values (1, $1) on conflict do nothing`, wrapped); err != nil {
		return nil, fmt.Errorf("make the office's key: %w", err)
	}
	if err := db.QueryRow(ctx, `select wrapped from office_keys where id = 1`).Scan(&wrapped); err != nil {
		return nil, fmt.Errorf("read the office's key: %w", err)
	}
	key, err := wrapper.Decrypt(wrapped, []byte("office"))
	if err != nil {
		return nil, errors.New("this secret key does not open this database: it was made with another one; restore the right BAOM_SECRET_KEY (or the secret.key of the data folder)")
	}
	office, err := subtle.NewAESGCM(key)
	if err != nil {
		return nil, err
	}
	return &vault{office: office, hashKey: hashKey, installation: installationOf(wrapped), byID: map[int64]*list.Element{}, recent: list.New()}, nil
}

// installationOf names a record by its wrapped office key.
func installationOf(wrapped []byte) string {
	id := sha256.Sum256(wrapped)
	return hex.EncodeToString(id[:6])
}

// newKey makes a person's key, wrapped for the record.
func (v *vault) newKey() (aead tink.AEAD, wrapped []byte, err error) {
	key := make([]byte, keySize)
	rand.Read(key)
	if aead, err = subtle.NewAESGCM(key); err != nil {
		return nil, nil, err
	}
	wrapped, err = v.office.Encrypt(key, []byte("person"))
	return aead, wrapped, err
}

// open opens a person's wrapped key, or takes it from memory.
func (v *vault) open(person int64, wrapped []byte) (tink.AEAD, error) {
	if wrapped == nil {
		return nil, errErased
	}
	if a := v.remembered(person); a != nil {
		return a, nil
	}
	key, err := v.office.Decrypt(wrapped, []byte("person"))
	if err != nil {
		return nil, fmt.Errorf("open the key of person %d: %w", person, err)
	}
	a, err := subtle.NewAESGCM(key)
	if err != nil {
		return nil, err
	}
	v.remember(person, a)
	return a, nil
}

// errErased is met where a person's key is gone.
var errErased = errors.New("the person's data is erased")

func (v *vault) remembered(person int64) tink.AEAD {
	v.mu.Lock()
	defer v.mu.Unlock()
	e, ok := v.byID[person]
	if !ok {
		return nil
	}
	v.recent.MoveToFront(e)
	return e.Value.(*personKey).aead
}

func (v *vault) remember(person int64, a tink.AEAD) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.byID[person]; ok {
		return
	}
	v.byID[person] = v.recent.PushFront(&personKey{person, a})
	for v.recent.Len() > rememberedKeys {
		last := v.recent.Back()
		delete(v.byID, last.Value.(*personKey).person)
		v.recent.Remove(last)
	}
}

func (v *vault) forget(person int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e, ok := v.byID[person]; ok {
		v.recent.Remove(e)
		delete(v.byID, person)
	}
}

// bound is the associated data of a sealed value: what kind it is and whose. It must not hold a revision.
func bound(kind string, person int64) []byte {
	return binary.BigEndian.AppendUint64([]byte(kind+":"), uint64(person))
}

// seal seals a value as JSON; bytes are sealed as they are.
func seal(a tink.AEAD, kind string, person int64, value any) ([]byte, error) {
	data, raw := value.([]byte)
	if !raw {
		var err error
		if data, err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return a.Encrypt(data, bound(kind, person))
}

// unseal opens what seal made; nothing sealed leaves into as it is.
func unseal(a tink.AEAD, kind string, person int64, sealed []byte, into any) error {
	if sealed == nil {
		return nil
	}
	data, err := a.Decrypt(sealed, bound(kind, person))
	if err != nil {
		return fmt.Errorf("open a sealed %s: %w", kind, err)
	}
	if raw, ok := into.(*[]byte); ok {
		*raw = data
		return nil
	}
	return json.Unmarshal(data, into)
}

// hash is a blind index: a keyed hash of a kind of value.
func (v *vault) hash(kind, value string) []byte {
	m := hmac.New(sha256.New, v.hashKey)
	m.Write([]byte(kind + "\x00" + value))
	return m.Sum(nil)[:16]
}

// nameHashes are blind indexes of the parts of names: as they are spelt, folded, and as they sound, with and without a
// slip. Two names that may be the same have one in common.
func (v *vault) nameHashes(names ...string) [][]byte {
	out := [][]byte{}
	seen := map[string]bool{}
	add := func(kind, value string) {
		if !seen[kind+value] {
			seen[kind+value] = true
			out = append(out, v.hash(kind, value))
		}
	}
	for _, n := range names {
		for _, part := range strings.Fields(content.Fold(n)) {
			add("name", part)
		}
		for _, key := range content.Sounds(n) {
			for _, near := range content.Near(key) {
				add("sound", near)
			}
		}
	}
	return out
}

// phoneHashes are blind indexes of the last six and the last four digits of numbers.
func (v *vault) phoneHashes(phones ...string) [][]byte {
	out := [][]byte{}
	for _, p := range phones {
		if digits := onlyDigits(p); len(digits) >= 6 {
			out = append(out, v.phoneHash(digits), v.phoneHash(digits[len(digits)-4:]))
		}
	}
	return out
}

// phoneHash is the index by which a number is found of which somebody types so many digits, four at least.
func (v *vault) phoneHash(digits string) []byte {
	if n := len(digits); n >= 6 {
		return v.hash("phone", digits[n-6:])
	}
	return v.hash("phone end", digits[len(digits)-4:])
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
