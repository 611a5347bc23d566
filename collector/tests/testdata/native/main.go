// Native has C code in it. It prints the run-time addresses of main.main and, if it is to wait, of a C function
// of its own and of one of the C library; `native types` prints the address and name of a type.
package main

/*
#include <stdio.h>

__attribute__((noinline)) int native_work(int n) { return n * 3 + 1; }
static void *address_of_work(void) { return (void *)native_work; }
static void *address_of_puts(void) { return (void *)puts; }
*/
import "C"

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"unsafe"
)

func main() {
	orders := map[string]int{}
	orders[os.Args[0]] = int(C.native_work(1))
	fmt.Printf("main.main %x\n", reflect.ValueOf(main).Pointer())
	var value interface{} = orders
	if os.Args[1] == "types" {
		fmt.Printf("%x %s\n", *(*uintptr)(unsafe.Pointer(&value)), reflect.TypeOf(value))
		return
	}
	fmt.Printf("native_work %x\n", uintptr(C.address_of_work()))
	fmt.Printf("puts %x\n", uintptr(C.address_of_puts()))
	io.Copy(io.Discard, os.Stdin)
}
