//go:build !linux || !(amd64 || arm64)

package outrigger

import (
	"context"
	"errors"
	"testing"
)

func TestDialIsUnsupportedHere(t *testing.T) {
	if _, err := Dial(context.Background(), "unix:///x"); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
