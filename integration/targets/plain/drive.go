package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	mathrand "math/rand"
	"net/http"
	"sync"
)

// drive makes the requests, all shapes in turn, each client on a connection that it keeps.
func (s *service) drive(base string) {
	var group sync.WaitGroup
	for client := 0; client < s.options.clients; client++ {
		group.Add(1)
		go func(client int) {
			defer group.Done()
			transport := &http.Transport{MaxIdleConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			for i := client; i < s.options.requests; i += s.options.clients {
				shape := shapes[(i/s.options.clients+client)%len(shapes)]
				s.request(&http.Client{Transport: transport}, base+"/"+shape.name)
			}
		}(client)
	}
	group.Wait()
}

// request has a header of W3C in three of four cases, among up to thirty others: maps of more than one layout.
func (s *service) request(client *http.Client, url string) {
	s.requests.Add(1)
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		s.failed.Add(1)
		return
	}
	for i := mathrand.Intn(30); i > 0; i-- {
		request.Header.Set(fmt.Sprintf("X-Filler-%d", i), "filler")
	}
	switch mathrand.Intn(8) {
	case 0, 1:
	case 2:
		request.Header["Traceparent"] = []string{traceparent("01"), traceparent("01")}
	case 3:
		request.Header.Set("traceparent", traceparent("00"))
	default:
		request.Header.Set("traceparent", traceparent("01"))
	}
	response, err := client.Do(request)
	if err != nil {
		s.failed.Add(1)
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		s.failed.Add(1)
	}
}

func traceparent(flags string) string {
	var ids [24]byte
	rand.Read(ids[:])
	return "00-" + hex.EncodeToString(ids[:16]) + "-" + hex.EncodeToString(ids[16:]) + "-" + flags
}
