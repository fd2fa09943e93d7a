package archives

import (
	"math"
	"testing"
)

// What layout/tests/archives/fixture.rs says in Rust.
func TestConstantsHaveTheValuesThatTheyHaveInRustNF31NF10(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"OPEN", Open, true},
		{"MARK", Mark, '\u202e'},
		{"SEATS_MAX", SeatsMax, uint8(math.MaxUint8)},
		{"PORT", Port, uint16(math.MaxUint16)},
		{"KEY_MAX", KeyMax, uint32(math.MaxUint32)},
		{"EVERYTHING", Everything, uint64(math.MaxUint64)},
		{"LOW", Low, int8(math.MinInt8)},
		{"LOWER", Lower, int16(math.MinInt16)},
		{"COLDEST", Coldest, int32(math.MinInt32)},
		{"LOWEST", Lowest, int64(math.MinInt64)},
		{"TENTH", math.Float32bits(Tenth), uint32(0x3dcccccd)},
		{"TINY", math.Float32bits(Tiny), uint32(1)},
		{"HUGE", Huge, math.MaxFloat64},
		{"TINIEST", math.Float64bits(Tiniest), uint64(1)},
		{"NUL_INSIDE", NulInside, string([]byte{'a', 0, 'b'})},
		{"CLIENT", ClientConstant, "rkyv.Ref \"\\ \U0001f600 \u00e9"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %T %#v (in Rust %T %#v)", c.name, c.got, c.got, c.want, c.want)
		}
	}
}
