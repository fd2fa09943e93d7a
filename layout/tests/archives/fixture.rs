//! Messages of every kind, and with awkward names.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::num::{NonZeroI64, NonZeroU8, NonZeroU16, NonZeroU32};
use std::time::Duration;

use outrigger_layout::schema::constant::{Constant, Value};
use outrigger_layout::schema::{Document, Fingerprints, Kind, Method, Service, Variant, hex};
use rkyv::with::{AsVec, Map as MapEach, Niche};
use uuid::Uuid;

use crate::document::{Builder, Described, message};
use crate::instance::Page;
use crate::sample::{Sample, Source};
use crate::versions::{Mood1, Mood2, Visit1, Visit2, Visit3, Wide1, Wide2};

message! { struct Scalars = ArchivedScalars, "" {
    flag: bool,
    letter: char,
    a: u8, b: u16, c: u32, d: u64,
    e: i8, f: i16, g: i32, h: i64,
    i: f32, j: f64,
} }

message! { struct Point = ArchivedPoint, "A point in the plane." {
    x: i32 = "Grows to the right.",
    y: i32,
} }

message! { tuple Pair = ArchivedPair, "Two numbers." (0: u8, 1: u64,) }
message! { tuple Meters = ArchivedMeters, "" (0: f64,) }
message! { struct Empty = ArchivedEmpty, "Nothing at all." {} }

message! { units Color, "A color:\n\n- as light\n- not as paint" {
    Red = 1,
    Green = 2,
    DeepBlue = 7,
} }

message! { enum Shape, "What can be drawn." {
    Nothing {}
    Rect { width: u32, height: u64, }
    Tagged { name: String, color: Color, at: Point, letter: char, }
    ;
    Circle (0: f64,)
    Label (0: String,)
    Move (0: i8, 1: i64,)
    View (0: Vec<Shape>,)
} }

message! { struct Texts = ArchivedTexts, "" {
    short: String,
    long: String,
    names: Vec<String>,
    maybe: Option<String>,
    boxed: Box<String>,
    pair: [String; 2],
    nested: Vec<Option<String>>,
} }

message! { struct Lists = ArchivedLists, "" {
    bytes: Vec<u8>,
    words: Vec<u16>,
    numbers: Vec<u64>,
    floats: Vec<f64>,
    flags: Vec<bool>,
    letters: Vec<char>,
    colors: Vec<Color>,
    points: Vec<Point>,
    pairs: Vec<Pair>,
    blobs: Vec<Vec<u8>>,
    hashes: Vec<[u8; 32]>,
    options: Vec<Option<u32>>,
    boxes: Vec<Box<Point>>,
    lists: Vec<Vec<Point>>,
    shapes: Vec<Shape>,
} }

message! { struct Options = ArchivedOptions, "" {
    number: Option<u32>,
    flag: Option<bool>,
    point: Option<Point>,
    nested: Option<Option<u8>>,
    list: Option<Vec<u8>>,
    lists: Option<Vec<Vec<u16>>>,
    shape: Option<Shape>,
    color: Option<Color>,
    boxed: Option<Box<Point>>,
    empty: Option<Empty>,
    unit: Option<()>,
    array: Option<[i16; 3]>,
} }

message! { struct Arrays = ArchivedArrays, "" {
    hash: [u8; 32],
    matrix: [[f32; 3]; 2],
    points: [Point; 2],
    shapes: [Shape; 2],
    flags: [bool; 3],
    options: [Option<u64>; 2],
    blobs: [Vec<u8>; 2],
    boxes: [Box<u32>; 2],
    none: [u64; 0],
    empty: Empty,
    unit: (),
} }

message! { struct Tree = ArchivedTree, "A value, and trees below it." {
    value: u32,
    children: Vec<Tree>,
} }

message! { struct Chain = ArchivedChain, "" {
    name: String,
    next: Option<Box<Chain>>,
} }

message! { enum Expression, "" {
    ;
    Number (0: i64,)
    Negative (0: Box<Expression>,)
    Sum (0: Box<Expression>, 1: Box<Expression>,)
    All (0: Vec<Expression>,)
    Wrapped (0: Box<Box<Vec<char>>>, 1: Box<[u16; 2]>, 2: Box<Option<bool>>,)
} }

message! { struct Awkward = ArchivedAwkward, "Names that Go has other uses for." {
    r#type: u8 = "A type.",
    err: String,
    ctx: u16,
    len: u32,
    id: u64,
    load: Vec<u8>,
    release: bool,
    tag: Color,
    string: String,
    bytes: [u8; 4],
    encode_archive: i8,
    name: String,
    name_view: String,
    e: u8, x: u8, at: u8, w: u8, r: u8, v: u8,
    http_url: Option<String>,
    peer_ids: Vec<u32>,
} }

message! { struct Compound = ArchivedCompound, "Types within types within types." {
    a: Vec<Option<[String; 2]>>,
    b: Option<Vec<String>>,
    c: Box<Option<Vec<Shape>>>,
    d: Vec<Box<Vec<Option<Box<Color>>>>>,
    e: [Option<Color>; 3],
    f: [[String; 2]; 2],
    g: Option<Box<()>>,
    h: [char; 3],
    i: Vec<[bool; 2]>,
    j: [Point; 0],
    k: [String; 0],
    l: Vec<Vec<Color>>,
    m: Option<Option<String>>,
    n: Option<[Pair; 2]>,
    o: Box<[u8; 64]>,
    p: Vec<Meters>,
    q: Vec<PointView>,
    r: Vec<[[u16; 2]; 2]>,
    s: Box<Color>,
    t: Box<char>,
    u: Box<Vec<Box<u64>>>,
    v: Vec<[Option<Shape>; 2]>,
    w: Option<[String; 2]>,
    x: [Color; 2],
    y: Option<Box<Empty>>,
    z: Vec<Option<Option<bool>>>,
} }

message! { struct Tuples = ArchivedTuples, "Values side by side." {
    plain: (u8, u64),
    text: (String, u32),
    checked: (bool, Color, char),
    list: Vec<(String, Vec<u8>)>,
    maybe: Option<(u16, Point)>,
    boxed: Box<(Shape, Box<u32>)>,
    array: [(u8, Option<u16>); 2],
    nested: ((u8, u8), (u32, (u8, String))),
    empty: (Empty, u8),
    nothing: Box<(Empty, Empty)>,
    long: (u8, u16, u32, u64, f32, f64, bool, String),
} }

message! { struct Results = ArchivedResults, "What went well and what did not." {
    plain: Result<u32, u64>,
    text: Result<String, u8>,
    error: Result<u64, String>,
    checked: Result<bool, char>,
    done: Result<(), String>,
    nothing: Result<(), ()>,
    list: Vec<Result<Vec<u8>, Color>>,
    maybe: Option<Result<Point, Shape>>,
    boxed: Box<Result<Box<Pair>, Empty>>,
    nested: Result<Result<u8, bool>, Option<(u16, String)>>,
    array: [Result<Vec<Point>, u16>; 2],
} }

message! { struct Times = ArchivedTimes, "How long it takes." {
    one: Duration,
    list: Vec<Duration>,
    maybe: Option<Duration>,
    boxed: Box<Duration>,
    array: [Duration; 2],
    pair: (u8, Duration),
    outcome: Result<Duration, Box<Duration>>,
    last: u8,
} }

message! { struct Wides = ArchivedWides, "Numbers of 128 bits." {
    small: u8,
    number: u128,
    signed: i128,
    list: Vec<u128>,
    signs: Vec<i128>,
    maybe: Option<u128>,
    boxed: Box<i128>,
    array: [u128; 2],
    pair: (u8, i128),
    pairs: Vec<(u128, bool)>,
    outcome: Result<u128, String>,
    last: bool,
} }

message! { struct Boxes = ArchivedBoxes, "Text and lists that do not grow." {
    text: Box<str>,
    bytes: Box<[u8]>,
    wide: Box<[u128]>,
    letters: Box<[char]>,
    points: Box<[Point]>,
    texts: Box<[Box<str>]>,
    strings: Vec<Box<str>>,
    shapes: Box<[Shape]>,
    maybe: Option<Box<str>>,
    maybe_list: Option<Box<[Box<[u16]>]>>,
    boxed: Box<Box<str>>,
    array: [Box<str>; 2],
    pair: (Box<str>, Box<[bool]>),
    outcome: Result<Box<[u32]>, Box<str>>,
} }

message! { struct Maps = ArchivedMaps, "Maps and sets as lists." {
    prices: BTreeMap<String, u32> as AsVec = "By name.",
    points: BTreeMap<u8, Point> as AsVec,
    hashed: HashMap<u16, Shape> as AsVec,
    wide: BTreeMap<u128, bool> as AsVec,
    keys: BTreeMap<(String, i8), Vec<String>> as AsVec,
    empty: BTreeMap<u64, Empty> as AsVec,
    maybe: Option<BTreeMap<char, Option<u16>>> as MapEach<AsVec>,
    many: Vec<BTreeMap<i32, Box<str>>> as MapEach<AsVec>,
    numbers: BTreeSet<u64> as AsVec,
    texts: BTreeSet<String> as AsVec,
    letters: HashSet<char> as AsVec,
    sets: Vec<BTreeSet<(u8, u32)>> as MapEach<AsVec>,
} }

message! { struct Niches = ArchivedNiches, "What says itself that it is not there." {
    small: Option<NonZeroU8> as Niche,
    number: Option<NonZeroU32> as Niche,
    signed: Option<NonZeroI64> as Niche,
    tagged: Option<NonZeroU32>,
    numbers: Vec<Option<NonZeroU16>> as MapEach<Niche>,
    point: Option<Box<Point>> as Niche,
    shape: Option<Box<Shape>> as Niche,
    text: Option<Box<String>> as Niche,
    next: Option<Box<Niches>> as Niche,
    boxes: Vec<Option<Box<Pair>>> as MapEach<Niche>,
    maybe: Option<Option<Box<u64>>> as MapEach<Niche>,
    divisor: NonZeroU32,
    divisors: Vec<NonZeroU16>,
    pair: (NonZeroU8, NonZeroI64),
    array: [NonZeroU16; 3],
    boxed: Box<NonZeroI64>,
} }

message! { struct Ids = ArchivedIds, "Ids of 16 bytes." {
    flag: u8,
    id: Uuid,
    more: Vec<Uuid>,
    maybe: Option<Uuid>,
    users: BTreeMap<Uuid, String> as AsVec,
} }

message! { struct Shelf = ArchivedShelf, "Messages with parameters." {
    items: Page<Item>,
    numbers: Page<u32>,
    lists: Page<Vec<Point>>,
    pages: Page<Page<bool>>,
    nothing: Unit,
} }

message! { @item #[repr(u8)] pub(crate) enum Signal {
    Stop = 3,
    Wait { #[rkyv(omit_bounds)] ms: u32 } = 7,
    Go(#[rkyv(omit_bounds)] String) = 200,
    Turn(#[rkyv(omit_bounds)] i8, #[rkyv(omit_bounds)] Color),
} }

message! { @item pub(crate) struct Unit; }

message! { struct Item = ArchivedItem, "" { id: u32, name: String, } }
message! { struct Order = ArchivedOrder, "What a message of everyday looks like." {
    id: u64,
    customer: String,
    note: Vec<u8>,
    limit: Option<u32>,
    items: Vec<Item>,
    shape: Shape,
} }

message! { struct Client = ArchivedClient, "" { user_id: u64, } }
message! { struct PointView = ArchivedPointView, "" { only: Point, } }

message! { struct Kitchen = ArchivedKitchen, "Everything there is." {
    scalars: Scalars,
    texts: Texts,
    lists: Lists,
    options: Options,
    arrays: Arrays,
    tree: Tree,
    chain: Chain,
    expression: Expression,
    awkward: Awkward,
    pair: Pair,
    meters: Meters,
    client: Client,
    view: PointView,
    color: Color,
    compound: Compound,
} }

/// The fixture's document: one service, whose methods take and give its messages.
pub(crate) fn document() -> Document {
    let mut builder = Builder::default();
    let mut methods = vec![
        method::<Kitchen, Kitchen>(&mut builder, "cook"),
        method::<Shape, Shape>(&mut builder, "draw_shape"),
        method::<Color, Color>(&mut builder, "mix"),
        method::<(), ()>(&mut builder, "ping"),
        method::<Scalars, Texts>(&mut builder, "http_get"),
        method::<Lists, Options>(&mut builder, "sort"),
        method::<Arrays, Tree>(&mut builder, "plant"),
        method::<Chain, Expression>(&mut builder, "evaluate"),
        method::<Awkward, Empty>(&mut builder, "name"),
        method::<Order, Order>(&mut builder, "order"),
        method::<Tuples, Tuples>(&mut builder, "pair_up"),
        method::<Results, Results>(&mut builder, "report"),
        method::<Times, Times>(&mut builder, "time"),
        method::<Wides, Wides>(&mut builder, "widen"),
        method::<Boxes, Boxes>(&mut builder, "pack"),
        method::<Maps, Maps>(&mut builder, "look_up"),
        method::<Niches, Niches>(&mut builder, "hide"),
        method::<Ids, Ids>(&mut builder, "identify"),
        method::<Shelf, Shelf>(&mut builder, "shelve"),
        method::<Signal, Unit>(&mut builder, "signal"),
        method::<Visit1, Mood1>(&mut builder, "visit"),
        method::<Visit2, Visit2>(&mut builder, "visit_again"),
        method::<Visit3, Wide2>(&mut builder, "visit_at_last"),
        method::<Wide1, Mood2>(&mut builder, "ask"),
    ];
    methods[0].error = Some(builder.number::<Texts>());
    methods[1].error = Some(builder.number::<Shape>());
    methods[2].error = Some(builder.number::<Color>());
    let mut document = builder.document;
    for method in &mut methods {
        let known = Fingerprints::of(&document, method);
        method.fingerprint = hex(&known.newest);
        method.older = known.older.iter().map(hex).collect();
    }
    document.services.push(Service {
        name: "kitchen".to_owned(),
        rust_name: "Kitchen".to_owned(),
        doc: "Methods of every kind.".to_owned(),
        constants: constants(),
        methods,
    });
    document
}

/// A constant of every kind, and what is at the ends of kinds.
fn constants() -> Vec<Constant> {
    let values = [
        ("OPEN", Value::Bool(true)),
        ("MARK", Value::Char('\u{202e}')),
        ("SEATS_MAX", Value::U8(u8::MAX)),
        ("PORT", Value::U16(u16::MAX)),
        ("KEY_MAX", Value::U32(u32::MAX)),
        ("EVERYTHING", Value::U64(u64::MAX)),
        ("LOW", Value::I8(i8::MIN)),
        ("LOWER", Value::I16(i16::MIN)),
        ("COLDEST", Value::I32(i32::MIN)),
        ("LOWEST", Value::I64(i64::MIN)),
        ("TENTH", Value::F32(0.1)),
        ("TINY", Value::F32(f32::from_bits(1))),
        ("HUGE", Value::F64(f64::MAX)),
        ("TINIEST", Value::F64(f64::from_bits(1))),
        ("NUL_INSIDE", Value::Str("a\0b")),
        ("CLIENT", Value::Str("rkyv.Ref \"\\ \u{1f600} é")),
    ];
    let constant = |(name, value): (&str, Value)| Constant {
        name: name.to_owned(),
        doc: if name == "TENTH" {
            "A tenth, rounded.".to_owned()
        } else {
            String::new()
        },
        kind: value.kind(),
        value: value.text(),
    };
    values.map(constant).into()
}

fn method<Q: Described, A: Described>(builder: &mut Builder, name: &str) -> Method {
    Method {
        name: name.to_owned(),
        doc: String::new(),
        request: builder.number::<Q>(),
        reply: builder.number::<A>(),
        error: None,
        attachments: false,
        placement: "pool".to_owned(),
        codecs: vec!["rkyv".to_owned()],
        fingerprint: String::new(),
        older: Vec::new(),
    }
}
