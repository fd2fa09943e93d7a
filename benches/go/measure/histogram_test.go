package measure

import "testing"

func TestEachSampleIsInItsBucketAndBucketsAreAThousandthWide(t *testing.T) {
	for sample := uint64(0); sample < 1<<sampleBits; sample += sample/777 + 1 {
		bucket := bucketOf(sample)
		highest := highestOf(bucket)
		if highest < sample || highest-sample > sample/1000 {
			t.Fatalf("sample %d: bucket %d ends at %d", sample, bucket, highest)
		}
		if bucketOf(highest) != bucket || bucketOf(highest+1) != bucket+1 {
			t.Fatalf("bucket %d does not end at %d", bucket, highest)
		}
	}
	if last := bucketOf(1<<sampleBits - 1); last != buckets-1 {
		t.Fatalf("last bucket %d (want %d)", last, buckets-1)
	}
}

func TestQuantilesOfKnownSamples(t *testing.T) {
	var h, other Histogram
	for ns := int64(1); ns <= 500; ns++ {
		h.Record(ns)
		other.Record(ns + 500)
	}
	h.Add(&other)
	h.Record(-5) // less than nothing counts as nothing
	if p50, p99 := h.Quantile(0.50), h.Quantile(0.99); p50 != 500 || p99 != 990 {
		t.Fatalf("p50 %d, p99 %d (want 500, 990)", p50, p99)
	}
	if h.Quantile(1) != 1000 || h.count != 1001 || h.sum != 500500 {
		t.Fatalf("max %d, count %d, sum %d", h.Quantile(1), h.count, h.sum)
	}
}
