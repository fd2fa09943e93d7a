package rkyv

// Tuples of Rust's, of two to eight elements. In a view, the elements are views.

// Tuple2 is a tuple of two elements.
type Tuple2[A, B any] struct {
	Field0 A
	Field1 B
}

// Tuple3 is a tuple of three elements.
type Tuple3[A, B, C any] struct {
	Field0 A
	Field1 B
	Field2 C
}

// Tuple4 is a tuple of four elements.
type Tuple4[A, B, C, D any] struct {
	Field0 A
	Field1 B
	Field2 C
	Field3 D
}

// Tuple5 is a tuple of five elements.
type Tuple5[A, B, C, D, E any] struct {
	Field0 A
	Field1 B
	Field2 C
	Field3 D
	Field4 E
}

// Tuple6 is a tuple of six elements.
type Tuple6[A, B, C, D, E, F any] struct {
	Field0 A
	Field1 B
	Field2 C
	Field3 D
	Field4 E
	Field5 F
}

// Tuple7 is a tuple of seven elements.
type Tuple7[A, B, C, D, E, F, G any] struct {
	Field0 A
	Field1 B
	Field2 C
	Field3 D
	Field4 E
	Field5 F
	Field6 G
}

// Tuple8 is a tuple of eight elements.
type Tuple8[A, B, C, D, E, F, G, H any] struct {
	Field0 A
	Field1 B
	Field2 C
	Field3 D
	Field4 E
	Field5 F
	Field6 G
	Field7 H
}
