package outrigger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/shm"
)

// The handshake: HELLO, then WELCOME with four fds, or REFUSED. Its first 32
// bytes are the same for ever, so that peers of any versions can tell each
// other why they do not fit.

// greet sends HELLO and reads the answer. The fds of WELCOME are the caller's.
//
// Errors: what the server refused; a violation; VERSION_MISMATCH; or why
// reading and writing failed.
func greet(frames *frameReader, lanes int) (*abi.Welcome, []int, error) {
	hello := abi.Hello{
		Prefix: abi.HandshakePrefix{
			Magic: abi.FrameMagic, Length: abi.HelloSize, Kind: abi.HandshakeHello,
			AbiMin: abi.LimitAbiVersion, AbiMax: abi.LimitAbiVersion,
		},
		ClockNs: shm.MonotonicNs(),
		Lanes:   uint16(lanes),
	}
	var frame [abi.HelloSize]byte
	hello.Encode(frame[:])
	if _, err := frames.socket.Write(frame[:]); err != nil {
		return nil, nil, err
	}
	prefix, body, err := frames.handshake()
	if err != nil {
		return nil, nil, err
	}
	switch prefix.Kind {
	case abi.HandshakeRefused:
		return nil, nil, readRefused(&prefix, body)
	case abi.HandshakeWelcome:
	default:
		return nil, nil, violation("handshake kind %d (allowed: %d or %d)",
			prefix.Kind, abi.HandshakeWelcome, abi.HandshakeRefused)
	}
	welcome, err := readWelcome(&prefix, body)
	if err != nil {
		return nil, nil, err
	}
	fds, err := frames.takeFds(int(abi.FdCount))
	return welcome, fds, err
}

// readRefused returns the server's refusal as an error.
func readRefused(prefix *abi.HandshakePrefix, body []byte) error {
	if len(body) < abi.RefusedSize {
		return violation("REFUSED of %d bytes (minimum %d)", len(body), abi.RefusedSize)
	}
	var refused abi.Refused
	refused.Decode(body)
	message := body[abi.RefusedSize:]
	switch {
	case abi.Code(refused.Code) == abi.CodeOk:
		return violation("REFUSED with code 0")
	case abi.Code(refused.Code) == abi.CodeVersionMismatch && len(message) == 0:
		return versionMismatch(prefix)
	}
	return received(refused.Code, message)
}

func versionMismatch(prefix *abi.HandshakePrefix) error {
	return failure(CodeVersionMismatch, fmt.Sprintf("server speaks ABI %d to %d, client %d",
		prefix.AbiMin, prefix.AbiMax, abi.LimitAbiVersion))
}

// readWelcome checks every field of WELCOME.
func readWelcome(prefix *abi.HandshakePrefix, body []byte) (*abi.Welcome, error) {
	if prefix.AbiMin != abi.LimitAbiVersion || prefix.AbiMax != abi.LimitAbiVersion {
		return nil, versionMismatch(prefix)
	}
	if len(body) < abi.WelcomeSize {
		return nil, violation("WELCOME of %d bytes (minimum %d)", len(body), abi.WelcomeSize)
	}
	w := &abi.Welcome{}
	w.Decode(body)
	if w.LayoutHash != abi.LayoutHash {
		return nil, failure(CodeVersionMismatch, fmt.Sprintf(
			"server's layout hash %#x, client's %#x", w.LayoutHash, abi.LayoutHash))
	}
	if w.Reserved != [4]uint16{} || w.ReservedTail != [2]uint64{} {
		return nil, violation("WELCOME with reserved bytes that are not zero")
	}
	for _, field := range []struct {
		name           string
		seen, min, max uint64
	}{
		{"epoch", w.Epoch, 1, 1<<64 - 1},
		{"server segment length", w.ServerSegmentLen, abi.LimitPage, segmentLengthMax},
		{"client segment length", w.ClientSegmentLen, abi.LimitPage, segmentLengthMax},
		{"payload limit", w.PayloadMax, 0, abi.LimitPayloadMax},
		{"lanes", uint64(w.Lanes), 1, abi.LimitLanesMax},
		{"credits at depth 0", uint64(w.CallCredits[0]), 1, abi.LimitCreditsMax},
		{"buffers", uint64(w.BuffersMax), 1, abi.LimitClientBuffersMax},
		{"methods", uint64(w.MethodsMax), 0, abi.LimitMethodsMax},
	} {
		if field.seen < field.min || field.seen > field.max {
			return nil, violation("WELCOME %s %d (allowed: %d to %d)",
				field.name, field.seen, field.min, field.max)
		}
	}
	for depth, credits := range w.CallCredits {
		if credits > abi.LimitCreditsMax {
			return nil, violation("WELCOME credits %d at depth %d (maximum %d)",
				credits, depth, abi.LimitCreditsMax)
		}
	}
	if w.ServerSegmentLen%abi.LimitPage != 0 || w.ClientSegmentLen%abi.LimitPage != 0 {
		return nil, violation("segments of %d and %d bytes (allowed: multiples of %d)",
			w.ServerSegmentLen, w.ClientSegmentLen, abi.LimitPage)
	}
	return w, nil
}

// versionText returns the text of WELCOME without its padding.
func versionText(w *abi.Welcome) string {
	text, _, _ := bytes.Cut(w.Version[:], []byte{0})
	return strings.ToValidUTF8(string(text), "\uFFFD")
}

// handshakeTimeout bounds the handshake if the context has no earlier deadline.
const handshakeTimeout = 10 * time.Second

// handshakeFailed says why the handshake ended: the context, if it is done.
func handshakeFailed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return expired(ctx.Err())
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return failure(CodePeerGone, "the server hung up during the handshake")
	}
	return err
}
