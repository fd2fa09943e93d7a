package main

import (
	"io"
	"net"

	"github.com/outrigger-ipc/outrigger/benches/go/measure"
)

// socket connects to the peer that echoes on a unix socket, as a Go program
// does: through package net.
func socket(at string) ([]measure.Call, error) {
	conn, err := net.Dial("unix", at)
	if err != nil {
		return nil, err
	}
	reply := make([]byte, measure.PayloadLen)
	call := func(request []byte) ([]byte, error) {
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		_, err := io.ReadFull(conn, reply)
		return reply, err
	}
	return []measure.Call{call}, nil
}
