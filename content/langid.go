package content

import (
	"strings"
	"unicode"
)

// functionWords are the small words by which a language betrays itself, folded, as people type them.
var functionWords = map[string]map[string]bool{
	"fr": wordSet(`le la les un une des du de je j tu il elle on nous vous mon ma mes est suis ai pas ne que qui quoi comment combien quand pour par sur dans avec sans et ou bonjour merci
 oui besoin veux voudrais peux puis cherche faire avoir etre c l d n m s au aux ce cette mari papiers carte droit aide travail bonsoir svp madame monsieur mais plus tres depuis chez`),
	"en": wordSet(`the a an of to in on at for with my i me is are am do does can what how when where which it be have has this that you your hello hi please need want thanks good morning help from
 and or not get work husband papers card would like i'm don't he she they we was were who will`),
	"es": wordSet(`el la los las un una unos de del al y o yo mi es como que cuando donde por para con sin hola gracias necesito quiero tengo puedo buenos dias ayuda trabajo marido papeles estoy soy usted
 no me se lo le esta su pero muy hacer`),
	"ary-Latn": wordSet(`wach wash chno chnou shno kifach kifash fin fine imta ch7al chhal dyal dial dyali dyalo bghit bghina 3ndi 3andi khassni khasni khass ana nta nti howa hiya kayn kayna makaynch labas salam slm
 wakha daba mn men l f b w li lli ila bach bash 3la 3lach had hadi chokran lwra9 wra9 rajli weldi bzaf mzyan nqder n9der kan kandir ghadi ma bla fabor hna bladi safi`),
	"shi": wordSet(`azul manik mani manza ad ar ur is nkki kiyi nttat nttan d s f n gh ghid ra righ righ tamazight tachelhit tanmmirt mad ma mamnk yan yat kra lkaghd arraw argaz tamghart
 i-d iga gigh ila llan ufigh issn ssngh our ourar nra tadwla lli a-t akal tamazirt`),
	"kab": wordSet(`d n deg seg ur ara i s yid ad azul acu anida amek melmi nekk kecc nettat tanemmirt ih ala yella tella wagi tagi akken fell`),
}

var arabicMarks = wordSet(`واش شنو شنا كيفاش فين فاين امتي شحال ديال ديالي ديالو بغيت عندي خاصني خاص كاين كاينه دابا بزاف مزيان اللي باش علاش هاد هادي راجلي ولدي وراق نقدر غادي بلا فابور هنا
 ماكاينش مابغاوش كنت راه حيت ماشي لاكارط سميتي كيدير معايا`)

var standardMarks = wordSet(`هل ماذا كيف اين متي كم انا لدي عندي اريد يجب الذي التي هذا هذه هناك يمكن يمكنني لماذا من الي علي في عن لم لن قد كان زوجي السلام عليكم ورحمه الله وبركاته شكرا مرحبا احتاج
 ابحث اسال عمل عقد بطاقه وثائق معاش حقوق`)

// Identify names the language of a text by its tag (fr, ar, en, es, ary, ary-Latn, shi, kab, zgh-Tfng), and how sure
// that is, from 0 to 1. The script decides first, then the small words, then the letters that only some languages use.
func Identify(text string) (tag string, confidence float64) {
	var latin, arab, tifi int
	for _, r := range text {
		switch {
		case r >= 0x2d30 && r <= 0x2d7f:
			tifi++
		case unicode.Is(unicode.Arabic, r):
			arab++
		case unicode.IsLetter(r):
			latin++
		}
	}
	switch total := latin + arab + tifi; {
	case total == 0:
		return "", 0
	case tifi*2 > total:
		return "zgh-Tfng", 1
	case arab*2 > total:
		return identifyArabic(text)
	}
	return identifyLatin(text)
}

func identifyArabic(text string) (string, float64) {
	words := strings.Fields(Fold(text))
	darija, standard := 0.0, 0.5
	for _, w := range words {
		if arabicMarks[w] {
			darija++
		}
		if standardMarks[w] {
			standard++
		}
		if strings.HasPrefix(w, "كي") && len(w) > 8 || strings.HasPrefix(w, "كن") && len(w) > 8 || strings.HasPrefix(w, "غان") || strings.HasSuffix(w, "ش") && strings.HasPrefix(w, "ما") {
			darija += 0.7
		}
	}
	if darija > standard {
		return "ary", 0.5 + 0.5*darija/(darija+standard+0.5)
	}
	return "ar", 0.6 + 0.4*standard/(darija+standard)
}

func identifyLatin(text string) (string, float64) {
	lower := strings.ToLower(text)
	words := strings.Fields(Fold(text))
	score := map[string]float64{}
	for _, w := range words {
		for tag, set := range functionWords {
			if set[w] {
				score[tag] += 1 + 0.1*float64(len(w))
			}
		}
		if strings.ContainsAny(w, "23579") && strings.ContainsFunc(w, unicode.IsLetter) {
			score["ary-Latn"] += 1.5
		}
		if strings.HasPrefix(w, "kan") && len(w) > 4 || strings.HasPrefix(w, "kay") && len(w) > 4 {
			score["ary-Latn"]++
		}
	}
	for _, m := range []struct {
		letters, tag string
		weight       float64
	}{{"çèêàùœë", "fr", 1}, {"é", "fr", 0.6}, {"ñ¿¡", "es", 2}, {"óíúá", "es", 0.8}, {"ɣɛẓḍṭḥṣčǧ", "shi", 2}} {
		if strings.ContainsAny(lower, m.letters) {
			score[m.tag] += m.weight
		}
	}
	best, second, tag := 0.0, 0.0, ""
	for _, t := range []string{"fr", "en", "es", "ary-Latn", "shi", "kab"} {
		switch s := score[t]; {
		case s > best:
			best, second, tag = s, best, t
		case s > second:
			second = s
		}
	}
	if tag == "" {
		return "fr", 0.2
	}
	share := best * best / (best*best + second*second)
	evidence := best / (best + 0.35*float64(len(words)))
	return tag, min(1, share*(0.35+0.65*min(1, evidence*1.5)))
}
