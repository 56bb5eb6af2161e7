package bot_test

import (
	"testing"
	"testing/synctest"
	"time"

	"baom/bot"
)

// TestTyping: an answer that left in time lets nothing show, one that takes longer does, once; after Stop nothing does.
func TestTyping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shown := map[string]int{}
		ty := bot.Typing[string]{After: time.Second, Show: func(who string) { shown[who]++ }}
		ty.Begin("quick")
		ty.Begin("slow")
		ty.Begin("slow")
		time.Sleep(time.Second / 2)
		if ty.End("quick"); ty.Waits("quick") || !ty.Waits("slow") {
			t.Error("who has an answer is waited for, or who has none is not")
		}
		time.Sleep(time.Second)
		ty.Begin("stopped")
		ty.Stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		if ty.Waits("slow") || len(shown) != 1 || shown["slow"] != 1 {
			t.Errorf("typing shows to %v", shown)
		}
	})
}

// TestParts: a second try goes on where the first was stopped, once.
func TestParts(t *testing.T) {
	var p bot.Parts
	p.Put(1, 2)
	p.Put(0, 3)
	if got := [3]int{p.Take(1), p.Take(1), p.Take(0)}; got != [3]int{2, 0, 0} {
		t.Errorf("gone out: %v", got)
	}
}
