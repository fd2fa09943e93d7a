package main

import (
	"context"
	"encoding/binary"

	"github.com/outrigger-ipc/outrigger/benches/go/measure"
	"github.com/outrigger-ipc/outrigger/benches/go/ticks"
	"github.com/outrigger-ipc/outrigger/client-go"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// typed connects to a sidecar and returns one call of ticks.reflect: the request
// is reused, and all fields of the reply are read from its view.
func typed(ctx context.Context, at string, policy outrigger.WaitPolicy) ([]measure.Call, error) {
	conn, err := outrigger.Dial(ctx, "unix://"+at, outrigger.WithWait(policy))
	if err != nil {
		return nil, err
	}
	client := ticks.NewClient(conn)
	request, reply := &ticks.Tick{}, make([]byte, measure.PayloadLen)
	return []measure.Call{func(payload []byte) ([]byte, error) {
		fill(request, payload)
		view, err := client.Reflect(ctx, request)
		if err != nil {
			return nil, err
		}
		binary.LittleEndian.PutUint64(reply[0:], view.First())
		binary.LittleEndian.PutUint64(reply[8:], view.Second())
		binary.LittleEndian.PutUint64(reply[16:], view.Third())
		binary.LittleEndian.PutUint64(reply[24:], view.Fourth())
		view.Release()
		return reply, nil
	}}, nil
}

// encode makes no call at all: it writes a message as an archive, which is its
// numbers in order.
func encode() []measure.Call {
	var encoder rkyv.Encoder
	request, archive := &ticks.Tick{}, make([]byte, measure.PayloadLen)
	return []measure.Call{func(payload []byte) ([]byte, error) {
		fill(request, payload)
		encoder.Reset(archive)
		request.EncodeArchive(&encoder)
		length, err := encoder.Finish()
		return archive[:length], err
	}}
}

func fill(request *ticks.Tick, payload []byte) {
	request.First = binary.LittleEndian.Uint64(payload[0:])
	request.Second = binary.LittleEndian.Uint64(payload[8:])
	request.Third = binary.LittleEndian.Uint64(payload[16:])
	request.Fourth = binary.LittleEndian.Uint64(payload[24:])
}
