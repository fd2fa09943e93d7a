//! Archives that nobody wrote: truncated, mutated, of other types. Each is judged
//! before the handler sees it, and the server lives.

use std::num::NonZeroU16;

use outrigger::__private::message::Writer;
use outrigger::__private::node::{Node, Schema, Shape as NodeShape, shaped};
use outrigger::client::{ArchiveMemory, TypedMethod};
use outrigger::{Archive, Archived, Client, Code, Error, Message, Server};
use outrigger_ringbuf::sync::{AtomicU64, Ordering};
use rkyv::Place;
use rkyv::rancor::Failure as Failed;

#[allow(dead_code, reason = "here are its messages")]
#[path = "../examples/testbed/diaries.rs"]
mod diaries;
#[allow(dead_code, reason = "here are its messages")]
#[path = "../examples/testbed/kitchen.rs"]
mod kitchen;
mod process;
#[allow(dead_code, reason = "here are its messages")]
#[path = "../examples/testbed/timers.rs"]
mod timers;

use diaries::{first, second};
use kitchen::{Color, Either, Kitchen, Numbers, Pair, Shape, Tree};
use process::Serving;
use timers::{ComplexRequest, EchoRequest, Schedule, TimerConfig, TimerError};

/// Mutations of each type.
const MUTATIONS: usize = 10_000;

/// A seed of one's own repeats a run.
const SEED: &str = "OUTRIGGER_SEED";

/// Calls that reached a handler.
static HANDLED: AtomicU64 = AtomicU64::new(0);

/// A method for each type that is put to the test.
#[outrigger::service]
trait Probe {
    fn kitchen(&self, request: &Archived<Kitchen>) -> Result<(), Error>;
    fn numbers(&self, request: &Archived<Numbers>) -> Result<(), Error>;
    fn pair(&self, request: &Archived<Pair>) -> Result<(), Error>;
    fn color(&self, request: &Archived<Color>) -> Result<(), Error>;
    fn shape(&self, request: &Archived<Shape>) -> Result<(), Error>;
    fn tree(&self, request: &Archived<Tree>) -> Result<(), Error>;
    fn config(&self, request: &Archived<TimerConfig>) -> Result<(), Error>;
    fn echo(&self, request: &Archived<EchoRequest>) -> Result<(), Error>;
    fn complex(&self, request: &Archived<ComplexRequest>) -> Result<(), Error>;
    fn schedule(&self, request: &Archived<Schedule>) -> Result<(), Error>;
    fn failure(&self, request: &Archived<TimerError>) -> Result<(), Error>;
    fn entry(&self, request: &Archived<second::Entry>) -> Result<(), Error>;
}

struct Reader;

/// Reads every byte that a handler could.
fn read<M: Message>(request: &Archived<M>) -> Result<(), Error> {
    HANDLED.fetch_add(1, Ordering::Relaxed);
    M::load(request).map(drop)
}

impl Probe for Reader {
    fn kitchen(&self, request: &Archived<Kitchen>) -> Result<(), Error> {
        read::<Kitchen>(request)
    }
    fn numbers(&self, request: &Archived<Numbers>) -> Result<(), Error> {
        read::<Numbers>(request)
    }
    fn pair(&self, request: &Archived<Pair>) -> Result<(), Error> {
        read::<Pair>(request)
    }
    fn color(&self, request: &Archived<Color>) -> Result<(), Error> {
        read::<Color>(request)
    }
    fn shape(&self, request: &Archived<Shape>) -> Result<(), Error> {
        read::<Shape>(request)
    }
    fn tree(&self, request: &Archived<Tree>) -> Result<(), Error> {
        read::<Tree>(request)
    }
    fn config(&self, request: &Archived<TimerConfig>) -> Result<(), Error> {
        read::<TimerConfig>(request)
    }
    fn echo(&self, request: &Archived<EchoRequest>) -> Result<(), Error> {
        read::<EchoRequest>(request)
    }
    fn complex(&self, request: &Archived<ComplexRequest>) -> Result<(), Error> {
        read::<ComplexRequest>(request)
    }
    fn schedule(&self, request: &Archived<Schedule>) -> Result<(), Error> {
        read::<Schedule>(request)
    }
    fn failure(&self, request: &Archived<TimerError>) -> Result<(), Error> {
        read::<TimerError>(request)
    }
    fn entry(&self, request: &Archived<second::Entry>) -> Result<(), Error> {
        read::<second::Entry>(request)
    }
}

/// A message that is whatever bytes it holds.
struct Raw(Vec<u8>);

impl rkyv::Archive for Raw {
    type Archived = ();
    type Resolver = ();

    fn resolve(&self, (): (), _: Place<()>) {}
}

impl Schema for Raw {
    const NODE: &'static Node = &shaped::<Self>(NodeShape::Unit);
}

impl Message for Raw {
    fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        let written = rkyv::ser::Writer::<Failed>::write(writer, &self.0);
        written.map_err(|_| Error::handler("it does not fit"))
    }

    fn access(_: &[u8]) -> Result<&(), Error> {
        Ok(&())
    }

    fn load((): &()) -> Result<Self, Error> {
        Ok(Self(Vec::new()))
    }
}

/// Pseudo-random numbers (splitmix64, Steele and others 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// One to four changes: a byte, a small number, a cut, or more bytes.
    fn mutate(&mut self, archive: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(archive.len());
            match self.below(8) {
                0 => archive.truncate(at),
                1 => archive.push(self.next() as u8),
                2 | 3 if !archive.is_empty() => archive[at] = self.below(12) as u8,
                4 if !archive.is_empty() => archive[at] ^= 0x80,
                _ if !archive.is_empty() => archive[at] = self.next() as u8,
                _ => {}
            }
        }
    }
}

fn archive(message: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = message.encode(&mut Writer::new(&mut bytes, 1 << 20));
    written.expect("it fits");
    bytes
}

fn is_valid<M: Message>(bytes: &[u8]) -> bool {
    let mut aligned = ArchiveMemory::new();
    aligned.extend_from_slice(bytes);
    Archive::<M>::new(aligned).is_ok()
}

/// Puts mutations of `samples`, and archives of other types, to a method.
fn put<M: Message>(
    client: &Client,
    method: &'static TypedMethod,
    samples: &[M],
    foreign: &[Vec<u8>],
    random: &mut Random,
) {
    put_as::<M, M>(client, method, samples, foreign, random);
}

/// The same with samples of another version of the type.
fn put_as<M: Message, S: Message>(
    client: &Client,
    method: &'static TypedMethod,
    samples: &[S],
    foreign: &[Vec<u8>],
    random: &mut Random,
) {
    let samples = samples.iter().map(archive).collect::<Vec<_>>();
    let mut refused = 0;
    for number in 0..MUTATIONS {
        let mut bytes = match number.checked_sub(MUTATIONS - foreign.len()) {
            Some(index) => foreign[index].clone(),
            None => samples[number % samples.len()].clone(),
        };
        if number >= samples.len() {
            random.mutate(&mut bytes);
        }
        let valid = is_valid::<M>(&bytes);
        let handled = HANDLED.load(Ordering::Relaxed);
        let request = Raw(bytes);
        let call = client.invoke::<Raw, (), Error>(method, &request);
        let outcome = call.wait().map(drop).map_err(|error| error.code());
        let expected = if valid {
            Ok(())
        } else {
            Err(Code::SERIALIZATION)
        };
        assert_eq!(outcome, expected, "{}, mutation {number}", method.name());
        let reached = HANDLED.load(Ordering::Relaxed) - handled;
        assert_eq!(reached, u64::from(valid), "{}", method.name());
        refused += usize::from(!valid);
    }
    assert!(refused > 0, "no mutation of {} mattered", method.name());
}

fn tree() -> Tree {
    Tree {
        value: 1,
        children: vec![Tree::default(), Tree::default()],
        next: Some(Box::default()),
    }
}

fn kitchen() -> Kitchen {
    Kitchen {
        name: "longer than eight".to_owned(),
        texts: vec!["another long text".to_owned(); 3],
        maybe_maybe: Some(Some(1)),
        shapes: vec![Shape::Labelled("label that is long".to_owned(), vec![1, 2])],
        tree: tree(),
        prices: [
            ("a dish of many words".to_owned(), 9),
            ("tea".to_owned(), 2),
        ]
        .into(),
        guests: ["Ada".to_owned(), "somebody else".to_owned()].into(),
        chef: Some(Box::new(Pair(1, "the chef of the house".to_owned()))),
        divisors: vec![NonZeroU16::MAX; 3],
        either: vec![Either::Left(tree())],
        ..Kitchen::default()
    }
}

fn config() -> TimerConfig {
    TimerConfig {
        name: "a name with letters".to_owned(),
    }
}

fn echo() -> EchoRequest {
    EchoRequest {
        message: "a message of some length".to_owned(),
        delay_ms: 0,
    }
}

fn complex() -> ComplexRequest {
    ComplexRequest {
        messages: vec![echo(), echo()],
        tags: vec!["short".to_owned(), "not so short a tag".to_owned()],
        note: Some("noted in many words".to_owned()),
        retries: Some(1),
    }
}

/// Puts archives of an older and of an equal version to a method.
fn put_versions(client: &Client, random: &mut Random) {
    static ENTRY: TypedMethod = TypedMethod::new(|| &ProbeClient::SCHEMA.methods[11]);
    let how = Box::new("to the skin, and beyond".to_owned());
    let older = first::Entry {
        text: "a day like any other".to_owned(),
        pages: vec![1, 2, 3],
        weather: first::Weather::Wet(how.clone()),
    };
    let equal = second::Entry {
        text: "short".to_owned(),
        pages: Vec::new(),
        weather: second::Weather::Wet(how),
        readers: Some(vec!["somebody or other".to_owned()]),
    };
    let foreign = [archive(&older), archive(&equal), archive(&kitchen())];
    put_as::<second::Entry, _>(client, &ENTRY, &[older], &foreign, random);
    put(client, &ENTRY, &[equal], &foreign, random);
}

#[test]
fn a_mutated_archive_is_serialization_and_reaches_no_handler() {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("{SEED}={seed}");
    let mut random = Random(seed);
    let server = Serving::start(Server::builder().service(ProbeServer::new(Reader)));
    let client = server.client();
    let (kitchen, complex) = (kitchen(), complex());
    let schedule = Schedule {
        job: config(),
        at_ms: 1,
        repeat: 1,
    };
    let shapes = [
        Shape::Circle(1.0),
        Shape::Framed(Box::default()),
        Shape::Empty,
    ];
    let foreign = [
        archive(&kitchen),
        archive(&complex),
        archive(&echo()),
        archive(&shapes[1]),
    ];
    macro_rules! put {
        ($index:literal, $samples:expr) => {{
            static METHOD: TypedMethod = TypedMethod::new(|| &ProbeClient::SCHEMA.methods[$index]);
            put(&client, &METHOD, $samples, &foreign, &mut random);
        }};
    }
    put!(0, &[Kitchen::default(), kitchen]);
    put!(1, &[Numbers::default()]);
    put!(
        2,
        &[Pair::default(), Pair(1, "a pair of long words".to_owned())]
    );
    put!(3, &[Color::Red, Color::Green, Color::Blue]);
    put!(4, &shapes);
    put!(5, &[Tree::default(), tree()]);
    put!(6, &[config()]);
    put!(7, &[echo()]);
    put!(8, &[complex]);
    put!(9, &[schedule]);
    put!(10, &[TimerError::Stopped, TimerError::TooLong(1, 2)]);
    put_versions(&client, &mut random);
    let reply = client
        .call("outrigger.echo", b"alive")
        .wait()
        .expect("an echo");
    assert_eq!(reply.bytes(), b"alive");
}
