package rkyv

import "sync"

var encoders = sync.Pool{New: func() any { return new(Encoder) }}

// Marshal returns the archive of a message in a buffer of its own, aligned to 16.
//
// Errors: *EncodeError; *FullError if the message grew meanwhile.
func Marshal(message Encodable) ([]byte, error) {
	e := encoders.Get().(*Encoder)
	defer putEncoder(e)
	n, err := encode(e, nil, message)
	if full, ok := err.(*FullError); ok {
		buf := alignedBytes(full.Needed)[:full.Needed]
		n, err = encode(e, buf, message)
		return buf[:n], grown(err)
	}
	return []byte{}[:n], err
}

// AppendMarshal appends the archive of a message to buf. The archive begins at the
// next multiple of 16 of the length; the bytes up to there are zero. For views
// without a copy the start of buf must be aligned, too.
//
// Errors: as of Marshal; then buf is returned as it was.
func AppendMarshal(buf []byte, message Encodable) ([]byte, error) {
	e := encoders.Get().(*Encoder)
	defer putEncoder(e)
	start := (len(buf) + 15) &^ 15
	spare := buf[:cap(buf)]
	n, err := encode(e, spare[min(start, len(spare)):], message)
	if full, ok := err.(*FullError); ok {
		length := start + full.Needed
		spare = append(alignedBytes(max(length, 2*cap(buf))), buf...)[:length]
		n, err = encode(e, spare[start:], message)
	}
	if err != nil {
		return buf, grown(err)
	}
	if start > len(spare) {
		return buf, nil // a message without bytes
	}
	clear(spare[len(buf):start])
	return spare[:start+n], nil
}

func encode(e *Encoder, buf []byte, message Encodable) (int, error) {
	e.Reset(buf)
	message.EncodeArchive(e)
	return e.Finish()
}

// grown returns the error of a message that grew between two attempts, in memory that
// is not the encoder's; other errors as they are.
func grown(err error) error {
	if full, ok := err.(*FullError); ok {
		return &FullError{Needed: full.Needed, Available: full.Available}
	}
	return err
}

// putEncoder keeps the encoder, and not the buffer it wrote to.
func putEncoder(e *Encoder) {
	e.Reset(nil)
	encoders.Put(e)
}
