package console

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"baom/bot"
)

// MinPassphrase and MaxPassphrase bound the length of a passphrase, in characters.
const (
	MinPassphrase = 10
	MaxPassphrase = 200
)

// The cost of argon2id: 64 MiB and one pass, about 30 ms on a small machine.
const (
	hashMemory  = 64 << 10 // KiB
	hashTime    = 1
	hashThreads = 1
	hashKey     = 32
)

// HashPassphrase is the argon2id hash of a passphrase as a PHC string, with a salt of its own. It returns
// bot.ErrInvalid for one that is too short or too long. Different ways to encode the same letters are the same.
func HashPassphrase(pass string) (string, error) {
	pass = norm.NFKC.String(pass)
	if n := utf8.RuneCountInString(pass); n < MinPassphrase || n > MaxPassphrase {
		return "", fmt.Errorf("a passphrase of %d characters: %w", n, bot.ErrInvalid)
	}
	var salt [16]byte
	rand.Read(salt[:])
	return phc(pass, salt[:]), nil
}

func phc(pass string, salt []byte) string {
	key := argon2.IDKey([]byte(pass), salt, hashTime, hashMemory, hashThreads, hashKey)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// VerifyPassphrase reports whether a passphrase is that of a hash made by HashPassphrase, or by anybody's argon2id
// within reasonable costs. For a hash that cannot be read, such as that of nobody, it takes as long and says no.
func VerifyPassphrase(hash, pass string) bool {
	pass = norm.NFKC.String(pass)
	if utf8.RuneCountInString(pass) > MaxPassphrase {
		pass = ""
	}
	var version, memory, time, threads int
	salt, key := make([]byte, 16), make([]byte, hashKey)
	parts := strings.Split(hash, "$")
	known := len(parts) == 6 && parts[1] == "argon2id"
	if known {
		_, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &threads)
		s, err1 := base64.RawStdEncoding.DecodeString(parts[4])
		k, err2 := base64.RawStdEncoding.DecodeString(parts[5])
		known = err == nil && err1 == nil && err2 == nil && version == argon2.Version && len(s) >= 8 && len(k) >= 16 &&
			memory >= 8 && memory <= 1<<20 && time >= 1 && time <= 10 && threads >= 1 && threads <= 16
		if known {
			salt, key = s, k
		}
	}
	if !known {
		memory, time, threads = hashMemory, hashTime, hashThreads
	}
	got := argon2.IDKey([]byte(pass), salt, uint32(time), uint32(memory), uint8(threads), uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1 && known
}

// loginShape is what a login looks like: it can be told on the telephone.
const loginShape = `^[a-z][a-z0-9._-]{1,39}$`

// ValidateLogin returns bot.ErrInvalid unless login is 2 to 40 small letters, digits, dots, dashes and underscores,
// beginning with a letter.
func ValidateLogin(login string) error {
	if ok, err := regexp.MatchString(loginShape, login); !ok || err != nil {
		return fmt.Errorf("a login is 2 to 40 small letters, digits, dots or dashes, beginning with a letter: %w", bot.ErrInvalid)
	}
	return nil
}

// NewPassphrase makes a passphrase of 80 bits in groups of letters and digits that nobody mistakes for one another.
func NewPassphrase() string {
	const letters = "abcdefghijkmnpqrstuvwxyz23456789" // 32, without l, o, 0 and 1
	var b [16]byte
	rand.Read(b[:])
	var s strings.Builder
	for i, x := range b {
		if i > 0 && i%4 == 0 {
			s.WriteByte('-')
		}
		s.WriteByte(letters[x%32])
	}
	return s.String()
}
