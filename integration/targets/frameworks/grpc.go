package main

import (
	"context"
	"errors"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The service's description is written by hand, so that no generator is needed: both methods take a shape's name.
var description = grpc.ServiceDesc{
	ServiceName: "slowmap.test.Frameworks",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Call", Handler: handleCall}},
	Streams:     []grpc.StreamDesc{{StreamName: "Chat", Handler: handleChat, ServerStreams: true, ClientStreams: true}},
}

const (
	callMethod = "/slowmap.test.Frameworks/Call"
	chatMethod = "/slowmap.test.Frameworks/Chat"
)

func (s *service) serveGRPC() (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := grpc.NewServer(instrumentation()...)
	server.RegisterService(&description, s)
	go server.Serve(listener)
	return listener.Addr().String(), server.Stop, nil
}

func handleCall(
	server any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor,
) (any, error) {
	request := new(wrapperspb.StringValue)
	if err := decode(request); err != nil {
		return nil, err
	}
	handler := func(ctx context.Context, request any) (any, error) {
		name := request.(*wrapperspb.StringValue).GetValue()
		for _, shape := range shapes {
			if shape.name == name {
				shape.handle(server.(*service), ctx, "grpc")
				return request, nil
			}
		}
		return nil, errors.New("no such shape")
	}
	if interceptor == nil {
		return handler(ctx, request)
	}
	return interceptor(ctx, request, &grpc.UnaryServerInfo{Server: server, FullMethod: callMethod}, handler)
}

// handleChat answers each message, under a span of the message's, and writes between them under the stream's.
func handleChat(server any, stream grpc.ServerStream) error {
	s := server.(*service)
	for {
		message := new(wrapperspb.StringValue)
		if err := stream.RecvMsg(message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		ctx, span := tracer.Start(stream.Context(), "message")
		s.buildUnder(ctx, "grpc", "chat")
		span.End()
		s.build(under(stream.Context(), "grpc", "chat"))
		if err := stream.SendMsg(message); err != nil {
			return err
		}
	}
}
