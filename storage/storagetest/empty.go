package storagetest

import (
	"fmt"
	"os"
	"testing"
)

// Empty makes a database with nothing in it for the test and names it, with the Redis to go with it.
func Empty(t testing.TB) (databaseURL, redisURL string) {
	t.Helper()
	start.Do(func() { shared = launch() })
	if shared.err != nil {
		t.Fatalf("the tests' Postgres and Redis do not start: %v", shared.err)
	}
	number.Lock()
	defer number.Unlock()
	made++
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), made)
	if err := admin("create database " + name); err != nil {
		t.Fatalf("make a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := admin("drop database if exists " + name + " with (force)"); err != nil {
			t.Logf("drop the test's database: %v", err)
		}
	})
	return withName(shared.postgres, name), shared.redis
}
