package outrigger

import (
	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
	"github.com/outrigger-ipc/outrigger/client-go/internal/ring"
)

// An answer is what a record received: a reply, a grant, or the session's end.
// The token holder writes it out of a slot; once the record is settled it is
// the owner's to read.
//
//	body  [ TRACE 32 | BUFFERS 16+n·32 | DETAIL 16 | value … ]   copied out of the slot
//	                                                 from … to
type answer struct {
	// ended is why the session ended without an answer, else nil.
	ended error
	code  uint16
	flags uint8
	// from and to delimit the value in body. An error's value is its message, and
	// behind the first messageLen bytes its typed detail if flags say DETAIL.
	from, to   int
	messageLen uint32
	// extent holds the value in its stead, where ref says; else nil. It is also
	// where a grant lies.
	extent *extent
	ref    abi.BufferRef
	// attached are the attachments; those without bytes have no extent. Of an ALLOC
	// for several buffers they are the grants behind the first.
	attached      [abi.LimitAttachmentsMax]granted
	attachedCount int
	body          [abi.LimitInlineMax]byte
}

// allowedFlags are those that a reply may have.
const allowedFlags = abi.FlagTrace | abi.FlagBuffers | abi.FlagNoValue | abi.FlagDetail

// read copies a reply out of its slot and checks the copy; nothing is loaded
// from the slot twice.
//
// Errors: a violation. Preconditions: the caller holds the token.
func (a *answer) read(replies *ring.Consumer, h *abi.SlotHeader, extents *extentTable) error {
	if err := checkReply(h, replies.PayloadMax()); err != nil {
		return err
	}
	replies.Copy(a.body[:h.PayloadLen])
	a.code, a.flags = h.Code, h.Flags
	a.from, a.to = 0, int(h.PayloadLen)
	a.extent, a.attachedCount = nil, 0
	if h.Flags == 0 {
		return nil
	}
	if err := a.skipPrefixes(extents); err != nil {
		return err
	}
	if a.flags&abi.FlagNoValue != 0 && a.from != a.to {
		return violation("NO_VALUE beside a value of %d bytes", a.to-a.from)
	}
	return nil
}

// checkReply checks the fields of a REPLY that need no other knowledge.
func checkReply(h *abi.SlotHeader, payloadMax int) error {
	if h.PayloadLen > uint32(payloadMax) {
		return violation("reply length %d (maximum %d)", h.PayloadLen, payloadMax)
	}
	if h.Depth > abi.LimitDepthMax {
		return violation("reply depth %d (maximum %d)", h.Depth, abi.LimitDepthMax)
	}
	if h.Codec > abi.CodecRkyv {
		return violation("reply codec %d (maximum %d)", h.Codec, abi.CodecRkyv)
	}
	if h.Flags&^allowedFlags != 0 {
		return violation("reply flags %#x (allowed %#x)", h.Flags, allowedFlags)
	}
	const valued = abi.FlagBuffers | abi.FlagDetail
	if h.Flags&abi.FlagNoValue != 0 && h.Flags&valued != 0 {
		return violation("reply flags %#x: NO_VALUE beside BUFFERS or DETAIL", h.Flags)
	}
	if h.Flags&abi.FlagDetail != 0 && abi.Code(h.Code) == abi.CodeOk {
		return violation("reply with code 0 and DETAIL: a payload and a message")
	}
	return nil
}

// skipPrefixes moves from and to behind the prefixes that flags announce.
func (a *answer) skipPrefixes(extents *extentTable) error {
	if a.flags&abi.FlagTrace != 0 {
		if err := a.skip(abi.TraceContextSize); err != nil {
			return err
		}
	}
	if a.flags&abi.FlagBuffers != 0 {
		if err := a.takeBuffers(extents); err != nil {
			return err
		}
	}
	if a.flags&abi.FlagDetail != 0 {
		if err := a.takeDetail(); err != nil {
			return err
		}
	}
	return nil
}

// takeDetail reads where the message ends and the typed detail begins.
func (a *answer) takeDetail() error {
	at := a.from
	if err := a.skip(abi.DetailPrefixSize); err != nil {
		return err
	}
	var detail abi.DetailPrefix
	detail.Decode(a.body[at:])
	if uint64(detail.MessageLen) > uint64(a.length()) {
		return violation("message length %d (maximum %d)", detail.MessageLen, a.length())
	}
	a.messageLen = detail.MessageLen
	return nil
}

// takeBuffers reads the table of buffers: the value's, if it has one, and those of the
// attachments.
func (a *answer) takeBuffers(extents *extentTable) error {
	var table abi.BufferTable
	at := a.from
	if err := a.skip(abi.BufferTableSize); err != nil {
		return err
	}
	table.Decode(a.body[at:])
	if err := a.checkTable(&table); err != nil {
		return err
	}
	at = a.from
	if err := a.skip(int(table.Count) * abi.BufferRefSize); err != nil {
		return err
	}
	if table.Attachments < table.Count {
		allowed := 0
		if a.flags&abi.FlagDetail != 0 {
			allowed = abi.DetailPrefixSize
		}
		if a.to-a.from != allowed {
			return violation("%d bytes behind the buffer references (allowed: %d)",
				a.to-a.from, allowed)
		}
		a.ref.Decode(a.body[at:])
		var err error
		if a.extent, err = extents.resolve(&a.ref, abi.SideServer); err != nil {
			return err
		}
		at += abi.BufferRefSize
	}
	for i := range int(table.Attachments) {
		if err := a.attach(a.body[at+i*abi.BufferRefSize:], extents); err != nil {
			return err
		}
	}
	return nil
}

func (a *answer) checkTable(table *abi.BufferTable) error {
	count, attachments := table.Count, table.Attachments
	switch {
	case count == 0 || count > abi.LimitBuffersMax:
		return violation("%d buffers (allowed: 1 to %d)", count, abi.LimitBuffersMax)
	case attachments > abi.LimitAttachmentsMax:
		return violation("%d attachments (maximum %d)", attachments, abi.LimitAttachmentsMax)
	case attachments != count && attachments+1 != count:
		return violation("%d attachments of %d buffers (allowed: all, or all but the value's)",
			attachments, count)
	case attachments > 0 && Code(a.code) != CodeOK:
		return violation("%d attachments of an error (allowed: 0)", attachments)
	}
	return nil
}

// attach reads the reference of an attachment.
func (a *answer) attach(reference []byte, extents *extentTable) error {
	g := &a.attached[a.attachedCount]
	*g = granted{}
	g.ref.Decode(reference)
	if g.ref.Extent != 0 || g.ref.Length != 0 {
		var err error
		if g.extent, err = extents.resolve(&g.ref, abi.SideServer); err != nil {
			return err
		}
	}
	a.attachedCount++
	return nil
}

// buffers counts the buffers of the session that the answer has.
func (a *answer) buffers() (count int64) {
	if a.extent != nil {
		count++
	}
	for i := range a.attachedCount {
		if a.attached[i].extent != nil {
			count++
		}
	}
	return count
}

func (a *answer) skip(size int) error {
	if a.to-a.from < size {
		return violation("prefix of %d bytes in a payload of %d", size, a.to-a.from)
	}
	a.from += size
	return nil
}

// length returns the bytes of the value.
func (a *answer) length() int {
	if a.extent != nil {
		return int(a.ref.Length)
	}
	return a.to - a.from
}

// isPlain reports whether the answer is a value that lies in body, from its
// beginning.
func (a *answer) isPlain() bool {
	return a.flags == 0 && Code(a.code) == CodeOK && a.ended == nil && a.extent == nil
}

// copyValue copies the value into a slice of its length.
//
// Errors: a violation, if the server dropped the extent under a lent buffer.
func (a *answer) copyValue(into []byte) error {
	if a.extent != nil {
		return a.extent.read(&a.ref, into)
	}
	copy(into, a.body[a.from:a.to])
	return nil
}
