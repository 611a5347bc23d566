// Command capabilities runs a program with no more than the capabilities that it is told: for virtual machines in which
// nothing else is that could do so.
//
//	capabilities bpf,perfmon,sys_ptrace slowmap record …
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/capability.h
var numbers = map[string]uintptr{
	"dac_read_search": 2,
	"sys_ptrace":      19,
	"sys_admin":       21,
	"perfmon":         38,
	"bpf":             39,
}

const (
	prCapbsetRead = 23
	prCapbsetDrop = 24
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: capabilities NAME,NAME… PROGRAM ARGUMENT…")
	}
	if err := run(strings.Split(os.Args[1], ","), os.Args[2:]); err != nil {
		log.Fatal("capabilities: ", err)
	}
}

func run(kept []string, command []string) error {
	keep := map[uintptr]bool{}
	for _, name := range kept {
		number, known := numbers[name]
		if !known {
			return fmt.Errorf("%s: not known here", name)
		}
		keep[number] = true
	}
	program, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	// What a thread may gain is its own; the one that executes the program is the one that stays.
	runtime.LockOSThread()
	for number := uintptr(0); ; number++ {
		// The first that the kernel does not know ends it.
		if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prCapbsetRead, number, 0); errno != 0 {
			break
		}
		if keep[number] {
			continue
		}
		if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prCapbsetDrop, number, 0); errno != 0 {
			return fmt.Errorf("capability %d: %w", number, errno)
		}
	}
	return syscall.Exec(program, command, os.Environ())
}
