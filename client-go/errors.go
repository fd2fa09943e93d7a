package outrigger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// Error is the failure of a call or of a session: what the server answered, or
// what this side found in its stead. It is never changed after it was returned.
type Error struct {
	// Code says what kind of failure it is; errors.Is compares it.
	Code Code
	// Message is for people: valid UTF-8, never empty in a returned error.
	Message string
	// Method is the whole name of the typed method that was called, such as
	// "store.put"; empty for other calls, and for what is no call. The text of Error
	// leaves it out, LogValue shows it.
	Method string

	detail []byte
}

// Detail returns the typed detail that the method's own error has beside its
// message, an archive aligned to 8, or nil. Generated clients decode it into a
// Failure.
func (e *Error) Detail() []byte { return e.detail }

// Error returns "outrigger: <code>: <message>".
func (e *Error) Error() string {
	if e.Message == "" {
		return "outrigger: " + e.Code.String()
	}
	return "outrigger: " + e.Code.String() + ": " + e.Message
}

// LogValue shows log/slog the method beside the text, if there is one:
// err.method=store.put err.text="outrigger: not_found: not found: nope".
func (e *Error) LogValue() slog.Value {
	if e.Method == "" {
		return slog.StringValue(e.Error())
	}
	return slog.GroupValue(slog.String("method", e.Method), slog.String("text", e.Error()))
}

// Is matches an *Error of the same code, if it has no message or the same one,
// and the errors by which the standard library knows the code.
func (e *Error) Is(target error) bool {
	if other, ok := target.(*Error); ok {
		return e.Code == other.Code && (other.Message == "" || other.Message == e.Message)
	}
	switch e.Code {
	case CodeTimeout:
		return target == context.DeadlineExceeded || target == os.ErrDeadlineExceeded
	case CodeCancelled:
		return target == context.Canceled
	case CodePeerGone:
		return target == io.ErrUnexpectedEOF
	case CodeNotImplemented:
		return target == errors.ErrUnsupported
	}
	return false
}

// Sentinels for errors.Is: each matches every *Error of its code.
var (
	ErrNullPointer       error = &Error{Code: CodeNullPointer}
	ErrBufferTooSmall    error = &Error{Code: CodeBufferTooSmall}
	ErrInvalidUTF8       error = &Error{Code: CodeInvalidUTF8}
	ErrSerialization     error = &Error{Code: CodeSerialization}
	ErrPanic             error = &Error{Code: CodePanic}
	ErrTimeout           error = &Error{Code: CodeTimeout}
	ErrNotFound          error = &Error{Code: CodeNotFound}
	ErrLockPoisoned      error = &Error{Code: CodeLockPoisoned}
	ErrVersionMismatch   error = &Error{Code: CodeVersionMismatch}
	ErrInvalidHandle     error = &Error{Code: CodeInvalidHandle}
	ErrOutOfBounds       error = &Error{Code: CodeOutOfBounds}
	ErrInvalidArgument   error = &Error{Code: CodeInvalidArgument}
	ErrPeerGone          error = &Error{Code: CodePeerGone}
	ErrShuttingDown      error = &Error{Code: CodeShuttingDown}
	ErrCancelled         error = &Error{Code: CodeCancelled}
	ErrResourceExhausted error = &Error{Code: CodeResourceExhausted}
	ErrHandler           error = &Error{Code: CodeHandlerError}
	ErrNotImplemented    error = &Error{Code: CodeNotImplemented}
	ErrProtocol          error = &Error{Code: CodeProtocol}
	ErrUnknown           error = &Error{Code: CodeUnknown}
)

// ErrClosed is the error of every call that Close interrupted or that came
// after it. It is net.ErrClosed.
var ErrClosed error = fmt.Errorf("outrigger: %w", net.ErrClosed)

// The two ways in which a context ends a call; made once, so that giving up
// allocates nothing.
var (
	errTimedOut  = failure(CodeTimeout)
	errCancelled = failure(CodeCancelled)
)

// ofMethod returns err with the method's name, if it is an *Error without one. It
// copies: the same error may be that of other calls.
func ofMethod(method *Method, err error) error {
	seen, ok := err.(*Error)
	if !ok || seen.Method != "" {
		return err
	}
	named := *seen
	named.Method = method.Name
	return &named
}

// failure returns an error with the code's sentence, filled with details.
func failure(code Code, details ...any) *Error {
	return &Error{Code: code, Message: abi.Code(code).Message(details...)}
}

// violation returns the error of a session whose server broke the protocol.
func violation(format string, details ...any) *Error {
	return failure(CodeProtocol, fmt.Sprintf(format, details...))
}

// received returns an error that the server sent. Text that is not UTF-8 is
// shown with replacement characters; an absent one is "unknown error".
func received(code uint16, message []byte) *Error {
	text := strings.ToValidUTF8(string(message), "\uFFFD")
	if text == "" {
		text = "unknown error"
	}
	return &Error{Code: Code(code), Message: text}
}

// expired translates the error of a context that is done.
func expired(err error) *Error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errTimedOut
	}
	return errCancelled
}
