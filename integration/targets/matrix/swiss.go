//go:build go1.26 || (go1.24 && goexperiment.swissmap)

package main

// growths are how many entries a map has when its next entry makes it grow: 7 in each group of 8, in the only table that
// there is before 1,024 slots are split.
// https://github.com/golang/go/blob/go1.24.0/src/internal/runtime/maps/table.go#L137
var growths = []int{448, 896}
