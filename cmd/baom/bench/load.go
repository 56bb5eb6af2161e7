package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	token    = "1000001:bench"
	secret   = "bench"
	patience = 10 * time.Second // how long an answer is waited for
)

// A step is one thing that a person says or presses, and words of the answer.
type step struct {
	Send     string   `json:"send"`
	Callback string   `json:"callback"`
	Expect   []string `json:"expect"`
}

// A load is people who write and wait.
type load struct {
	steps  []step
	people int
	think  time.Duration
	hook   string // host:port of the program
	typed  bool   // what would be pressed is typed, and any answer will do

	waiting  sync.Map // *person by chat
	updates  atomic.Int64
	messages atomic.Int64
}

// A person waits for one answer at a time.
type person struct {
	chat    int64
	answers chan string
	last    atomic.Int64 // the bot's last message
	took    []time.Duration
	lost    int
}

// A result is what a run came to.
type result struct {
	rate, p50, p99 float64
	lost           int
	processors     string
}

// run lets the people write for a time, of which the end is counted.
func (l *load) run(ctx context.Context, warm, lasts time.Duration, pid int) result {
	begin := time.Now()
	counted, end := begin.Add(warm), begin.Add(warm+lasts)
	all := make([]*person, l.people)
	var group sync.WaitGroup
	for i := range all {
		p := &person{chat: begin.UnixNano()/1000%1e12 + int64(i), answers: make(chan string, 64)}
		all[i] = p
		l.waiting.Store(p.chat, p)
		group.Go(func() { l.live(ctx, p, counted, end) })
	}
	time.Sleep(time.Until(counted))
	before := processors(pid)
	time.Sleep(time.Until(end))
	after, resident := processors(pid), resident(pid)
	group.Wait()
	var r result
	var took []time.Duration
	for _, p := range all {
		took = append(took, p.took...)
		r.lost += p.lost
	}
	if len(took) == 0 {
		return r
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	n := float64(len(took))
	r.rate, r.p50, r.p99 = n/lasts.Seconds(), ms(took[len(took)/2]), ms(took[len(took)*99/100])
	sum := 0.0
	var parts []string
	for i := range after {
		spent := (after[i] - before[i]) * 1e6 / n
		sum += spent
		parts = append(parts, fmt.Sprintf("%.0f", spent))
	}
	r.processors = strings.Join(parts, " · ") + fmt.Sprintf(" · %.0f (%.0f)", sum, resident)
	return r
}

// live is one person, who goes through the script again and again.
func (l *load) live(ctx context.Context, p *person, counted, end time.Time) {
	conn, err := net.Dial("tcp", l.hook)
	if err != nil {
		p.lost++
		return
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	time.Sleep(rand.N(l.think + 20*time.Millisecond))
	for {
		for _, s := range l.steps {
			if l.think > 0 {
				time.Sleep(time.Duration(rand.ExpFloat64() * float64(l.think)))
			}
			began := time.Now()
			if began.After(end) || ctx.Err() != nil {
				return
			}
			if err := l.post(conn, in, l.update(p, s)); err != nil {
				p.lost++
				return
			}
			at, ok := l.wait(p, s)
			if !ok {
				p.lost++
				break
			}
			if began.After(counted) && at.Before(end) {
				p.took = append(p.took, at.Sub(began))
			}
		}
	}
}

// wait waits for the answer to a step.
func (l *load) wait(p *person, s step) (time.Time, bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case text := <-p.answers:
			if l.typed || slices.ContainsFunc(s.Expect, func(w string) bool { return strings.Contains(text, w) }) {
				return time.Now(), true
			}
		case <-timer.C:
			return time.Time{}, false
		}
	}
}

// update is a step as Telegram writes it.
func (l *load) update(p *person, s step) []byte {
	id, who := l.updates.Add(1), fmt.Sprintf(`{"id":%d,"is_bot":false,"first_name":"P","language_code":"fr"}`, p.chat)
	chat := fmt.Sprintf(`{"id":%d,"type":"private"}`, p.chat)
	text := s.Send
	if s.Callback != "" && !l.typed {
		return fmt.Appendf(nil, `{"update_id":%d,"callback_query":{"id":"%d","from":%s,"chat_instance":"1","message":{"message_id":%d,"chat":%s,"date":%d,"text":"q"},"data":%q}}`,
			id, id, who, p.last.Load(), chat, time.Now().Unix(), s.Callback)
	} else if s.Callback != "" {
		text = s.Callback
	}
	quoted, _ := json.Marshal(text) // a string always marshals
	return fmt.Appendf(nil, `{"update_id":%d,"message":{"message_id":%d,"from":%s,"chat":%s,"date":%d,"text":%s}}`, id, l.messages.Add(1), who, chat, time.Now().Unix(), quoted)
}

// post posts an update until it is taken.
func (l *load) post(conn net.Conn, in *bufio.Reader, update []byte) error {
	for range 20 {
		if _, err := fmt.Fprintf(conn, "POST /telegram/webhook HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nX-Telegram-Bot-Api-Secret-Token: %s\r\nContent-Length: %d\r\n\r\n%s",
			l.hook, secret, len(update), update); err != nil {
			return err
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("an update is not taken")
}

// serve is the Bot API.
func (l *load) serve(api net.Listener) {
	for {
		conn, err := api.Accept()
		if err != nil {
			return
		}
		go l.answer(conn)
	}
}

func (l *load) answer(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		out := `{"ok":true,"result":true}`
		if strings.HasSuffix(req.URL.Path, "/sendMessage") {
			chat, text := said(req.Header.Get("Content-Type"), body)
			id := l.messages.Add(1)
			out = fmt.Sprintf(`{"ok":true,"result":{"message_id":%d,"chat":{"id":%d,"type":"private"},"date":1,"text":"x"}}`, id, chat)
			if p, ok := l.waiting.Load(chat); ok {
				p.(*person).last.Store(id)
				p.(*person).answers <- text
			}
		}
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(out), out); err != nil {
			return
		}
	}
}

// said is to whom a message goes and what it says.
func said(kind string, body []byte) (chat int64, text string) {
	if strings.HasPrefix(kind, "application/json") {
		var m struct {
			Chat int64  `json:"chat_id"`
			Text string `json:"text"`
		}
		_ = json.Unmarshal(body, &m) // what cannot be read goes to nobody
		return m.Chat, m.Text
	}
	part := func(name string) string {
		_, after, _ := bytes.Cut(body, []byte(`name="`+name+"\"\r\n\r\n"))
		value, _, _ := bytes.Cut(after, []byte("\r\n--"))
		return string(value)
	}
	chat, _ = strconv.ParseInt(part("chat_id"), 10, 64)
	return chat, part("text")
}

// processors is the processor time of the program, Postgres, Redis and ourselves, in seconds: of our own children and theirs.
func processors(pid int) (spent [4]float64) {
	parent, own := map[string]string{}, map[string]float64{}
	names := map[string]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		head, rest, _ := strings.Cut(string(data), ") ")
		number, name, _ := strings.Cut(head, " (")
		f := strings.Fields(rest)
		if len(f) < 13 {
			continue
		}
		user, _ := strconv.ParseFloat(f[11], 64)
		system, _ := strconv.ParseFloat(f[12], 64)
		parent[number], names[number], own[number] = f[1], name, (user+system)/100 // a tick is 10 ms
	}
	for number, name := range names {
		above := number
		for above != strconv.Itoa(os.Getpid()) && parent[above] != "" {
			above = parent[above]
		}
		switch {
		case number == strconv.Itoa(pid):
			spent[0] += own[number]
		case above != strconv.Itoa(os.Getpid()):
		case strings.HasPrefix(name, "postgres"):
			spent[1] += own[number]
		case strings.HasPrefix(name, "redis-server"):
			spent[2] += own[number]
		}
	}
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		spent[3] = float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	return spent
}

// resident is the resident memory of a process, in megabytes.
func resident(pid int) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(data), "VmRSS:")
	kb, _ := strconv.ParseFloat(strings.Fields(after + " 0")[0], 64)
	return kb / 1024
}
