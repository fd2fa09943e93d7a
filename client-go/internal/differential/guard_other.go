//go:build !linux

package differential

import "errors"

type guard struct{}

func newGuard() (*guard, error) { return nil, errors.ErrUnsupported }

func (*guard) place([]byte, bool) (placed []byte, ok bool) { return nil, false }

func (*guard) close() {}
