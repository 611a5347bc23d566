package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// record is what the documents' objects are.
type record struct {
	A, B, C, D, E, F, G, H, I, J, K, L int
}

// jsonMaps decodes documents of many objects of twelve keys each.
func jsonMaps(deadline time.Time, repaired bool) {
	object := `{"A":1,"B":2,"C":3,"D":4,"E":5,"F":6,"G":7,"H":8,"I":9,"J":10,"K":11,"L":12}`
	document := []byte("[" + strings.Repeat(object+",", 20_000) + object + "]")
	for time.Now().Before(deadline) {
		if repaired {
			decodeRecords(document)
		} else {
			decodeAnything(document)
		}
	}
}

//go:noinline
func decodeAnything(document []byte) {
	var objects []map[string]any
	if err := json.Unmarshal(document, &objects); err == nil {
		sink += len(objects)
	}
}

//go:noinline
func decodeRecords(document []byte) {
	var records []record
	if err := json.Unmarshal(document, &records); err == nil {
		sink += len(records)
	}
}

// syncMap adds keys again and again, which nobody else reads.
func syncMap(deadline time.Time, repaired bool) {
	for time.Now().Before(deadline) {
		if repaired {
			keepLocked()
		} else {
			keepSync()
		}
	}
}

//go:noinline
func keepSync() {
	var sessions sync.Map
	for i := range entries {
		sessions.Store(i, fmt.Sprint(i))
	}
	sessions.Range(func(any, any) bool { sink++; return true })
}

//go:noinline
func keepLocked() {
	var lock sync.RWMutex
	sessions := make(map[int]string, entries)
	for i := range entries {
		text := fmt.Sprint(i)
		lock.Lock()
		sessions[i] = text
		lock.Unlock()
	}
	sink += len(sessions)
}
