package content

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/blevesearch/snowballstem"
)

// A family is a kind of feature.
type family uint8

const (
	famStem  family = iota // stems of words
	famChar                // the characters of a word by two to five, with its edges
	famPair                // pairs of stems, neighbours or with one between, with the edges of the text
	famBone                // consonants of words in Arabic letters and in Arabizi, of the whole and of the root
	famSense               // senses of words, from synonyms/*.yaml
	families
)

// A feature is one countable property of a text, by the hash of its name.
type feature struct {
	hash uint64
	fam  family
}

// mix is one step of the hash by which features are named.
func mix(h, x uint64) uint64 {
	h = (h ^ x) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

func hashWord(seed uint64, s string) uint64 {
	for i := range len(s) {
		seed = (seed ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(seed, 0x51)
}

// An extractor takes the features of texts. It keeps scratch space: one for each goroutine.
type extractor struct {
	env    *snowballstem.Env
	senses senses
	stems  []uint64
	runes  []rune
	out    []feature
}

func stemFeature(stem string) feature { return feature{hashWord(0x1234567, stem), famStem} }

func senseFeature(sense uint16) feature { return feature{mix(0x5e5e, uint64(sense)), famSense} }

// take returns the features of folded words in a language, valid until the next call.
func (x *extractor) take(words []string, lang string, chars, pairs bool) []feature {
	x.out, x.stems = x.out[:0], x.stems[:0]
	for _, w := range words {
		s := stem(x.env, lang, w)
		f := stemFeature(s)
		x.stems = append(x.stems, f.hash)
		x.out = append(x.out, f)
		for _, sense := range x.senses.of(lang, s) {
			x.out = append(x.out, senseFeature(sense))
		}
		if isArabic(w) || lang == "ary" {
			x.bones(w)
		}
		if chars {
			x.chars(w)
		}
	}
	if pairs {
		x.pairs()
	}
	return x.out
}

// bones adds a word's consonants, and for an Arabic word those of its root where they are others.
func (x *extractor) bones(w string) {
	whole := skeleton(w)
	if whole != "" {
		x.out = append(x.out, feature{hashWord(0x777, whole), famBone})
	}
	if !isArabic(w) {
		return
	}
	if r := radicals(w); r != "" && r != whole {
		x.out = append(x.out, feature{hashWord(0x777, r), famBone})
	}
}

func (x *extractor) chars(w string) {
	x.runes = append(x.runes[:0], '^')
	for _, r := range w {
		x.runes = append(x.runes, r)
	}
	x.runes = append(x.runes, '$')
	for i := range x.runes {
		h := uint64(0xc4a5)
		for n := 0; n < 5 && i+n < len(x.runes); n++ {
			h = mix(h, uint64(x.runes[i+n]))
			if n > 0 {
				x.out = append(x.out, feature{h, famChar})
			}
		}
	}
}

func (x *extractor) pairs() {
	n := len(x.stems)
	at := func(i int) uint64 {
		switch {
		case i < 0:
			return 0xfeed
		case i >= n:
			return 0xbeef
		}
		return x.stems[i]
	}
	for i := -1; i < n; i++ {
		for d := 1; d <= 2 && i+d <= n; d++ {
			if i < 0 && i+d >= n {
				break
			}
			x.out = append(x.out, feature{mix(mix(0x9a17, at(i)), at(i+d)), famPair})
		}
	}
}

// splitWords folds a text and cuts it into words, at most so many.
func splitWords(text string, most int) []string {
	words := strings.Fields(Fold(text))
	return words[:min(len(words), most)]
}

// A bag is the features of a text by number, in order, with how often each is there.
type bag struct {
	f []int32
	n []float32
}

// A vocabulary numbers features. It is an open-addressed table: a Go map takes three times the room.
type vocabulary struct {
	keys   []uint64
	ids    []int32
	fam    []family
	counts []int32 // while it grows: how often the text at hand has a feature
	seen   []int32 // and which it has
	shift  int
}

func newVocabulary(room int) *vocabulary {
	size := max(10, bits.Len(uint(room)))
	return &vocabulary{keys: make([]uint64, 1<<size), ids: make([]int32, 1<<size), shift: 64 - size}
}

// slot is where a hash is or would be; a zero key is free.
func (v *vocabulary) slot(h uint64) int {
	mask := len(v.keys) - 1
	i := int(h * 0x9e3779b97f4a7c15 >> v.shift)
	for v.keys[i] != 0 && v.keys[i] != h {
		i = (i + 1) & mask
	}
	return i
}

func (v *vocabulary) find(f feature) (int32, bool) {
	h := f.hash | 1
	i := v.slot(h)
	return v.ids[i], v.keys[i] == h
}

func (v *vocabulary) number(f feature) int32 {
	h := f.hash | 1
	i := v.slot(h)
	if v.keys[i] == h {
		return v.ids[i]
	}
	if len(v.fam) > len(v.keys)*7/10 {
		v.double()
		i = v.slot(h)
	}
	v.keys[i], v.ids[i] = h, int32(len(v.fam))
	v.fam = append(v.fam, f.fam)
	return v.ids[i]
}

func (v *vocabulary) double() {
	keys, ids := v.keys, v.ids
	v.keys, v.ids = make([]uint64, 2*len(keys)), make([]int32, 2*len(keys))
	v.shift--
	for j, h := range keys {
		if h != 0 {
			i := v.slot(h)
			v.keys[i], v.ids[i] = h, ids[j]
		}
	}
}

// grow counts features and numbers those that are new.
func (v *vocabulary) grow(fs []feature) bag {
	v.seen = v.seen[:0]
	for _, f := range fs {
		id := v.number(f)
		if int(id) >= len(v.counts) {
			v.counts = append(v.counts, 0)
		}
		if v.counts[id]++; v.counts[id] == 1 {
			v.seen = append(v.seen, id)
		}
	}
	return v.counted()
}

// bag counts features, but leaves out those that the vocabulary lacks. It also returns the share of pairs among them
// that pass.
func (v *vocabulary) bag(fs []feature, passes []bool) (b bag, pairs float32) {
	ids := make([]int32, 0, len(fs))
	all, known := 0, 0
	for _, f := range fs {
		id, ok := v.find(f)
		if ok {
			ids = append(ids, id)
		}
		if f.fam == famPair {
			all++
			if ok && passes[id] {
				known++
			}
		}
	}
	slices.Sort(ids)
	b.n = make([]float32, 0, len(ids))
	for i, id := range ids {
		if i > 0 && id == ids[i-1] {
			b.n[len(b.n)-1]++
			continue
		}
		ids[len(b.n)] = id
		b.n = append(b.n, 1)
	}
	b.f = ids[:len(b.n)]
	return b, float32(known) / float32(max(1, all))
}

// sum adds bags.
func (v *vocabulary) sum(bags []bag) bag {
	if len(bags) == 1 {
		return bags[0]
	}
	v.seen = v.seen[:0]
	for _, b := range bags {
		for i, f := range b.f {
			if v.counts[f] == 0 {
				v.seen = append(v.seen, f)
			}
			v.counts[f] += int32(b.n[i])
		}
	}
	return v.counted()
}

// counted is the bag of what was seen and counted, which it forgets.
func (v *vocabulary) counted() bag {
	slices.Sort(v.seen)
	b := bag{slices.Clone(v.seen), make([]float32, len(v.seen))}
	for i, f := range b.f {
		b.n[i], v.counts[f] = float32(v.counts[f]), 0
	}
	return b
}

// settle lets go of what growing needs.
func (v *vocabulary) settle() {
	v.counts, v.seen, v.fam = nil, nil, slices.Clip(slices.Clone(v.fam))
}

// rounded keeps twelve binary digits after the point, so that logarithms are the same on every machine.
func rounded(x float64) float32 { return float32(math.Round(x*4096) / 4096) }

// rarity is the weight of a feature that so many of n entries have.
func rarity(n, have int) float32 {
	return rounded(math.Log(1 + (float64(n-have)+0.5)/(float64(have)+0.5)))
}

// sublinear dampens how often a feature is in a text.
func sublinear(n float32) float32 {
	if n == 1 {
		return 1
	}
	return rounded(1 + math.Log(float64(n)))
}

// stopwords carry little of a question's meaning in any of the languages.
var stopwords = stopSet(`le la les l un une des de du d et ou a au aux en y je j tu t il elle on nous vous ils elles mon ma mes ton ta tes son sa ses notre
 votre vos nos leur leurs ce cet cette ces c ca cela est es suis sont sommes etes etait ete etre ai as avons avez ont avoir que qu qui quoi quel quelle
 quels quelles dont comment combien quand pourquoi ou pour par sur dans avec sans pas ne n me m te se s si lui moi toi eux faire fais fait faut peut puis
 peux pouvez dois doit devez veux voudrais voulez aimerais est-ce quelque chose tout tous toute plus moins tres bien aussi alors donc mais car comme chez
 entre apres avant pendant depuis svp stp merci bonjour savoir sais sait savez sache dire dit va vais aller quelles cest jai puis il y a t on besoin
 the a an of to in on at for with from by as my your our their his her its i you he she we they it me him them us is are am was were be been being do does
 did done can could should would will may might must have has had what which who whom whose how when where why this that these those there here and or but
 not no if so than then about into out up down over any some all more most very just please need want get got know tell hello hi thanks like make im dont
 el la los las lo un una unos unas de del al a en y o e u que como cuando donde quien cual cuales cuanto por para con sin sobre mi mis tu tus su sus me te
 se nos le les es son soy eres estoy esta estan ser estar hay he ha han tengo tiene tener puedo puede poder quiero quiere necesito si no pero mas muy este
 esta esto ese esa eso hola gracias favor hacer hago saber
 في من الي على علي عن مع هل ما ماذا كيف اين متي كم لماذا اي انا انت نحن هو هي هم لي لك له لها لنا هذا هذه ذلك تلك التي الذي الذين و او ان اذا لكن
 لا لم لن قد لقد كان كانت يكون يمكن يمكنني اريد اود استطيع يجب لدي عندي كل بعض غير هناك هنا ثم حتي بعد قبل عند بي بها به فيه فيها الخاص الخاصه ذلك
 واش شنو شنوا اش كيفاش فين فوقاش امتي شحال علاش شكون ديال ديالي ديالك ديالو د ب ف ل ال اللي لي ليا ليك باش ف هاد هادي هادا داك نقدر خاصني بغيت بغا كاين
 كاينه ماشي راه غير شي عافاك نعرف ندير انا نتا
 wach wash chno chnou shno ach kifach kifash fin fine imta ch7al chhal 3lach dyal dyali dial d b f l n li lli bach bash men mn 3la ana nta nti had hadi w
 wla ila khassni khasni bghit n9der nqder kayn kayna chi ghir rah 3afak n3ref ndir 3ndi 3andi m3a ma
 ad d s n ar ur is mad ma mani manik manza mamnk righ dar dari inu nkki gh ghid ra rad`)

func stopSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(Fold(list)) {
		set[w] = true
	}
	return set
}
