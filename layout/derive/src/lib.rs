//! **The attributes of Outrigger**: `#[message]` on a type, `#[service]` on a trait.
//!
//! Use them through the crate `outrigger`, which the generated code names:
//!
//! ```text
//!   #[outrigger::message]  struct Greeting { name: String }
//!     ├─ rkyv's derives, with bounds under which types may recurse
//!     ├─ impl Schema     the archived layout as constant data
//!     └─ impl Message    encode, access (validates), load
//!
//!   #[outrigger::service]  trait Greeter { fn greet(…) … }
//!     ├─ trait Greeter           as written, and Send + Sync + 'static
//!     ├─ struct GreeterServer    makes handlers of an implementation
//!     └─ struct GreeterClient    one method per method, and the constants
//! ```

mod adapter;
mod constant;
mod document;
mod message;
mod method;
mod parameters;
mod part;
mod refusal;
mod service;
mod versions;

use proc_macro::TokenStream;

/// Makes a message of a struct or enum: it crosses as an rkyv archive.
///
/// Fields may be integers of fixed width, also `NonZero` ones, floats, `bool`, `char`,
/// `String`, `Duration`, `Vec`, `Option`, `Result`, `Box`, arrays, tuples, and other
/// messages, also recursively; `uuid::Uuid`, if the feature `uuid` is on. What is not
/// allowed is refused with a hint at what to use instead. Documentation comments
/// travel into the generated Go.
///
/// The type gets a twin, `ArchivedName`, with which handlers work: fields of the
/// same names, numbers as little-endian wrappers (`.to_native()`), `String` as
/// something like `&str`.
///
/// ```
/// /// A person, and whom that person knows.
/// #[outrigger::message]
/// #[derive(Clone)]
/// pub struct Person {
///     pub name: String,
///     pub born: Option<u32>,
///     pub mood: Mood,
///     pub friends: Vec<Person>,
/// }
///
/// #[outrigger::message]
/// #[derive(Clone, Debug, PartialEq)]
/// pub enum Mood {
///     Awake,
///     Asleep { until: u64 },
/// }
///
/// /// What a handler does: it reads in place.
/// fn friends_born_by(person: &outrigger::Archived<Person>, year: u32) -> usize {
///     let born = |friend: &ArchivedPerson| friend.born.as_ref().is_some_and(|born| *born <= year);
///     person.friends.iter().filter(|friend| born(friend)).count()
/// }
///
/// let ada = Person {
///     name: "Ada".to_owned(),
///     born: Some(1815),
///     mood: Mood::Asleep { until: 7 },
///     friends: vec![],
/// };
/// let mary = Person {
///     name: "Mary".to_owned(),
///     born: None,
///     mood: Mood::Awake,
///     friends: vec![ada.clone(), ada],
/// };
/// # fn archive_of(person: &Person) -> outrigger::Archive<Person> {
/// #     use outrigger::Message;
/// #     let mut bytes = Vec::new();
/// #     person.encode(&mut outrigger_layout::message::Writer::new(&mut bytes, 4096)).unwrap();
/// #     let mut memory = outrigger::client::ArchiveMemory::new();
/// #     memory.extend_from_slice(&bytes);
/// #     outrigger::Archive::new(memory).unwrap()
/// # }
/// let archive = archive_of(&mary); // crosses to the other process
/// assert_eq!(friends_born_by(&archive, 1900), 2);
/// assert_eq!(archive.load().unwrap().friends[0].mood, Mood::Asleep { until: 7 });
/// ```
///
/// # Maps and sets
///
/// A `BTreeMap`, `HashMap`, `BTreeSet` or `HashSet` crosses as a list of its entries or
/// elements, as `#[outrigger(as_vec)]` above the field says; so it does within `Vec`,
/// `Option` and arrays. (rkyv's own archived maps are refused: what its validation
/// accepts can still read outside.) An archive from elsewhere may hold a key twice, or
/// in any order: nothing checks that. The last one counts where a map is made of it.
/// A `BTreeMap` has the same bytes for the same content, a `HashMap` has not.
///
/// # Options without a tag
///
/// `#[outrigger(niche)]` saves the tag byte of an `Option` of a `NonZero` integer of 8 to
/// 64 bits, or of a `Box`: 0, or a pointer to nothing, means none. Both attributes may
/// also be written as rkyv has them, `#[rkyv(with = AsVec)]` and `#[rkyv(with = Niche)]`.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::num::NonZeroU32;
/// use outrigger::Archived;
///
/// #[outrigger::message]
/// pub struct Menu {
///     #[outrigger(as_vec)]
///     pub prices: BTreeMap<String, u32>,
///     #[outrigger(niche)]
///     pub table: Option<NonZeroU32>,
/// }
///
/// fn price(menu: &Archived<Menu>, dish: &str) -> Option<u32> {
///     let entry = menu.prices.iter().find(|entry| entry.key == dish)?;
///     Some(entry.value.to_native())
/// }
/// # assert_eq!(std::mem::size_of::<Archived<Menu>>(), 12);
/// ```
///
/// # Parameters
///
/// A message may have types as parameters. Each instance is a message of its own, with
/// a name of its own: `Page<Dish>` is `PageOfDish` in Go.
///
/// ```
/// use outrigger::{Archived, Error};
///
/// #[outrigger::message]
/// pub struct Dish {
///     pub name: String,
/// }
///
/// #[outrigger::message]
/// pub struct Page<T> {
///     pub items: Vec<T>,
///     pub next: Option<u64>,
/// }
///
/// #[outrigger::service]
/// pub trait Kitchen {
///     fn dishes(&self) -> Result<Page<Dish>, Error>;
///     fn prices(&self) -> Result<Page<u32>, Error>;
/// }
/// # let schema = outrigger::generate::Document::of(KitchenClient::SCHEMA.methods);
/// # let files = outrigger::generate::go(&schema, &[])?;
/// # assert!(files[0].text.contains("type PageOfDish struct"));
/// # Ok::<(), Error>(())
/// ```
///
/// # Names
///
/// A message has the name of its type, in the schema and in Go. Of two types of one
/// name in one service, both have as much of their modules in front as tells them
/// apart. `#[outrigger::message(name = "…")]` gives another name: letters, digits and
/// `_`, and a letter first.
///
/// ```
/// #[outrigger::message(name = "KitchenOrder")]
/// pub struct Order {
///     pub table: u32,
/// }
/// # use outrigger_layout::schema::{Schema, node::Shape};
/// # assert!(matches!(&Order::NODE.shape, Shape::Struct(node) if node.name == "KitchenOrder"));
/// ```
///
/// # Messages that grow
///
/// A struct marked `#[outrigger::message(extensible)]` may get more fields later,
/// behind all others: `Option`s with the release in which they came. It is the whole
/// of a request, a reply or an error, and no part of another message. An older peer
/// does not see the new fields; of what an older peer writes they are `None`.
///
/// ```
/// #[outrigger::message(extensible)]
/// pub struct Visit {
///     pub name: String,
///     #[outrigger(since = 2)]
///     pub companions: Option<Vec<String>>,
/// }
/// ```
///
/// An enum that is marked so may get more variants, behind all others: without
/// fields, or with one `Box`, if another variant had one from the beginning.
///
/// ```
/// #[outrigger::message(extensible)]
/// pub enum Shape {
///     Circle(u32),
///     #[outrigger(since = 2)]
///     Square,
///     #[outrigger(since = 3)]
///     Polygon(Box<Vec<(i32, i32)>>),
/// }
/// ```
///
/// The numbers are those of releases, over all messages of a service: what comes with
/// the second has `since = 2`, whichever type it is in. Any other change of a message
/// makes another message of it, which peers with the former one refuse.
///
/// # Documentation
///
/// What is generated beside a type is documented or excused, so that
/// `#![warn(missing_docs)]` stays silent, but for one case: of a public enum whose
/// variants have named fields, rkyv's derive makes an enum with fields that have no
/// text. Put such an enum in a module with `#[allow(missing_docs)]`.
///
/// # What is refused
///
/// A type that is no message is refused, with a hint:
///
/// ```compile_fail
/// #[outrigger::message]
/// struct Flight {
///     leaves: std::time::Instant,
/// }
/// ```
#[proc_macro_attribute]
pub fn message(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = message::expand(arguments.into(), item.into());
    expanded
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Makes a service of a trait: handlers for an implementation, a typed client, and
/// a schema of which Go is generated.
///
/// `#[outrigger::service]` takes `name = "sigverify"` (else the trait's name in
/// snake case) and `json`, which lets callers use JSON, too; the messages then need
/// serde's derives. A method has the form
///
/// ```text
///   fn verify(&self, context: &Context<'_>, request: &Archived<VerifyRequest>)
///       -> Result<VerifyReply, Error>;
/// ```
///
/// Context and request may be left out. A request and a reply are messages of one's own:
/// a lone `String` or `Vec` is wrapped in one. In place of `Error` there may be a
/// message that implements `Debug` and `Display`. An `async fn` runs on the asynchronous
/// executor, one marked `#[outrigger(pool)]` on the worker pool, any other on the thread
/// that reads requests. `#[outrigger(name = "…")]` names the method.
///
/// A last parameter `attached: &mut Attached<'_>` is for attachments, bulk bytes beside
/// the messages. Such a method runs on the worker pool, and is no `async fn`:
///
/// ```
/// use outrigger::{Attached, Error};
///
/// #[outrigger::service]
/// pub trait Images {
///     /// Turns each attached picture upside down.
///     fn turn(&self, attached: &mut Attached<'_>) -> Result<(), Error>;
/// }
///
/// assert_eq!(ImagesClient::SCHEMA.methods[0].placement, "pool");
/// ```
///
/// Constants that the trait declares reach Go, with their documentation: a `bool`, a
/// `char`, an integer of 8 to 64 bits, a float or a `&'static str`. In Rust they are
/// constants of the client, not of the trait, as an implementation must not change them:
///
/// ```
/// use outrigger::{Archived, Error};
/// # #[outrigger::message] pub struct Person { pub name: String }
///
/// #[outrigger::service]
/// pub trait Greeter {
///     /// Longest name, in bytes.
///     const NAME_MAX: u32 = 64;
///
///     fn greet(&self, person: &Archived<Person>) -> Result<(), Error>;
/// }
///
/// assert_eq!(GreeterClient::NAME_MAX, 64); // in Go: greeter.NameMax
/// ```
///
/// All attributes stand in the trait, as clients see it, too: an implementation takes
/// none, and its methods run where the trait says.
///
/// ```
/// use outrigger::{Archived, Context, Error, Server};
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
///
/// /// Why a person is not greeted; Rust and Go both get it back as a value.
/// #[outrigger::message]
/// #[derive(Debug)]
/// pub struct Nameless {
///     pub seen_before: bool,
/// }
///
/// impl std::fmt::Display for Nameless {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         f.write_str("a person without a name")
///     }
/// }
///
/// /// Greets people.
/// #[outrigger::service]
/// pub trait Greeter {
///     /// Greets a person.
///     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Nameless>;
///
///     /// Looks the person up first, and may block meanwhile.
///     #[outrigger(pool)]
///     fn remember(&self, call: &Context<'_>, person: &Archived<Person>) -> Result<(), Error>;
///
///     /// Waits for somebody to greet.
///     #[outrigger(name = "wait")]
///     async fn wait_for_somebody(&self) -> Result<Person, Error>;
/// }
///
/// struct Polite;
///
/// impl Greeter for Polite {
///     fn greet(&self, person: &Archived<Person>) -> Result<Greeting, Nameless> {
///         if person.name.is_empty() {
///             return Err(Nameless { seen_before: false });
///         }
///         Ok(Greeting { text: format!("good day, {}", person.name) })
///     }
///
///     fn remember(&self, call: &Context<'_>, _: &Archived<Person>) -> Result<(), Error> {
///         if call.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
///     }
///
///     async fn wait_for_somebody(&self) -> Result<Person, Error> {
///         Ok(Person { name: "Ada".to_owned() })
///     }
/// }
///
/// let builder = Server::builder().service(GreeterServer::new(Polite));
/// let methods = builder.registry().list();
/// for method in ["greeter.greet", "greeter.remember", "greeter.wait"] {
///     assert!(methods.iter().any(|name| name == method));
/// }
/// ```
///
/// With another name, and JSON beside archives:
///
/// ```
/// use outrigger::{Archived, Error};
/// use serde::{Deserialize, Serialize};
///
/// #[outrigger::message]
/// #[derive(Serialize, Deserialize)]
/// pub struct Person {
///     pub name: String,
/// }
///
/// #[outrigger::service(name = "door", json)]
/// pub trait Greeter {
///     fn admit(&self, person: &Archived<Person>) -> Result<(), Error>;
/// }
///
/// assert_eq!(GreeterClient::SCHEMA.name, "door");
/// ```
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = service::expand(arguments.into(), item.into());
    expanded
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
