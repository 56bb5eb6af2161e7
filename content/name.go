package content

import (
	"slices"
	"strings"
)

// Sounds are the keys by which a person's name is found again, however it is spelt and in whichever script: "Fatima
// Zohra", "Fatema-Zahra" and "فاطمة الزهراء" have keys in common. A key holds the nameConsonants of one part of the name, as
// Moroccans write them in Latin and Arabic letters; vowels, doubled letters and the article say nothing. The parts of a
// name with "Abd" are also taken together.
func Sounds(name string) []string {
	parts := strings.Fields(Fold(name))
	var keys []string
	for i, part := range parts {
		if i > 0 && servants[parts[i-1]] {
			keys = append(keys, sound(parts[i-1]+part))
		}
		if !articles[part] || len(parts) == 1 {
			keys = append(keys, sound(part))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// articles are the words before a name that many leave out.
var articles = map[string]bool{"el": true, "al": true, "ال": true, "ben": true, "bin": true, "bent": true, "bint": true, "بن": true, "بنت": true,
	"ait": true, "ايت": true, "de": true, "du": true, "des": true, "la": true, "le": true, "les": true, "d": true, "l": true, "of": true, "the": true}

// servants are the first halves of names such as Abd Allah.
var servants = map[string]bool{"abd": true, "abdel": true, "abdal": true, "abdul": true, "abdoul": true, "عبد": true}

// Near are a key and what is left of it without one of its letters: two keys that have one of these in common differ by a
// letter that is missing, added, wrong or out of its place. Of a short key nothing is left out, and what is left of one of
// four letters is not taken for a short key: too many would be alike.
func Near(key string) []string {
	near := []string{key}
	if letters := []rune(key); len(letters) >= 4 {
		for i := range letters {
			left := string(letters[:i]) + string(letters[i+1:])
			if len(letters) == 4 {
				left = "-" + left
			}
			near = append(near, left)
		}
	}
	slices.Sort(near)
	return slices.Compact(near)
}

// digraphs are the letters that are written as two or three in Latin: K is the kh of Khadija, G the gh of Ghita, S the sh
// of Hicham.
var digraphs = strings.NewReplacer("tch", "S", "sch", "S", "sh", "S", "ch", "S", "kh", "K", "gh", "G", "ph", "f", "th", "t", "dh", "d", "dj", "j",
	"ou", "u", "ck", "k", "gue", "ke", "gui", "ki", "qu", "k", "ge", "je", "gi", "ji", "ce", "se", "ci", "si")

// nameConsonants are the letters that a key keeps, and as what.
var nameConsonants = map[rune]rune{
	'b': 'b', 'p': 'b', 'ب': 'b', 't': 't', 'ت': 't', 'ث': 't', 'ط': 't', 'j': 'j', 'ج': 'j', 'h': 'h', 'ح': 'h', 'ه': 'h', '7': 'h',
	'K': 'K', 'خ': 'K', '5': 'K', 'd': 'd', 'د': 'd', 'ذ': 'd', 'ض': 'd', 'r': 'r', 'ر': 'r', 'z': 'z', 'ز': 'z', 'ظ': 'z',
	's': 's', 'س': 's', 'ص': 's', 'S': 'S', 'ش': 'S', 'G': 'G', 'غ': 'G', 'f': 'f', 'v': 'f', 'ف': 'f', 'k': 'k', 'c': 'k', 'q': 'k',
	'g': 'k', 'x': 'k', 'ق': 'k', 'ك': 'k', '9': 'k', 'l': 'l', 'ل': 'l', 'm': 'm', 'م': 'm', 'n': 'n', 'ن': 'n',
}

// sound is the key of one folded part of a name; the part itself where it has no letter that says anything.
func sound(part string) string {
	s := part
	for _, abd := range []string{"abdel", "abdal", "abdul", "abdoul", "عبدال"} {
		if rest, ok := strings.CutPrefix(s, abd); ok && len(rest) > 1 {
			s = "abd" + rest
			break
		}
	}
	if rest, ok := strings.CutPrefix(s, "ال"); ok && len([]rune(rest)) > 2 {
		s = rest
	}
	letters := []rune(digraphs.Replace(s))
	var key []rune
	for i, r := range letters {
		kept, ok := nameConsonants[r]
		if !ok && i == 0 {
			kept, ok = firstSound(letters), true
		}
		if ok && (len(key) == 0 || key[len(key)-1] != kept) {
			key = append(key, kept)
		}
	}
	if n := len(key); n > 1 && key[n-1] == 'h' { // Fatima, Fatimah, فاطمة
		key = key[:n-1]
	}
	if len(key) == 0 {
		return part
	}
	return string(key)
}

// firstSound is what a name begins with that begins with no consonant: w, y, or a for any vowel.
func firstSound(letters []rune) rune {
	vowel := len(letters) > 1 && strings.ContainsRune("aeiouy", letters[1])
	switch r := letters[0]; {
	case r == 'w', r == 'و', r == 'u' && vowel:
		return 'w'
	case r == 'y', r == 'ي', r == 'i' && vowel:
		return 'y'
	case r >= '0' && r <= '9':
		return r
	}
	return 'a'
}
