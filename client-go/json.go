package outrigger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/outrigger-ipc/outrigger/client-go/internal/abi"
)

// CallJSON sends request as JSON and decodes the reply into reply, as
// encoding/json does both. With a nil reply the answer is discarded. A method
// that takes no JSON answers ErrSerialization.
//
// Errors: those of Call; what encoding/json said, wrapped.
func (c *Conn) CallJSON(ctx context.Context, method string, request, reply any) error {
	payload, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("outrigger: serialize request: %w", err)
	}
	response, err := c.invoke(ctx, method, payload, nil, abi.CodecJson)
	if err != nil || reply == nil {
		return err
	}
	if len(response) == 0 {
		return fmt.Errorf("outrigger: empty response from %q", method)
	}
	if err := json.Unmarshal(response, reply); err != nil {
		return fmt.Errorf("outrigger: deserialize response: %w", err)
	}
	return nil
}
