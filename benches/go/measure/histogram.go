package measure

import "math/bits"

const (
	// exactBits: below 1<<exactBits nanoseconds each has a bucket of its own;
	// above, buckets are a thousandth wide, as those of hdrhistogram with three
	// digits.
	exactBits = 11
	// sampleBits: longer samples count as 1<<sampleBits - 1, about 9 s.
	sampleBits = 33
	buckets    = (sampleBits-exactBits)<<(exactBits-1) + 1<<exactBits
)

// Histogram counts samples in nanoseconds. It allocates nothing.
type Histogram struct {
	counts [buckets]uint32
	count  uint64
	sum    uint64
}

// Reset forgets all samples.
func (h *Histogram) Reset() { *h = Histogram{} }

// Record adds a sample.
func (h *Histogram) Record(ns int64) {
	sample := min(uint64(max(ns, 0)), 1<<sampleBits-1)
	h.counts[bucketOf(sample)]++
	h.count++
	h.sum += sample
}

// Add adds all samples of another histogram.
func (h *Histogram) Add(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.count += other.count
	h.sum += other.sum
}

// Quantile returns a value that the given part of all samples does not exceed.
func (h *Histogram) Quantile(part float64) uint64 {
	rank := max(uint64(part*float64(h.count)+0.5), 1)
	var seen uint64
	for i, n := range h.counts {
		seen += uint64(n)
		if seen >= rank {
			return highestOf(i)
		}
	}
	return 0
}

func bucketOf(sample uint64) int {
	shift := max(bits.Len64(sample)-exactBits, 0)
	return shift<<(exactBits-1) + int(sample>>shift)
}

// highestOf returns the largest sample of a bucket.
func highestOf(bucket int) uint64 {
	shift := max(bucket>>(exactBits-1)-1, 0)
	first := uint64(bucket - shift<<(exactBits-1))
	return (first+1)<<shift - 1
}
