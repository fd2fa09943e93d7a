//! Maps and sets as archives have them: lists.
//!
//! A `BTreeMap` in a message is archived as a list of its entries. An archive from
//! elsewhere may have them in another order, or a key twice; of the map that is made of
//! it no more can be told. So messages that are put to the test have these in place of
//! maps and sets: they are archived alike, and keep what was there.

use rkyv::collections::util::{Entry, EntryAdapter};
use rkyv::rancor::Fallible;
use rkyv::ser::{Allocator, Writer};
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::with::{ArchiveWith, AsVec, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use outrigger_layout::schema::Schema;
use outrigger_layout::schema::node::{Node, SchemaWith};

use crate::random::Random;
use crate::sample::Sample;

/// The entries of a map, in an order of their own.
///
/// ```
/// use outrigger_differential::Entries;
/// # extern crate outrigger_differential as outrigger;
/// #[outrigger::message]
/// struct Prices {
///     #[outrigger(as_vec)]
///     postage: Entries<String, u32>,
/// }
/// let twice = [("France".to_owned(), 3), ("France".to_owned(), 1)];
/// let prices = Prices { postage: Entries(twice.into()) };
/// assert_eq!(prices.postage.0.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Entries<K, V>(pub Vec<(K, V)>);

/// The members of a set, in an order of their own.
///
/// ```
/// use outrigger_differential::Members;
/// assert_eq!(Members(vec![2, 1, 2]).0.len(), 3);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Members<T>(pub Vec<T>);

impl<K: Sample, V: Sample> Sample for Entries<K, V> {
    fn sample(random: &mut Random) -> Self {
        Self(Sample::sample(random))
    }
}

impl<T: Sample> Sample for Members<T> {
    fn sample(random: &mut Random) -> Self {
        Self(Sample::sample(random))
    }
}

impl<K: Schema, V: Schema> SchemaWith<Entries<K, V>> for AsVec {
    const NODE: &'static Node = <Self as SchemaWith<BTreeMap<K, V>>>::NODE;
}

impl<T: Schema> SchemaWith<Members<T>> for AsVec {
    const NODE: &'static Node = <Self as SchemaWith<BTreeSet<T>>>::NODE;
}

impl<K: Archive, V: Archive> ArchiveWith<Entries<K, V>> for AsVec {
    type Archived = ArchivedVec<Entry<K::Archived, V::Archived>>;
    type Resolver = VecResolver;

    fn resolve_with(field: &Entries<K, V>, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(field.0.len(), resolver, out);
    }
}

impl<K, V, S> SerializeWith<Entries<K, V>, S> for AsVec
where
    K: Serialize<S>,
    V: Serialize<S>,
    S: Fallible + Allocator + Writer + ?Sized,
{
    fn serialize_with(field: &Entries<K, V>, serializer: &mut S) -> Result<VecResolver, S::Error> {
        let entries = field.0.iter();
        let entries = entries.map(|(key, value)| EntryAdapter::<_, _, K, V>::new(key, value));
        ArchivedVec::serialize_from_iter(entries, serializer)
    }
}

impl<K, V, D> DeserializeWith<ArchivedVec<Entry<K::Archived, V::Archived>>, Entries<K, V>, D>
    for AsVec
where
    K: Archive<Archived: Deserialize<K, D>>,
    V: Archive<Archived: Deserialize<V, D>>,
    D: Fallible + ?Sized,
{
    fn deserialize_with(
        field: &ArchivedVec<Entry<K::Archived, V::Archived>>,
        deserializer: &mut D,
    ) -> Result<Entries<K, V>, D::Error> {
        let mut entries = Vec::with_capacity(field.len());
        for entry in field.iter() {
            let key = entry.key.deserialize(deserializer)?;
            entries.push((key, entry.value.deserialize(deserializer)?));
        }
        Ok(Entries(entries))
    }
}

impl<T: Archive> ArchiveWith<Members<T>> for AsVec {
    type Archived = ArchivedVec<T::Archived>;
    type Resolver = VecResolver;

    fn resolve_with(field: &Members<T>, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(field.0.len(), resolver, out);
    }
}

impl<T, S> SerializeWith<Members<T>, S> for AsVec
where
    T: Serialize<S>,
    S: Fallible + Allocator + Writer + ?Sized,
{
    fn serialize_with(field: &Members<T>, serializer: &mut S) -> Result<VecResolver, S::Error> {
        ArchivedVec::<T::Archived>::serialize_from_iter::<T, _, _>(field.0.iter(), serializer)
    }
}

impl<T, D> DeserializeWith<ArchivedVec<T::Archived>, Members<T>, D> for AsVec
where
    T: Archive<Archived: Deserialize<T, D>>,
    D: Fallible + ?Sized,
{
    fn deserialize_with(
        field: &ArchivedVec<T::Archived>,
        deserializer: &mut D,
    ) -> Result<Members<T>, D::Error> {
        let members = field.iter().map(|member| member.deserialize(deserializer));
        Ok(Members(members.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use outrigger_derive::message;

    use super::*;
    use crate::kind::archive_of;

    #[message]
    struct Map {
        #[outrigger(as_vec)]
        entries: BTreeMap<String, Vec<u16>>,
        #[outrigger(as_vec)]
        members: BTreeSet<String>,
    }

    #[message]
    struct List {
        #[outrigger(as_vec)]
        entries: Entries<String, Vec<u16>>,
        #[outrigger(as_vec)]
        members: Members<String>,
    }

    #[test]
    fn a_map_and_a_list_of_its_entries_have_one_schema_and_one_archive() {
        let mut random = Random::new(1);
        for budget in 0..200 {
            random.budget = budget;
            let entries = Vec::<(String, Vec<u16>)>::sample(&mut random);
            let entries = entries.into_iter().collect::<BTreeMap<_, _>>();
            let members = entries.keys().cloned().collect::<BTreeSet<_>>();
            let list = List {
                entries: Entries(entries.clone().into_iter().collect()),
                members: Members(members.iter().cloned().collect()),
            };
            let map = Map { entries, members };
            assert_eq!(archive_of(&map), archive_of(&list));
        }
        let map = <AsVec as SchemaWith<BTreeMap<String, u8>>>::NODE;
        let list = <AsVec as SchemaWith<Entries<String, u8>>>::NODE;
        assert_eq!((map.id)(), (list.id)());
    }
}
