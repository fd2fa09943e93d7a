package outrigger

import (
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
	"github.com/outrigger-ipc/outrigger/client-go/internal/shm"
)

// Conn is a session with a server. It is safe for use by any number of
// goroutines. Close ends it; a server that ends or dies does so too, and then
// every call fails: there is no reconnecting underneath.
type Conn struct {
	log     *slog.Logger
	version string
	// serial tells the sessions of this process apart, from 1.
	serial     uint64
	epoch      uint64
	payloadMax uint64
	leakCheck  bool // buffers remember where they were had
	clock      clock
	budget     budget
	methods    methodTable

	// Calls. records is all lanes' records; credits is how many each lane has.
	lanes     []*lane
	records   []record
	credits   int
	indexBits uint8
	room      waitingRoom

	// Memory and doorbells: touched only by the owner of a record or the holder
	// of the token, and gone after finish.
	serverSegment []byte
	clientSegment []byte
	extents       extentTable
	stock         stock
	returns       returns
	serverBell    *shm.ServerBell
	clientBell    *os.File

	_ [abi.LimitLine]byte
	// token makes its holder the consumer of all rings of the session.
	token sync.Mutex
	// What follows, up to the line, wants the token. sealed: no ring is read any
	// more. replies counts those that reached a caller who waited, copied the bytes
	// of their values in slots. quarantined are the leases that were forgotten with
	// their bytes exposed.
	sealed      bool
	grants      *ring.Consumer
	replies     uint64
	copied      uint64
	quarantined []*lease
	_           [abi.LimitLine]byte

	// watchers counts those for whom the rings must be armed: parked callers,
	// callers that wait for a credit, and abandoned calls.
	watchers  atomic.Int32
	abandoned atomic.Int32
	counters  counters
	beltState beltState
	// collecting: the garbage collector looks for forgotten buffers, on a goroutine that
	// collector counts.
	collecting atomic.Bool
	collector  sync.WaitGroup

	// The control socket; see control.go and finish.go.
	socket     *net.UnixConn
	frames     *frameReader
	sendMu     sync.Mutex
	goaway     atomic.Pointer[Error]
	cause      atomic.Pointer[ending]
	closed     atomic.Bool   // Close was called
	leaving    chan struct{} // closed at GOAWAY or the end
	returned   chan struct{} // a record came back after the end
	readerDone chan struct{} // the reader goroutine has left
	gone       chan struct{} // nothing is left of the session
	child      *childProcess // the server, if Spawn started it
}

// serials numbers the sessions of this process.
var serials atomic.Uint64

// Version returns the version of the server's crate, such as "0.1.0".
func (c *Conn) Version() string { return c.version }

// refusal returns why the session takes no new calls, or nil.
func (c *Conn) refusal() error {
	end, goaway := c.cause.Load(), c.goaway.Load()
	switch {
	case c.closed.Load():
		return ErrClosed
	case goaway != nil:
		return goaway
	case end != nil:
		return end.err
	}
	return nil
}
