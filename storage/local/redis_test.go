package local

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisClient connects to a server by its URL.
func redisClient(t testing.TB, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	must(t, err)
	client := redis.NewClient(o)
	t.Cleanup(func() { client.Close() })
	return client
}

// startRedis starts Redis for the length of the test and connects to it.
func startRedis(t testing.TB, o Options) *redis.Client {
	t.Helper()
	s, err := StartRedis(patiently(t), o)
	must(t, err)
	t.Cleanup(func() { must(t, s.Stop(context.Background())) })
	return redisClient(t, s.URL)
}

func TestRedis(t *testing.T) {
	for kind, path := range map[string]string{"redis-server": os.Getenv("PATH"), "miniredis": t.TempDir()} {
		t.Run(kind, func(t *testing.T) {
			if _, err := lookIn(path, kind); err != nil && kind == "redis-server" {
				t.Skip("there is no redis-server")
			}
			o := Options{Dir: t.TempDir(), Path: path}
			s, err := StartRedis(patiently(t), o)
			must(t, err)
			if s.Kind != kind {
				t.Fatalf("started %s", s.Kind)
			}
			ctx := patiently(t)
			client := redisClient(t, s.URL)
			must(t, client.Set(ctx, "session", "words", 0).Err())
			must(t, client.Set(ctx, "flood", "1", 20*time.Millisecond).Err())
			eventually(t, "a key expires", func() bool { return client.Exists(ctx, "flood").Val() == 0 })
			if got := client.Get(ctx, "session").Val(); got != "words" {
				t.Errorf("the key that does not expire is %q", got)
			}
			if _, err := StartRedis(ctx, o); err == nil || !strings.Contains(err.Error(), "in use by another baom") {
				t.Errorf("a second one on the same data folder: %v", err)
			}
			must(t, s.Stop(ctx))
			must(t, s.Stop(ctx))
			if err := client.Ping(ctx).Err(); err == nil {
				t.Error("it still answers after Stop")
			}
			if again := startRedis(t, o); again.Exists(ctx, "session").Val() != 0 {
				t.Error("it kept something on disk")
			}
		})
	}
}

func TestMiniredisAsksForThePassword(t *testing.T) {
	s, err := StartRedis(patiently(t), Options{Dir: t.TempDir(), Path: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, s.Stop(context.Background())) })
	o, err := redis.ParseURL(s.URL)
	must(t, err)
	stranger := redis.NewClient(&redis.Options{Addr: o.Addr})
	t.Cleanup(func() { stranger.Close() })
	if err := stranger.Get(patiently(t), "session").Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("without the password: %v", err)
	}
}

func TestKilledRedisComesBack(t *testing.T) {
	if _, err := lookIn(os.Getenv("PATH"), "redis-server"); err != nil {
		t.Skip("there is no redis-server")
	}
	client := startRedis(t, Options{Dir: t.TempDir()})
	info := client.InfoMap(patiently(t), "server").Val()["Server"]
	pid, err := strconv.Atoi(info["process_id"])
	must(t, err)
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	eventually(t, "another process answers", func() bool {
		now := client.InfoMap(patiently(t), "server").Val()["Server"]["process_id"]
		return now != "" && now != info["process_id"]
	})
}

func TestBrokenRedisServerIsReplaced(t *testing.T) {
	path := t.TempDir()
	must(t, os.WriteFile(filepath.Join(path, "redis-server"), []byte("#!/bin/sh\necho unknown option\nexit 1\n"), 0o755))
	s, err := StartRedis(patiently(t), Options{Dir: t.TempDir(), Path: path})
	must(t, err)
	t.Cleanup(func() { must(t, s.Stop(context.Background())) })
	if s.Kind != "miniredis" {
		t.Errorf("started %s", s.Kind)
	}
	must(t, redisClient(t, s.URL).Ping(patiently(t)).Err())
}
