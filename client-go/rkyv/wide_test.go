package rkyv_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

func TestWideIntegersConvertOrSayThatTheyDoNot(t *testing.T) {
	for _, test := range []struct {
		text     string
		unsigned rkyv.Uint128
		signed   rkyv.Int128
		u, i     bool
	}{
		{text: "0", u: true, i: true},
		{
			text: "18446744073709551617", u: true, i: true,
			unsigned: rkyv.Uint128{Lo: 1, Hi: 1}, signed: rkyv.Int128{Lo: 1, Hi: 1},
		},
		{text: "-1", i: true, signed: rkyv.Int128{Lo: math.MaxUint64, Hi: -1}},
		{
			text: "170141183460469231731687303715884105727", u: true, i: true,
			unsigned: rkyv.Uint128{Lo: math.MaxUint64, Hi: math.MaxInt64},
			signed:   rkyv.Int128{Lo: math.MaxUint64, Hi: math.MaxInt64},
		},
		{
			text: "170141183460469231731687303715884105728", u: true,
			unsigned: rkyv.Uint128{Hi: 1 << 63},
		},
		{
			text: "-170141183460469231731687303715884105728", i: true,
			signed: rkyv.Int128{Hi: math.MinInt64},
		},
		{text: "-170141183460469231731687303715884105729"},
		{
			text: "340282366920938463463374607431768211455", u: true,
			unsigned: rkyv.Uint128{Lo: math.MaxUint64, Hi: math.MaxUint64},
		},
		{text: "340282366920938463463374607431768211456"},
	} {
		number, _ := new(big.Int).SetString(test.text, 10)
		u, ok := rkyv.Uint128Of(number)
		if u != test.unsigned || ok != test.u || ok && u.String() != test.text {
			t.Errorf("%s is %v, %t", test.text, u, ok)
		}
		i, ok := rkyv.Int128Of(number)
		if i != test.signed || ok != test.i || ok && i.String() != test.text {
			t.Errorf("%s is %v, %t, signed", test.text, i, ok)
		}
	}
}
