//go:build go1.21 && !go1.22

package main

// growths are how many entries a map has when its next entry makes it grow: 6 in each of 2^B buckets, in this release.
// https://github.com/golang/go/blob/go1.21.13/src/runtime/map.go#L76
var growths = []int{6144, 12288}
