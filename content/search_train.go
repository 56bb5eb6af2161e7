package content

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

// Constants of training.
const (
	modelCount     = 9   // nets: a third see all features, a third the characters, a third the rest
	modelWidth     = 48  // of the narrow layer
	epochs         = 30  // looks at every example
	learning       = 0.3 // rate at the start; it falls to 0
	dropout        = 0.4 // share of a phrasing's features left out at each look
	bodyDropout    = 0.8 // likewise of a body's
	bodyWeight     = 0.3 // of a body beside a phrasing
	foreignDropout = 0.2 // likewise of a question that is none of ours
	guardEpochs    = 15
	guardConstant  = 0.3
	allClasses     = 600  // up to so many entries a step compares with all, else with a sample
	sampled        = 256  // entries in the sample
	nearNets       = 3    // of the nets in whose layers phrasings are compared
	leastShare     = 1e-4 // of a softmax, from which it counts
	roomForNets    = 36 << 20
)

// A vector is a text as the models see it.
type vector struct {
	f []int32
	v []float32
	n []float32 // room for counts
}

// An example is a text and the entry it asks for.
type example struct {
	x      vector
	entry  int32
	weight float32
	drop   float64
}

// A model is the trained part of an index.
type model struct {
	number []int32 // feature → its number here, or -1
	count  int     // of nets
	nets   []*net
	guard  []float32   // by feature, and a constant: tells questions that are none of ours
	near   [][]float32 // by net: the phrasings in its narrow layer, normalised
}

// A net is a softmax regression through a narrow layer.
type net struct {
	width   int
	classes int
	in      []float32 // by feature, while training
	rows    []int8    // by feature, after it: in 127ths of scale
	scale   []float32
	out     []float32 // by entry
	sees    [families]bool
}

// Train trains the models, some seconds on one processor, or takes them from dir, where it also keeps them; with dir
// empty nothing is kept. From then on they take part in every search. What it yields depends on the units alone. It
// returns ctx's error, without effect, when ctx ends first; an error of keeping the model does not undo it. There is
// nothing to do, and no error, where no unit has a title or phrasing, where the base is too large (some 100,000
// phrasings), or where it is trained already.
func (ix *Index) Train(ctx context.Context, dir string) error {
	ix.training.Lock()
	defer ix.training.Unlock()
	if len(ix.phrases) == 0 || len(ix.entries) < 2 || ix.trained.Load() != nil || ix.forgone {
		return nil
	}
	m := &model{}
	m.choose(ix)
	if m.count = m.affords(); m.count == 0 {
		return nil
	}
	examples := m.examples(ix)
	kept := dir != "" && m.read(ix, dir)
	if !kept {
		if err := m.train(ctx, ix, examples); err != nil {
			return fmt.Errorf("train the search: %w", err)
		}
	}
	m.place(examples[:len(ix.phrases)])
	ix.trained.Store(m)
	ix.drop()
	if dir == "" || kept {
		return nil
	}
	return m.save(ix, dir)
}

// drop lets go of what only training reads.
func (ix *Index) drop() {
	ix.bodies = nil
	for i := range ix.phrases {
		ix.phrases[i].bag = bag{}
	}
}

// Forgo lets go of what Train would learn from: the search stays as it is.
func (lib *Library) Forgo() {
	lib.index.training.Lock()
	defer lib.index.training.Unlock()
	lib.index.forgone = true
	lib.index.drop()
}

// Train trains the search of the answers; see Index.Train.
func (lib *Library) Train(ctx context.Context, dir string) error { return lib.index.Train(ctx, dir) }

// examples are the phrasings, in their order, then the bodies.
func (m *model) examples(ix *Index) []example {
	var out []example
	for _, p := range ix.phrases {
		out = append(out, example{m.vector(ix, p.bag, vector{}), p.entry, 1, dropout})
	}
	for e, b := range ix.bodies {
		if x := m.vector(ix, b, vector{}); len(x.f) > 0 {
			out = append(out, example{x, int32(e), bodyWeight, bodyDropout})
		}
	}
	return out
}

// foreign are questions that are none of ours, as examples of no entry.
func (m *model) foreign(ix *Index) []example {
	var out []example
	s := ix.newScratch()
	for _, text := range foreignQuestions() {
		if x := m.vector(ix, ix.question(Query{Text: text}, s).bag, vector{}); len(x.f) > 0 {
			out = append(out, example{x, -1, 1, foreignDropout})
		}
	}
	return out
}

// train trains the nets, as many at a time as there are processors but one: people are answered meanwhile.
func (m *model) train(ctx context.Context, ix *Index, examples []example) error {
	m.nets = make([]*net, m.count)
	m.watch(slices.Clone(examples[:len(ix.phrases)]), m.foreign(ix))
	var wg sync.WaitGroup
	turn := make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))
	for i := range m.nets {
		wg.Go(func() {
			turn <- struct{}{}
			m.nets[i] = newNet(i, m.size(), len(ix.entries))
			m.nets[i].train(ctx, m.seen(ix, m.nets[i], examples), uint64(i))
			<-turn
		})
	}
	wg.Wait()
	return ctx.Err()
}

// choose numbers the features that the models see: all that a phrasing has, and the stems of bodies. Where that is more
// than there is room for, character sequences and pairs that one phrasing alone has are left out: half of all.
func (m *model) choose(ix *Index) {
	m.pick(ix, 1)
	if m.affords() < modelCount {
		m.pick(ix, 2)
	}
}

// pick numbers them, characters and pairs if so many phrasings have them.
func (m *model) pick(ix *Index, least int) {
	having := make([]int, len(ix.rarity))
	for _, p := range ix.phrases {
		for _, f := range p.bag.f {
			having[f]++
		}
	}
	m.number = make([]int32, len(ix.rarity))
	n := int32(0)
	for f := range m.number {
		m.number[f] = -1
		k := ix.vocab.fam[f]
		if (k == famChar || k == famPair) && having[f] < least {
			continue
		}
		if ix.inPhrase[f] || k == famStem {
			m.number[f] = n
			n++
		}
	}
}

// affords is how many nets there is room for: all, one of each kind, or none.
func (m *model) affords() int {
	switch one := m.size() * modelWidth; {
	case one*modelCount <= roomForNets:
		return modelCount
	case one*3 <= 2*roomForNets:
		return 3
	}
	return 0
}

func (m *model) size() int {
	n := int32(-1)
	for _, x := range m.number {
		n = max(n, x)
	}
	return int(n + 1)
}

// vector is a bag as the models see it.
func (m *model) vector(ix *Index, b bag, to vector) vector {
	to.f = to.f[:0]
	known := bag{to.f, to.n[:0]}
	for i, f := range b.f {
		if m.number[f] >= 0 {
			known.f, known.n = append(known.f, f), append(known.n, b.n[i])
		}
	}
	to.v = ix.weights(known, to.v)
	to.f, to.n = known.f, known.n
	for i, f := range to.f {
		to.f[i] = m.number[f]
	}
	return to
}

// seen is the examples as a net sees them: the first whole, the second their characters, the third the rest.
func (m *model) seen(ix *Index, n *net, examples []example) []example {
	fam := make([]family, m.size())
	for f, x := range m.number {
		if x >= 0 {
			fam[x] = ix.vocab.fam[f]
		}
	}
	out := make([]example, len(examples))
	for i, e := range examples {
		var x vector
		for j, f := range e.x.f {
			if n.sees[fam[f]] {
				x.f, x.v = append(x.f, f), append(x.v, e.x.v[j]*n.gain())
			}
		}
		e.x = x
		out[i] = e
	}
	for f := range fam {
		if !n.sees[fam[f]] {
			clear(n.in[f*n.width : (f+1)*n.width])
		}
	}
	return out
}

func (n *net) gain() float32 {
	if n.sees[famChar] && n.sees[famStem] {
		return 1
	}
	return 1.3
}

// emptyNet is the i-th net of a model: the first of three sees all features, the second the characters, the third the
// rest.
func emptyNet(i, classes int) *net {
	n := &net{width: modelWidth, classes: classes}
	for k := range n.sees {
		n.sees[k] = i%3 == 0 || (family(k) == famChar) == (i%3 == 1)
	}
	return n
}

func newNet(i, features, classes int) *net {
	n := emptyNet(i, classes)
	n.in, n.out = make([]float32, features*n.width), make([]float32, classes*n.width)
	rng := rand.New(rand.NewPCG(uint64(100+i), 11))
	for j := range n.in {
		n.in[j] = (rng.Float32() - 0.5) * 0.1
	}
	for j := range n.out {
		n.out[j] = (rng.Float32() - 0.5) * 0.5
	}
	return n
}

// train is stochastic descent with a rate of its own for every feature and entry (AdaGrad).
func (n *net) train(ctx context.Context, examples []example, seed uint64) {
	rng := rand.New(rand.NewPCG(200+seed, 13))
	t := &trainer{net: n, rng: rng, sumIn: make([]float32, len(n.in)/n.width), sumOut: make([]float32, n.classes),
		h: make([]float32, n.width), gradient: make([]float32, n.width)}
	for i := range t.sumOut {
		t.sumOut[i] = 1e-4
	}
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	for epoch := range epochs {
		rate := float32(learning * (1 - float64(epoch)/epochs))
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for i, o := range order {
			if i%256 == 0 && ctx.Err() != nil {
				return
			}
			t.step(&examples[o], rate)
		}
	}
	n.quantise()
}

// watch teaches the guard to tell questions that are none of ours from phrasings: logistic regression on the features,
// both sides counting alike. It has no part in ranking.
func (m *model) watch(phrases, foreign []example) {
	size := m.size()
	m.guard = make([]float32, size+1)
	sums := make([]float32, size+1)
	t := &trainer{rng: rand.New(rand.NewPCG(300, 17))}
	balance := float32(len(phrases)) / float32(max(1, len(foreign)))
	all := append(slices.Clip(foreign), phrases...)
	for epoch := range guardEpochs {
		rate := float32(learning * (1 - float64(epoch)/guardEpochs))
		t.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for i := range all {
			e := &all[i]
			t.drop(e)
			t.x.f, t.x.v = append(t.x.f, int32(size)), append(t.x.v, guardConstant)
			g, weight := float32(chanceOf(float64(m.guarded(t.x)))), float32(1)
			if e.entry < 0 {
				g, weight = g-1, balance
			}
			for j, f := range t.x.f {
				d := float32(g*t.x.v[j]) * weight
				sums[f] += float32(d * d)
				m.guard[f] -= rate * d / root(sums[f]+1e-6)
			}
		}
	}
}

// guarded is what the guard says of a vector: above 0 for a question that is none of ours.
func (m *model) guarded(x vector) float32 {
	var sum float32
	for i, f := range x.f {
		sum += float32(x.v[i] * m.guard[f])
	}
	return sum
}

// A trainer is the working space of one net's training.
type trainer struct {
	net           *net
	rng           *rand.Rand
	sumIn, sumOut []float32
	h, gradient   []float32
	x             vector
	classes       []int32
	z             []float32
}

func (t *trainer) step(e *example, rate float32) {
	n, d := t.net, t.net.width
	t.drop(e)
	clear(t.h)
	for i, f := range t.x.f {
		axpy(t.x.v[i], n.in[int(f)*d:int(f+1)*d], t.h)
	}
	t.choose(e.entry)
	for i, c := range t.classes {
		t.z[i] = dot(t.h, n.out[int(c)*d:int(c+1)*d])
	}
	softmax(t.z)
	clear(t.gradient)
	square := dot(t.h, t.h)
	for i, c := range t.classes {
		g := t.z[i]
		if c == e.entry {
			g -= 1
		}
		if g < 1e-4 && g > -1e-4 {
			continue
		}
		out := n.out[int(c)*d : int(c+1)*d]
		axpy(g, out, t.gradient)
		g *= e.weight
		t.sumOut[c] += float32(float32(g*g) * square)
		axpy(-rate*g/root(t.sumOut[c]), t.h, out)
	}
	square = dot(t.gradient, t.gradient)
	for i, f := range t.x.f {
		g := t.x.v[i] * e.weight
		t.sumIn[f] += float32(float32(g*g) * square)
		axpy(-rate*g/root(t.sumIn[f]+1e-8), t.gradient, n.in[int(f)*d:int(f+1)*d])
	}
}

func root(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// drop leaves out a share of an example's features by chance, and makes up for it.
func (t *trainer) drop(e *example) {
	t.x.f, t.x.v = t.x.f[:0], t.x.v[:0]
	scale := float32(1 / math.Sqrt(1-e.drop))
	cut := uint32(e.drop * (1 << 32))
	for i, f := range e.x.f {
		if t.rng.Uint32() >= cut {
			t.x.f, t.x.v = append(t.x.f, f), append(t.x.v, e.x.v[i]*scale)
		}
	}
}

// choose lists the entries that a step compares: all, or the right one and a sample.
func (t *trainer) choose(right int32) {
	n := t.net.classes
	if n <= allClasses {
		if len(t.classes) == 0 {
			for c := range n {
				t.classes = append(t.classes, int32(c))
			}
			t.z = make([]float32, n)
		}
		return
	}
	t.classes = append(t.classes[:0], right)
	for range sampled {
		if c := int32(t.rng.IntN(n)); c != right {
			t.classes = append(t.classes, c)
		}
	}
	t.z = append(t.z[:0], make([]float32, len(t.classes))...)
}

// softmax turns logits into shares of one.
func softmax(z []float32) {
	most := z[0]
	for _, x := range z {
		most = max(most, x)
	}
	var sum float32
	for i, x := range z {
		z[i] = exp(x - most)
		sum += z[i]
	}
	for i := range z {
		z[i] /= sum
	}
}

// exp is e to the x for x up to 0, by a polynomial: the same on every machine, which math.Exp is not.
func exp(x float32) float32 {
	if x < -80 {
		return 0
	}
	t := float32(x * 1.44269504)
	n := float32(math.Floor(float64(t)))
	f := t - n
	p := float32(0.00133335581)
	for _, c := range [...]float32{0.00961812910, 0.0555041087, 0.240226507, 0.693147181, 1} {
		p = float32(p*f) + c
	}
	return p * math.Float32frombits(uint32(int32(n)+127)<<23)
}

// axpy adds a times x to y. The conversions keep the compiler from fusing, which would differ between machines.
func axpy(a float32, x, y []float32) {
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		y[i] += float32(a * x[i])
		y[i+1] += float32(a * x[i+1])
		y[i+2] += float32(a * x[i+2])
		y[i+3] += float32(a * x[i+3])
	}
	for ; i < len(x); i++ {
		y[i] += float32(a * x[i])
	}
}

// dot is the inner product.
func dot(x, y []float32) float32 {
	y = y[:len(x)]
	var a, b, c, d float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += float32(x[i] * y[i])
		b += float32(x[i+1] * y[i+1])
		c += float32(x[i+2] * y[i+2])
		d += float32(x[i+3] * y[i+3])
	}
	for ; i < len(x); i++ {
		a += float32(x[i] * y[i])
	}
	return (a + b) + (c + d)
}

// place puts the phrasings into the narrow layers.
func (m *model) place(phrases []example) {
	m.near = make([][]float32, nearNets)
	for k, n := range m.nets[:nearNets] {
		m.near[k] = make([]float32, len(phrases)*n.width)
		for i, e := range phrases {
			n.hide(e.x, m.near[k][i*n.width:(i+1)*n.width])
			normalise(m.near[k][i*n.width : (i+1)*n.width])
		}
	}
}

// hide brings a vector into the narrow layer.
func (n *net) hide(x vector, h []float32) {
	clear(h)
	for i, f := range x.f {
		a := x.v[i] * n.scale[f]
		row := n.rows[int(f)*n.width : int(f+1)*n.width]
		for j, q := range row {
			h[j] += float32(a * float32(q))
		}
	}
}

// quantise keeps the narrow layer's rows in a byte a value: a quarter of the room, and no loss that can be measured.
func (n *net) quantise() {
	features := len(n.in) / n.width
	n.rows, n.scale = make([]int8, len(n.in)), make([]float32, features)
	for f := range features {
		row := n.in[f*n.width : (f+1)*n.width]
		var most float32
		for _, x := range row {
			most = max(most, x, -x)
		}
		if most == 0 {
			continue
		}
		n.scale[f] = most / 127
		for j, x := range row {
			n.rows[f*n.width+j] = int8(math.Round(float64(x / n.scale[f])))
		}
	}
	n.in = nil
}

func normalise(v []float32) {
	if n := root(dot(v, v)); n > 0 {
		for i := range v {
			v[i] /= n
		}
	}
}

// judge adds the models' evidence to the candidates in s.rank.
func (m *model) judge(ix *Index, asked question, s *scratch) {
	s.vector = m.vector(ix, asked.bag, s.vector)
	if len(s.vector.f) == 0 {
		return
	}
	s.foreign = m.guarded(s.vector) + m.guard[len(m.guard)-1]*guardConstant
	c := len(s.rank)
	var sum [2][]float32
	for k := range sum {
		sum[k] = resized(&s.ev[evSoft+evidence(k)], c)
		clear(sum[k])
	}
	h := resized(&s.hidden, modelWidth)
	part := resized(&s.logits, c)
	for k, n := range m.nets {
		n.hide(s.vector, h)
		for i, r := range s.rank {
			part[i] = dot(h, n.out[int(r.entry)*n.width:int(r.entry+1)*n.width])
		}
		axpy(1, part, sum[0])
		if k >= nearNets {
			continue
		}
		normalise(h)
		for i, r := range s.rank {
			part[i] = best3(ix.entries[r.entry].phrases, h, m.near[k])
			s.rank[i].near += part[i] / nearNets
		}
		standardise(part)
		axpy(1, part, sum[1])
	}
	odds := part
	for i := range s.rank {
		s.rank[i].logit = sum[0][i] / float32(len(m.nets))
		odds[i] = s.rank[i].logit
	}
	softmax(odds)
	for i := range s.rank {
		s.rank[i].share = odds[i]
		s.rank[i].score += evidenceWeights[evOdds] * logOf(odds[i]+leastShare)
	}
	for k := range sum {
		standardise(sum[k])
		for i := range s.rank {
			s.rank[i].score += float32(evidenceWeights[evSoft+evidence(k)] * sum[k][i])
		}
	}
}

// logOf is the natural logarithm, rounded so that it is the same on every machine.
func logOf(x float32) float32 { return rounded(math.Log(float64(x))) }

// best3 is the mean likeness of an entry's three phrasings nearest to h.
func best3(phrases []int32, h, near []float32) float32 {
	best := top3{-1, -1, -1}
	for _, p := range phrases {
		best.add(dot(h, near[int(p)*len(h):int(p+1)*len(h)]))
	}
	return best.mean(len(phrases))
}

func resized(v *[]float32, n int) []float32 {
	if cap(*v) < n {
		*v = make([]float32, n)
	}
	*v = (*v)[:n]
	return *v
}
