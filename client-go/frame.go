package outrigger

import (
	"encoding/binary"
	"io"
	"net"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/shm"
)

// frameReader cuts the control socket's stream into frames, and keeps the fds
// that came with its bytes.
//
//	buffer  [ a frame | the beginning of the next … ]   length bytes of it
//	fds     those received and not yet taken, oldest first
//
// The kernel delivers an fd with the byte that it was sent with, and never two
// sets in one read. So the fd of a frame is there when the frame is complete.
type frameReader struct {
	socket *net.UnixConn
	buffer [2 * abi.LimitFrameMax]byte
	length int
	fds    []int
	rights [shm.RightsMax]byte
}

// fdsMax is the most fds that may wait for their frame: those of WELCOME.
const fdsMax = int(abi.FdCount)

// handshake reads the one frame of the handshake, all of it with its prefix.
//
// Errors: a violation; or why reading failed, io.EOF after a hang-up.
func (f *frameReader) handshake() (abi.HandshakePrefix, []byte, error) {
	var prefix abi.HandshakePrefix
	if err := f.fill(abi.HandshakePrefixSize); err != nil {
		return prefix, nil, err
	}
	prefix.Decode(f.buffer[:])
	if prefix.Magic != abi.FrameMagic {
		return prefix, nil, violation(
			"frame magic %#x (allowed: %#x)", prefix.Magic, abi.FrameMagic,
		)
	}
	if prefix.Length < abi.HandshakePrefixSize || prefix.Length > abi.LimitFrameMax {
		return prefix, nil, violation("frame of %d bytes (allowed: %d to %d)",
			prefix.Length, abi.HandshakePrefixSize, abi.LimitFrameMax)
	}
	if err := f.fill(int(prefix.Length)); err != nil {
		return prefix, nil, err
	}
	return prefix, f.cut(int(prefix.Length)), nil
}

// next reads one frame. The body is valid until the call after.
//
// Errors: as handshake.
func (f *frameReader) next() (abi.ControlHeader, []byte, error) {
	var header abi.ControlHeader
	if err := f.fill(abi.ControlHeaderSize); err != nil {
		return header, nil, err
	}
	header.Decode(f.buffer[:])
	if header.Length > abi.LimitFrameMax-abi.ControlHeaderSize {
		return header, nil, violation("frame body of %d bytes (maximum %d)",
			header.Length, abi.LimitFrameMax-abi.ControlHeaderSize)
	}
	size := abi.ControlHeaderSize + int(header.Length)
	if err := f.fill(size); err != nil {
		return header, nil, err
	}
	return header, f.cut(size)[abi.ControlHeaderSize:], nil
}

// fill reads until the buffer holds that many bytes.
func (f *frameReader) fill(size int) error {
	for f.length < size {
		n, rightsLen, flags, _, err := f.socket.ReadMsgUnix(f.buffer[f.length:], f.rights[:])
		if err != nil {
			return err
		}
		if rightsLen > 0 {
			fds, err := shm.Received(f.rights[:rightsLen], flags)
			f.fds = append(f.fds, fds...)
			if err != nil {
				return violation("%v", err)
			}
		}
		if len(f.fds) > fdsMax {
			return violation("%d fds for one frame (maximum %d)", len(f.fds), fdsMax)
		}
		if n == 0 {
			return io.EOF
		}
		f.length += n
	}
	return nil
}

// cut takes the first frame out of the buffer and returns a copy of it.
func (f *frameReader) cut(size int) []byte {
	frame := append([]byte(nil), f.buffer[:size]...)
	f.length = copy(f.buffer[:], f.buffer[size:f.length])
	return frame
}

// takeFds returns exactly count fds, which are then the caller's.
//
// Errors: a violation if there are fewer.
func (f *frameReader) takeFds(count int) ([]int, error) {
	if len(f.fds) < count {
		return nil, violation("frame with %d fds (required: %d)", len(f.fds), count)
	}
	fds := f.fds[:count:count]
	f.fds = f.fds[count:]
	return fds, nil
}

// close closes the fds that nobody took.
func (f *frameReader) close() {
	for _, fd := range f.fds {
		shm.CloseFd(fd)
	}
	f.fds = nil
}

// encodeFrame returns a frame of the time after the handshake.
//
// Preconditions: header and body are at most FRAME_MAX together.
func encodeFrame(kind uint16, code abi.Code, token uint64, body []byte) []byte {
	frame := make([]byte, abi.ControlHeaderSize, abi.ControlHeaderSize+len(body))
	header := abi.ControlHeader{
		Kind: kind, Code: uint16(code), Length: uint32(len(body)), Token: token,
	}
	header.Encode(frame)
	return append(frame, body...)
}

// encodePositions returns the body of GOAWAY_ACK.
func encodePositions(positions []uint64) []byte {
	body := make([]byte, 0, 8*len(positions))
	for _, position := range positions {
		body = binary.LittleEndian.AppendUint64(body, position)
	}
	return body
}
