package groundtruth

import "math/bits"

// Buckets per power of two: a length is off by less than one part in 128.
const bucketBits = 7

// Histogram counts laps by their length, cheaply enough to be called after each write. It is for one goroutine.
type Histogram struct {
	// In cycles, up to 1 << 48, which is some days.
	counts [(48 - bucketBits + 1) << bucketBits]uint64
}

// Add counts a lap.
func (h *Histogram) Add(lap Lap) {
	cycles := uint64(lap.cycles)
	if lap.cycles < 0 {
		// The thread has changed to a core whose counter is behind.
		cycles = 0
	}
	index := bucket(cycles)
	if index >= len(h.counts) {
		index = len(h.counts) - 1
	}
	h.counts[index]++
}

// Merge adds what another has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, count := range other.counts {
		h.counts[i] += count
	}
}

// Distribution is a histogram in nanoseconds.
type Distribution struct {
	Count     uint64  `json:"count"`
	TotalNano float64 `json:"total_nano"`
	P50Nano   float64 `json:"p50_nano"`
	P90Nano   float64 `json:"p90_nano"`
	P99Nano   float64 `json:"p99_nano"`
	P999Nano  float64 `json:"p999_nano"`
	MaxNano   float64 `json:"max_nano"`
	// Laps of less than 10 us, of 10 to 20 us, and so on; those of 200 us and more are the last.
	ByTenMicros [21]uint64 `json:"by_ten_micros"`
}

// Below is the distribution of the laps that were shorter than so many nanoseconds; nil where there were none.
func (h *Histogram) Below(nano int64) *Distribution {
	scale, end := nanoPerCycle(), 0
	for end < len(h.counts) && float64(lowest(end+1))*scale <= float64(nano) {
		end++
	}
	counts := h.counts[:end]
	result := Distribution{}
	for index, count := range counts {
		result.Count += count
		nano := middle(index) * scale
		result.TotalNano += float64(count) * nano
		if count > 0 {
			result.MaxNano = nano
			result.ByTenMicros[min(int(nano/10_000), len(result.ByTenMicros)-1)] += count
		}
	}
	if result.Count == 0 {
		return nil
	}
	quantile := func(q float64) float64 { return quantile(counts, uint64(q*float64(result.Count))) * scale }
	result.P50Nano, result.P90Nano = quantile(0.5), quantile(0.9)
	result.P99Nano, result.P999Nano = quantile(0.99), quantile(0.999)
	return &result
}

// quantile is the length, in cycles, that so many laps are shorter than.
func quantile(counts []uint64, rank uint64) float64 {
	seen := uint64(0)
	for index, count := range counts {
		seen += count
		if seen > rank {
			return middle(index)
		}
	}
	return middle(len(counts))
}

// bucket has an index of its own for each value below 1 << bucketBits, then as many per power of two.
func bucket(value uint64) int {
	if value < 1<<bucketBits {
		return int(value)
	}
	shift := bits.Len64(value) - bucketBits - 1
	return shift<<bucketBits + int(value>>shift)
}

// lowest is the least value of a bucket.
func lowest(index int) uint64 {
	if index < 1<<bucketBits {
		return uint64(index)
	}
	shift := index>>bucketBits - 1
	return uint64(index-shift<<bucketBits) << shift
}

// middle stands for all values of a bucket.
func middle(index int) float64 { return float64(lowest(index)+lowest(index+1)-1) / 2 }
