package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"baom/handlers/whatsapp/whatsapptest"
	"baom/storage/storagetest"
)

// wired is the program with the tests' WhatsApp and their clock, as a process of its own.
func wired() {
	var wire *http.Client
	if addr, root, ok := strings.Cut(os.Getenv("BAOM_TEST_WIRE"), " "); ok {
		var err error
		if wire, err = whatsapptest.Remote(addr, root); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	p := &program{env: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, wire: wire}
	if path := os.Getenv("BAOM_TEST_CLOCK"); path != "" {
		p.clock = wrongClock(path)
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// wrongClock is a clock that is wrong by what a file says, from moment to moment.
func wrongClock(path string) func() time.Time {
	var by atomic.Int64
	look := func() {
		if data, err := os.ReadFile(path); err == nil {
			if d, err := time.ParseDuration(string(data)); err == nil {
				by.Store(int64(d))
			}
		}
	}
	look()
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			look()
		}
	}()
	return func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
}

// processes makes a database and starts the program on it, as processes of their own.
func processes(t testing.TB, s *whatsapptest.Server, more ...string) (start func(args ...string) (*exec.Cmd, *output)) {
	db, redis := storagetest.Env(t)
	env := append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "BAOM_") }), "BAOM_DATABASE_URL="+db, "BAOM_REDIS_URL="+redis,
		"BAOM_SECRET_KEY="+fmt.Sprintf("%x", storagetest.Secret()), "BAOM_HTTP_ADDR=127.0.0.1:0", "BAOM_ADMIN_PASSWORD="+adminPass, "BAOM_SEARCH_LEARNS=off", "BAOM_TEST_WIRE="+s.Addr()+" "+s.Root(), "HOME="+t.TempDir())
	env = append(append(env, quick...), more...)
	return func(args ...string) (*exec.Cmd, *output) {
		out := newOutput()
		cmd := exec.Command("baom-wired", args...)
		cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		return cmd, out
	}
}

// linkProcess links the office's telephone with baom pair, as a process.
func linkProcess(t testing.TB, office *whatsapptest.Account, start func(args ...string) (*exec.Cmd, *output)) {
	pairing, out := start("pair", "-phone", "+212528000001")
	if err := office.Enter(out.find(t, `enter the code  ([0-9A-Z-]+)`)); err != nil {
		t.Fatal(err)
	}
	if err := pairing.Wait(); err != nil {
		t.Fatalf("baom pair: %v\n%s", err, out.buf.String())
	}
}

// TestKilled kills the process with -9 between each pair of boundaries, as a message passes them: before it is filed, after,
// when its answer leaves, and when WhatsApp has taken the answer. Each time the next process answers: nothing is lost, and
// nothing answered twice but with the same id. What the dead process had in hand does not wait for the end of its lease.
func TestKilled(t *testing.T) {
	s := whatsapptest.New(t)
	s.Patience = 60 * time.Second
	office := s.Account("212528000001", "90000000000001", "BAOM")
	start := processes(t, s)
	linkProcess(t, office, start)
	serve := func() (kill func()) {
		cmd, out := start("serve")
		out.find(t, `("state":"connected")`)
		return sync.OnceFunc(func() { cmd.Process.Kill(); cmd.Wait() })
	}
	kill := serve()
	awa := s.Person("33600000002", "90000000000002", "Awa")
	awa.Say(office, "👋")
	awa.Expect("Choisissez votre langue")
	awa.Say(office, "Français")
	awa.Expect("Êtes-vous d'accord")
	awa.Say(office, "oui")
	awa.Expect("Que voulez-vous faire")

	device := office.Device(1)
	for _, point := range []struct {
		name string
		hook func(then func(j types.JID, n *whatsapptest.Node))
	}{
		{"before it is filed", func(then func(types.JID, *whatsapptest.Node)) {
			s.OnDeliver(func(j types.JID, n *whatsapptest.Node) bool { then(j, n); return true })
		}},
		{"after it is filed", func(then func(types.JID, *whatsapptest.Node)) {
			s.OnStanza(func(j types.JID, n *whatsapptest.Node) bool {
				if n.Tag == "receipt" && (n.Attrs["type"] == nil || n.Attrs["type"] == "inactive") {
					then(j, n)
					return false // it is lost on the way
				}
				return true
			})
		}},
		{"as its answer leaves", func(then func(types.JID, *whatsapptest.Node)) {
			s.OnStanza(func(j types.JID, n *whatsapptest.Node) bool {
				if n.Tag == "message" && j.User == device.User {
					then(j, n)
					return false
				}
				return true
			})
		}},
		{"when WhatsApp has taken the answer", func(then func(types.JID, *whatsapptest.Node)) {
			s.OnAck(func(j types.JID, n *whatsapptest.Node) bool {
				if j.User == device.User {
					then(j, n)
					return false
				}
				return true
			})
		}},
	} {
		var dead atomic.Bool
		point.hook(func(j types.JID, _ *whatsapptest.Node) {
			if j.User == device.User && j.Device == device.Device || j.User == office.LID.User && j.Device == device.Device {
				kill()
				dead.Store(true)
			}
		})
		before := len(awa.Seen())
		go awa.Say(office, "menu")
		s.Until("the process is killed "+point.name, dead.Load)
		s.OnDeliver(nil)
		s.OnStanza(nil)
		s.OnAck(nil)
		kill = serve()
		awa.Expect("Que voulez-vous faire")
		awa.Say(office, "merci") // behind it, in order
		awa.Expect("Avec plaisir")
		ids := map[string]bool{}
		menus := 0
		for _, m := range awa.Seen()[before:] {
			if strings.HasPrefix(whatsapptest.Text(m), "Que voulez-vous faire") {
				ids[m.Info.ID] = true
				menus++
			}
		}
		if len(ids) != 1 || menus > 2 {
			t.Errorf("killed %s: the answer came %d times, under %d ids", point.name, menus, len(ids))
		}
	}
}
