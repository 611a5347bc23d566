package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// perRequest serves requests each of which makes an index anew that is the same for all.
func perRequest(deadline time.Time, repaired bool) {
	kept := index()
	serve(deadline, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if repaired {
			sink += len(kept)
		} else {
			sink += len(index())
		}
	}))
}

//go:noinline
func index() map[int]int {
	index := map[int]int{}
	fill(index)
	return index
}

// serve answers requests of traces of their own.
func serve(deadline time.Time, handler http.Handler) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "misuse:", err)
		os.Exit(1)
	}
	go http.Serve(listener, handler)
	for time.Now().Before(deadline) {
		request("http://" + listener.Addr().String() + "/orders")
		time.Sleep(5 * time.Millisecond)
	}
}

func request(url string) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return
	}
	var ids [24]byte
	rand.Read(ids[:])
	request.Header.Set("traceparent", "00-"+hex.EncodeToString(ids[:16])+"-"+hex.EncodeToString(ids[16:])+"-01")
	if response, err := http.DefaultClient.Do(request); err == nil {
		response.Body.Close()
	}
}
