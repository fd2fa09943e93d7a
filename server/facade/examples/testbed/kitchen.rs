//! Messages with everything that a message may hold, for differential tests.

use core::fmt;
use core::num::{NonZeroI64, NonZeroU16, NonZeroU32};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use outrigger::{Archived, Code, Error, Message};
use uuid::Uuid;

/// Everything.
#[outrigger::message]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kitchen {
    /// Integers of each width.
    pub(crate) numbers: Numbers,
    /// A truth value.
    pub(crate) flag: bool,
    /// A character.
    pub(crate) letter: char,
    /// A text, in place up to 8 bytes.
    pub(crate) name: String,
    /// Bytes.
    pub(crate) blob: Vec<u8>,
    /// Wider numbers.
    pub(crate) words: Vec<u64>,
    /// Texts.
    pub(crate) texts: Vec<String>,
    /// Structs in a list.
    pub(crate) pairs: Vec<Pair>,
    /// Lists in a list.
    pub(crate) nested: Vec<Vec<u16>>,
    /// A number or none.
    pub(crate) maybe_number: Option<u32>,
    /// A text or none.
    pub(crate) maybe_text: Option<String>,
    /// A struct or none.
    pub(crate) maybe_pair: Option<Pair>,
    /// None, none inside, or a value.
    pub(crate) maybe_maybe: Option<Option<u8>>,
    /// Behind a pointer.
    pub(crate) boxed: Box<Pair>,
    /// Bytes of a fixed number.
    pub(crate) digest: [u8; 32],
    /// Texts of a fixed number.
    pub(crate) three: [String; 3],
    /// A choice without values.
    pub(crate) color: Color,
    /// A choice with values.
    pub(crate) shape: Shape,
    /// Choices in a list.
    pub(crate) shapes: Vec<Shape>,
    /// A tree.
    pub(crate) tree: Tree,
    /// Two values side by side.
    pub(crate) tuple: (u8, String),
    /// Three of them in a list, one of them a tuple.
    pub(crate) tuples: Vec<(bool, (u64, Color), Vec<u8>)>,
    /// Successes and failures.
    pub(crate) outcomes: Vec<Result<String, Shape>>,
    /// A success without a value, a failure with one, or none of both.
    pub(crate) done: Option<Result<(), u32>>,
    /// How long it cooks.
    pub(crate) time: Duration,
    /// How long each step takes.
    pub(crate) steps: Vec<Duration>,
    /// A number of 128 bits.
    pub(crate) wide: u128,
    /// More of them, with signs.
    pub(crate) wides: Vec<i128>,
    /// A text that does not grow.
    pub(crate) label: Box<str>,
    /// Structs that do not become more.
    pub(crate) fixed: Box<[Pair]>,
    /// A map in the order of its keys.
    #[outrigger(as_vec)]
    pub(crate) prices: BTreeMap<String, u32>,
    /// A map in any order, as rkyv itself spells it.
    #[rkyv(with = outrigger::__private::rkyv::with::AsVec)]
    pub(crate) index: HashMap<u16, Pair>,
    /// A map or none.
    #[outrigger(as_vec)]
    pub(crate) maybe_map: Option<BTreeMap<char, Shape>>,
    /// Maps in a list.
    #[outrigger(as_vec)]
    pub(crate) maps: Vec<BTreeMap<u8, Vec<u8>>>,
    /// A set.
    #[outrigger(as_vec)]
    pub(crate) guests: BTreeSet<String>,
    /// A set in any order.
    #[outrigger(as_vec)]
    pub(crate) marks: HashSet<u64>,
    /// A number or none, without a tag.
    #[outrigger(niche)]
    pub(crate) limit: Option<NonZeroU32>,
    /// The same in a list.
    #[outrigger(niche)]
    pub(crate) limits: Vec<Option<NonZeroI64>>,
    /// A pointer or none, without a tag.
    #[outrigger(niche)]
    pub(crate) chef: Option<Box<Pair>>,
    /// Numbers that are not 0.
    pub(crate) divisors: Vec<NonZeroU16>,
    /// A message with a parameter.
    pub(crate) page: Page<Pair>,
    /// The same with another.
    pub(crate) numbers_page: Page<Vec<u32>>,
    /// Two parameters.
    pub(crate) either: Vec<Either<Tree, Option<bool>>>,
    /// An id of 16 bytes.
    pub(crate) id: Uuid,
    /// More of them.
    pub(crate) ids: Vec<Uuid>,
    /// A message that is called otherwise elsewhere.
    pub(crate) pan: pans::Pair,
    /// A message without fields.
    pub(crate) nothing: Nothing,
    /// A choice whose variants have values, and tags of their own.
    pub(crate) signal: Signal,
    /// A field with an awkward name.
    pub(crate) r#type: u8,
}

/// Some of many.
#[outrigger::message]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page<T> {
    /// Those on this page.
    pub(crate) items: Vec<T>,
    /// The last of them, or of the page before.
    pub(crate) last: Option<Box<T>>,
    /// What else there is.
    pub(crate) rest: Vec<Self>,
}

/// One of two.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Either<A, B> {
    /// The first.
    Left(A),
    /// The second, and how often.
    Right {
        /// The value.
        value: B,
        /// How often.
        times: u32,
    },
}

/// Messages of another module.
pub(crate) mod pans {
    /// A pan, which Go has no other name for.
    #[outrigger::message(name = "FryingPan")]
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(crate) struct Pair(pub(crate) u8);
}

/// Nothing at all.
#[outrigger::message]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Nothing;

/// Values behind tags of their own.
#[outrigger::message]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(u8)]
pub(crate) enum Signal {
    /// No value.
    #[default]
    Stop = 3,
    /// One value.
    Wait {
        /// How long.
        ms: u32,
    } = 200,
}

/// Integers and floats.
#[outrigger::message]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) u8: u8,
    pub(crate) u16: u16,
    pub(crate) u32: u32,
    pub(crate) u64: u64,
    pub(crate) i8: i8,
    pub(crate) i16: i16,
    pub(crate) i32: i32,
    pub(crate) i64: i64,
    pub(crate) f32: f32,
    pub(crate) f64: f64,
}

/// Two values without names.
#[outrigger::message]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pair(pub(crate) u32, pub(crate) String);

/// Colors with numbers of their own.
#[outrigger::message]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Color {
    /// The first.
    #[default]
    Red = 3,
    /// One more than the first.
    Green,
    /// Far away.
    Blue = 200,
}

/// Values of each form.
#[outrigger::message]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Shape {
    /// No value.
    #[default]
    Empty,
    /// One value.
    Circle(f64),
    /// Values with names.
    Rect {
        /// Left to right.
        width: u16,
        /// Top to bottom.
        height: u64,
    },
    /// A text and bytes.
    Labelled(String, Vec<u8>),
    /// Another of its kind.
    Framed(Box<Self>),
}

/// A tree.
#[outrigger::message]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tree {
    /// At this node.
    pub(crate) value: i32,
    /// Below it.
    pub(crate) children: Vec<Self>,
    /// Beside it.
    pub(crate) next: Option<Box<Self>>,
}

/// An archive whose validity is in question.
#[outrigger::message]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Suspect {
    /// The bytes.
    pub(crate) archive: Vec<u8>,
}

/// What rkyv says of it.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// True if it is valid.
    pub(crate) valid: bool,
    /// Why not.
    pub(crate) reason: String,
}

/// Why a kitchen is refused.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    /// What was cooked.
    pub(crate) kitchen: Box<Kitchen>,
    /// How often it was tried.
    pub(crate) attempts: u8,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refused after {}", self.kitchen.name, self.attempts)
    }
}

/// Sends kitchens back and forth.
#[outrigger::service]
pub(crate) trait Kitchens {
    /// Takes the message apart and writes it again.
    fn echo(&self, request: &Archived<Kitchen>) -> Result<Kitchen, Error>;

    /// The same on a worker.
    #[outrigger(pool)]
    fn echo_slowly(&self, request: &Archived<Kitchen>) -> Result<Kitchen, Error>;

    /// Refuses it, with itself as the reason.
    fn refuse(&self, request: &Archived<Kitchen>) -> Result<Kitchen, Refused>;

    /// Says whether rkyv takes these bytes for a kitchen.
    #[outrigger(pool)]
    fn judge(&self, request: &Archived<Suspect>) -> Result<Verdict, Error>;

    /// Numbers only.
    fn count(&self, request: &Archived<Numbers>) -> Result<Numbers, Error>;
}

/// The implementation.
#[derive(Debug)]
pub(crate) struct Cook;

impl Kitchens for Cook {
    fn echo(&self, request: &Archived<Kitchen>) -> Result<Kitchen, Error> {
        Kitchen::load(request)
    }

    fn echo_slowly(&self, request: &Archived<Kitchen>) -> Result<Kitchen, Error> {
        Kitchen::load(request)
    }

    fn refuse(&self, request: &Archived<Kitchen>) -> Result<Kitchen, Refused> {
        let kitchen = Box::new(Kitchen::load(request).unwrap_or_default());
        let attempts = 3;
        Err(Refused { kitchen, attempts })
    }

    fn judge(&self, request: &Archived<Suspect>) -> Result<Verdict, Error> {
        let mut archive = outrigger::client::ArchiveMemory::new();
        archive.extend_from_slice(&request.archive);
        let refused = Kitchen::access(&archive).err();
        if refused
            .as_ref()
            .is_some_and(|error| error.code() != Code::SERIALIZATION)
        {
            return Err(Error::handler("another code than SERIALIZATION"));
        }
        Ok(Verdict {
            valid: refused.is_none(),
            reason: refused.map_or_else(String::new, |error| error.message().to_owned()),
        })
    }

    fn count(&self, request: &Archived<Numbers>) -> Result<Numbers, Error> {
        Numbers::load(request)
    }
}
