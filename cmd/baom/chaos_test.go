package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"baom/bot"
	"baom/flows"
	"baom/handlers/telegram/telegramtest"
	"baom/storage"
	"baom/storage/local"
	"baom/storage/storagetest"
)

var (
	chaosFor  = flag.Duration("chaos", 15*time.Second, "how long the faults of TestChaos last")
	chaosSeed = flag.Uint64("chaos-seed", 0, "of TestChaos, to repeat a run; 0 draws one")
)

// TestChaos is the promise that nothing is lost. People write on Telegram and on the web page, an officer answers from the
// console, and meanwhile the processes of the program, Postgres, Redis and the network between them are killed, paused,
// cut, slowed and filled, and the clock jumps. At the end each message was handled exactly once and in order: every
// person's dialogue said what, and stands where, an undisturbed run of the same messages does; each reply arrived, and
// those that came again are counted; and the officer's words arrived, once in the record.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	c := newChaos(t)
	for i := range 10 {
		c.people = append(c.people, c.onTelegram(i, i%5 == 0))
	}
	for i := range 4 {
		c.people = append(c.people, c.onWeb(i, i%4 == 0))
	}
	var writing sync.WaitGroup
	end := time.Now().Add(*chaosFor)
	for _, p := range c.people {
		writing.Go(func() { p.live(end) })
	}
	desk, close := context.WithCancel(t.Context())
	var officer sync.WaitGroup
	officer.Go(func() { c.officer(desk) })
	c.disturb(end)
	writing.Wait()
	close()
	officer.Wait()
	c.settle()
	c.judge()
}

// A chaos is the program on its servers, each behind a proxy, and the people who write to it.
type chaos struct {
	t        *testing.T
	rng      *rand.Rand
	dir      string // of the servers' data; a file system of its own where that may be had
	own      bool   // it is one
	clock    string // the file that says by how much the program's clock is wrong
	postgres *proxy
	redis    *proxy
	network  *proxy
	direct   string // the database, past the proxy
	cache    string // Redis, past the proxy
	api      *telegramtest.Server
	serving  []*keeper
	store    *storage.Store // another door to the record
	plain    *bot.Bot       // the dialogue, undisturbed
	people   []*chaosPerson

	mu      sync.Mutex
	faults  []fault
	replies map[int64][]string // what the officer wrote, by case
}

// A fault is what was done, and when.
type fault struct {
	what        string
	began, over time.Time
}

func newChaos(t *testing.T) *chaos {
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -chaos-seed %d", seed)
	c := &chaos{t: t, rng: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), replies: map[int64][]string{}}
	for dir := c.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o711) // the account that runs Postgres passes through
	}
	if err := syscall.Mount("tmpfs", c.dir, "tmpfs", 0, "size=600m,mode=711"); err == nil {
		c.own = true
		t.Cleanup(func() { syscall.Unmount(c.dir, syscall.MNT_DETACH) })
	} else {
		t.Logf("no file system of its own (%v): the disk is not filled", err)
	}
	c.clock = filepath.Join(t.TempDir(), "clock")
	c.jump(0)
	quiet := slog.New(slog.DiscardHandler)
	pg, err := local.StartPostgres(t.Context(), local.Options{Dir: c.dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Stop(context.Background()) })
	storagetest.RealRedis(t)
	cache, err := local.StartRedis(t.Context(), local.Options{Dir: c.dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Stop(context.Background()) })
	c.direct, c.cache = pg.URL, cache.URL
	where, err := url.Parse(pg.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.postgres = newProxy(t, "unix", filepath.Join(where.Query().Get("host"), ".s.PGSQL."+where.Query().Get("port")))
	where, err = url.Parse(cache.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.redis = newProxy(t, "unix", where.Path)
	c.api = telegramtest.New(t)
	c.network = newProxy(t, "tcp", strings.TrimPrefix(c.api.URL, "http://"))
	if err := storage.Migrate(t.Context(), c.direct); err != nil {
		t.Fatal(err)
	}
	c.store = storagetest.Open(t, storage.Options{DatabaseURL: c.direct, MaxConns: 4})
	lib, err := library("")
	if err != nil {
		t.Fatal(err)
	}
	book, err := flows.New(lib)
	if err != nil {
		t.Fatal(err)
	}
	c.plain = &bot.Bot{Book: func() *flows.Book { return book }, Now: func() time.Time { return time.Now().In(zone()) }, Seed: seed0, Log: quiet}
	home := t.TempDir()
	for range 2 {
		c.serving = append(c.serving, c.keep(home))
	}
	for _, k := range c.serving {
		k.until(t)
	}
	return c
}

func seed0() uint64 { return 1 }

// jump sets the program's clock wrong by that much.
func (c *chaos) jump(by time.Duration) {
	fresh := c.clock + ".new"
	if err := os.WriteFile(fresh, []byte(by.String()), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(fresh, c.clock); err != nil {
		c.t.Fatal(err)
	}
}

// A keeper keeps a process of the program running, as a machine's supervisor does.
type keeper struct {
	url string
	out *output

	mu     sync.Mutex
	cmd    *exec.Cmd
	starts int
}

// keep starts a process on a port of its own, and starts it again whenever it ends.
func (c *chaos) keep(home string) *keeper {
	port := freePort(c.t)
	k := &keeper{url: "http://127.0.0.1:" + port, out: newOutput()}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "BAOM_") })
	env = append(env, "BAOM_DATABASE_URL=postgres://baom@"+c.postgres.addr()+"/baom?sslmode=disable", "BAOM_REDIS_URL=redis://"+c.redis.addr()+"/0",
		"BAOM_SECRET_KEY="+fmt.Sprintf("%x", storagetest.Secret()), "BAOM_HTTP_ADDR=127.0.0.1:"+port, "BAOM_ADMIN_PASSWORD="+adminPass, "BAOM_SEARCH_LEARNS=off", "HOME="+home,
		"BAOM_TELEGRAM_TOKEN="+c.api.Token, "BAOM_TELEGRAM_API_URL=http://"+c.network.addr(), "BAOM_TEST_CLOCK="+c.clock)
	ctx, end := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			cmd := exec.Command("baom-wired", "serve")
			cmd.Env, cmd.Stdout, cmd.Stderr = env, k.out, k.out
			k.mu.Lock()
			err := cmd.Start()
			k.cmd = cmd
			k.starts++
			k.mu.Unlock()
			if err != nil {
				c.t.Error(err)
				return
			}
			if ctx.Err() != nil {
				cmd.Process.Kill()
			}
			cmd.Wait()
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	c.t.Cleanup(func() {
		end()
		k.signal(syscall.SIGCONT)
		k.signal(syscall.SIGKILL)
		done.Wait()
		if strings.Contains(k.out.buf.String(), "panic") || c.t.Failed() {
			path := filepath.Join(os.TempDir(), "chaos-"+port+".log")
			os.WriteFile(path, k.out.buf.Bytes(), 0o600)
			c.t.Errorf("what the process on port %s said: %s", port, path)
		}
	})
	return k
}

func (k *keeper) signal(sig syscall.Signal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cmd != nil && k.cmd.Process != nil {
		k.cmd.Process.Signal(sig)
	}
}

// until waits until the process is ready.
func (k *keeper) until(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(k.url + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
	t.Fatalf("%s does not become ready:\n%s", k.url, k.out.buf.String())
}

// disturb makes one fault after the other until the end, and mends what it did.
func (c *chaos) disturb(end time.Time) {
	kinds := []struct {
		what   string
		weight int
		do     func(d time.Duration)
	}{
		{"the program is killed", 5, func(time.Duration) { c.any().signal(syscall.SIGKILL) }},
		{"the program is paused", 3, func(d time.Duration) {
			k := c.any()
			k.signal(syscall.SIGSTOP)
			time.Sleep(d)
			k.signal(syscall.SIGCONT)
		}},
		{"Postgres is killed", 3, func(time.Duration) { c.signalPostgres(syscall.SIGKILL, false) }},
		{"a backend of Postgres is killed", 2, func(time.Duration) { c.signalPostgres(syscall.SIGKILL, true) }},
		{"Postgres is paused", 2, func(d time.Duration) {
			c.signalPostgres(syscall.SIGSTOP, false)
			time.Sleep(d)
			c.signalPostgres(syscall.SIGCONT, false)
		}},
		{"Postgres is cut off", 3, func(d time.Duration) { c.postgres.cut(d) }},
		{"Postgres is not heard", 2, func(d time.Duration) { c.postgres.stall(d) }},
		{"Postgres is slow", 2, func(d time.Duration) { c.postgres.slow(d, 30*time.Millisecond) }},
		{"Redis is killed", 2, func(time.Duration) { c.redisDo("kill") }},
		{"Redis is paused", 2, func(d time.Duration) { c.redis.stall(d) }},
		{"Redis is flushed", 2, func(time.Duration) { c.redisDo("flush") }},
		{"Redis is cut off", 1, func(d time.Duration) { c.redis.cut(d) }},
		{"Telegram is cut off", 3, func(d time.Duration) { c.network.cut(d) }},
		{"Telegram is not heard", 2, func(d time.Duration) { c.network.stall(d) }},
		{"Telegram is slow", 2, func(d time.Duration) { c.network.slow(d, 200*time.Millisecond) }},
		{"Telegram fails", 2, func(time.Duration) {
			c.api.Fail("sendMessage", telegramtest.Fault{Status: 500, Text: "Internal Server Error"}, telegramtest.Fault{Drop: true},
				telegramtest.Fault{Status: 429, Retry: 1, Text: "Too Many Requests: retry after 1"}, telegramtest.Fault{DropBefore: true})
		}},
		{"the disk is full", 2, c.fill},
		{"the clock jumps", 2, func(time.Duration) {
			c.jump([]time.Duration{-time.Hour, -5 * time.Second, 0, 5 * time.Second, 2 * time.Minute}[c.rng.IntN(5)])
		}},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	for time.Now().Before(end) {
		n := c.rng.IntN(total)
		for _, k := range kinds {
			if n -= k.weight; n >= 0 {
				continue
			}
			f := fault{what: k.what, began: time.Now()}
			k.do(time.Duration(200+c.rng.IntN(2000)) * time.Millisecond)
			f.over = time.Now()
			c.mu.Lock()
			c.faults = append(c.faults, f)
			c.mu.Unlock()
			break
		}
		time.Sleep(time.Duration(100+c.rng.IntN(900)) * time.Millisecond)
	}
	c.jump(0)
}

func (c *chaos) any() *keeper { return c.serving[c.rng.IntN(len(c.serving))] }

// signalPostgres signals the whole server, or one of the processes that serve a connection.
func (c *chaos) signalPostgres(sig syscall.Signal, one bool) {
	data, err := os.ReadFile(filepath.Join(c.dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		return // it is just starting again
	}
	first, _, _ := strings.Cut(string(data), "\n")
	postmaster, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || postmaster <= 1 {
		return
	}
	var backends []int
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	for _, f := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(f)
		if err == nil && !one {
			syscall.Kill(pid, sig)
		} else if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); bytes.Contains(line, []byte("baom baom")) {
			backends = append(backends, pid)
		}
	}
	switch {
	case !one:
		syscall.Kill(postmaster, sig)
	case len(backends) > 0:
		syscall.Kill(backends[c.rng.IntN(len(backends))], sig)
	}
}

// redisDo kills Redis, or empties it.
func (c *chaos) redisDo(what string) {
	where, err := url.Parse(c.cache)
	if err != nil {
		c.t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: where.Path, MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	if what == "flush" {
		client.FlushAll(context.Background())
		return
	}
	info, _ := client.Info(context.Background(), "server").Result() // without an answer it is just starting again
	if m := regexp.MustCompile(`process_id:(\d+)`).FindStringSubmatch(info); m != nil {
		pid, _ := strconv.Atoi(m[1])
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// fill fills the disk for a time.
func (c *chaos) fill(d time.Duration) {
	if !c.own {
		return
	}
	ballast := filepath.Join(c.dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		return
	}
	block := make([]byte, 1<<20)
	for err == nil {
		_, err = f.Write(block)
	}
	f.Close()
	time.Sleep(d)
	os.Remove(ballast)
}

// A chaosPerson writes to the office, and remembers what.
type chaosPerson struct {
	c     *chaos
	rng   *rand.Rand
	peer  bot.Peer
	desk  bool // an officer takes their case
	write func(in flows.Input)
	got   func() []string // what arrived, in order; nil where the transcript is what arrives

	wrote  []flows.Input // and what the desk told their dialogue
	caseID atomic.Int64  // their case, once it is open
	taken  chan struct{} // closed when the officer has it
}

func (c *chaos) person(ch bot.Channel, i int, desk bool) *chaosPerson {
	return &chaosPerson{c: c, rng: rand.New(rand.NewPCG(c.rng.Uint64(), uint64(i))), peer: bot.Peer{Channel: ch}, desk: desk, taken: make(chan struct{})}
}

func (c *chaos) onTelegram(i int, desk bool) *chaosPerson {
	p := c.person(bot.Telegram, i, desk)
	tp := c.api.Person(int64(1000+i), "fr")
	p.peer.ID = strconv.Itoa(1000 + i)
	p.write = func(in flows.Input) {
		if in.Choice == "start" {
			tp.Send("/start")
		} else if in.Choice != "" {
			tp.PressData(1, "1|"+in.Choice)
		} else {
			tp.Send(in.Text)
		}
	}
	p.got = func() (list []string) {
		for _, m := range tp.Got() {
			if m.Method != "sendVenue" && m.Method != "sendContact" { // the card of a message, which comes before it
				list = append(list, m.Text)
			}
		}
		return list
	}
	return p
}

var invitation = regexp.MustCompile(`name="invite" value="([^"]+)"`)

// onWeb is somebody whose page sends each message, under a key of its own, until the program says that it has it.
func (c *chaos) onWeb(i int, desk bool) *chaosPerson {
	p := c.person(bot.Web, i, desk)
	jar, _ := cookiejar.New(nil) // it has no error without options
	browser := &http.Client{Jar: jar, Timeout: 8 * time.Second}
	var invite string
	n := 0
	p.write = func(in flows.Input) {
		n++
		for {
			base := c.serving[p.rng.IntN(len(c.serving))].url
			if invite == "" {
				req, _ := http.NewRequest(http.MethodGet, base+"/", nil)
				req.Header.Set("Accept-Language", "fr")
				if resp, err := browser.Do(req); err == nil {
					page, _ := io.ReadAll(resp.Body)
					resp.Body.Close()
					if m := invitation.FindSubmatch(page); m != nil {
						invite = string(m[1])
						p.peer.ID, _, _ = strings.Cut(invite, ".")
					}
				}
			}
			if invite != "" && sendWeb(browser, base, url.Values{"id": {fmt.Sprintf("k%d", n)}, "invite": {invite}, "text": {in.Text}, "choice": {in.Choice}}) {
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
	return p
}

// sendWeb posts a message as the page's script does, and reports whether it was taken.
func sendWeb(browser *http.Client, base string, form url.Values) bool {
	req, _ := http.NewRequest(http.MethodPost, base+"/chat/send", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Language", "fr")
	resp, err := browser.Do(req)
	if err != nil {
		return false
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode < 300
}

// say writes one message.
func (p *chaosPerson) say(in flows.Input) {
	p.wrote = append(p.wrote, in)
	p.write(in)
}

func words(text string) flows.Input   { return flows.Input{Text: text} }
func press(choice string) flows.Input { return flows.Input{Choice: choice} }

// live is what a person does: they come in, then write this and that, not waiting for answers, until the end; one whose
// case an officer takes writes numbered messages from then on.
func (p *chaosPerson) live(end time.Time) {
	pause := func() {
		slow := 100 + p.rng.IntN(300)
		if p.peer.Channel == bot.Web {
			slow = 1500 + p.rng.IntN(300)
		}
		time.Sleep(time.Duration(slow) * time.Millisecond * (1 + *chaosFor/time.Minute)) // a transcript shows a thousand lines
	}
	for _, in := range []flows.Input{press("start"), press("lang.fr"), press("consent.yes")} {
		p.say(in)
	}
	if p.desk {
		for _, in := range chaosIntake("0") {
			p.say(in)
		}
		if p.attended() {
			for n := 1; time.Now().Before(end); n++ {
				p.say(words(fmt.Sprintf("message %d de %s", n, p.peer.ID)))
				pause()
			}
		}
		return
	}
	for n := 1; time.Now().Before(end); {
		switch p.rng.IntN(5) {
		case 0:
			for _, in := range chaosIntake(strconv.Itoa(n)) {
				p.say(in)
				pause()
				if p.rng.IntN(20) == 0 || time.Now().After(end) {
					break
				}
			}
		case 1:
			p.say(words("recepisse c'est valable combien de temps"))
		case 2:
			p.say(press([]string{"menu.menu", "menu.intake", "menu.data", "menu.ask", "need.E2", "useful.yes", "back", "menu.officer", "handoff.cancel"}[p.rng.IntN(9)]))
		default:
			p.say(words(fmt.Sprintf("message %d", n)))
		}
		n++
		pause()
	}
}

// chaosIntake is an intake whose answers hold a number.
func chaosIntake(n string) []flows.Input {
	return []flows.Input{press("menu.intake"), press("profile.rpt"), press("group.E"), press("need.E2"), words("Awa" + spelt(n)), words("Diallo" + spelt(n)), words("sénégalaise"), words("Agadir"),
		words("34 ans"), press("gender.m"), press("work.farm"), press("family.married"), press("contact.here"), words("mon patron ne me paie pas " + n), press("summary.send")}
}

// spelt writes a number in letters: a name has no digits.
func spelt(n string) string {
	return strings.Map(func(r rune) rune { return r - '0' + 'a' }, n)
}

// attended waits for the officer, and reports whether they came. What the desk then tells the dialogue comes before what
// the person writes next.
func (p *chaosPerson) attended() bool {
	select {
	case <-p.taken:
		p.wrote = append(p.wrote, flows.Input{Event: flows.EventClaimed, Slots: map[string]string{"officer": "Administration"}})
		return true
	case <-time.After(30 * time.Second):
		p.c.t.Errorf("the case of %v is not taken", p.peer)
		return false
	}
}

// officer takes the cases of those who are to be attended, and writes to them, numbered, until told to stop. They do as
// people do: where a page fails they look whether their words are there, and write them again if not.
func (c *chaos) officer(ctx context.Context) {
	jar, _ := cookiejar.New(nil) // it has no error without options
	browser := &http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	post := func(path string, form url.Values) bool {
		for _, k := range c.serving {
			resp, err := browser.PostForm(k.url+path, form)
			if err == nil {
				resp.Body.Close()
				return resp.StatusCode == http.StatusSeeOther
			}
		}
		return false
	}
	for in := false; !in && ctx.Err() == nil; time.Sleep(300 * time.Millisecond) {
		in = post("/console/login", url.Values{"login": {"admin"}, "passphrase": {adminPass}})
	}
	for n := 1; ctx.Err() == nil; n++ {
		time.Sleep(300 * time.Millisecond * (1 + *chaosFor/time.Minute))
		list, err := c.store.Queue(context.Background(), bot.Query{})
		if err != nil {
			continue
		}
		for _, k := range list {
			p := c.whose(k.ID)
			if p == nil || !p.desk {
				continue
			}
			page := "/console/cases/" + strconv.FormatInt(k.ID, 10)
			if k.State == bot.StateOpen {
				post(page+"/claim", nil)
				continue
			}
			select {
			case <-p.taken:
			default:
				close(p.taken)
			}
			c.reply(ctx, post, k.ID, page, fmt.Sprintf("réponse %d à %s", n, p.peer.ID))
		}
	}
}

// reply writes one reply until it is in the record.
func (c *chaos) reply(ctx context.Context, post func(string, url.Values) bool, id int64, page, text string) {
	c.mu.Lock()
	c.replies[id] = append(c.replies[id], text)
	c.mu.Unlock()
	for {
		if post(page+"/reply", url.Values{"text": {text}}) {
			return
		}
		time.Sleep(time.Second) // a page that has failed shows nothing new at once
		if c.recorded(id, text) > 0 {
			return
		}
	}
}

// recorded is how often a reply is in the record, waiting or said; -1 where it cannot be told.
func (c *chaos) recorded(id int64, text string) (n int) {
	for {
		_, lines, err := c.store.Case(context.Background(), id)
		pending, err2 := c.store.Pending(context.Background(), id)
		if errors.Join(err, err2) != nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		for _, l := range lines {
			if l.Author == bot.ByOfficer && l.Text == text {
				n++
			}
		}
		for _, p := range pending {
			if p.Message.Text == text {
				n++
			}
		}
		return n
	}
}

// whose is the person of a case.
func (c *chaos) whose(id int64) *chaosPerson {
	for _, p := range c.people {
		if p.caseID.Load() == id {
			return p
		}
	}
	_, lines, err := c.store.Case(context.Background(), id)
	if err != nil {
		return nil
	}
	for _, p := range c.people {
		if p.peer.ID == "" {
			continue
		}
		own, err := c.store.Transcript(context.Background(), p.peer, 0)
		if err == nil && len(own) > 0 && slices.ContainsFunc(lines, func(l bot.Line) bool { return l.ID == own[0].ID }) {
			p.caseID.Store(id)
			return p
		}
	}
	return nil
}

// settle waits until nothing waits any more.
func (c *chaos) settle() {
	began, ahead := time.Now(), false
	for _, k := range c.serving {
		k.signal(syscall.SIGCONT)
		k.until(c.t)
	}
	for deadline := began.Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		left := 0
		st, err := c.store.Stats(context.Background())
		if err == nil {
			left = int(st.Inbox+st.Outbox+st.SetAside) + c.api.Pending()
			for id := range c.replies {
				list, err := c.store.Pending(context.Background(), id)
				if left += len(list); err != nil {
					left++
				}
			}
		}
		if err == nil && left == 0 {
			break
		}
		if quiet := time.Since(began); quiet > 10*time.Second && !ahead {
			ahead = true
			c.jump(2 * time.Minute) // leases are over
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("after three quiet minutes there still waits: %+v, %d updates (%v)", st, c.api.Pending(), err)
		}
	}
	c.t.Logf("settled in %v", time.Since(began).Round(time.Millisecond))
}

// judge compares what became of everything with what should have.
func (c *chaos) judge() {
	messages, lines, repeats := 0, 0, 0
	for _, p := range c.people {
		messages += len(p.wrote)
		n, again := p.judge()
		lines, repeats = lines+n, repeats+again
	}
	replies := 0
	for id, list := range c.replies {
		for _, text := range list {
			replies++
			if n := c.recorded(id, text); n != 1 {
				c.t.Errorf("an officer's %q is %d times in the record", text, n)
			}
		}
	}
	starts := 0
	for _, k := range c.serving {
		starts += k.starts
	}
	counts := map[string]int{}
	for _, f := range c.faults {
		counts[f.what]++
	}
	c.t.Logf("%d messages of %d people, %d lines to them, of which %d came again; %d replies of an officer; %d faults %v; %d starts",
		messages, len(c.people), lines, repeats, replies, len(c.faults), counts, starts)
}

var (
	aReference = regexp.MustCompile(`[A-Z]{2}-[0-9A-Z]{4}-[0-9]{2}`)
	notLetter  = regexp.MustCompile(`[^\p{L}\p{N}]+`)
)

// bare is what a text says, whatever it looks like, without what depends on the hour.
func bare(text string) string {
	text = aReference.ReplaceAllString(text, "REF")
	if i := strings.Index(text, "REF"); i >= 0 {
		text = text[:i]
	}
	return notLetter.ReplaceAllString(text, "")
}

// judge plays a person's messages again, undisturbed, and compares.
func (p *chaosPerson) judge() (said, repeats int) {
	t := p.c.t
	lines, err := p.c.store.Transcript(context.Background(), p.peer, 0)
	if err != nil {
		t.Errorf("the transcript of %v: %v", p.peer, err)
		return 0, 0
	}
	var heard, spoken, answered, toldIn []string // by the office, by the bot, by the officer, to the person
	for _, l := range lines {
		switch l.Author {
		case bot.ByPerson:
			heard = append(heard, l.Choice+l.Text)
		case bot.ByBot:
			spoken = append(spoken, bare(l.Text))
		}
		if l.Author != bot.ByPerson {
			toldIn = append(toldIn, bare(l.Text))
			if l.Author == bot.ByOfficer {
				answered = append(answered, l.Text)
			}
			if l.Status != bot.Sent {
				t.Errorf("to %v %q is %s: %s", p.peer, l.Text, l.Status, l.Why)
			}
		}
	}
	var s flows.Session
	var wrote, expected []string
	for i, in := range p.wrote {
		if in.Event == "" {
			wrote = append(wrote, in.Choice+in.Text)
			in.Slots = map[string]string{"hint.lang": "fr"}
			if p.peer.Channel == bot.Web && i > 0 {
				in.Slots = nil
			}
		}
		turn := p.c.plain.Take(s, bot.Entry{Peer: p.peer, Input: in})
		s = turn.Session
		for _, m := range turn.Send {
			expected = append(expected, bare(m.Text))
		}
	}
	compare(t, fmt.Sprintf("%v wrote", p.peer), heard, wrote)
	compare(t, fmt.Sprintf("the dialogue of %v said", p.peer), spoken, expected)
	compare(t, fmt.Sprintf("the officer wrote to %v", p.peer), answered, p.c.replies[p.caseID.Load()])
	if has := p.c.session(p.peer); place(has) != place(s) {
		t.Errorf("the session of %v is\n%s\nand should be\n%s", p.peer, place(has), place(s))
	}
	if p.got == nil {
		return len(toldIn), 0
	}
	var got []string
	for _, text := range p.got() {
		got = append(got, bare(strings.TrimPrefix(text, "Administration :\n")))
	}
	if repeats = again(got, toldIn); repeats < 0 {
		t.Errorf("to %v came\n%s\nfor\n%s", p.peer, strings.Join(got, "\n"), strings.Join(toldIn, "\n"))
		return len(toldIn), 0
	}
	return len(toldIn), repeats
}

// compare fails where two lists differ, and shows where.
func compare(t *testing.T, what string, has, want []string) {
	t.Helper()
	for i := range max(len(has), len(want)) {
		if i >= len(has) || i >= len(want) || has[i] != want[i] {
			t.Errorf("%s: %d lines for %d; from the %d. on\n%q\nfor\n%q", what, len(has), len(want), i+1, has[i:min(len(has), i+4)], want[i:min(len(want), i+4)])
			return
		}
	}
}

// place is a session without times and references.
func place(s flows.Session) string {
	s.Seen = time.Time{}
	return aReference.ReplaceAllString(fmt.Sprintf("%+v", s), "REF")
}

// session looks at a person's session through a turn that changes nothing.
func (c *chaos) session(peer bot.Peer) (found flows.Session) {
	if _, _, err := c.store.Answer(context.Background(), bot.Entry{Peer: peer, Key: "look:" + strconv.FormatInt(time.Now().UnixNano(), 36), Input: flows.Input{Text: "-"}},
		func(s flows.Session, _ bot.Entry) bot.Turn { found = s; return bot.Turn{Session: s} }); err != nil {
		c.t.Error(err)
	}
	return found
}

// again is how many of the messages that came are repeats, where they came complete and in order but for those; else -1.
// A repeat is one that has come before.
func again(got, sent []string) int {
	at := map[int]bool{0: true} // how many of those sent may have come for the first time
	for _, text := range got {
		next := map[int]bool{}
		for n := range at {
			if n < len(sent) && sent[n] == text {
				next[n+1] = true
			}
			if slices.Contains(sent[:n], text) {
				next[n] = true
			}
		}
		at = next
	}
	if !at[len(sent)] {
		return -1
	}
	return len(got) - len(sent)
}
