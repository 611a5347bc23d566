//go:build !go1.21 || (go1.22 && !go1.24) || (go1.24 && !go1.26 && !goexperiment.swissmap)

package main

// growths are how many entries a map has when its next entry makes it grow: 6.5 in each of 2^B buckets.
// https://github.com/golang/go/blob/go1.18/src/runtime/map.go#L1073
var growths = []int{6656, 13312}
