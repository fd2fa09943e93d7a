package outrigger

import "github.com/outrigger-ipc/outrigger/client-go/internal/abi"

// Code is the outcome of a call, as it stands in a reply. The numbers are
// stable: never renumbered, new ones may be added by a later server.
type Code uint16

// The codes of ABI version 1.
const (
	// CodeOK: the call succeeded. No error carries it.
	CodeOK = Code(abi.CodeOk)
	// CodeNullPointer: a required name or reference was absent.
	CodeNullPointer = Code(abi.CodeNullPointer)
	// CodeBufferTooSmall: the payload can never fit.
	CodeBufferTooSmall = Code(abi.CodeBufferTooSmall)
	// CodeInvalidUTF8: a name or text is not UTF-8.
	CodeInvalidUTF8 = Code(abi.CodeInvalidUtf8)
	// CodeSerialization: the payload does not decode, or its codec is not taken.
	CodeSerialization = Code(abi.CodeSerialization)
	// CodePanic: the handler panicked; only this call is affected.
	CodePanic = Code(abi.CodePanic)
	// CodeTimeout: the deadline passed before the answer arrived.
	CodeTimeout = Code(abi.CodeTimeout)
	// CodeNotFound: no handler of that name.
	CodeNotFound = Code(abi.CodeNotFound)
	// CodeLockPoisoned: the handler's own state was poisoned by an earlier panic.
	CodeLockPoisoned = Code(abi.CodeLockPoisoned)
	// CodeVersionMismatch: the peers disagree on ABI version, layout or schema.
	CodeVersionMismatch = Code(abi.CodeVersionMismatch)
	// CodeInvalidHandle: a buffer reference or id is stale, foreign or unknown.
	CodeInvalidHandle = Code(abi.CodeInvalidHandle)
	// CodeOutOfBounds: an offset or length reaches outside what it refers to.
	CodeOutOfBounds = Code(abi.CodeOutOfBounds)
	// CodeInvalidArgument: an argument is outside its documented range.
	CodeInvalidArgument = Code(abi.CodeInvalidArgument)
	// CodeMissingCallback: an answer was wanted but nobody can receive it.
	CodeMissingCallback = Code(abi.CodeMissingCallback)
	// CodeNever: the effect takes no answer.
	CodeNever = Code(abi.CodeNever)
	// CodeFinished: the effect's answers have ended.
	CodeFinished = Code(abi.CodeFinished)
	// CodePeerGone: the other process ended or hung up.
	CodePeerGone = Code(abi.CodePeerGone)
	// CodeShuttingDown: the server announced its end and takes no new calls.
	CodeShuttingDown = Code(abi.CodeShuttingDown)
	// CodeCancelled: the caller's context was cancelled.
	CodeCancelled = Code(abi.CodeCancelled)
	// CodeResourceExhausted: it does not fit now; it may later.
	CodeResourceExhausted = Code(abi.CodeResourceExhausted)
	// CodeNative: a hosted native library failed.
	CodeNative = Code(abi.CodeNative)
	// CodeHandlerError: the handler returned an application error.
	CodeHandlerError = Code(abi.CodeHandlerError)
	// CodeNotImplemented: the server knows the request but does not implement it.
	CodeNotImplemented = Code(abi.CodeNotImplemented)
	// CodeProtocol: a header, frame or reference is malformed; the session ended.
	CodeProtocol = Code(abi.CodeProtocol)
	// CodeStaleWarn: progress of a long call; seen as an outcome only from a
	// server that ends a call with it.
	CodeStaleWarn = Code(abi.CodeStaleWarn)
	// CodeUnknown: anything that fits no other row.
	CodeUnknown = Code(abi.CodeUnknown)
)

// String returns the code's name in lower case, such as not_found. A number
// that this version does not list is error_<n>.
func (c Code) String() string { return abi.Code(c).String() }
