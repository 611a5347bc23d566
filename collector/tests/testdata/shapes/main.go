// Shapes is what slowmap's own tests read and run. `shapes types` prints descriptors' addresses and names,
// `shapes stack` a stack with inlined calls as the runtime itself symbolizes it, `shapes wait` waits for stdin
// to be closed; each begins with the run-time address of main.main.
package main

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"unsafe"

	"example.com/shapes/internal/shop"
)

type key struct{ a, b int }

type named map[key][]string

var sellers = []shop.Seller{&shop.Clerk{}, shop.Ledger{}, &shop.Box[shop.Order]{}, &shop.Box[map[string]int]{}}

func main() {
	fmt.Printf("main.main %x\n", reflect.ValueOf(main).Pointer())
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	switch os.Args[1] {
	case "types":
		types()
	case "stack":
		outer()
	case "wait":
		io.Copy(io.Discard, os.Stdin)
	}
}

// address is the first word of an interface value: its type's descriptor.
func address(value interface{}) uintptr { return *(*uintptr)(unsafe.Pointer(&value)) }

func types() {
	for _, seller := range sellers {
		seller.Sell("pen")
		fmt.Printf("%x %s\n", address(seller), reflect.TypeOf(seller))
	}
	for _, value := range []interface{}{
		map[string]*shop.Order{}, map[int]int{}, map[key]string{}, named{}, map[[3]int]struct{ x, y int }{},
		map[string]map[string][]*shop.Clerk{}, map[interface{}]func(int) error{}, map[string]shop.Seller{},
		map[shop.Box[int]]chan<- bool{}, 1, "text", key{}, &key{}, fmt.Errorf("an %s", "error"),
	} {
		fmt.Printf("%x %s\n", address(value), reflect.TypeOf(value))
	}
}

//go:noinline
func outer() { func() { middle(3) }() }

func middle(n int) { inner(n + 1) }

func inner(n int) {
	m := map[string]int{}
	apply(func() { m["x"] = n; report() })
}

//go:noinline
func apply(f func()) { f() }

func report() {
	pcs := make([]uintptr, 64)
	pcs = pcs[:runtime.Callers(1, pcs)]
	for _, pc := range pcs {
		fmt.Printf("pc %x\n", pc)
	}
	frames := runtime.CallersFrames(pcs)
	for {
		frame, more := frames.Next()
		fmt.Printf("frame %s %s %d\n", frame.Function, frame.File, frame.Line)
		if !more {
			break
		}
	}
}
