package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime/pprof"
	"sync/atomic"
	"syscall"
	"unsafe"
)

//go:linkname setProfLabel runtime/pprof.runtime_setProfLabel
func setProfLabel(labels unsafe.Pointer)

const blobSize = 64 << 10

// blobs are memory that lies to whoever takes it for a map or a list: each word of one is the same. One says that all is
// itself, so that chains never end; some have lengths that fit, of texts that are not there; some say that everything is
// endless; and the last one is not there at all.
var blobs, nextBlob = newBlobs(), atomic.Uint32{}

func newBlobs() []unsafe.Pointer {
	var made []unsafe.Pointer
	for _, word := range []uint64{0, 1, 7, 8, 11, 12, 55, 1 << 20, 1 << 62, ^uint64(0), 0x0101010101010101} {
		made = append(made, blob(func(uint64) uint64 { return word }))
	}
	made = append(made, blob(func(itself uint64) uint64 { return itself }))
	// Each second word is a length that fits, and the others lead back here.
	for _, length := range []uint64{1, 7, 8, 11, 12} {
		made = append(made, alternating(length, 0), alternating(length, 1))
	}
	gone, err := syscall.Mmap(-1, 0, blobSize, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	return append(made, unsafe.Pointer(unsafe.SliceData(gone)))
}

func blob(word func(itself uint64) uint64) unsafe.Pointer {
	// Not of Go's heap, whose collector would look for what the words point to.
	memory, err := syscall.Mmap(-1, 0, blobSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		fmt.Fprintln(os.Stderr, "plain:", err)
		os.Exit(1)
	}
	start := unsafe.Pointer(unsafe.SliceData(memory))
	words := unsafe.Slice((*uint64)(start), blobSize/8)
	for i := range words {
		words[i] = word(uint64(uintptr(start)))
	}
	return start
}

func alternating(length uint64, first int) unsafe.Pointer {
	start := blob(func(itself uint64) uint64 { return itself })
	words := unsafe.Slice((*uint64)(start), blobSize/8)
	for i := first; i < len(words); i += 2 {
		words[i] = length
	}
	return start
}

func takeBlob() unsafe.Pointer {
	return blobs[int(nextBlob.Add(1))%len(blobs)]
}

// hostileLabels has labels that lie, within a call that vouches for them. The request's header is as good as ever.
func (s *service) hostileLabels(w http.ResponseWriter, r *http.Request) {
	own := ownerOf("hostile-labels", r)
	pprof.Do(r.Context(), pprof.Labels("handler", "hostile"), func(context.Context) {
		setProfLabel(takeBlob())
		s.build(own)
	})
	fmt.Fprintln(w, "ok")
}

// hostileHeader serves a request whose header lies while the map is built.
func (s *service) hostileHeader(w http.ResponseWriter, r *http.Request) {
	own, header := ownerOf("hostile-header", r).unlinked(), r.Header
	lie := takeBlob()
	r.Header = *(*http.Header)(unsafe.Pointer(&lie))
	s.build(own)
	r.Header = header
	fmt.Fprintln(w, "ok")
}
