//go:build linux && (amd64 || arm64)

package outrigger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/fakeserver"
)

// attach makes Attachments of copies of these values: of those that fit in a slot in
// memory of this process, of all others in buffers of the session.
func attach(t *testing.T, c *Conn, values ...[]byte) *Attachments {
	t.Helper()
	attached := &Attachments{}
	for _, value := range values {
		b, err := c.FromBytes(testContext(t), value)
		if err == nil {
			err = attached.Add(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return attached
}

// bulk calls the sidecar's test.bulk.
func bulk(t *testing.T, c *Conn, command string, attached *Attachments) (Buffer, error) {
	t.Helper()
	request, err := c.FromBytes(testContext(t), []byte(command))
	if err != nil {
		t.Fatal(err)
	}
	return c.CallAttached(testContext(t), "test.bulk", request, attached)
}

// atBaseline fails the test unless nothing is out on either side.
func atBaseline(t *testing.T, c *Conn) {
	t.Helper()
	if s := c.Stats(); s.BuffersHeld != 0 || s.InFlight != 0 {
		t.Errorf("%d buffers held, %d in flight", s.BuffersHeld, s.InFlight)
	}
	eventually(t, "the server's books are closed", func() bool {
		for _, one := range books(t, c) {
			lent := one.Lent.Buffers + one.Filled.Buffers // one has this answer
			if one.Granted.Buffers > one.InStock || one.Held.Buffers > 0 || lent > 1 {
				return false
			}
		}
		return true
	})
}

func TestAttachmentsOfAllSizesGoAndComeBack(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		sizes := []int{0, 1, 224, 225, 4096, 65_537, 3 << 20}
		for count := range AttachmentsMax + 1 {
			for first := range sizes {
				var values [][]byte
				for i := range count {
					values = append(values, pattern(sizes[(first+i*3)%len(sizes)]))
				}
				for _, value := range []string{"", "few", strings.Repeat("many ", 5000)} {
					attached := attach(t, c, values...)
					reply, err := bulk(t, c, "back "+value, attached)
					if err != nil {
						t.Fatal(err)
					}
					if string(reply.Bytes()) != value || attached.Len() != count {
						t.Fatalf("%d bytes and %d attachments", reply.Len(), attached.Len())
					}
					for i := range count {
						if !bytes.Equal(attached.At(i).Bytes(), values[i]) {
							t.Fatalf("attachment %d of %d bytes differs", i, len(values[i]))
						}
					}
					reply.Release()
					attached.Release()
				}
			}
		}
		atBaseline(t, c)
	})
}

func TestCX_14_AndUS_18_AHandleTravelsAndItsBytesAreNotCopied(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		buffers, err := c.AllocAll(testContext(t), 1<<20, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		var attached Attachments
		for _, b := range buffers {
			copy(b.Bytes(), pattern(b.Len()))
			if err := attached.Add(b); err != nil {
				t.Fatal(err)
			}
		}
		before := c.Stats()
		reply, err := bulk(t, c, "sums", &attached)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint(sum(pattern(1<<20)), " ", sum(pattern(100_000)))
		if string(reply.Bytes()) != want {
			t.Errorf("%s, want %s", reply.Bytes(), want)
		}
		after := c.Stats()
		if in, out := after.CopiedIn-before.CopiedIn, after.CopiedOut-before.CopiedOut; in > 100 ||
			out > 100 {
			t.Errorf("%d bytes copied in and %d out, with 1 148 576 attached", in, out)
		}
		if after.Allocs != before.Allocs {
			t.Error("a call whose buffers are there asked for one")
		}
		for _, b := range buffers {
			if b.Bytes() != nil || b.Len() != 0 {
				t.Error("a buffer that was sent is still there")
			}
		}
		reply, err = bulk(t, c, "make 300000 70000", &attached)
		if err != nil {
			t.Fatal(err)
		}
		reply.Release()
		for i, size := range []int{300_000, 70_000} {
			b := attached.At(i)
			if info := b.Inspect(); !info.Lent || info.Extent == 0 || info.Len != size {
				t.Errorf("%+v", info)
			}
			if !bytes.Equal(b.Bytes(), lowBytes(size)) {
				t.Errorf("attachment %d differs", i)
			}
		}
		if out := c.Stats().CopiedOut - after.CopiedOut; out > 100 {
			t.Errorf("%d bytes copied out of 370 000", out)
		}
		attached.Release()
		atBaseline(t, c)
	})
}

func lowBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func sum(value []byte) (sum int) {
	for _, b := range value {
		sum += int(b)
	}
	return sum
}

func TestAttachmentsBesideALargeValueAndAnError(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		attached := &Attachments{}
		reply, err := bulk(t, c, "large 0 5 5000 70000", attached)
		if err != nil {
			t.Fatal(err)
		}
		if reply.Len() != 100_000 || reply.Bytes()[99_999] != 7 || attached.Len() != 4 {
			t.Errorf("%d bytes, %d attachments", reply.Len(), attached.Len())
		}
		for i, size := range []int{0, 5, 5000, 70_000} {
			if !bytes.Equal(attached.At(i).Bytes(), lowBytes(size)) {
				t.Errorf("attachment %d differs", i)
			}
		}
		reply.Release()
		attached.Release()
		reply, err = bulk(t, c, "fail 5000 70000", attached)
		if reply != (Buffer{}) || !errors.Is(err, ErrHandler) || attached.Len() != 0 {
			t.Errorf("%v, %v, %d attachments", reply, err, attached.Len())
		}
		_, err = bulk(t, c, "make 1 1 1 1 1", attached)
		if !errors.Is(err, ErrInvalidArgument) ||
			!strings.Contains(err.Error(), "6 attachments (maximum 4)") &&
				!strings.Contains(err.Error(), "5 attachments (maximum 4)") {
			t.Error(err)
		}
		atBaseline(t, c)
	})
}

func TestAttachmentsThatNobodyTakesGoBack(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		for range 300 { // more than the session may have
			reply, err := c.Call(testContext(t), "test.bulk", []byte("large 5000 70000 0"))
			if err != nil || len(reply) != 100_000 {
				t.Fatalf("%d bytes, %v", len(reply), err)
			}
			lent, err := bulk(t, c, "make 5000", nil)
			if err != nil {
				t.Fatal(err)
			}
			lent.Release()
		}
		ctx, cancel := context.WithCancel(testContext(t))
		for range 50 {
			go cancel()
			attached := attach(t, c, pattern(70_000), pattern(5000))
			request, _ := c.FromBytes(testContext(t), []byte("back "))
			reply, _ := c.CallAttached(ctx, "test.bulk", request, attached)
			reply.Release()
			attached.Release()
			ctx, cancel = context.WithCancel(testContext(t))
		}
		cancel()
		eventually(t, "the late ones are read", func() bool { return c.Stats().InFlight == 0 })
		atBaseline(t, c)
	})
}

func TestAttachmentsThatCannotBeSentStayTheirOwners(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c, other := s.dial(t), s.dial(t)
		attached := attach(t, other, pattern(5000))
		request, err := c.FromBytes(testContext(t), pattern(5000))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.CallAttached(testContext(t), "test.bulk", request, attached)
		if !errors.Is(err, ErrInvalidArgument) || attached.At(0).Len() != 5000 ||
			request.Len() != 5000 {
			t.Errorf("%v, %d, %d", err, attached.At(0).Len(), request.Len())
		}
		attached.Release()
		if err := attached.Add(request); err != nil {
			t.Fatal(err)
		}
		_, err = c.CallAttached(testContext(t), "test.bulk", request, attached)
		if !errors.Is(err, ErrInvalidArgument) || request.Len() != 5000 {
			t.Errorf("twice: %v", err)
		}
		request.Release()
		_, err = c.CallAttached(testContext(t), "test.bulk", Buffer{}, attached)
		if !errors.Is(err, ErrInvalidHandle) {
			t.Errorf("released: %v", err)
		}
		for range AttachmentsMax - 1 {
			if err := attached.Add(Buffer{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := attached.Add(Buffer{}); !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("the fifth: %v", err)
		}
		attached = attach(t, c, pattern(5000))
		_, err = c.CallAttached(testContext(t), "outrigger.echo", Buffer{}, attached)
		want := "1 attachments (method outrigger.echo takes none)"
		if !errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), want) ||
			attached.Len() != 0 {
			t.Errorf("%v, %d left", err, attached.Len())
		}
		atBaseline(t, other)
		atBaseline(t, c)
	})
}

// Each goroutine has two buffers and sends a value that needs a third one, in a memory
// that holds few: nobody may wait with what the others wait for.
func TestSM_10_CallersWithTwoAttachmentsEachNeverWaitForEachOther(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t, WithLanes(2))
		value := "back " + strings.Repeat("v", 1<<20)
		var callers sync.WaitGroup
		for range 64 {
			callers.Go(func() {
				for range 3 {
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					if err := exchangeThree(ctx, c, value); err != nil {
						t.Error(err)
					}
					cancel()
				}
			})
		}
		callers.Wait()
		atBaseline(t, c)
	}, "--arena-bytes", "16M", "--payload-max", "2M")
}

func exchangeThree(ctx context.Context, c *Conn, value string) error {
	buffers, err := c.AllocAll(ctx, 2<<20, 2<<20)
	if err != nil {
		return err
	}
	var attached Attachments
	for _, b := range buffers {
		copy(b.Bytes(), value)
		_ = attached.Add(b)
	}
	clone := bufferOf([]byte(value))
	reply, err := c.CallAttached(ctx, "test.bulk", clone, &attached)
	if err != nil {
		return err
	}
	defer attached.Release()
	defer reply.Release()
	if reply.Len() != 1<<20 || attached.Len() != 2 || attached.At(1).Len() != 2<<20 ||
		string(attached.At(0).Bytes()[:len(value)]) != value {
		return fmt.Errorf("%d bytes, %d attachments", reply.Len(), attached.Len())
	}
	return nil
}

// bufferOf is a Buffer in memory of this process.
func bufferOf(value []byte) Buffer {
	m := newCell(len(value))
	copy(m.view(len(value)), value)
	return bufferIn(m, len(value))
}

func TestProgressResumesWhenOneBufferIsReleased(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		// All of the request arena, in the hands of a user.
		var kept []Buffer
		for {
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			b, err := c.Alloc(ctx, 4<<20)
			cancel()
			if err != nil {
				break
			}
			kept = append(kept, b)
		}
		done := make(chan error, 1)
		go func() {
			buffers, err := c.AllocAll(testContext(t), 4<<20, 1000)
			for _, b := range buffers {
				b.Release()
			}
			done <- err
		}()
		kept[0].Release()
		kept[1].Release()
		if err := receive(t, done); err != nil {
			t.Error(err)
		}
		for _, b := range kept {
			b.Release()
		}
		atBaseline(t, c)
	}, "--arena-bytes", "16M", "--payload-max", "4M")
}

func TestACallWithAttachmentsInSteadyStateAllocatesNothing(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		ctx := context.Background()
		payload := pattern(60_000)
		var attached Attachments
		call := func() {
			request, err := c.FromBytes(ctx, []byte("back "))
			for range 2 {
				b, err := c.FromBytes(ctx, payload)
				if err != nil {
					t.Fatal(err)
				}
				_ = attached.Add(b)
			}
			if err != nil {
				t.Fatal(err)
			}
			reply, err := c.CallAttached(ctx, "test.bulk", request, &attached)
			if err != nil || attached.Len() != 2 || len(attached.At(1).Bytes()) != len(payload) {
				t.Fatal(err)
			}
			reply.Release()
			attached.Release()
		}
		for range 100 {
			call()
		}
		before := c.Stats().Allocs
		if count := testing.AllocsPerRun(200, call); count > 0 && !raceEnabled {
			t.Errorf("%v allocations per call", count)
		}
		if asked := c.Stats().Allocs - before; asked != 0 {
			t.Errorf("%d round trips for buffers in 200 calls", asked)
		}
	})
}

func TestOneGrantOfSeveralThatIsRefusedEndsTheSession(t *testing.T) {
	second := false
	tamper := fakeserver.Tamper{Grant: func(h *abi.SlotHeader, payload []byte) []byte {
		if second {
			h.Kind, h.Code = abi.KindRefused, uint16(abi.CodeResourceExhausted)
			payload = payload[:abi.RefusalSize]
		}
		second = true
		return payload
	}}
	_, _, c := pair(t, fakeserver.Options{Tamper: tamper})
	_, err := c.AllocAll(testContext(t), large, large)
	if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "behind a grant") {
		t.Error(err)
	}
	if held := c.Stats().BuffersHeld; held != 0 {
		t.Errorf("%d buffers held", held)
	}
}

func TestAllocAllRefusesWhatCannotBe(t *testing.T) {
	_, session, c := pair(t, fakeserver.Options{})
	for _, test := range []struct {
		sizes []int
		want  error
	}{
		{[]int{large, -1}, ErrInvalidArgument},
		{[]int{large, large, large, large, large, large}, ErrInvalidArgument},
		{[]int{large, 1 << 40}, ErrBufferTooSmall},
	} {
		if buffers, err := c.AllocAll(testContext(t), test.sizes...); buffers != nil ||
			!errors.Is(err, test.want) {
			t.Errorf("%v: %v, %v", test.sizes, buffers, err)
		}
	}
	buffers, err := c.AllocAll(testContext(t), 0, large, 10, 2*large)
	if err != nil {
		t.Fatal(err)
	}
	for i, size := range []int{0, large, 10, 2 * large} {
		if buffers[i].Len() != size || len(buffers[i].Bytes()) != size {
			t.Errorf("%d bytes, want %d", buffers[i].Len(), size)
		}
		buffers[i].Release()
	}
	allBack(t, session, c)
}

func TestAnAllocOfSeveralThatIsGivenUpReturnsAllOfThem(t *testing.T) {
	grants := make(chan struct{})
	count := 0
	tamper := fakeserver.Tamper{Grant: func(_ *abi.SlotHeader, payload []byte) []byte {
		if count++; count == 2 {
			<-grants // the first is there, the second not
		}
		return payload
	}}
	_, session, c := pair(t, fakeserver.Options{Tamper: tamper})
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() {
		_, err := c.AllocAll(ctx, large, large, large)
		ended <- err
	}()
	eventually(t, "it is asked for", func() bool { return c.Stats().Allocs == 1 })
	cancel()
	if err := receive(t, ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(grants)
	allBack(t, session, c)
	eventually(t, "its record is free", func() bool { return c.Stats().InFlight == 0 })
}

func TestBuffersOutliveASessionThatEndsBeforeTheyAreSent(t *testing.T) {
	_, _, c := pair(t, fakeserver.Options{})
	attached := attach(t, c, pattern(large), pattern(large))
	c.Close()
	if !bytes.Equal(attached.At(1).Bytes(), pattern(large)) {
		t.Error("the bytes are gone with the session")
	}
	_, err := c.CallAttached(testContext(t), "echo", Buffer{}, attached)
	if !errors.Is(err, ErrClosed) || attached.Len() != 0 {
		t.Errorf("%v, %d left", err, attached.Len())
	}
	if held := c.Stats().BuffersHeld; held != 0 {
		t.Errorf("%d buffers held", held)
	}
}

// All credits are with those who wait for buffers, all buffers with those who wait for a
// credit: the latter put theirs down.
func TestCallersThatHaveBuffersAndThoseWhoHaveCreditsDoNotWaitForEachOther(t *testing.T) {
	for _, way := range []string{"attached", "buffer"} {
		t.Run(way, func(t *testing.T) {
			withSidecar(t, func(t *testing.T, s *sidecar) {
				c := s.dial(t)
				var callers sync.WaitGroup
				for range 64 {
					callers.Go(func() {
						ctx, cancel := context.WithTimeout(context.Background(), patience)
						defer cancel()
						if err := keepThenSend(ctx, c, way); err != nil {
							t.Error(err)
						}
					})
				}
				callers.Wait()
				atBaseline(t, c)
			}, "--buffers-max", "16", "--credits", "4")
		})
	}
}

// keepThenSend keeps two buffers for a while, as one who fills them, and sends one or both.
func keepThenSend(ctx context.Context, c *Conn, way string) error {
	buffers, err := c.AllocAll(ctx, 70_000, 5000)
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Millisecond)
	if way == "buffer" {
		buffers[1].Release()
		reply, err := c.CallBuffer(ctx, "test.checksum", buffers[0])
		reply.Release()
		return err
	}
	var attached Attachments
	defer attached.Release()
	for _, b := range buffers {
		_ = attached.Add(b)
	}
	reply, err := c.CallAttached(ctx, "test.bulk", bufferOf([]byte("sums")), &attached)
	reply.Release()
	return err
}

func TestNothingIsAttachedWhenTheSessionEndedBehindItsGrants(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		for range 20 {
			c := s.dial(t)
			attached := &Attachments{}
			for range 3 {
				_ = attached.Add(bufferOf(pattern(1 << 20)))
			}
			ended := make(chan error, 1)
			go func() {
				_, err := c.CallAttached(
					context.Background(), "test.bulk", bufferOf([]byte("back x")), attached)
				ended <- err
			}()
			eventually(t, "there are buffers, or the end", func() bool {
				return c.Stats().BuffersHeld == 3 || len(ended) > 0
			})
			c.Close()
			if err := receive(t, ended); err != nil && attached.Len() != 0 {
				t.Errorf("%v, and %d attached", err, attached.Len())
			}
			attached.Release()
			if held := c.counters.held.Load(); held != 0 {
				t.Errorf("%d buffers held", held)
			}
		}
	})
}

func TestAttachmentsAboveThePayloadLimitAreRefusedHere(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		attached := &Attachments{}
		_ = attached.Add(bufferOf(pattern(2 << 20)))
		_, err := c.CallAttached(testContext(t), "test.bulk", Buffer{}, attached)
		if !errors.Is(err, ErrBufferTooSmall) || attached.Len() != 1 {
			t.Errorf("%v, %d attached", err, attached.Len())
		}
		attached.Release()
		_ = attached.Add(bufferOf(pattern(5000)))
		_, err = c.CallAttached(testContext(t), "test.bulk", bufferOf(pattern(2<<20)), attached)
		if !errors.Is(err, ErrBufferTooSmall) || attached.Len() != 1 {
			t.Errorf("%v, %d attached", err, attached.Len())
		}
		attached.Release()
		if _, err := c.Call(testContext(t), "outrigger.echo", nil); err != nil {
			t.Errorf("the session: %v", err)
		}
		atBaseline(t, c)
	}, "--payload-max", "1M")
}

func TestABufferThatIsReleasedMeanwhileIsNotSentAsAnEmptyOne(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		attached := attach(t, c, pattern(5000), pattern(10))
		for i := range 2 {
			p := parcel{value: bufferOf([]byte("sums")), attached: *attached}
			r, err := c.callable(testContext(t), "test.bulk", &p)
			if err != nil {
				t.Fatal(err)
			}
			attached.At(i).Release()
			reading, err := c.exchangeParcel(testContext(t), r, abi.CodecRaw, &p, attached)
			if reading || !errors.Is(err, ErrInvalidHandle) {
				t.Errorf("%v, %v", reading, err)
			}
		}
		attached.Release()
		atBaseline(t, c)
	})
}

func TestWhatIsRecalledWhileItIsInHandGoesBack(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		eventually(t, "there is a buffer in stock", func() bool {
			reply, err := c.Call(testContext(t), "outrigger.echo", pattern(large))
			c.readGrants()
			return err == nil && len(reply) == large && c.stock.size() > 0
		})
		recalls := c.stock.recalled()
		g, ok := c.stock.take(large)
		if !ok {
			t.Fatal("it is not there")
		}
		eventually(t, "the idle session is recalled", func() bool {
			c.readGrants()
			return c.stock.recalled() > recalls
		})
		c.restock([]granted{g}, recalls)
		if size := c.stock.size(); size != 0 {
			t.Errorf("%d in stock", size)
		}
		eventually(t, "the server has it", func() bool {
			return books(t, c)[0].InStock == 0
		})
		atBaseline(t, c)
	})
}

func TestAttachmentsOfNoBytesTakeNoBuffer(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		attached := &Attachments{}
		reply, err := bulk(t, c, "make 0 5000 0 0", attached)
		if err != nil || attached.Len() != 4 || attached.At(1).Len() != 5000 {
			t.Fatalf("%v, %d attached", err, attached.Len())
		}
		reply.Release()
		attached.Release()
		_, err = bulk(t, c, "make 5000 1", attached)
		want := "2 buffers of one answer (maximum 1)"
		if !errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
	}, "--buffers-max", "1")
}

// All of an arena, by several buffers of one call: what is made for it is not dropped for
// it before the last of them is mapped.
func TestSM_10_OneCallMayHaveAllOfTheMemory(t *testing.T) {
	withSidecar(t, func(t *testing.T, s *sidecar) {
		c := s.dial(t)
		for range 3 {
			buffers, err := c.AllocAll(testContext(t), 1<<20, 1<<20, 1<<20, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range buffers {
				b.Release()
			}
			attached := &Attachments{}
			reply, err := bulk(t, c, "make 1048576 1048576 1048576 1048576", attached)
			if err != nil || attached.Len() != 4 {
				t.Fatalf("%v, %d attached", err, attached.Len())
			}
			reply.Release()
			attached.Release()
		}
		_, err := c.AllocAll(testContext(t), 1<<20, 1<<20, 1<<20, 300_000, 300)
		want := "need 4259840 bytes, have 4194304" // of whole extents
		if !errors.Is(err, ErrBufferTooSmall) || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
		atBaseline(t, c)
	}, "--arena-bytes", "4M", "--payload-max", "1M")
}
