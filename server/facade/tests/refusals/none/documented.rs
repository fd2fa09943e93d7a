//! A crate that documents all of its own: nothing that is generated lacks a text, and
//! nothing is more public than it may be.
#![deny(warnings, missing_docs, missing_debug_implementations)]

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use outrigger::{Archived, Error};

/// Shapes in a shape, by another name.
type Shapes = Vec<Shape>;

/// What is drawn.
#[outrigger::message]
#[derive(Debug)]
pub enum Shape {
    /// Nothing.
    Empty,
    /// What a circle holds.
    Circle(u32, Shapes),
    /// Its corners.
    Polygon(Vec<(i32, i32)>, Option<Box<Shape>>),
}

use moods::Mood;

/// Moods.
#[allow(missing_docs)]
pub mod moods {
    /// A variant with named fields, as the attribute's documentation has it.
    #[outrigger::message]
    #[derive(Debug)]
    pub enum Mood {
        /// Not awake.
        Asleep {
            /// When that ends.
            until: u64,
        },
    }
}

/// A leaf of a book; it knows the book that it is in.
#[outrigger::message]
#[derive(Debug)]
pub struct Leaf {
    /// What is drawn on it.
    pub shape: Shape,
    /// How it feels.
    pub mood: Mood,
    book: Option<Box<Book>>,
    #[outrigger(as_vec)]
    notes: BTreeMap<String, Note>,
    #[outrigger(niche)]
    number: Option<NonZeroU32>,
    #[outrigger(niche)]
    next: Option<Box<Self>>,
    #[outrigger(as_vec)]
    links: BTreeMap<String, Leaf>,
}

/// Leaves.
#[outrigger::message]
#[derive(Debug)]
pub struct Book(pub Vec<Leaf>);

/// A page of items.
#[outrigger::message]
#[derive(Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
}

#[outrigger::message]
#[derive(Debug)]
struct Note {
    text: String,
}

/// A visit, of which more may be told later.
#[outrigger::message(extensible)]
#[derive(Debug)]
pub struct Visit {
    /// The visitor.
    pub name: String,
    /// Since when.
    #[outrigger(since = 2)]
    pub since: Option<u32>,
}

/// Draws.
#[outrigger::service]
pub trait Painter {
    /// Draws all leaves.
    fn draw(&self, book: &Archived<Book>) -> Result<Page<Shape>, Error>;

    /// Waits for a visitor.
    async fn wait(&self) -> Result<Visit, Error>;
}

fn main() {
    let note = Note { text: "a".to_owned() };
    let leaf = Leaf {
        shape: Shape::Empty,
        mood: Mood::Asleep { until: 7 },
        book: None,
        notes: BTreeMap::from([("b".to_owned(), note)]),
        number: NonZeroU32::new(1),
        next: None,
        links: BTreeMap::new(),
    };
    assert!(leaf.book.is_none() && leaf.number.is_some());
    assert!(leaf.next.is_none() && leaf.links.is_empty());
    assert_eq!(leaf.notes["b"].text, "a");
}
