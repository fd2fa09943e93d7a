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
	"testing"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

func TestErrorsMatchByCodeAndTheStandardLibrarysNames(t *testing.T) {
	for _, test := range []struct {
		err  error
		want []error
	}{
		{
			failure(CodeTimeout),
			[]error{ErrTimeout, context.DeadlineExceeded, os.ErrDeadlineExceeded},
		},
		{failure(CodeCancelled), []error{ErrCancelled, context.Canceled}},
		{failure(CodePeerGone, "x"), []error{ErrPeerGone, io.ErrUnexpectedEOF}},
		{failure(CodeNotImplemented, "x"), []error{ErrNotImplemented, errors.ErrUnsupported}},
		{
			fmt.Errorf("wrapped: %w", failure(CodeNotFound, "x")),
			[]error{ErrNotFound, failure(CodeNotFound, "x")},
		},
		{ErrClosed, []error{net.ErrClosed}},
	} {
		for _, want := range test.want {
			if !errors.Is(test.err, want) {
				t.Errorf("%v is not %v", test.err, want)
			}
		}
	}
	others := []error{ErrNotFound, context.Canceled, failure(CodeTimeout, "x"), io.EOF}
	for _, other := range others {
		if errors.Is(&Error{Code: CodeTimeout, Message: "other"}, other) &&
			other != error(ErrTimeout) {
			t.Errorf("a timeout is %v", other)
		}
	}
}

func TestErrorTextNamesTheCode(t *testing.T) {
	for want, err := range map[string]error{
		"outrigger: not_found: not found: nope":       failure(CodeNotFound, "nope"),
		"outrigger: unknown: unknown error: odd":      failure(CodeUnknown, "odd"),
		"outrigger: error_24: from a later peer":      received(24, []byte("from a later peer")),
		"outrigger: error_98: unknown error":          received(98, nil),
		"outrigger: not_found":                        ErrNotFound,
		"outrigger: panic: \uFFFD":                    received(5, []byte{0xff, 0xfe}),
		"outrigger: use of closed network connection": ErrClosed,
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}

func TestErrorsOfATypedCallNameItsMethodInTheLog(t *testing.T) {
	method := Method{Name: "store.put"}
	for _, err := range []error{errTimedOut, received(21, []byte("the key is empty"))} {
		var named *Error
		if !errors.As(ofMethod(&method, err), &named) || named.Method != "store.put" ||
			!errors.Is(named, err) || named.Error() != err.Error() {
			t.Errorf("%+v of %v", named, err)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "err", named)
		want := fmt.Sprintf("err.method=store.put err.text=%q\n", err)
		if !strings.HasSuffix(log.String(), want) {
			t.Errorf("log %s, want %s", log.String(), want)
		}
	}
	if errTimedOut.Method != "" {
		t.Error("an error that calls share was changed")
	}
	if ofMethod(&method, ErrClosed) != ErrClosed {
		t.Error("what is no *Error was changed")
	}
	if text := errTimedOut.LogValue().String(); text != errTimedOut.Error() {
		t.Error(text)
	}
}

func TestCodesAreThoseOfTheABI(t *testing.T) {
	for code, number := range map[Code]abi.Code{
		CodeOK: 0, CodeNullPointer: 1, CodeBufferTooSmall: 2, CodeInvalidUTF8: 3,
		CodeSerialization: 4, CodePanic: 5, CodeTimeout: 6, CodeNotFound: 7, CodeLockPoisoned: 8,
		CodeVersionMismatch: 9, CodeInvalidHandle: 10, CodeOutOfBounds: 11, CodeInvalidArgument: 12,
		CodeMissingCallback: 13, CodeNever: 14, CodeFinished: 15, CodePeerGone: 16,
		CodeShuttingDown: 17, CodeCancelled: 18, CodeResourceExhausted: 19, CodeNative: 20,
		CodeHandlerError: 21, CodeNotImplemented: 22, CodeProtocol: 23, CodeStaleWarn: 64,
		CodeUnknown: 99,
	} {
		if abi.Code(code) != number || code.String() != number.String() {
			t.Errorf("%v is %d, want %d", code, code, number)
		}
	}
}
