package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

type permissionsKey struct{}

// middleware serves requests through a layer that makes a map of what is allowed, the same for all, and gives it to a
// router's handler.
func middleware(deadline time.Time, repaired bool) {
	router := http.NewServeMux()
	router.HandleFunc("/orders", func(_ http.ResponseWriter, request *http.Request) {
		allowed, _ := request.Context().Value(permissionsKey{}).(map[string]bool)
		sink += len(allowed)
	})
	serve(deadline, withPermissions(router, repaired))
}

func withPermissions(next http.Handler, repaired bool) http.Handler {
	names := make([]string, entries)
	for i := range names {
		names[i] = fmt.Sprint("permission-", i)
	}
	kept := permissions(names)
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		allowed := kept
		if !repaired {
			allowed = permissions(names)
		}
		next.ServeHTTP(response, request.WithContext(context.WithValue(request.Context(), permissionsKey{}, allowed)))
	})
}

//go:noinline
func permissions(names []string) map[string]bool {
	allowed := map[string]bool{}
	for _, name := range names {
		allowed[name] = true
	}
	return allowed
}
