//! Archives of maps that rkyv 0.8 validates, and that read wild memory when they are
//! looked into. No message can have such a map; here its bytes are put to those
//! that there are.
//!
//! | map | what is wrong | what a look does |
//! | --- | --- | --- |
//! | `HashMap` | control bytes behind the checked ones say that an empty bucket is full | `get` follows a pointer that nobody validated |
//! | `BTreeMap` | a leaf that says that it has no entries | an iterator gives the first all the same |
//! | `BTreeMap` | an inner node without its first child | an iterator goes there all the same |
//! | `IndexMap` | an index beyond the entries | `get` panics |

use std::collections::{BTreeMap, HashMap};

use crate::kind::archive_of;

/// A string of 900 bytes, far before the archive.
const WILD: [u8; 8] = [0x84, 0x0e, 0, 0, 0, 0, 0, 0xf0];

/// Bytes of the root of a `HashMap`, and of a `BTreeMap`.
const HASH_ROOT: usize = 12;
const TREE_ROOT: usize = 8;

/// The archives, one for each row of the table.
///
/// ```
/// assert_eq!(outrigger_differential::hostile::maps().len(), 4);
/// ```
pub fn maps() -> [Vec<u8>; 4] {
    [hash_map(), empty_leaf(), childless_node(), index_map()]
}

/// Buckets of 12 bytes in reverse, two of them, one full; then 31 control bytes.
fn hash_map() -> Vec<u8> {
    let mut bytes = archive_of(&HashMap::from([("Ada".to_owned(), 36_u32)]));
    let root = bytes.len() - HASH_ROOT;
    let control = root - 32;
    let empty = if bytes[control] == 0xff { 0 } else { 1 };
    let bucket = control - 12 * (empty + 1);
    bytes[bucket..bucket + 8].copy_from_slice(&WILD);
    // The first four are compared with each other; these are not.
    bytes[control + 4..control + 31].fill(0x11);
    bytes
}

/// A leaf of 68 bytes: a kind, five keys, five values, and how many of them there
/// are. Then an inner node with its five entries, and the root.
fn empty_leaf() -> Vec<u8> {
    let map = ["a", "b", "c", "d", "e", "f"].map(|key| (key.to_owned(), 36_u32));
    let mut bytes = archive_of(&BTreeMap::from(map));
    bytes[4..12].copy_from_slice(&WILD);
    bytes[64..68].fill(0);
    put_entries(&mut bytes, 5);
    bytes
}

/// An inner node ends with the pointers to five children and to a sixth.
fn childless_node() -> Vec<u8> {
    let map = (0..6_u32).map(|key| (key, "short".to_owned()));
    let mut bytes = archive_of(&map.collect::<BTreeMap<u32, String>>());
    let first = bytes.len() - TREE_ROOT - 24;
    bytes[first..first + 4].copy_from_slice(&1_u32.to_le_bytes());
    put_entries(&mut bytes, 5);
    bytes
}

/// Writes to the root how many entries there are.
fn put_entries(bytes: &mut [u8], count: u32) {
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&count.to_le_bytes());
}

/// Two buckets of 4 bytes with indices, 31 control bytes, one entry of two u32, root.
fn index_map() -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[4..8].copy_from_slice(&99_u32.to_le_bytes());
    bytes[8..39].fill(0xff);
    bytes[8] = 0x11;
    bytes[10] = 0x11;
    let root = [8 - 48_i32, 1, 2, 40 - 60];
    for (index, value) in root.iter().enumerate() {
        let at = 48 + 4 * index;
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use core::marker::PhantomData;
    use std::collections::{BTreeSet, HashSet, VecDeque};
    use std::rc::Rc;
    use std::sync::Arc;
    use std::time::SystemTime;

    use outrigger_layout::schema::Schema;
    use rkyv::Archived;
    use rkyv::bytecheck::CheckBytes;
    use rkyv::collections::swiss_table::ArchivedIndexMap;
    use rkyv::rancor::Failure;
    use rkyv::rend::u32_le;
    use rkyv::util::AlignedVec;

    use super::*;
    use crate::kind::{Judged, Kind};

    fn aligned(bytes: &[u8]) -> AlignedVec {
        let mut aligned = AlignedVec::new();
        aligned.extend_from_slice(bytes);
        aligned
    }

    fn is_accepted<T>(bytes: &[u8]) -> bool
    where
        T: rkyv::Portable + for<'a> CheckBytes<rkyv::api::high::HighValidator<'a, Failure>>,
    {
        rkyv::access::<T, Failure>(&aligned(bytes)).is_ok()
    }

    #[test]
    fn rkyv_takes_them_for_valid_maps() {
        let [hash_map, empty_leaf, childless_node, index_map] = maps();
        assert!(is_accepted::<Archived<HashMap<String, u32>>>(&hash_map));
        assert!(is_accepted::<Archived<BTreeMap<String, u32>>>(&empty_leaf));
        assert!(is_accepted::<Archived<BTreeMap<u32, String>>>(
            &childless_node
        ));
        assert!(is_accepted::<ArchivedIndexMap<u32_le, u32_le>>(&index_map));
    }

    /// Has a constant of its own for what may stand in a message, and the trait's
    /// for anything else.
    struct Probe<T: ?Sized>(PhantomData<T>);

    trait Otherwise {
        const IS_ALLOWED: bool = false;
    }

    impl<T: ?Sized> Otherwise for Probe<T> {}

    impl<T: Schema> Probe<T> {
        const IS_ALLOWED: bool = true;
    }

    #[test]
    fn no_message_can_have_such_a_map_whatever_name_it_bears() {
        type Alias = HashMap<String, u32>;
        let refused = [
            Probe::<Alias>::IS_ALLOWED,
            Probe::<BTreeMap<String, u32>>::IS_ALLOWED,
            Probe::<ArchivedIndexMap<u32_le, u32_le>>::IS_ALLOWED,
            Probe::<HashSet<u32>>::IS_ALLOWED,
            Probe::<BTreeSet<u32>>::IS_ALLOWED,
            Probe::<Vec<HashMap<u8, u8>>>::IS_ALLOWED,
            Probe::<Option<Box<BTreeMap<u8, u8>>>>::IS_ALLOWED,
            Probe::<(u8, BTreeSet<u8>)>::IS_ALLOWED,
            Probe::<VecDeque<u8>>::IS_ALLOWED,
            Probe::<Rc<u8>>::IS_ALLOWED,
            Probe::<Arc<u8>>::IS_ALLOWED,
            Probe::<SystemTime>::IS_ALLOWED,
            Probe::<usize>::IS_ALLOWED,
            Probe::<isize>::IS_ALLOWED,
        ];
        assert_eq!(refused, [false; 14]);
        // And the probe does find what is allowed.
        const { assert!(Probe::<Vec<(String, u32)>>::IS_ALLOWED) };
    }

    #[test]
    fn as_a_list_of_entries_they_are_refused_or_have_a_value() {
        // What a map is with `AsVec`.
        let kinds = [
            Kind::of::<Vec<(String, u32)>>("by name"),
            Kind::of::<Vec<(u32, String)>>("by number"),
            Kind::of::<Vec<(u32, u32)>>("numbers"),
        ];
        let (mut refused, mut accepted) = (0, 0);
        for archive in maps() {
            for end in 0..=archive.len() {
                let part = aligned(&archive[..end]);
                for kind in &kinds {
                    match (kind.judge)(&part) {
                        Judged::Refused => refused += 1,
                        Judged::Accepted(canonical) => {
                            let again = (kind.judge)(&aligned(&canonical));
                            assert_eq!(again, Judged::Accepted(canonical));
                            accepted += 1;
                        }
                    }
                }
            }
        }
        assert!(
            refused > 100 && accepted > 0,
            "{refused} refused, {accepted} accepted"
        );
    }
}
