package main

import (
	"io"
	"net/http"
	"sync"
)

// drive makes the requests, the four shapes in turn, each client on a connection that it keeps.
func (s *service) drive(address string) {
	var group sync.WaitGroup
	for client := 0; client < s.options.clients; client++ {
		group.Add(1)
		go func(client int) {
			defer group.Done()
			transport := &http.Transport{MaxIdleConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			for i := client; i < s.options.requests; i += s.options.clients {
				// The client's number shifts the shapes, so that each connection carries all of them.
				shape := shapes[(i/s.options.clients+client)%len(shapes)]
				s.request(&http.Client{Transport: transport}, "http://"+address+"/"+shape)
			}
		}(client)
	}
	group.Wait()
}

func (s *service) request(client *http.Client, url string) {
	s.requests.Add(1)
	response, err := client.Get(url)
	if err != nil {
		s.failed.Add(1)
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		s.failed.Add(1)
	}
}
