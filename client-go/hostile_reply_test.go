//go:build linux && (amd64 || arm64)

package outrigger

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

// callBreaks wants a call to a server that lies in its reply to end the session
// with PROTOCOL, and the server to be told why.
func callBreaks(t *testing.T, tamper fakeserver.Tamper, size int, text string) {
	t.Helper()
	_, session, c := pair(t, fakeserver.Options{Tamper: tamper})
	_, err := c.Call(testContext(t), "echo", make([]byte, size))
	if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), text) {
		t.Fatalf("error %v, want PROTOCOL with %q", err, text)
	}
	if _, again := c.Call(testContext(t), "echo", nil); again == nil ||
		again.Error() != err.Error() {
		t.Errorf("the next call: %v, want %v", again, err)
	}
	for {
		frame := receive(t, session.Frames)
		if frame.Header.Kind == abi.ControlBye {
			if abi.Code(frame.Header.Code) != abi.CodeProtocol ||
				!strings.Contains(string(frame.Body), text) {
				t.Errorf("BYE with code %d, %q", frame.Header.Code, frame.Body)
			}
			if held := c.Stats().BuffersHeld; held != 0 {
				t.Errorf("%d buffers held", held)
			}
			return
		}
	}
}

func TestReplyHeaderOutOfRangeEndsTheSession(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*abi.SlotHeader)
		text   string
	}{
		"kind 0":    {func(h *abi.SlotHeader) { h.Kind = 0 }, "kind 0 in a reply ring"},
		"kind call": {func(h *abi.SlotHeader) { h.Kind = abi.KindCall }, "kind 1"},
		"kind item": {func(h *abi.SlotHeader) { h.Kind = abi.KindItem }, "kind 3"},
		"kind 255":  {func(h *abi.SlotHeader) { h.Kind = 255 }, "kind 255"},
		"length": {
			func(h *abi.SlotHeader) { h.PayloadLen = 225 }, "reply length 225 (maximum 224)",
		},
		"length 2^32": {
			func(h *abi.SlotHeader) { h.PayloadLen = math.MaxUint32 },
			"reply length 4294967295",
		},
		"flags":  {func(h *abi.SlotHeader) { h.Flags = 16 }, "flags 0x10"},
		"depth":  {func(h *abi.SlotHeader) { h.Depth = 9 }, "depth 9 (maximum 8)"},
		"codec":  {func(h *abi.SlotHeader) { h.Codec = 3 }, "codec 3"},
		"nobody": {func(h *abi.SlotHeader) { h.Correlation = 0 }, "correlation 0x0"},
		"far":    {func(h *abi.SlotHeader) { h.Correlation |= 1 << 63 }, "not in flight"},
		"index":  {func(h *abi.SlotHeader) { h.Correlation |= 31 }, "not in flight"},
		"other":  {func(h *abi.SlotHeader) { h.Correlation++ }, "not in flight"},
		"progress": {
			func(h *abi.SlotHeader) { h.Kind = abi.KindProgress }, "progress with code 0",
		},
		"detail": {
			func(h *abi.SlotHeader) { h.Flags = abi.FlagDetail }, "a payload and a message",
		},
		"no value": {
			func(h *abi.SlotHeader) { h.Flags = abi.FlagNoValue }, "NO_VALUE beside a value",
		},
		"no detail": {func(h *abi.SlotHeader) {
			h.Flags, h.Code = abi.FlagNoValue|abi.FlagDetail, 21
		}, "NO_VALUE beside BUFFERS or DETAIL"},
		"no buffers": {
			func(h *abi.SlotHeader) { h.Flags = abi.FlagNoValue | abi.FlagBuffers },
			"NO_VALUE beside",
		},
		"both": {func(h *abi.SlotHeader) {
			h.Flags, h.Code = abi.FlagBuffers|abi.FlagDetail, 21
		}, "prefix of 16 bytes"},
		"trace":   {func(h *abi.SlotHeader) { h.Flags = abi.FlagTrace }, "prefix of 32 bytes"},
		"buffers": {func(h *abi.SlotHeader) { h.Flags = abi.FlagBuffers }, "prefix of 16 bytes"},
		"detail size": {func(h *abi.SlotHeader) {
			h.Flags, h.Code = abi.FlagDetail, 21
		}, "prefix of 16 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			callBreaks(t, fakeserver.Tamper{Reply: func(h *abi.SlotHeader, payload []byte) []byte {
				test.change(h)
				return payload
			}}, 10, test.text)
		})
	}
}

func TestBadPrefixesOfAReplyEndTheSession(t *testing.T) {
	table := func(count, attachments uint32, ref abi.BufferRef, surplus int) []byte {
		payload := make([]byte, abi.BufferTableSize+abi.BufferRefSize+surplus)
		table := abi.BufferTable{Count: count, Attachments: attachments}
		table.Encode(payload)
		ref.Encode(payload[abi.BufferTableSize:])
		return payload
	}
	ref := func(count uint32, ref abi.BufferRef, surplus int) []byte {
		return table(count, 0, ref, surplus)
	}
	for name, test := range map[string]struct {
		flags   uint8
		code    uint16
		payload []byte
		text    string
	}{
		"message length": {
			abi.FlagDetail, 21, append([]byte{9, 0, 0, 0}, make([]byte, 20)...),
			"message length 9 (maximum 8)",
		},
		"no buffers": {abi.FlagBuffers, 0, ref(0, abi.BufferRef{}, 0), "0 buffers"},
		"two buffers": {
			abi.FlagBuffers, 0, ref(2, abi.BufferRef{}, 32), "0 attachments of 2 buffers",
		},
		"six buffers": {
			abi.FlagBuffers, 0, table(6, 4, abi.BufferRef{}, 160), "6 buffers (allowed: 1 to 5)",
		},
		"five attachments": {
			abi.FlagBuffers, 0, table(5, 5, abi.BufferRef{}, 160), "5 attachments (maximum 4)",
		},
		"more attachments than buffers": {
			abi.FlagBuffers, 0, table(1, 2, abi.BufferRef{}, 32), "2 attachments of 1 buffers",
		},
		"table cut off": {
			abi.FlagBuffers, 0, table(3, 3, abi.BufferRef{}, 63), "prefix of 96 bytes",
		},
		"attachment of an error": {
			abi.FlagBuffers, 21, table(1, 1, abi.BufferRef{}, 0), "1 attachments of an error",
		},
		"attachment nowhere": {
			abi.FlagBuffers, 0, table(1, 1, abi.BufferRef{Extent: 7}, 5),
			"extent 7, which is not mapped",
		},
		"attachment of bytes without a buffer": {
			abi.FlagBuffers, 0, table(1, 1, abi.BufferRef{Length: 1}, 0),
			"extent 0, which is not mapped",
		},
		"surplus": {
			abi.FlagBuffers, 0, ref(1, abi.BufferRef{Extent: 1}, 1), "1 bytes behind",
		},
		"surplus behind detail": {
			abi.FlagBuffers | abi.FlagDetail, 21, ref(1, abi.BufferRef{Extent: 1}, 17),
			"17 bytes behind the buffer references (allowed: 16)",
		},
		"extent": {
			abi.FlagBuffers, 0, ref(1, abi.BufferRef{Extent: 7}, 0),
			"extent 7, which is not mapped",
		},
	} {
		t.Run(name, func(t *testing.T) {
			callBreaks(t, fakeserver.Tamper{Reply: func(h *abi.SlotHeader, _ []byte) []byte {
				h.Flags, h.Code = test.flags, test.code
				return test.payload
			}}, 10, test.text)
		})
	}
}

func TestReferenceOutsideItsBufferEndsTheSession(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*abi.BufferRef)
		text   string
	}{
		"index":       {func(r *abi.BufferRef) { r.Index = 2 }, "buffer 2 of extent"},
		"offset":      {func(r *abi.BufferRef) { r.Offset += 1 << 13 }, "offset"},
		"offset wrap": {func(r *abi.BufferRef) { r.Offset = math.MaxUint64 }, "offset"},
		"length":      {func(r *abi.BufferRef) { r.Length = 1 << 20 }, "length 1048576"},
		"length wrap": {func(r *abi.BufferRef) { r.Length = math.MaxUint64 }, "length"},
		"sum wraps": {
			func(r *abi.BufferRef) { r.Offset, r.Length = 100, math.MaxUint64-50 },
			"offset 100",
		},
		"extent": {func(r *abi.BufferRef) { r.Extent = 99 }, "extent 99"},
		"side":   {func(r *abi.BufferRef) { r.Extent = 3 - r.Extent }, "of side"},
	} {
		t.Run("reply/"+name, func(t *testing.T) {
			callBreaks(t, fakeserver.Tamper{Reply: func(h *abi.SlotHeader, payload []byte) []byte {
				return changeRef(payload, abi.BufferTableSize, test.change)
			}}, 5000, test.text)
		})
		if name == "side" {
			continue // at the first grant there is no extent of the other side
		}
		t.Run("grant/"+name, func(t *testing.T) {
			callBreaks(t, fakeserver.Tamper{Grant: func(h *abi.SlotHeader, payload []byte) []byte {
				return changeRef(payload, 0, test.change)
			}}, 5000, test.text)
		})
	}
}

func changeRef(payload []byte, at int, change func(*abi.BufferRef)) []byte {
	var ref abi.BufferRef
	ref.Decode(payload[at:])
	change(&ref)
	ref.Encode(payload[at:])
	return payload
}

func TestBadGrantsEndTheSession(t *testing.T) {
	for name, test := range map[string]struct {
		change func(h *abi.SlotHeader, payload []byte) []byte
		text   string
	}{
		"kind": {
			func(h *abi.SlotHeader, p []byte) []byte { h.Kind = abi.KindReply; return p },
			"kind 6 in the grant ring",
		},
		"flags": {func(h *abi.SlotHeader, p []byte) []byte { h.Flags = 2; return p }, "flags 0x2"},
		"code":  {func(h *abi.SlotHeader, p []byte) []byte { h.Code = 19; return p }, "code 19"},
		"refused without code": {func(h *abi.SlotHeader, p []byte) []byte {
			h.Kind = abi.KindRefused
			return p[:abi.RefusalSize]
		}, "with code 0"},
		"short": {func(h *abi.SlotHeader, p []byte) []byte { return p[:31] }, "with 31 bytes"},
		"nobody": {
			func(h *abi.SlotHeader, p []byte) []byte { h.Correlation = 1 << 40; return p },
			"awaits none",
		},
		"too few": {func(h *abi.SlotHeader, p []byte) []byte {
			return changeRef(p, 0, func(r *abi.BufferRef) { r.Length = 4999 })
		}, "grant of 4999 bytes (minimum 5000)"},
	} {
		t.Run(name, func(t *testing.T) {
			callBreaks(t, fakeserver.Tamper{Grant: test.change}, 5000, test.text)
		})
	}
}

func TestAGrantInStockThatIsNoWholeBufferEndsTheSession(t *testing.T) {
	for name, change := range map[string]func(*abi.BufferRef){
		"no bytes":   func(r *abi.BufferRef) { r.Length = 0 },
		"few bytes":  func(r *abi.BufferRef) { r.Length = 4097 }, // of the class of 8192
		"its middle": func(r *abi.BufferRef) { r.Offset, r.Length = r.Offset+64, r.Length-64 },
		"its end":    func(r *abi.BufferRef) { r.Offset, r.Length = r.Offset+r.Length, 0 },
		"too many":   func(r *abi.BufferRef) { r.Length++ },
	} {
		t.Run(name, func(t *testing.T) {
			_, _, c := pair(t, fakeserver.Options{
				Stock: true, Tamper: fakeserver.Tamper{Stock: change},
			})
			_, _ = c.Call(testContext(t), "echo", pattern(large)) // whose buffer is granted anew
			for _, size := range []int{4096, large} {
				b, err := c.Alloc(testContext(t), size)
				if !errors.Is(err, ErrProtocol) {
					t.Errorf("%d bytes: error %v, %d bytes", size, err, len(b.Bytes()))
				}
			}
			if held := c.Stats().BuffersHeld; held != 0 {
				t.Errorf("%d buffers held", held)
			}
		})
	}
}

func TestCorruptLapEndsTheSession(t *testing.T) {
	for _, wrong := range []uint32{2, 77, math.MaxUint32} {
		callBreaks(t, fakeserver.Tamper{Lap: func(uint32) uint32 { return wrong }}, 10, "lap ")
	}
}

func TestPositionThatCannotBeEndsTheSession(t *testing.T) {
	for _, position := range []uint64{
		2, 65, 1 << 20, 1 << 31, 1 << 32, 64<<32 + 1, 1 << 63, math.MaxUint64,
	} {
		callBreaks(t, fakeserver.Tamper{Reply: func(h *abi.SlotHeader, payload []byte) []byte {
			h.Deadline = position
			return payload
		}}, 10, "request position")
	}
	callBreaks(t, fakeserver.Tamper{Reply: func(h *abi.SlotHeader, payload []byte) []byte {
		h.Deadline = 1 << 20
		return payload
	}}, 5000, "request position")
}

func TestBadExtentsEndTheSession(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*abi.ControlHeader, *abi.ExtentBody) bool
		text   string
	}{
		"no fd": {
			func(*abi.ControlHeader, *abi.ExtentBody) bool { return false }, "frame with 0 fds",
		},
		"id 0": {
			func(h *abi.ControlHeader, _ *abi.ExtentBody) bool { h.Token = 0; return true },
			"extent id 0",
		},
		"id 2^32": {
			func(h *abi.ControlHeader, _ *abi.ExtentBody) bool { h.Token = 1 << 32; return true },
			"extent id",
		},
		"side": {
			func(_ *abi.ControlHeader, b *abi.ExtentBody) bool { b.Side = 3; return true },
			"extent side 3",
		},
		"count": {
			func(_ *abi.ControlHeader, b *abi.ExtentBody) bool { b.BufferCount = 3; return true },
			"with 3 buffers",
		},
		"length": {
			func(_ *abi.ControlHeader, b *abi.ExtentBody) bool { b.Length *= 2; return true },
			"extent of 32768",
		},
		"odd": {
			func(_ *abi.ControlHeader, b *abi.ExtentBody) bool { b.BufferLen--; return true },
			"buffer length 8191",
		},
		"wraps": {
			func(_ *abi.ControlHeader, b *abi.ExtentBody) bool {
				b.BufferLen = 1 << 63
				return true
			},
			"buffers of",
		},
		"reserved": {
			func(_ *abi.ControlHeader, b *abi.ExtentBody) bool { b.Reserved = 1; return true },
			"reserved 0x1",
		},
		"size": {func(_ *abi.ControlHeader, b *abi.ExtentBody) bool {
			b.BufferLen, b.Length = b.BufferLen*2, b.Length*2
			return true
		}, "announced 32768"},
	} {
		t.Run(name, func(t *testing.T) {
			callBreaks(t, fakeserver.Tamper{Extent: test.change}, 5000, test.text)
		})
	}
	sized := map[uint32]int{}
	callBreaks(t, fakeserver.Tamper{Seals: func(side uint32, seals int) int {
		if sized[side]++; sized[side] > 1 { // the segment was sealed, the extent is not
			seals &^= unix.F_SEAL_SHRINK
		}
		return seals
	}}, 5000, "extent 1: seals 0x")
}

func TestBadFramesEndTheSession(t *testing.T) {
	frame := func(kind uint16, token uint64, body []byte) []byte {
		return encodeFrame(kind, abi.CodeOk, token, body)
	}
	oversize := frame(abi.ControlBye, 0, nil)
	binary.LittleEndian.PutUint32(oversize[abi.ControlHeaderLengthOffset:], 4081)
	for name, test := range map[string]struct {
		frame []byte
		text  string
	}{
		"unknown kind":   {frame(99, 0, nil), "frame of kind 99"},
		"clients kind":   {frame(abi.ControlBind, 0, nil), "frame of kind 2"},
		"oversize":       {oversize, "frame body of 4081 bytes (maximum 4080)"},
		"bound unasked":  {frame(abi.ControlBound, 77, make([]byte, 8)), "token 77"},
		"extent short":   {frame(abi.ControlExtent, 1, make([]byte, 31)), "EXTENT body of 31"},
		"drop unknown":   {frame(abi.ControlExtentDrop, 5, nil), "drop of extent 5"},
		"drop far":       {frame(abi.ControlExtentDrop, 1<<32+1, nil), "drop of extent"},
		"drop with body": {frame(abi.ControlExtentDrop, 5, []byte{1}), "EXTENT_DROP body"},
		"goaway, twice": {
			append(frame(abi.ControlGoaway, 0, nil), frame(abi.ControlGoaway, 0, nil)...),
			"second GOAWAY",
		},
		"another protocol": {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "frame body of"},
	} {
		t.Run(name, func(t *testing.T) {
			_, session, c := pair(t, fakeserver.Options{})
			session.SendRaw(test.frame)
			eventually(t, "the session has ended", func() bool { return c.cause.Load() != nil })
			if err := c.cause.Load().err; !errors.Is(err, ErrProtocol) ||
				!strings.Contains(err.Error(), test.text) {
				t.Errorf("error %v, want %q", err, test.text)
			}
		})
	}
}

func TestErrorTextThatIsNotUTF8IsShownFB10(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{Handlers: map[string]fakeserver.Handler{
		"bad":   func(c *fakeserver.Call) { c.Fail(abi.CodeHandlerError, "a\xff\xfez") },
		"empty": func(c *fakeserver.Call) { c.Fail(abi.CodeHandlerError, "") },
		"absent": func(c *fakeserver.Call) {
			c.Publish(abi.SlotHeader{Code: 21, Flags: abi.FlagNoValue}, nil)
		},
		"stale": func(c *fakeserver.Call) { c.Fail(abi.CodeStaleWarn, "") },
		"new":   func(c *fakeserver.Call) { c.Fail(777, "from a later server") },
		"long": func(c *fakeserver.Call) {
			c.Fail(
				abi.CodeHandlerError, strings.Repeat("x", 5000),
			)
		},
		"detail": func(c *fakeserver.Call) {
			payload := append([]byte{4, 0, 0, 0}, make([]byte, 12)...)
			c.Publish(abi.SlotHeader{Code: 21, Flags: abi.FlagDetail}, append(
				payload, "text and detail"...,
			))
		},
	}})
	for method, want := range map[string]string{
		"bad":    "outrigger: handler_error: a\uFFFDz",
		"empty":  "outrigger: handler_error: unknown error",
		"absent": "outrigger: handler_error: unknown error",
		"stale":  "outrigger: stale_warn: unknown error",
		"new":    "outrigger: error_777: from a later server",
		"long":   "outrigger: handler_error: " + strings.Repeat("x", 5000),
		"detail": "outrigger: handler_error: text",
	} {
		if _, err := c.Call(testContext(t), method, nil); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", method, err, want)
		}
	}
}
