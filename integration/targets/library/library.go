// Library is Go that runs within programs of other languages: as a shared library, an archive or a plugin.
package main

import "C"

// Count writes to a map.
//
//export Count
func Count(entries int) int {
	counts := map[int]int{}
	for i := 0; i < entries; i++ {
		counts[i] = i
	}
	return len(counts)
}

func main() {}
