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

// A method's name is bound to an id once per session, at its first call:
//
//	caller ── BIND(token, name) ──▶ server
//	caller ◀─ BOUND(token, id) ───  control goroutine
//
// The table of ids is copied at each change, so that a call looks its method up
// without a lock.
type methodTable struct {
	ids atomic.Pointer[map[string]uint16]

	mu sync.Mutex
	// pending holds the names that are being bound, by the token of their BIND.
	pending map[uint64]*binding
	token   uint64
}

// binding is one BIND on its way. id and err are set before done is closed.
type binding struct {
	name string
	done chan struct{}
	id   uint16
	err  error
}

func (t *methodTable) init() {
	t.ids.Store(&map[string]uint16{})
	t.pending = make(map[uint64]*binding)
}

// bind returns the id of a method.
//
// Errors: those of checkName; what the server answered; the context's; why the
// session takes no calls.
func (c *Conn) bind(ctx context.Context, method string) (uint16, error) {
	if id, ok := (*c.methods.ids.Load())[method]; ok {
		return id, nil
	}
	if err := checkName(method); err != nil {
		return 0, err
	}
	if err := c.refusal(); err != nil {
		return 0, err
	}
	b, token, first := c.methods.join(method)
	if first {
		if err := c.sendBind(token, b.name); err != nil {
			return 0, err
		}
	}
	select {
	case <-b.done:
		return b.id, b.err
	case <-ctx.Done():
		return 0, expired(ctx.Err())
	case <-c.leaving:
		return 0, c.refusal()
	}
}

// checkName refuses names that would break the frame or that no server takes.
func checkName(method string) error {
	switch {
	case method == "":
		return failure(CodeNullPointer)
	case len(method) > abi.LimitMethodNameMax:
		return failure(CodeInvalidArgument, fmt.Sprintf(
			"method name of %d bytes (maximum %d)", len(method), abi.LimitMethodNameMax))
	case !utf8.ValidString(method):
		return failure(CodeInvalidUTF8, "method name")
	}
	return nil
}

// join returns the binding of a name that is on its way, or makes it; the first
// to ask sends the BIND.
func (t *methodTable) join(method string) (b *binding, token uint64, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for token, b := range t.pending {
		if b.name == method {
			return b, token, false
		}
	}
	b = &binding{name: strings.Clone(method), done: make(chan struct{})}
	if id, ok := (*t.ids.Load())[method]; ok { // bound since the caller looked
		b.id = id
		close(b.done)
		return b, 0, false
	}
	t.token++
	t.pending[t.token] = b
	return b, t.token, true
}

func (c *Conn) sendBind(token uint64, name string) error {
	var body [abi.BindBodySize + abi.LimitMethodNameMax]byte // fingerprint zero: untyped
	length := abi.BindBodySize + copy(body[abi.BindBodySize:], name)
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
		b.id = bound.Method
		ids := maps.Clone(*t.ids.Load())
		ids[b.name] = b.id
		t.ids.Store(&ids)
	}
	delete(t.pending, h.Token)
	close(b.done)
	return nil
}
