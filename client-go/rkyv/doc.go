// Package rkyv writes, validates and reads archives of rkyv 0.8, the Rust library,
// in its form little-endian, aligned, with 32-bit relative pointers.
//
// Who calls methods through a generated client needs little of it: Option (Some, None),
// Result, Duration, Uint128 and Int128, Entry with EntriesOf and MapOf for maps, and List
// and Map, which views return; Marshal writes an archive by itself. All else is the ground
// that generated code stands on (outrigger gen go).
//
// A message is encoded straight into memory that another process reads, and read in place.
//
//	position 0                                                            length
//	+----------------+-----+----------------------+-----+---------------------+
//	| bytes of       | pad | elements of a Vec,   | pad | root: fixed part of |
//	| strings, Vecs  | 0s  | contents of a Box    | 0s  | the message itself  |
//	+----------------+-----+----------------------+-----+---------------------+
//	        ▲                     │   ▲                      │         │
//	        └──── offset (i32) ───┘   └──────── offset ──────┘         └ ends the archive
//
// What a value points to lies before it, in the order of its fields; the root is
// last and ends with the archive. Every value lies at a multiple of its alignment,
// counted from the start, which is itself aligned to 16. All numbers are
// little-endian. These are the fixed parts:
//
//	u8 … u64, i8 … i64, f32, f64   as they are, aligned to their size
//	u128, i128                     low half first, aligned to 16
//	bool                           one byte, 0 or 1
//	char                           u32, a Unicode scalar value
//	String, up to 8 bytes          the bytes, then 0xff up to 8 bytes
//	String, longer                 u32 length with 0b10 in bits 6 and 7; i32 offset
//	                               from the start of these 8 bytes
//	Duration                       u64 seconds, u32 nanoseconds below a second, 0s
//	Vec                            i32 offset from here, u32 count
//	Box<str>, Box<[T]>             as Vec
//	Box                            i32 offset from here
//	Option                         byte 0, or 1 and the value at its alignment
//	Option with Niche              as its value; 0, or a Box's offset 1, is none
//	NonZero integer                as the integer, never 0
//	map, set, with AsVec           as Vec, of entries (key, then value) or of keys
//	Result                         byte 0 and the value, or 1 and the error, at its
//	                               alignment
//	array, tuple, struct           elements, fields in order, each at its alignment
//	enum                           tag byte, then the variant's fields as a struct's
//
// # Two ways to write one
//
// A generated struct encodes itself: Marshal, AppendMarshal, or EncodeArchive with an
// Encoder. A Builder writes the same bytes field by field, without the struct; its
// types are generated beside (BuildOrder, OrderBuilder).
//
// # Three ways to look at an archive
//
// A Checker decides whether bytes are an archive of a type. It agrees with rkyv's
// own validation (bytecheck) on every input. A Ref reads at a position; generated
// views are made of it. The generated Load makes plain Go values, which share no
// memory with the archive.
//
// Views must be made of checked archives only, and nobody may change the bytes
// after the check. Generated code sees to the first: only its Parse functions make
// views. After the check an accessor cannot fail, and so it returns no error, which
// would have to be looked at in every line. Should the bytes change all the same, it
// never reads outside of them; it can return wrong values, and it can panic, as a slice
// does; so does a view after Release (ErrEmptyView). Recover makes an error of that panic.
//
// Who has measured that the bounds checks matter can have views without them, by
// outrigger gen go --unchecked-views: they are made of UncheckedRef, and of bytes that
// change they read any memory of the process.
//
// # What an archive can cost
//
// No two values of a checked archive share a byte. So a check takes time, and Load
// memory, in proportion to the archive's length: Load allocates at most so many times
// its bytes as a value in Go is larger than in the archive (3 times for a Vec of empty
// Vecs). A length that the archive has no bytes for is refused before anything is
// allocated.
package rkyv
