package main

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

const writers = 8

// table is a map and the lock that guards it.
type table struct {
	lock    sync.Mutex
	entries map[int]int
}

// sharedMap fills a table from several goroutines, each of which waits for the lock while the map grows in another; or many
// tables by the key, of maps that have the room.
func sharedMap(deadline time.Time, repaired bool) {
	debug.SetGCPercent(-1) // What is looked at is growth, and nothing else.
	tables := make([]table, 1)
	if repaired {
		tables = make([]table, 64)
	}
	for i := range tables {
		if repaired {
			tables[i].entries = make(map[int]int, many/len(tables))
		} else {
			tables[i].entries = map[int]int{}
		}
	}
	var group sync.WaitGroup
	for writer := range writers {
		group.Add(1)
		go func() {
			defer group.Done()
			for from := 0; from < many && time.Now().Before(deadline); from += 100 * writers {
				for i := range 100 {
					key := from + i*writers + writer
					tables[key%len(tables)].put(key)
				}
				runtime.Gosched() // Others have their turn.
			}
		}()
	}
	group.Wait()
	sink += len(tables[0].entries)
}

//go:noinline
func (t *table) put(key int) {
	t.lock.Lock()
	t.entries[key*7919] = key
	t.lock.Unlock()
}
