//go:build !linux || !(amd64 || arm64)

package outrigger

import (
	"context"
	"errors"
	"testing"
)

func TestSpawnIsUnsupportedHere(t *testing.T) {
	if _, err := Spawn(context.Background(), "x", nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
