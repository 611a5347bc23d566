package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// connections to the gRPC server, which all clients share.
const connections = 8

// client has one HTTP connection, which it keeps.
type client struct {
	service *service
	backend backend
	http    *http.Client
	grpc    *grpc.ClientConn
}

// drive makes the requests: each client asks for all shapes behind all frameworks in turn.
func (s *service) drive(b backend) {
	var conns []*grpc.ClientConn
	for i := 0; i < connections; i++ {
		conn, err := grpc.Dial(b.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			s.failed.Add(1)
			return
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	var group sync.WaitGroup
	for number := 0; number < s.options.clients; number++ {
		group.Add(1)
		go func(number int) {
			defer group.Done()
			transport := &http.Transport{MaxIdleConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			c := client{service: s, backend: b, http: &http.Client{Transport: transport}, grpc: conns[number%connections]}
			for i := number; i < s.options.requests; i += s.options.clients {
				// The client's number shifts the kinds, so that each connection carries all of them.
				c.request(i/s.options.clients + number)
			}
		}(number)
	}
	group.Wait()
}

// The kinds of requests: each shape behind each of the frameworks, and what only one of them has.
var frameworks = []string{"net", "gin", "echo", "chi", "grpc", "consumer"}

func (c *client) request(number int) {
	c.service.requests.Add(1)
	kinds := len(frameworks)*len(shapes) + 3
	kind := number * 5 % kinds
	var err error
	switch index := kind / len(frameworks); {
	case index < len(shapes):
		err = c.ask(frameworks[kind%len(frameworks)], shapes[index])
	case kind%len(frameworks) == 0:
		err = c.get("/net/stream")
	case kind%len(frameworks) == 1:
		err = c.get("/plain")
	default:
		err = c.chat()
	}
	if err != nil {
		c.service.failed.Add(1)
	}
}

func (c *client) ask(framework string, shape shape) error {
	switch framework {
	case "grpc":
		return c.grpc.Invoke(context.Background(), callMethod, wrapperspb.String(shape.name), new(wrapperspb.StringValue))
	case "consumer":
		c.backend.broker.publish(shape)
		return nil
	default:
		return c.get("/" + framework + "/" + shape.name)
	}
}

func (c *client) get(path string) error {
	response, err := c.http.Get(c.backend.http + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return nil
}

func (c *client) chat() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := c.grpc.NewStream(ctx, &description.Streams[0], chatMethod)
	if err != nil {
		return err
	}
	for i := 0; i < 3; i++ {
		if err := stream.SendMsg(wrapperspb.String("message")); err != nil {
			return err
		}
		if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != nil {
			return err
		}
	}
	return stream.CloseSend()
}
