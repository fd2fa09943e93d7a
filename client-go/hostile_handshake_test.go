//go:build linux && (amd64 || arm64)

package outrigger

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

// dialFails dials a server that lies and wants an error of that kind whose text
// says what was seen.
func dialFails(t *testing.T, tamper fakeserver.Tamper, want error, text string) {
	t.Helper()
	server := start(t, fakeserver.Options{Tamper: tamper})
	c, err := Dial(testContext(t), "unix://"+server.Path)
	if err == nil {
		_ = c.Close()
		t.Fatalf("accepted, want an error with %q", text)
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want %v with %q", err, want, text)
	}
}

// welcomeLie is a WELCOME that was changed, and what the error says of it.
type welcomeLie struct {
	text   string
	change func(*abi.Welcome)
}

func TestWelcomeThatIsNotWhatItShouldBeIsRefused(t *testing.T) {
	for _, lie := range []welcomeLie{
		{"frame magic 0x", func(w *abi.Welcome) { w.Prefix.Magic++ }},
		{"handshake kind 9", func(w *abi.Welcome) { w.Prefix.Kind = 9 }},
		{"kind 1", func(w *abi.Welcome) { w.Prefix.Kind = abi.HandshakeHello }},
		{"WELCOME of 159 bytes", func(w *abi.Welcome) { w.Prefix.Length = 159 }},
		{"frame of 0 bytes", func(w *abi.Welcome) { w.Prefix.Length = 0 }},
		{"frame of 4097 bytes", func(w *abi.Welcome) { w.Prefix.Length = 4097 }},
		{"epoch 0", func(w *abi.Welcome) { w.Epoch = 0 }},
		{"lanes 0", func(w *abi.Welcome) { w.Lanes = 0 }},
		{"lanes 17", func(w *abi.Welcome) { w.Lanes = 17 }},
		{"lane 1 without", func(w *abi.Welcome) { w.Lanes = 2 }},
		{"credits at depth 0 0", func(w *abi.Welcome) { w.CallCredits[0] = 0 }},
		{"depth 0 4097", func(w *abi.Welcome) { w.CallCredits[0] = 4097 }},
		{"minimum 3000", func(w *abi.Welcome) { w.CallCredits[0] = 1000 }},
		{"5000 at depth 8", func(w *abi.Welcome) { w.CallCredits[8] = 5000 }},
		{"methods 4097", func(w *abi.Welcome) { w.MethodsMax = 4097 }},
		{"buffers 0", func(w *abi.Welcome) { w.BuffersMax = 0 }},
		{"buffers 65535", func(w *abi.Welcome) { w.BuffersMax = 65535 }},
		{"payload limit", func(w *abi.Welcome) { w.PayloadMax = 1 << 40 }},
		{"reserved", func(w *abi.Welcome) { w.Reserved[3] = 1 }},
		{"reserved", func(w *abi.Welcome) { w.ReservedTail[1] = 1 }},
		{"announced", func(w *abi.Welcome) { w.ServerSegmentLen += abi.LimitPage }},
		{"announced", func(w *abi.Welcome) { w.ClientSegmentLen -= abi.LimitPage }},
		{"multiples of 4096", func(w *abi.Welcome) { w.ServerSegmentLen++ }},
		{"server segment length", func(w *abi.Welcome) { w.ServerSegmentLen = 1 << 62 }},
		{"client segment length 0", func(w *abi.Welcome) { w.ClientSegmentLen = 0 }},
	} {
		t.Run(lie.text, func(t *testing.T) {
			dialFails(t, fakeserver.Tamper{Welcome: lie.change}, ErrProtocol, lie.text)
		})
	}
}

func TestAnotherABIOrLayoutIsAVersionMismatch(t *testing.T) {
	for _, lie := range []welcomeLie{
		{"ABI 0 to 1", func(w *abi.Welcome) { w.Prefix.AbiMin = 0 }},
		{"ABI 1 to 2", func(w *abi.Welcome) { w.Prefix.AbiMax = 2 }},
		{"layout hash", func(w *abi.Welcome) { w.LayoutHash++ }},
	} {
		t.Run(lie.text, func(t *testing.T) {
			dialFails(t, fakeserver.Tamper{Welcome: lie.change}, ErrVersionMismatch, lie.text)
		})
	}
}

func TestWelcomeLongerThanThisVersionsIsAccepted(t *testing.T) {
	longer := fakeserver.Tamper{Frame: func(frame []byte) []byte {
		frame = append(frame, "of a later server"...)
		binary.LittleEndian.PutUint32(frame[abi.HandshakePrefixLengthOffset:], uint32(len(frame)))
		return frame
	}}
	_, _, c := pair(t, fakeserver.Options{Tamper: longer})
	if _, err := c.Call(testContext(t), "echo", pattern(10)); err != nil {
		t.Error(err)
	}
}

func TestRefusedCarriesTheServersReason(t *testing.T) {
	refuse := func(code abi.Code, message string) fakeserver.Tamper {
		return fakeserver.Tamper{Frame: func([]byte) []byte {
			frame := make([]byte, abi.RefusedSize)
			refused := abi.Refused{Code: uint16(code), Prefix: abi.HandshakePrefix{
				Magic: abi.FrameMagic, Length: abi.RefusedSize + uint32(len(message)),
				Kind: abi.HandshakeRefused, AbiMin: 7, AbiMax: 9,
			}}
			refused.Encode(frame)
			return append(frame, message...)
		}}
	}
	dialFails(
		t, refuse(abi.CodeResourceExhausted, "too many sessions"), ErrResourceExhausted,
		"too many sessions",
	)
	dialFails(
		t, refuse(abi.CodeVersionMismatch, ""), ErrVersionMismatch,
		"server speaks ABI 7 to 9, client 1",
	)
	dialFails(t, refuse(abi.CodeOk, "fine"), ErrProtocol, "REFUSED with code 0")
	dialFails(t, refuse(abi.CodeInvalidArgument, "\xff\xfe"), ErrInvalidArgument, "\uFFFD")
}

func TestHangUpDuringTheHandshakeIsPeerGone(t *testing.T) {
	nothing := func([]byte) []byte { return nil }
	dialFails(t, fakeserver.Tamper{Frame: nothing}, ErrPeerGone, "hung up")
}

func TestHandshakeThatStallsEndsWithTheContext(t *testing.T) {
	stalled := fakeserver.Tamper{Frame: func(frame []byte) []byte {
		return frame[:abi.WelcomeSize-1] // the last byte never comes
	}}
	server := start(t, fakeserver.Options{Tamper: stalled})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, "unix://"+server.Path); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestWrongDescriptorsOfWelcomeAreRefused(t *testing.T) {
	fewer := func(fds []int) []int { return fds[:3] }
	dialFails(t, fakeserver.Tamper{Fds: fewer}, ErrProtocol, "with 3 fds")
	more := func(fds []int) []int { return append(fds, 0) }
	dialFails(t, fakeserver.Tamper{Fds: more}, ErrProtocol, "5 fds")
	dialFails(t, fakeserver.Tamper{Fds: func(fds []int) []int {
		return append(fds, make([]int, 40)...)
	}}, ErrProtocol, "cut off")
	dialFails(t, fakeserver.Tamper{Fds: func(fds []int) []int {
		return []int{fds[2], fds[1], fds[0], fds[3]}
	}}, ErrProtocol, "not a sealable memfd")
}

func TestMemoryWithoutItsSealsOrSizeIsRefused(t *testing.T) {
	for _, side := range []uint32{abi.SideServer, abi.SideClient} {
		for _, seal := range []int{
			unix.F_SEAL_SHRINK, unix.F_SEAL_GROW, unix.F_SEAL_SEAL, unix.F_SEAL_FUTURE_WRITE,
		} {
			if side == abi.SideClient && seal == unix.F_SEAL_FUTURE_WRITE {
				continue // not asked of that side
			}
			dialFails(t, fakeserver.Tamper{Seals: func(of uint32, seals int) int {
				if of == side {
					seals &^= seal
				}
				return seals
			}}, ErrProtocol, "segment: seals 0x")
		}
		for _, change := range []int64{-abi.LimitPage, abi.LimitPage, 1} {
			dialFails(t, fakeserver.Tamper{Size: func(of uint32, size int64) int64 {
				if of == side {
					size += change
				}
				return size
			}}, ErrProtocol, "announced")
		}
	}
}

func TestSegmentHeaderOutOfRangeIsRefused(t *testing.T) {
	for name, change := range map[string]func(*abi.SegmentHeader){
		"magic":       func(h *abi.SegmentHeader) { h.Magic++ },
		"ABI version": func(h *abi.SegmentHeader) { h.AbiVersion++ },
		"side":        func(h *abi.SegmentHeader) { h.Side = abi.SideClient },
		"epoch":       func(h *abi.SegmentHeader) { h.Epoch++ },
		"length":      func(h *abi.SegmentHeader) { h.Length-- },
		"reserved":    func(h *abi.SegmentHeader) { h.Reserved[1] = 1 },
		"described":   func(h *abi.SegmentHeader) { h.RingsOffset = math.MaxUint32 },
		"maximum 112": func(h *abi.SegmentHeader) { h.RingCount = math.MaxUint32 },
		"at offset 0": func(h *abi.SegmentHeader) { h.RingsOffset = 0 },
		"lane 0":      func(h *abi.SegmentHeader) { h.RingCount = 0 },
	} {
		dialFails(t, fakeserver.Tamper{Segment: change}, ErrProtocol, name)
	}
	dialFails(t, fakeserver.Tamper{Segment: func(h *abi.SegmentHeader) { h.LayoutHash++ }},
		ErrVersionMismatch, "layout hash")
}

func TestRingDescriptorOutOfRangeIsRefused(t *testing.T) {
	// The order of the fake: request, reply, grant, return, then the unused.
	for name, test := range map[string]struct {
		at     int
		change func(*abi.RingDescriptor)
		text   string
	}{
		"kind 0":        {0, func(d *abi.RingDescriptor) { d.Kind = 0 }, "kind 0"},
		"kind 8":        {0, func(d *abi.RingDescriptor) { d.Kind = 8 }, "kind 8"},
		"absent kind 9": {4, func(d *abi.RingDescriptor) { d.Kind = 9 }, "kind 9"},
		"unused kind":   {4, func(d *abi.RingDescriptor) { d.Capacity = 4 }, "not used"},
		"twice": {
			1, func(d *abi.RingDescriptor) { d.Kind = abi.RingRequest }, "inside|twice|span",
		},
		"lane":         {0, func(d *abi.RingDescriptor) { d.Lane = 1 }, "on lane 1"},
		"grant lane":   {2, func(d *abi.RingDescriptor) { d.Lane = 1 }, "on lane 1"},
		"absent":       {1, func(d *abi.RingDescriptor) { d.Capacity = 0 }, "lane 0 without"},
		"no grant":     {2, func(d *abi.RingDescriptor) { d.Capacity = 0 }, "no grant"},
		"no return":    {3, func(d *abi.RingDescriptor) { d.Capacity = 0 }, "no return"},
		"capacity odd": {0, func(d *abi.RingDescriptor) { d.Capacity = 65 }, "65 slots"},
		"capacity huge": {
			0, func(d *abi.RingDescriptor) { d.Capacity = 1 << 17 }, "131072 slots",
		},
		"capacity 2^31": {
			1, func(d *abi.RingDescriptor) { d.Capacity = 1 << 31 }, "2147483648 slots",
		},
		"capacity small": {0, func(d *abi.RingDescriptor) { d.Capacity = 32 }, "minimum 48"},
		"stride":         {0, func(d *abi.RingDescriptor) { d.Stride = 128 }, "stride 128"},
		"stride 0":       {1, func(d *abi.RingDescriptor) { d.Stride = 0 }, "stride 0"},
		"grant stride":   {2, func(d *abi.RingDescriptor) { d.Stride = 256 }, "stride 256"},
		"reserved":       {0, func(d *abi.RingDescriptor) { d.Reserved = 1 }, "reserved 1"},
		"slots odd": {
			0, func(d *abi.RingDescriptor) { d.SlotsOffset += 64 }, "multiples of 128",
		},
		"slots in header": {0, func(d *abi.RingDescriptor) { d.SlotsOffset = 128 }, "from 4096"},
		"slots outside": {
			0, func(d *abi.RingDescriptor) { d.SlotsOffset = 1 << 30 }, "ring span",
		},
		"slots wrap": {
			1, func(d *abi.RingDescriptor) { d.SlotsOffset = -abi.LimitLine & math.MaxUint64 },
			"ring span",
		},
		"control odd": {
			1, func(d *abi.RingDescriptor) { d.ControlOffset += 8 }, "multiples of 128",
		},
		"control outside": {
			1, func(d *abi.RingDescriptor) { d.ControlOffset = 1 << 40 }, "ring span",
		},
		"control header": {3, func(d *abi.RingDescriptor) { d.ControlOffset = 0 }, "from 4096"},
	} {
		t.Run(name, func(t *testing.T) {
			text := test.text
			if strings.Contains(text, "|") {
				text = "" // which check comes first is not the point
			}
			lie := func(rings []abi.RingDescriptor) []abi.RingDescriptor {
				rings = slices.Clone(rings)
				test.change(&rings[test.at])
				return rings
			}
			dialFails(t, fakeserver.Tamper{Rings: lie}, ErrProtocol, text)
		})
	}
}
