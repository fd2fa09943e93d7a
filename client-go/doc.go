// Package outrigger calls methods of a Rust process on the same machine through
// shared memory: no cgo, no sockets on the way of a call.
//
//	conn, err := outrigger.Spawn(ctx, "../target/release/store", nil) // or Dial
//	if err != nil {
//		return err
//	}
//	defer conn.Close() // ends the sidecar
//	client := store.NewClient(conn) // one conn serves any number of goroutines
//	value, err := client.Get(ctx, &store.GetRequest{Key: "tea"})
//	if err != nil {
//		return err
//	}
//	fmt.Println(value.Text())
//	value.Release() // gives the reply's memory to the next call
//
// Package store is generated: outrigger gen go writes one for each service of a
// sidecar, with its messages as structs and views (package rkyv), and a Client that
// calls through a *Conn. Methods without types take and return bytes, or JSON:
//
//	reply, err := conn.Call(ctx, "app.reverse", payload)
//
// # Buffers
//
// Large values, those above 224 bytes, are written and read in place: on this side
// without a copy. Of a typed reply nothing needs to be known but Release. For bytes, Alloc
// returns memory that the server reads, and CallBuffer sends it and returns the reply
// where the server wrote it:
//
//	request, err := conn.Alloc(ctx, size)
//	n := fill(request.Bytes())
//	reply, err := conn.CallBuffer(ctx, "app.render", request) // moves the request
//	use(reply.Bytes())
//	reply.Release()
//
// The server allocates and frees all of it; Stats shows what this side has. What is
// never released is lost to the session, and reported to the logger. WithGuard and
// WithLeakCheck find such mistakes.
//
// # Contexts
//
// The deadline of a call's context travels with it, and its end ends the call; a
// context without a deadline sets none. That of Spawn and Dial bounds only the start.
//
// # Errors
//
// What the server answers is an *Error with a Code. The sentinels ErrNotFound,
// ErrTimeout and so on match by code with errors.Is, and the codes match what
// the standard library calls the same: TIMEOUT is context.DeadlineExceeded and
// os.ErrDeadlineExceeded, CANCELLED is context.Canceled, PEER_GONE is
// io.ErrUnexpectedEOF, NOT_IMPLEMENTED is errors.ErrUnsupported. After Close
// every error is net.ErrClosed.
//
//	if errors.Is(err, outrigger.ErrNotFound) { … }
//
// An error that a method declares as a message of its own is a *Failure of it; errors
// of typed calls have the method's name in Error.Method.
//
// # Platforms
//
// Sessions work on Linux, amd64 and arm64 (there in QEMU only, so far); elsewhere Dial and
// Spawn return an error that is errors.ErrUnsupported.
package outrigger

// How it works.
//
// A session consists of two segments of sealed memory, each written by one
// process only, and of a control socket that stays open for its life:
//
//	        this process                                    server
//	caller ─▶ lane ─▶ ║ request ring ║ client segment ─────▶ reads
//	caller ◀─ record ◀─ ║ reply ring ║ server segment ◀───── writes
//	                  ║ return, grant ║ who may write or read which buffer
//	reader goroutine ◀── pipe: the server's doorbell ──────── rings when a caller sleeps
//	control goroutine ◀─ unix socket: bind, extents, GOAWAY, BYE; its end is the death notice
//
// A small call moves one cache line each way. A payload above 224 bytes travels
// in a buffer that the server grants, a large reply in one that it lends:
//
//	Call, CallInto, CallJSON   copied into the buffer, copied out of the other
//	typed calls                encoded into the buffer, read where the server wrote it
//	Alloc, CallBuffer          written and read in place
//
// A cell holds what a Buffer or an Archive stands for; see cell.go. Common sizes are
// granted ahead of need; see stock.go.
//
// A caller spins for a short, adaptive time and then sleeps on its own channel;
// see WithWait. At most one goroutine of the process spins at a time, and it
// reads the replies of all others meanwhile.
//
// Who may touch what:
//
// Three rules cover all of the shared memory and the doorbells:
//
//   - A goroutine touches rings and doorbells only while it owns a call record or
//     holds the session's token. The segments are unmapped when all records are
//     back and the token is taken for the last time.
//   - It touches a buffer only while its extent is pinned; an extent is unmapped
//     with its last pin, if that comes later.
//   - Rings from the server are read under the token, rings to the server are
//     written under the lock of the ring. The token is never held across a wait.
