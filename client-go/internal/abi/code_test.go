package abi

import "testing"

func TestUnlistedCodeIsShownByItsNumber(t *testing.T) {
	for code, want := range map[Code]string{
		CodeOk: "ok", CodeNotFound: "not_found", CodeUnknown: "unknown",
		CodeStaleWarn: "stale_warn",
		24:            "error_24", 63: "error_63", 65535: "error_65535",
	} {
		if got := code.String(); got != want {
			t.Errorf("%d: %q, want %q", uint16(code), got, want)
		}
	}
}

func TestMessageFillsTheSentenceInOrder(t *testing.T) {
	for _, test := range []struct {
		code    Code
		details []any
		want    string
	}{
		{CodeTimeout, nil, "operation timed out"},
		{CodeNotFound, []any{"nope"}, "not found: nope"},
		{CodeBufferTooSmall, []any{7, 5}, "buffer too small: need 7 bytes, have 5"},
		{CodeBufferTooSmall, []any{7}, "buffer too small: need 7 bytes, have "},
		{CodeTimeout, []any{"surplus"}, "operation timed out"},
		{77, []any{"odd"}, "unknown error: odd"},
	} {
		if got := test.code.Message(test.details...); got != test.want {
			t.Errorf("%v: %q, want %q", test.code, got, test.want)
		}
	}
}

func TestSlotCodecLeavesTheLapAlone(t *testing.T) {
	want := SlotHeader{
		Kind: 1, Flags: 2, Method: 3, Correlation: 4, PayloadLen: 5, Code: 6, Depth: 7, Codec: 8,
		Deadline: 9,
	}
	slot := make([]byte, SlotHeaderSize)
	copy(slot, "LAPS")
	want.EncodeBehindLap(slot)
	if string(slot[:4]) != "LAPS" {
		t.Errorf("lap bytes %q", slot[:4])
	}
	whole := make([]byte, SlotHeaderSize)
	want.Encode(whole)
	if string(whole[4:]) != string(slot[4:]) {
		t.Errorf("encoded %x, want %x", slot[4:], whole[4:])
	}
	var got SlotHeader
	got.DecodeBehindLap(42, slot)
	want.Lap = 42
	if got != want {
		t.Errorf("decoded %+v, want %+v", got, want)
	}
}

func TestLapOfWrapsAt32Bits(t *testing.T) {
	for position, want := range map[uint64]uint32{
		0: 1, 7: 1, 8: 2, 8*(1<<32) - 1: 0, 8 * (1 << 32): 1,
	} {
		if got := LapOf(position, 3); got != want {
			t.Errorf("position %d: lap %d, want %d", position, got, want)
		}
	}
}
