package outrigger

import (
	"context"
	"fmt"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/rkyv"
)

// Typed calls: what generated clients are made of. A request is encoded straight
// into the slot or buffer that the server reads; a reply is an Archive, which the
// generated code validates and reads in place.

// Method is a typed method as generated code describes it. It is made once for the
// life of the program, and not changed.
type Method struct {
	// Name is the whole name, such as "sigverify.verify".
	Name string
	// Fingerprint is 128 bits over Schema. A server whose method has another one
	// refuses with ErrVersionMismatch.
	Fingerprint [16]byte
	// Schema is the canonical description of request, reply and error.
	Schema string
	// Older is what a server with an older version of the messages is asked for,
	// newest first: a digest of that version's fingerprint, which says that this
	// side has appended to it.
	Older [][16]byte
}

// Caller is what a generated client calls through. *Conn is one.
type Caller interface {
	// Invoke sends the request, nil for none, and returns the reply's archive, of
	// no bytes if there is none. The archive is the caller's until its Release.
	Invoke(ctx context.Context, method *Method, request rkyv.Encodable) (Archive, error)
}

// Failure is an error that a method declares as a message of its own: Err is what
// every error has, with the code CodeHandlerError as a rule, and Detail the
// message. Find it by errors.As with a *Failure[T].
type Failure[T any] struct {
	Err    *Error
	Detail T
}

// Error returns the text of Err.
func (f *Failure[T]) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *Failure[T]) Unwrap() error { return f.Err }

// InvalidReply returns the error of a reply that is not what the method declares,
// and releases its archive.
func InvalidReply(method *Method, archive Archive, cause error) error {
	archive.Release()
	err := failure(CodeSerialization, fmt.Sprintf("reply of %s: %v", method.Name, cause))
	return ofMethod(method, err)
}

// Invoke calls a typed method; see Caller. It allocates nothing once the method
// was called before, if the request is reused and the archive released.
//
// A server whose method is an older version of this one is found out at the first
// call, and remembered.
//
// Errors: those of Call; ErrVersionMismatch if the server's method has other
// messages, with what differs in words, such as "struct PutRequest: the server has
// field ttl: u32, the client has not";
// ErrInvalidArgument for a request that cannot be encoded. An *Error names the method.
func (c *Conn) Invoke(
	ctx context.Context, method *Method, request rkyv.Encodable,
) (Archive, error) {
	begin := c.methods.begin(method)
	archive, err := c.invokeTyped(ctx, methodKey{method.Name, begin}, request)
	if err != nil && isMismatch(err) {
		archive, err = c.invokeOther(ctx, method, begin, err, request, nil)
	}
	if err != nil {
		return Archive{}, ofMethod(method, err)
	}
	return archive, nil
}

func (c *Conn) invokeTyped(
	ctx context.Context, key methodKey, request rkyv.Encodable,
) (Archive, error) {
	if err := ctx.Err(); err != nil {
		return Archive{}, expired(err)
	}
	r, err := c.seat(ctx, key, nil)
	if err != nil {
		return Archive{}, err
	}
	header := abi.SlotHeader{
		Kind: abi.KindCall, Method: r.last.id, Correlation: r.correlation,
		Codec: abi.CodecRkyv, Deadline: c.clock.deadlineNs(ctx),
	}
	reading, err := c.exchange(ctx, r, &header, nil, request)
	if err != nil {
		return Archive{}, err
	}
	return c.collectArchive(r, reading)
}

// collectArchive takes the reply out of a settled record and gives the record back.
func (c *Conn) collectArchive(r *record, reading bool) (Archive, error) {
	m, length, err := c.collectValue(r, reading)
	if m == nil {
		return Archive{}, err
	}
	archive := archiveIn(m, length)
	if length == 0 {
		archive.Release() // who gets no bytes has nothing to release
		return Archive{}, nil
	}
	return archive, nil
}
