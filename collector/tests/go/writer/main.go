// Writes to maps of every kind of key until standard input ends: what the tests of placement look at and probe.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
)

type order struct {
	id   int
	name string
}

func fill(n int) int {
	words := map[string]*order{}
	ints := map[int]int{}
	small := map[int32]int{}
	pointers := map[*order]int{}
	arrays := map[[3]int]int{}
	for i := 0; i < n; i++ {
		o := &order{id: i, name: strconv.Itoa(i)}
		words[o.name] = o
		ints[i] = i
		small[int32(i)] = i
		pointers[o] = i
		arrays[[3]int{i}] = i
	}
	return len(words) + len(ints) + len(small) + len(pointers) + len(arrays)
}

func main() {
	fmt.Println("ready")
	var line string
	for {
		if _, err := fmt.Fscanln(os.Stdin, &line); err != nil {
			return
		}
		n, _ := strconv.Atoi(line)
		var group sync.WaitGroup
		for w := 0; w < 4; w++ {
			group.Add(1)
			go func() { defer group.Done(); fill(n) }()
		}
		group.Wait()
		fmt.Println("done")
	}
}
