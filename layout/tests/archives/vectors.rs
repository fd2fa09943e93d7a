//! The golden vectors: archives that rkyv wrote, and what rkyv says to mutants.

use std::fmt::Write;
use std::num::{NonZeroI64, NonZeroU8, NonZeroU16, NonZeroU32};

use outrigger_layout::message::{ArchiveChecker, access};
use rkyv::api::high::HighSerializer;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{BoxedError, Error, Failure};
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Archived, Portable, Serialize};

use crate::fixture::*;
use crate::grown;
use crate::instance::Page;
use crate::sample::{Sample, Source, mutant};

/// How many mutants of each archive are judged.
const MUTANTS: usize = 1024;

/// How many values of each type are made at random.
pub(crate) const RANDOM: u64 = 4;

/// One archive.
pub(crate) struct Vector {
    type_name: &'static str,
    name: String,
    archive: Vec<u8>,
    /// Whether rkyv accepts it.
    valid: bool,
    /// Bit by bit, from the lowest of each byte: whether rkyv accepts each mutant.
    verdicts: Vec<u8>,
    /// The archive of the value that was read, if another version of the type wrote
    /// the first one.
    pub(crate) again: Option<Vec<u8>>,
}

impl Vector {
    /// An archive, and what is said to it and to mutants of it.
    pub(crate) fn judged(
        type_name: &'static str,
        name: &str,
        archive: &[u8],
        number: u64,
        accepts: impl Fn(&[u8]) -> bool,
    ) -> Self {
        let mut source = Source::new(number, 0);
        let mut verdicts = vec![0; MUTANTS / 8];
        for index in 0..MUTANTS {
            let accepted = accepts(&mutant(&mut source, archive));
            verdicts[index / 8] |= u8::from(accepted) << (index % 8);
        }
        Self {
            type_name,
            name: name.to_owned(),
            archive: archive.to_vec(),
            valid: accepts(archive),
            verdicts,
            again: None,
        }
    }
}

/// The vectors of all types.
pub(crate) fn all() -> Vec<Vector> {
    let mut vectors = Vec::new();
    by_hand(&mut vectors);
    deep(&mut vectors);
    macro_rules! random {
        ($($kind:ident)*) => {
            $(for seed in 0..RANDOM {
                let budget = if seed == 0 { 0 } else { 48 };
                let value = $kind::sample(&mut Source::new(vectors.len() as u64, budget));
                add(&mut vectors, stringify!($kind), &format!("random {seed}"), &value);
            })*
        };
    }
    random! {
        Scalars Point Pair Meters Empty Color Shape Texts Lists Options Arrays Tree Chain
        Expression Awkward Compound Item Order Client PointView Kitchen
        Tuples Results Times Wides Boxes Maps Niches Ids Shelf Signal Unit
    }
    grown::all(&mut vectors);
    vectors
}

/// Values that the Go test writes out, too.
fn by_hand(vectors: &mut Vec<Vector>) {
    let (short, long) = ("eight by".to_owned(), "nine byte".to_owned());
    let scalars = Scalars {
        flag: true,
        letter: '€',
        a: 1,
        b: 2,
        c: 3,
        d: u64::MAX,
        e: -5,
        f: -6,
        g: -7,
        h: i64::MIN,
        i: 1.5,
        j: -2.25,
    };
    add(vectors, "Scalars", "by hand", &scalars);
    let at = Point { x: -1, y: 2 };
    let tagged = Shape::Tagged {
        name: long.clone(),
        color: Color::DeepBlue,
        at: at.clone(),
        letter: 'x',
    };
    add(vectors, "Shape", "by hand", &tagged);
    let texts = Texts {
        short: short.clone(),
        long: "a".repeat(300),
        names: vec![String::new(), long.clone(), short.clone()],
        maybe: Some(long.clone()),
        boxed: Box::new("in a box, far away".to_owned()),
        pair: [short, "b".repeat(64)],
        nested: vec![None, Some("c".repeat(63))],
    };
    add(vectors, "Texts", "by hand", &texts);
    let leaf = |value| Tree {
        value,
        children: Vec::new(),
    };
    let inner = Tree {
        value: 2,
        children: vec![leaf(3), leaf(4)],
    };
    add(
        vectors,
        "Tree",
        "by hand",
        &Tree {
            value: 1,
            children: vec![inner, leaf(5)],
        },
    );
    let options = Options {
        number: Some(7),
        flag: Some(false),
        point: Some(at.clone()),
        nested: Some(None),
        list: Some(vec![1, 2, 3]),
        lists: Some(vec![vec![4], vec![]]),
        shape: Some(tagged),
        color: Some(Color::Red),
        boxed: Some(Box::new(at)),
        empty: Some(Empty {}),
        unit: Some(()),
        array: Some([1, -2, 3]),
    };
    add(vectors, "Options", "by hand", &options);
    adapted_by_hand(vectors);
}

/// More of them: what is archived in another form than its own, or has a parameter.
fn adapted_by_hand(vectors: &mut Vec<Vector>) {
    let point = Point { x: -1, y: 2 };
    let tagged = Shape::Tagged {
        name: "nine byte".to_owned(),
        color: Color::DeepBlue,
        at: point.clone(),
        letter: 'x',
    };
    let maps = Maps {
        prices: [("tea".to_owned(), 2), ("an expensive dish".to_owned(), 90)].into(),
        points: [(1, point.clone())].into(),
        hashed: [(2, tagged)].into(),
        wide: [].into(),
        keys: [].into(),
        empty: [].into(),
        maybe: Some([('a', Some(3)), ('b', None)].into()),
        many: vec![],
        numbers: [4, 5].into(),
        texts: ["a longer text".to_owned(), "b".to_owned()].into(),
        letters: [].into(),
        sets: vec![],
    };
    add(vectors, "Maps", "by hand", &maps);
    let of = |value| NonZeroU16::new(value).expect("not 0");
    let niches = Niches {
        small: None,
        number: NonZeroU32::new(6),
        signed: NonZeroI64::new(-7),
        tagged: None,
        numbers: vec![],
        point: Some(Box::new(point)),
        shape: None,
        text: None,
        next: None,
        boxes: vec![None, Some(Box::new(Pair(0, 0)))],
        maybe: None,
        divisor: NonZeroU32::new(8).expect("not 0"),
        divisors: vec![],
        pair: (
            NonZeroU8::new(9).expect("not 0"),
            NonZeroI64::new(-1).expect("not 0"),
        ),
        array: [of(1), of(2), of(3)],
        boxed: Box::new(NonZeroI64::new(10).expect("not 0")),
    };
    add(vectors, "Niches", "by hand", &niches);
    let item = Item {
        id: 1,
        name: "an item on a page".to_owned(),
    };
    let bools = page(vec![true], None, 0);
    let shelf = Shelf {
        items: page(vec![item], None, 2),
        numbers: page(vec![], None, 0),
        lists: page(vec![], None, 0),
        pages: page(vec![], Some(bools), 0),
        nothing: Unit,
    };
    add(vectors, "Shelf", "by hand", &shelf);
}

fn page<T>(items: Vec<T>, last: Option<T>, total: u64) -> Page<T> {
    Page {
        items,
        last: last.map(Box::new),
        total,
    }
}

/// Chains of pointers about as deep as is allowed.
fn deep(vectors: &mut Vec<Vector>) {
    for links in [60, 61, 62, 63, 64, 100] {
        for name in ["", "not in line"] {
            let name = name.to_owned();
            let mut chain = Chain { name, next: None };
            for _ in 0..links {
                chain = Chain {
                    name: String::new(),
                    next: Some(Box::new(chain)),
                };
            }
            add(vectors, "Chain", &format!("{links} links"), &chain);
        }
    }
}

fn add<T>(vectors: &mut Vec<Vector>, type_name: &'static str, name: &str, value: &T)
where
    T: Archive + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>,
    Archived<T>: Portable
        + for<'b> CheckBytes<ArchiveChecker<'b, Failure>>
        + for<'b> CheckBytes<ArchiveChecker<'b, BoxedError>>,
{
    let archive = rkyv::to_bytes::<Error>(value).expect("a value that archives");
    let number = vectors.len() as u64;
    vectors.push(Vector::judged(
        type_name,
        name,
        &archive,
        number,
        |mutant| {
            let mut aligned = AlignedVec::<16>::new();
            aligned.extend_from_slice(mutant);
            access::<Archived<T>>(&aligned).is_ok()
        },
    ));
}

/// The vectors as JSON, one on a line.
pub(crate) fn to_json(vectors: &[Vector]) -> String {
    let mut text = String::from("[\n");
    for (index, vector) in vectors.iter().enumerate() {
        let Vector {
            type_name,
            name,
            valid,
            ..
        } = vector;
        let (archive, verdicts) = (hex(&vector.archive), hex(&vector.verdicts));
        let again = vector.again.as_deref().map(hex);
        let again = again.map_or(String::new(), |again| format!(", \"again\": \"{again}\""));
        let end = if index + 1 == vectors.len() { "" } else { "," };
        let _ = writeln!(
            text,
            "{{\"type\": \"{type_name}\", \"name\": \"{name}\", \"valid\": {valid}, \
             \"hex\": \"{archive}\", \"verdicts\": \"{verdicts}\"{again}}}{end}"
        );
    }
    text.push_str("]\n");
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
