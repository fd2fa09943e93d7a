package rkyv

// A Box<str> stands as a Vec of its bytes does, also if it is short.

// BoxStr writes the bytes of a Box<str>.
func (e *Encoder) BoxStr(s string) {
	if !validText(bytesOf(s)) {
		e.textError(s)
		return
	}
	e.elements(bytesOf(s), 1)
}

// BoxStr checks a Box<str>.
func (c *Checker) BoxStr(at int) bool {
	scope, ok := c.Vec(at, 1, 1)
	if !ok {
		return false
	}
	text := c.archive[scope.At : scope.At+scope.Count]
	return (validText(text) || c.failText(scope.At, text)) && c.Leave(scope)
}

// BoxStr reads a Box<str> and copies it.
func (r Ref) BoxStr(offset int) string {
	first, length := r.Vec(offset)
	return string(first.bytes(length))
}

// BoxStrView reads a Box<str> without a copy, as StringView does.
func (r Ref) BoxStrView(offset int) string {
	first, length := r.Vec(offset)
	return stringOf(first.bytes(length))
}
