package storage_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// aRedis starts a redis-server on a port of its own, and returns its address and what kills it.
func aRedis(t *testing.T, args ...string) (addr string, kill func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command("redis-server", append(args, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "no", "--daemonize", "no")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() { cmd.Process.Kill(); cmd.Wait() }
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	for range 1000 {
		if client.Ping(t.Context()).Err() == nil {
			return addr, kill
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("redis-server does not answer")
	return "", nil
}

// copies answers an entry of two people at once, until their sessions are found in that Redis.
func copies(t *testing.T, s *storage.Store, addr string, n *int) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	for range 200 {
		*n++
		for _, who := range []string{"7", "8"} {
			if _, _, err := s.Answer(t.Context(), entry(who, *n, "mot"), func(sess flows.Session, e bot.Entry) bot.Turn {
				sess.Misses++
				return bot.Turn{Session: sess}
			}); err != nil {
				t.Fatal(err)
			}
		}
		if keys, err := client.Keys(t.Context(), "baom:*:session:*").Result(); err == nil && len(keys) == 2 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no copies of sessions come to %s", addr)
}

// TestSentinel keeps the copies with the master that a Sentinel names, and goes on with another one when that is killed.
func TestSentinel(t *testing.T) {
	storagetest.RealRedis(t)
	db, _ := storagetest.Env(t)
	master, kill := aRedis(t)
	host, port, _ := net.SplitHostPort(master)
	replica, _ := aRedis(t, "--replicaof", host, port)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "sentinel monitor baom %s %s 1\nsentinel down-after-milliseconds baom 500\nsentinel failover-timeout baom 2000\n", host, port), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel, _ := aRedis(t, conf, "--sentinel")
	look := redis.NewSentinelClient(&redis.Options{Addr: sentinel})
	defer look.Close()
	for i := 0; ; i++ { // it learns of the replica from the master
		if list, err := look.Replicas(t.Context(), "baom").Result(); err == nil && len(list) == 1 && list[0]["master-link-status"] == "ok" {
			break
		}
		if i > 600 {
			t.Fatal("the Sentinel finds no replica")
		}
		time.Sleep(50 * time.Millisecond)
	}
	address := "redis://" + sentinel + "/0?master_name=baom"
	if _, err := storage.PingRedis(t.Context(), address); err != nil {
		t.Error(err)
	}
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: address})
	n := 0
	copies(t, s, master, &n)
	kill()
	client := redis.NewClient(&redis.Options{Addr: replica})
	defer client.Close()
	for i := 0; client.FlushAll(t.Context()).Err() != nil; i++ { // read-only until it is the master
		if i > 600 {
			t.Fatal("the replica does not become the master")
		}
		time.Sleep(50 * time.Millisecond)
	}
	copies(t, s, replica, &n)
}

// TestCluster keeps the copies in a Cluster: those that travel together belong to one slot.
func TestCluster(t *testing.T) {
	storagetest.RealRedis(t)
	db, _ := storagetest.Env(t)
	node, _ := aRedis(t, "--cluster-enabled", "yes")
	client := redis.NewClient(&redis.Options{Addr: node})
	defer client.Close()
	if err := client.Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		if info, err := client.ClusterInfo(t.Context()).Result(); err == nil && len(info) > 16 && info[:16] == "cluster_state:ok" {
			break
		}
		if i > 600 {
			t.Fatal("the Cluster is not well")
		}
		time.Sleep(50 * time.Millisecond)
	}
	address := "redis://" + node + "?addr=" + node
	if _, err := storage.PingRedis(t.Context(), address); err != nil {
		t.Error(err)
	}
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: address})
	n := 0
	copies(t, s, node, &n)
	// Two sessions are asked for in one question: across slots a Cluster would refuse it.
	receive(t, s, entry("7", 1000, "un"))
	receive(t, s, entry("8", 1000, "un"))
	db2 := operate(t, db)
	before := db2.count(`select count(*) from conversations where session is not null`)
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		if sess.Misses != n {
			t.Errorf("the session of %s has %d, not %d", e.Peer.ID, sess.Misses, n)
		}
		return bot.Turn{Session: sess}
	})
	if stat := client.Info(t.Context(), "commandstats").Val(); before != 2 || !strings.Contains(stat, "cmdstat_mget:calls=") {
		t.Errorf("the sessions were not asked for together:\n%s", stat)
	}
}
