package rkyv

import (
	"encoding/binary"
	"math/big"
)

// Integers of 128 bits, which Go has not. Their memory is what stands in archives:
// the low half first.

// Uint128 is a u128: Hi * 2^64 + Lo.
type Uint128 struct {
	// Lo is the low half.
	Lo uint64
	// Hi is the high half.
	Hi uint64
}

// Uint128Of returns a number as a u128. It is not ok if that is not its range; then
// the result is zero.
func Uint128Of(number *big.Int) (value Uint128, ok bool) {
	if number.Sign() < 0 || number.BitLen() > 128 {
		return Uint128{}, false
	}
	var bytes [16]byte
	number.FillBytes(bytes[:])
	return Uint128{binary.BigEndian.Uint64(bytes[8:]), binary.BigEndian.Uint64(bytes[:])}, true
}

// Big returns the number.
func (x Uint128) Big() *big.Int {
	high := new(big.Int).SetUint64(x.Hi)
	return high.Lsh(high, 64).Or(high, new(big.Int).SetUint64(x.Lo))
}

// String returns the number in decimal digits.
func (x Uint128) String() string { return x.Big().String() }

// Int128 is an i128 in two's complement: Hi * 2^64 + Lo.
type Int128 struct {
	// Lo is the low half.
	Lo uint64
	// Hi is the high half, with the sign.
	Hi int64
}

// Int128Of returns a number as an i128. It is not ok if that is not its range; then
// the result is zero.
func Int128Of(number *big.Int) (value Int128, ok bool) {
	high := new(big.Int).Rsh(number, 64) // rounds down, as two's complement does
	if !high.IsInt64() {
		return Int128{}, false
	}
	low := new(big.Int).Sub(number, new(big.Int).Lsh(high, 64))
	return Int128{low.Uint64(), high.Int64()}, true
}

// Big returns the number.
func (x Int128) Big() *big.Int {
	high := big.NewInt(x.Hi)
	return high.Lsh(high, 64).Add(high, new(big.Int).SetUint64(x.Lo))
}

// String returns the number in decimal digits.
func (x Int128) String() string { return x.Big().String() }

// PutU128 writes a u128.
func PutU128(into []byte, value Uint128) {
	binary.LittleEndian.PutUint64(into[8:], value.Hi)
	binary.LittleEndian.PutUint64(into, value.Lo)
}

// PutI128 writes an i128.
func PutI128(into []byte, value Int128) { PutU128(into, Uint128{value.Lo, uint64(value.Hi)}) }

// U128 reads a u128.
func (r Ref) U128(offset int) Uint128 { return Uint128{r.U64(offset), r.U64(offset + 8)} }

// I128 reads an i128.
func (r Ref) I128(offset int) Int128 { return Int128{r.U64(offset), r.I64(offset + 8)} }
