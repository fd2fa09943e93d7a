//! How the variants of enums are laid out: by the rule of `repr(C)`, as `offset_of!`
//! does not reach into variants. Sizes are compared with the compiler's.

use rkyv::with::ArchiveWith;
use rkyv::{Archive, Archived};

/// Size and alignment of the archive of `T`.
///
/// ```
/// use outrigger_layout::schema::node::layout_of;
/// assert_eq!((layout_of::<String>(), layout_of::<u64>()), ((8, 4), (8, 8)));
/// ```
pub const fn layout_of<T: Archive>() -> (usize, usize) {
    (size_of::<Archived<T>>(), align_of::<Archived<T>>())
}

/// Size and alignment of a `T` as `W` archives it.
///
/// ```
/// use outrigger_layout::schema::node::layout_with;
/// use rkyv::with::Niche;
/// assert_eq!(layout_with::<Niche, Option<Box<u64>>>(), (4, 4)); // a pointer
/// ```
pub const fn layout_with<W: ArchiveWith<T>, T>() -> (usize, usize) {
    (size_of::<W::Archived>(), align_of::<W::Archived>())
}

/// Offsets of a variant's fields: a tag byte, then each field at its alignment.
/// (`offset_of!` does not reach into variants.)
///
/// ```
/// use outrigger_layout::schema::node::variant_offsets;
/// assert_eq!(variant_offsets([(1, 1), (8, 8)]), [1, 8]);
/// ```
pub const fn variant_offsets<const COUNT: usize>(
    fields: [(usize, usize); COUNT],
) -> [usize; COUNT] {
    let mut offsets = [0; COUNT];
    let (mut index, mut end) = (0, 1_usize);
    while index < COUNT {
        let (size, align) = fields[index];
        offsets[index] = end.next_multiple_of(align);
        end = offsets[index] + size;
        index += 1;
    }
    offsets
}

/// Size of an enum whose variants have these fields, as [`variant_offsets`] lays
/// them out. Compared with the compiler's, so that a change of rkyv's is noticed.
///
/// ```
/// use outrigger_layout::schema::node::enum_size;
/// assert_eq!(enum_size(&[&[], &[(1, 1), (8, 8)]]), 16);
/// ```
pub const fn enum_size(variants: &[&[(usize, usize)]]) -> usize {
    let (mut size, mut align, mut variant) = (1, 1, 0);
    while variant < variants.len() {
        let fields = variants[variant];
        let (mut index, mut end) = (0, 1_usize);
        while index < fields.len() {
            let (field_size, field_align) = fields[index];
            end = end.next_multiple_of(field_align) + field_size;
            if field_align > align {
                align = field_align;
            }
            index += 1;
        }
        if end > size {
            size = end;
        }
        variant += 1;
    }
    size.next_multiple_of(align)
}
