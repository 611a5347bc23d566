package groundtruth

import (
	"testing"
	"time"
)

func TestTimeThatAThreadUsesOrSleepsWasNotStolen(t *testing.T) {
	var thread Thread
	for _, use := range []func(){
		func() {
			for begin := time.Now(); time.Since(begin) < 10*time.Millisecond; {
			}
		},
		func() { time.Sleep(10 * time.Millisecond) },
	} {
		var least int64 = 1 << 62 // The machine may well take some, but not each time.
		for round := 0; round < 10; round++ {
			thread.Mark()
			if !thread.last.valid {
				t.Fatal("the thread cannot be read")
			}
			use()
			least = min(least, thread.Stolen())
		}
		if least > int64(time.Millisecond) {
			t.Errorf("at least %d ns of 10 ms were stolen, each time", least)
		}
	}
}
