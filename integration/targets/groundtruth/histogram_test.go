package groundtruth

import (
	"math"
	"testing"
)

func TestEachValueIsInABucketThatHoldsItAndIsNarrow(t *testing.T) {
	for value := uint64(0); value < 1<<40; value += 1 + value/300 {
		index := bucket(value)
		low, next := lowest(index), lowest(index+1)
		if value < low || value >= next {
			t.Fatalf("%d is in bucket %d, [%d, %d)", value, index, low, next)
		}
		if width := next - low; width > 1 && width*128 > value {
			t.Fatalf("the bucket of %d is %d wide", value, width)
		}
	}
}

func TestQuantilesOfMergedHistogramsAreThoseOfAllLaps(t *testing.T) {
	var even, odd Histogram
	for i := int64(1); i <= 10_000; i += 2 {
		odd.Add(Lap{cycles: i})
		even.Add(Lap{cycles: i + 1})
	}
	even.Merge(&odd)
	for _, q := range []float64{0.5, 0.99, 0.999} {
		found, exact := quantile(even.counts[:], uint64(q*10_000)), q*10_000
		if found < exact*0.99 || found > exact*1.01 {
			t.Errorf("quantile %v is %v, not %v", q, found, exact)
		}
	}
}

func TestOnlyLapsBelowTheLimitCount(t *testing.T) {
	var laps Histogram
	scale := nanoPerCycle()
	for _, nano := range []float64{100, 200, 300, 5_000, 9_000} {
		laps.Add(Lap{cycles: int64(nano / scale)})
	}
	if below := laps.Below(1_000); below.Count != 3 || below.TotalNano < 580 || below.TotalNano > 620 {
		t.Errorf("%+v", below)
	}
	if all := laps.Below(math.MaxInt64); all.Count != 5 || all.ByTenMicros[0] != 5 {
		t.Errorf("%+v", all)
	}
	laps.Add(Lap{cycles: int64(15_000 / scale)})
	laps.Add(Lap{cycles: int64(3_000_000 / scale)})
	all := laps.Below(math.MaxInt64)
	if all.ByTenMicros[1] != 1 || all.ByTenMicros[20] != 1 || math.Abs(all.MaxNano/3_000_000-1) > 0.01 {
		t.Errorf("%+v", all)
	}
	if none := laps.Below(10); none != nil {
		t.Errorf("%+v", none)
	}
}
