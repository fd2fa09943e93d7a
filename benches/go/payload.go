package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/outrigger-ipc/outrigger/benches/go/measure"
	"github.com/outrigger-ipc/outrigger/client-go"
)

// The sweep: payloads of any size, written and read on both sides. The peers are in
// benches/src/payload.rs.

// payloadCase begins the names of its cases: payload-WAY-BYTES.
const payloadCase = "payload-"

// payload connects to the peer of a case and returns its call, and what says how many
// bytes this side has copied so far, if anything does.
func payload(
	ctx context.Context, name, at string, policy outrigger.WaitPolicy,
) (call measure.Call, copied func() uint64, err error) {
	way, text, _ := strings.Cut(strings.TrimPrefix(name, payloadCase), "-")
	size, err := strconv.Atoi(text)
	if err != nil {
		return nil, nil, fmt.Errorf("case %q (allowed: payload-WAY-BYTES)", name)
	}
	if way == "unix" {
		call, err = unixPayload(at, size)
		return call, nil, err
	}
	conn, err := outrigger.Dial(ctx, "unix://"+at, outrigger.WithWait(policy))
	if err != nil {
		return nil, nil, err
	}
	copied = func() uint64 {
		stats := conn.Stats()
		return stats.CopiedIn + stats.CopiedOut
	}
	switch way {
	case "copied":
		return copiedPayload(ctx, conn, size), copied, nil
	case "inplace", "trusted":
		return placedPayload(ctx, conn, size), copied, nil
	case "attached":
		return attachedPayload(ctx, conn, size), copied, nil
	case "handover":
		return handOver(ctx, conn, size), copied, nil
	}
	const allowed = "unix, copied, inplace, trusted, attached, handover"
	return nil, nil, fmt.Errorf("way %q (allowed: %s)", way, allowed)
}

// copiedPayload is CallInto: the payload is this process's own memory on both ways.
func copiedPayload(ctx context.Context, conn *outrigger.Conn, size int) measure.Call {
	request, reply := make([]byte, size), make([]byte, size)
	return func(number []byte) ([]byte, error) {
		first := write(request, number)
		reply, err := conn.CallInto(ctx, "bench.mirror", request, reply)
		if err != nil {
			return nil, err
		}
		return number, check(reply, size, first)
	}
}

// placedPayload is CallBuffer: the payload is written and read in shared memory.
func placedPayload(ctx context.Context, conn *outrigger.Conn, size int) measure.Call {
	return func(number []byte) ([]byte, error) {
		request, err := conn.Alloc(ctx, size)
		if err != nil {
			return nil, err
		}
		first := write(request.Bytes(), number)
		reply, err := conn.CallBuffer(ctx, "bench.mirror", request)
		if err != nil {
			return nil, err
		}
		err = check(reply.Bytes(), size, first)
		reply.Release()
		return number, err
	}
}

// attachedPayload is CallAttached: the payload is beside a value of no bytes, written and
// read in shared memory; the peer reads it through a small window.
func attachedPayload(ctx context.Context, conn *outrigger.Conn, size int) measure.Call {
	var attached outrigger.Attachments
	return func(number []byte) ([]byte, error) {
		request, err := conn.Alloc(ctx, size)
		if err == nil {
			err = attached.Add(request)
		}
		if err != nil {
			return nil, err
		}
		first := write(request.Bytes(), number)
		reply, err := conn.CallAttached(
			ctx, "bench.mirror_attached", outrigger.Buffer{}, &attached)
		if err != nil {
			return nil, err
		}
		err = check(attached.At(0).Bytes(), size, first)
		reply.Release()
		attached.Release()
		return number, err
	}
}

// handOver has the peer hand over a buffer, of which both sides touch eight bytes.
func handOver(ctx context.Context, conn *outrigger.Conn, size int) measure.Call {
	return func(number []byte) ([]byte, error) {
		request, err := conn.Alloc(ctx, 8)
		if err != nil {
			return nil, err
		}
		binary.LittleEndian.PutUint64(request.Bytes(), uint64(size))
		reply, err := conn.CallBuffer(ctx, "bench.hand_over", request)
		if err != nil {
			return nil, err
		}
		seen := binary.LittleEndian.Uint64(reply.Bytes())
		if reply.Len() != size || seen != uint64(size) {
			err = fmt.Errorf("%d bytes that begin with %d (wanted: %d)", reply.Len(), seen, size)
		}
		reply.Release()
		return number, err
	}
}

// unixPayload carries the same bytes over a unix socket, a length before them.
func unixPayload(at string, size int) (measure.Call, error) {
	conn, err := net.Dial("unix", at)
	if err != nil {
		return nil, err
	}
	message, reply := make([]byte, 8+size), make([]byte, size)
	binary.LittleEndian.PutUint64(message, uint64(size))
	return func(number []byte) ([]byte, error) {
		first := write(message[8:], number)
		if _, err := conn.Write(message); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(conn, reply); err != nil {
			return nil, err
		}
		return number, check(reply, size, first)
	}, nil
}

// write writes words that count from the number of the call, and returns their sum:
// the first word of the reply.
func write(payload, number []byte) (sum uint64) {
	word := binary.LittleEndian.Uint64(number)
	for ; len(payload) >= 8; payload = payload[8:] {
		binary.LittleEndian.PutUint64(payload, word)
		sum += word
		word++
	}
	return sum
}

// check reads all words of a reply.
func check(reply []byte, size int, first uint64) error {
	if len(reply) != size {
		return fmt.Errorf("reply of %d bytes (wanted: %d)", len(reply), size)
	}
	for word := first; len(reply) >= 8; reply = reply[8:] {
		if seen := binary.LittleEndian.Uint64(reply); seen != word {
			return fmt.Errorf("word %d (wanted: %d)", seen, word)
		}
		word++
	}
	return nil
}
