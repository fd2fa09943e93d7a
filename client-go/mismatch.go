package outrigger

import (
	"context"
	"errors"
	"unicode/utf8"
)

// schemaMethod is the server's method that compares another method's messages with a
// client's: for its name and, behind a new line, the client's canonical description, it
// says in words what differs (layout/src/schema/mismatch.rs).
const schemaMethod = "outrigger.schema"

// mismatchWordsMax bounds these words, in bytes.
const mismatchWordsMax = 4096

func isMismatch(err error) bool { return errors.Is(err, ErrVersionMismatch) }

// explain completes the server's refusal of a method by what differs. If the server
// does not say it, the error stays as it is.
func (c *Conn) explain(ctx context.Context, method *Method, refusal error) error {
	told, err := c.Call(ctx, schemaMethod, []byte(method.Name+"\n"+method.Schema))
	var refused *Error
	if err != nil || !errors.As(refusal, &refused) || !isMismatchWords(told) {
		return refusal
	}
	return &Error{Code: refused.Code, Message: refused.Message + "; " + string(told)}
}

func isMismatchWords(told []byte) bool {
	return len(told) > 0 && len(told) <= mismatchWordsMax && utf8.Valid(told)
}
