package main

import (
	"fmt"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
)

// backend is where the clients' requests go.
type backend struct {
	http   string
	grpc   string
	broker *broker
	stop   func()
}

// start serves HTTP on one address, so that a connection carries requests of all its frameworks and of none.
func (s *service) start() (backend, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return backend{}, err
	}
	server := &http.Server{Handler: s.routes()}
	go server.Serve(listener)
	address, stopGRPC, err := s.serveGRPC()
	if err != nil {
		return backend{}, err
	}
	broker := s.startConsumers()
	stop := func() {
		stopGRPC()
		_ = server.Close()
		broker.stop()
	}
	return backend{http: "http://" + listener.Addr().String(), grpc: address, broker: broker, stop: stop}, nil
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/net/", otelhttp.NewHandler(s.net(), "net"))
	mux.Handle("/gin/", s.gin())
	mux.Handle("/echo/", s.echo())
	mux.Handle("/chi/", s.chi())
	mux.HandleFunc("/plain", s.plain)
	return mux
}

func (s *service) net() http.Handler {
	mux := http.NewServeMux()
	for _, shape := range shapes {
		shape := shape
		mux.HandleFunc("/net/"+shape.name, func(w http.ResponseWriter, r *http.Request) {
			shape.handle(s, r.Context(), "net")
			fmt.Fprintln(w, "ok")
		})
	}
	mux.HandleFunc("/net/stream", s.stream)
	return mux
}

// stream answers in parts, each under a span of its own.
func (s *service) stream(w http.ResponseWriter, r *http.Request) {
	for part := 0; part < 3; part++ {
		ctx, span := tracer.Start(r.Context(), "part")
		s.buildUnder(ctx, "net", "stream")
		fmt.Fprintln(w, "ok")
		if flusher, ok := w.(http.Flusher); ok {
			flusher.Flush()
		}
		span.End()
	}
	s.buildUnder(r.Context(), "net", "stream")
}

// plain is not instrumented: on a connection on which other requests are.
func (s *service) plain(w http.ResponseWriter, r *http.Request) {
	s.build(bare("net", "plain"))
	fmt.Fprintln(w, "ok")
}

// gin has its span from a middleware that does what the module otelgin does, which is not there for all releases.
func (s *service) gin() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(gin.Recovery(), func(c *gin.Context) {
		request := c.Request
		defer func() { c.Request = request }()
		carrier := propagation.HeaderCarrier(request.Header)
		ctx := otel.GetTextMapPropagator().Extract(request.Context(), carrier)
		ctx, span := tracer.Start(ctx, c.FullPath())
		defer span.End()
		c.Request = request.WithContext(ctx)
		c.Next()
	})
	for _, shape := range shapes {
		shape := shape
		engine.GET("/gin/"+shape.name, func(c *gin.Context) {
			shape.handle(s, c.Request.Context(), "gin")
			c.String(http.StatusOK, "ok")
		})
	}
	return engine
}

func (s *service) echo() http.Handler {
	server := echo.New()
	server.Use(echo.WrapMiddleware(instrumented))
	for _, shape := range shapes {
		shape := shape
		server.GET("/echo/"+shape.name, func(c echo.Context) error {
			shape.handle(s, c.Request().Context(), "echo")
			return c.String(http.StatusOK, "ok")
		})
	}
	return server
}

func (s *service) chi() http.Handler {
	router := chi.NewRouter()
	router.Use(instrumented)
	for _, shape := range shapes {
		shape := shape
		router.Get("/chi/"+shape.name, func(w http.ResponseWriter, r *http.Request) {
			shape.handle(s, r.Context(), "chi")
			fmt.Fprintln(w, "ok")
		})
	}
	return router
}

func instrumented(next http.Handler) http.Handler { return otelhttp.NewHandler(next, "router") }
