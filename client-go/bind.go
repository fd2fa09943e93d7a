package outrigger

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// A method's name, with the fingerprint of its messages if it is typed, is bound
// to an id once per session, at its first call:
//
//	caller ── BIND(token, fingerprint, name) ──▶ server
//	caller ◀─ BOUND(token, id) ────────────────  control goroutine
//
// The table is copied at each change, so that a call looks its method up without
// a lock.
type methodTable struct {
	known atomic.Pointer[map[methodKey]*method]
	// agreed holds what to ask for in place of a newest fingerprint; see agreement.go.
	agreed atomic.Pointer[map[methodKey][16]byte]

	mu sync.Mutex
	// pending holds the methods that are being bound, by the token of their BIND.
	pending map[uint64]*binding
	token   uint64
}

// methodKey is what an id stands for.
type methodKey struct {
	name string
	// fingerprint is zero for an untyped method.
	fingerprint [16]byte
}

// method is what is bound; it never changes.
type method struct {
	methodKey
	id uint16
}

// binding is one BIND on its way. method and err are set before done is closed.
type binding struct {
	key    methodKey
	done   chan struct{}
	method *method
	err    error
}

func (t *methodTable) init() {
	t.known.Store(&map[methodKey]*method{})
	t.pending = make(map[uint64]*binding)
}

// bind returns a method by its name and fingerprint.
//
// Errors: those of checkName; what the server answered; the context's; why the
// session takes no calls.
func (c *Conn) bind(ctx context.Context, key methodKey) (*method, error) {
	if m, ok := (*c.methods.known.Load())[key]; ok {
		return m, nil
	}
	if err := checkName(key.name); err != nil {
		return nil, err
	}
	if err := c.refusal(); err != nil {
		return nil, err
	}
	b, token, first := c.methods.join(key)
	if first {
		if err := c.sendBind(token, &b.key); err != nil {
			return nil, err
		}
	}
	select {
	case <-b.done:
		return b.method, b.err
	case <-ctx.Done():
		return nil, expired(ctx.Err())
	case <-c.leaving:
		return nil, c.refusal()
	}
}

// checkName refuses names that would break the frame or that no server takes.
func checkName(name string) error {
	switch {
	case name == "":
		return failure(CodeNullPointer)
	case len(name) > abi.LimitMethodNameMax:
		return failure(CodeInvalidArgument, fmt.Sprintf(
			"method name of %d bytes (maximum %d)", len(name), abi.LimitMethodNameMax))
	case !utf8.ValidString(name):
		return failure(CodeInvalidUTF8, "method name")
	}
	return nil
}

// join returns the binding of a name that is on its way, or makes it; the first
// to ask sends the BIND.
func (t *methodTable) join(key methodKey) (b *binding, token uint64, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for token, b := range t.pending {
		if b.key == key {
			return b, token, false
		}
	}
	key.name = strings.Clone(key.name)
	b = &binding{key: key, done: make(chan struct{})}
	if m, ok := (*t.known.Load())[key]; ok { // bound since the caller looked
		b.method = m
		close(b.done)
		return b, 0, false
	}
	t.token++
	t.pending[t.token] = b
	return b, t.token, true
}

func (c *Conn) sendBind(token uint64, key *methodKey) error {
	var body [abi.BindBodySize + abi.LimitMethodNameMax]byte
	bind := abi.BindBody{Fingerprint: key.fingerprint}
	bind.Encode(body[:])
	length := abi.BindBodySize + copy(body[abi.BindBodySize:], key.name)
	return c.write(abi.ControlBind, abi.CodeOk, token, body[:length])
}

// bound takes the server's answer.
//
// Errors: a violation. Preconditions: called by the control goroutine.
func (t *methodTable) bound(h *abi.ControlHeader, body []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.pending[h.Token]
	if b == nil {
		return violation("BOUND with token %d, which no BIND carried", h.Token)
	}
	if abi.Code(h.Code) != abi.CodeOk {
		b.err = received(h.Code, body)
	} else {
		if len(body) != abi.BoundBodySize {
			return violation("BOUND body of %d bytes (allowed: %d)", len(body), abi.BoundBodySize)
		}
		var bound abi.BoundBody
		bound.Decode(body)
		if bound.Method == 0 || bound.Reserved != [3]uint16{} {
			return violation("BOUND method %d, reserved %v (minimum 1; all 0)",
				bound.Method, bound.Reserved)
		}
		b.method = &method{methodKey: b.key, id: bound.Method}
		methods := maps.Clone(*t.known.Load())
		methods[b.key] = b.method
		t.known.Store(&methods)
	}
	delete(t.pending, h.Token)
	close(b.done)
	return nil
}
