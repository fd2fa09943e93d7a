package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/outrigger-ipc/outrigger/examples/sigverify/node/sigverify"
)

// A check that never fails proves nothing. So the control run spoils every
// valid signature by one bit and keeps the vector's claim that it is valid: now
// each vector must be reported as a disagreement.
//
// Which bit? One that cannot leave the signature valid. The scalar s sits at
// the end of a signature in all three algorithms, and bit 1 of it is flipped,
// so s becomes s ± 2:
//
//   - Ed25519: S < L is the only S that goes with its R, and S ± 2 is another.
//   - ECDSA: s and n-s go with the same r. So bit 0 would not do: flipped in
//     s = (n-1)/2, it makes n-s, still valid. But s ± 2 = n-s would need
//     2s = n ∓ 2, which is odd.
//
// The flip touches the last byte of an integer and no length, so the DER stays
// DER, and it is the arithmetic that must notice.
const flippedBit = 1 << 1

// ed25519LowByte is where the low byte of S stands: after R, little-endian.
const ed25519LowByte = 32

// control puts every valid vector, spoiled, to the sidecar and counts the
// outcomes: each disagreement is a detected flip, each agreement an undetected
// one.
func control(ctx context.Context, by route, from suite) (tally, error) {
	var counts tally
	for _, v := range from.vectors {
		if v.result != resultValid {
			continue // a spoiled invalid signature stays invalid and shows nothing
		}
		spoiled := spoil(v)
		answer, err := by.verify(ctx, &spoiled.request)
		if err != nil {
			return counts, fmt.Errorf("%s vector %d, flipped, over %s: %w",
				from.file, v.id, by.codec, err)
		}
		counts.add(compare(spoiled.result, answer.valid))
	}
	return counts, nil
}

// spoil returns the vector with one bit of its signature flipped.
//
// Preconditions: the signature is valid, hence well formed.
func spoil(v vector) vector {
	signature := slices.Clone(v.request.Signature)
	lowByte := len(signature) - 1 // DER is big-endian and ends with s
	if v.request.Algorithm == sigverify.AlgorithmEd25519 {
		lowByte = ed25519LowByte
	}
	signature[lowByte] ^= flippedBit
	v.request.Signature = signature
	return v
}
