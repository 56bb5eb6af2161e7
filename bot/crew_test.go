package bot_test

import (
	"sync/atomic"
	"testing"

	"baom/bot"
)

// TestCrew shows that everything given to a crew is done, beside one another, before Wait returns.
func TestCrew(t *testing.T) {
	var crew bot.Crew
	var done atomic.Int64
	for range 3 {
		gate := make(chan struct{})
		for range 200 { // each waits for the last: they can only end if all of them run
			crew.Go(func() { <-gate; done.Add(1) })
		}
		close(gate)
		for range 200 {
			crew.Go(func() { done.Add(1) })
		}
	}
	crew.Wait()
	if done.Load() != 1200 {
		t.Errorf("%d were done", done.Load())
	}
	crew.Go(func() { done.Add(1) })
	if done.Load() != 1201 {
		t.Error("what comes after Wait is not done in its caller's place")
	}
}
