package outrigger

import (
	"context"
	"maps"

	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// Which version of a method this side and the server agreed upon:
//
//	newest ── ErrVersionMismatch ──▶ older ── ErrVersionMismatch ──▶ … ──▶ error
//	                                   └── anything else: remembered
//
// What is remembered is only where to begin: if the server has another handler
// since, it refuses, and all versions are asked for once more.

// begin returns the fingerprint to ask for first.
func (t *methodTable) begin(method *Method) [16]byte {
	if len(method.Older) > 0 {
		if agreed := t.agreed.Load(); agreed != nil {
			if asked, ok := (*agreed)[methodKey{method.Name, method.Fingerprint}]; ok {
				return asked
			}
		}
	}
	return method.Fingerprint
}

// remember keeps what the server did not refuse.
func (t *methodTable) remember(method *Method, asked [16]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	agreed := map[methodKey][16]byte{}
	if known := t.agreed.Load(); known != nil {
		agreed = maps.Clone(*known)
	}
	agreed[methodKey{method.Name, method.Fingerprint}] = asked
	t.agreed.Store(&agreed)
}

// invokeOther calls the method in the other versions that this side knows, after the
// server refused the one that refused is about. If it refuses them all, the error
// says how the newest ones differ.
//
// A refusal comes before the method is called; so it is called once.
func (c *Conn) invokeOther(
	ctx context.Context, method *Method, begun [16]byte, refused error,
	request rkyv.Encodable, attached *Attachments,
) (Archive, error) {
	attempt := func(asked [16]byte) (Archive, error, bool) {
		if asked == begun {
			return Archive{}, nil, false
		}
		key := methodKey{method.Name, asked}
		archive, err := c.invokeWith(ctx, key, request, attached)
		if err != nil && isMismatch(err) {
			return Archive{}, nil, false
		}
		c.methods.remember(method, asked)
		return archive, err, true
	}
	if archive, err, taken := attempt(method.Fingerprint); taken {
		return archive, err
	}
	for _, older := range method.Older {
		if archive, err, taken := attempt(older); taken {
			return archive, err
		}
	}
	return Archive{}, c.explain(ctx, method, refused)
}
