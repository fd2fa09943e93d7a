//! Typed calls, from Rust, of a real sidecar: values, errors, mismatches, hostile
//! archives.

use std::num::{NonZeroI64, NonZeroU16, NonZeroU32};
use std::time::Duration;

use outrigger::client::{ArchiveMemory, CallError};
use outrigger::{Client, Code, Codec, Message};

#[allow(dead_code, reason = "the sidecar serves it; here are its messages")]
#[path = "../examples/testbed/kitchen.rs"]
mod kitchen;
mod process;
#[allow(dead_code, reason = "the sidecar serves it; here are its messages")]
#[path = "../examples/testbed/timers.rs"]
mod timers;

use kitchen::{Color, Either, Kitchen, KitchensClient, Nothing, Numbers, Page, Pair, Shape};
use kitchen::{Signal, Suspect, Tree, pans};
use process::{Serving, Sidecar, eventually};
use timers::{ComplexRequest, EchoRequest, Schedule, TimerConfig, TimerError, TimersClient};
use uuid::Uuid;

fn tree(depth: i32) -> Tree {
    let children = (0..depth.min(3)).map(|_| tree(depth - 2)).collect();
    let next = (depth > 0).then(|| Box::new(tree(depth - 1)));
    Tree {
        value: depth,
        children,
        next,
    }
}

fn page<T: Clone>(items: Vec<T>) -> Page<T> {
    Page {
        last: items.last().cloned().map(Box::new),
        rest: vec![Page {
            items: items.clone(),
            last: None,
            rest: vec![],
        }],
        items,
    }
}

/// A kitchen in which nothing is empty that is archived in another form, has
/// parameters, or a name of its own.
fn adapted() -> Kitchen {
    Kitchen {
        prices: [("an expensive dish".to_owned(), 90), ("tea".to_owned(), 2)].into(),
        // One entry: of several, the bytes would be in any order.
        index: [(7, Pair(8, "found by number".to_owned()))].into(),
        maybe_map: Some([('a', Shape::Circle(0.25)), ('b', Shape::Empty)].into()),
        maps: vec![[(1, vec![2, 3]), (4, vec![])].into(), [].into()],
        guests: ["Ada".to_owned(), "Mary Somerville".to_owned()].into(),
        marks: [u64::MAX].into(),
        limit: NonZeroU32::new(5),
        limits: vec![NonZeroI64::new(-1), None],
        chef: Some(Box::new(Pair(11, "chef".to_owned()))),
        divisors: vec![NonZeroU16::MIN, NonZeroU16::MAX],
        page: page(vec![Pair(12, "on a page".to_owned())]),
        numbers_page: page(vec![vec![1, 2], vec![]]),
        either: vec![
            Either::Left(tree(1)),
            Either::Right {
                value: Some(true),
                times: 3,
            },
        ],
        id: Uuid::from_u128(u128::MAX / 3),
        ids: vec![Uuid::nil(), Uuid::max()],
        pan: pans::Pair(13),
        nothing: Nothing,
        signal: Signal::Wait { ms: 14 },
        ..Kitchen::default()
    }
}

/// A kitchen in which nothing is empty.
fn full() -> Kitchen {
    Kitchen {
        numbers: numbers(),
        flag: true,
        letter: 'ß',
        name: "longer than eight bytes".to_owned(),
        blob: (0..=255).collect(),
        words: vec![1, u64::MAX],
        texts: vec![String::new(), "12345678".to_owned(), "123456789".to_owned()],
        pairs: vec![
            Pair(1, "one".to_owned()),
            Pair(2, "a pair of pairs".to_owned()),
        ],
        nested: vec![vec![], vec![7], vec![8, 9]],
        maybe_number: Some(7),
        maybe_text: Some("text with a \0 inside".to_owned()),
        maybe_pair: Some(Pair(3, String::new())),
        maybe_maybe: Some(None),
        boxed: Box::new(Pair(4, "boxed".to_owned())),
        digest: [0xab; 32],
        three: ["a".to_owned(), "bb".repeat(9), String::new()],
        color: Color::Blue,
        shape: Shape::Framed(Box::new(Shape::Labelled("label".to_owned(), vec![1, 2, 3]))),
        shapes: vec![
            Shape::Empty,
            Shape::Circle(1.5),
            Shape::Rect {
                width: 1,
                height: 2,
            },
        ],
        tree: tree(5),
        tuple: (1, "a text in a tuple".to_owned()),
        tuples: vec![(true, (2, Color::Green), vec![3, 4])],
        outcomes: vec![Ok("went very well".to_owned()), Err(Shape::Circle(0.5))],
        done: Some(Err(404)),
        time: Duration::MAX,
        steps: vec![Duration::ZERO, Duration::from_millis(1500)],
        wide: u128::MAX - 1,
        wides: vec![i128::MIN, -1, i128::MAX],
        label: "boxed".into(),
        fixed: [Pair(5, "in a boxed slice".to_owned())].into(),
        r#type: 9,
        ..adapted()
    }
}

fn numbers() -> Numbers {
    Numbers {
        u8: u8::MAX,
        u16: u16::MAX,
        u32: u32::MAX,
        u64: u64::MAX,
        i8: i8::MIN,
        i16: i16::MIN,
        i32: i32::MIN,
        i64: i64::MIN,
        f32: f32::MIN_POSITIVE,
        f64: f64::MAX,
    }
}

fn archive(message: &impl Message) -> ArchiveMemory {
    let mut bytes = Vec::new();
    let mut writer = outrigger::__private::message::Writer::new(&mut bytes, 1 << 20);
    message.encode(&mut writer).expect("it fits");
    let mut archive = ArchiveMemory::new();
    archive.extend_from_slice(&bytes);
    archive
}

#[test]
fn nf_09_every_message_crosses_and_comes_back() {
    let sidecar = Sidecar::start(&[]);
    let client = Client::connect(&sidecar.socket()).expect("it listens");
    let timers = TimersClient::new(client.clone());
    let name = "a\0b ü".to_owned();
    let created = timers
        .create(&TimerConfig { name: name.clone() })
        .wait()
        .expect("created");
    assert_eq!(
        (created.name.as_str(), created.name_len.to_native()),
        (&*name, 6)
    );

    let echo = EchoRequest {
        message: "hello".to_owned(),
        delay_ms: 1,
    };
    let reply = timers
        .echo(&echo)
        .wait()
        .expect("an echo")
        .load()
        .expect("a value");
    assert_eq!((&*reply.echoed, reply.count), ("hello", 1));

    let mut complex = ComplexRequest {
        messages: vec![echo.clone(), echo],
        tags: vec!["x".to_owned(), String::new(), "a longer tag".to_owned()],
        note: Some("noted".to_owned()),
        retries: Some(-3),
    };
    let reply = timers
        .complex(&complex)
        .wait()
        .expect("a reply")
        .load()
        .expect("a value");
    assert_eq!(reply.summary, "hellohelloxa longer tag");
    assert_eq!(
        (reply.item_count, reply.note, reply.retries_left),
        (2, complex.note.take(), Some(-4))
    );
    complex.retries = None;
    let reply = timers
        .complex(&complex)
        .wait()
        .expect("a reply")
        .load()
        .expect("a value");
    assert_eq!((reply.note, reply.retries_left), (None, None));

    let job = TimerConfig {
        name: "job".to_owned(),
    };
    let schedule = Schedule {
        job,
        at_ms: 5000,
        repeat: 3,
    };
    let scheduled = timers.schedule(&schedule).wait().expect("a plan");
    assert_eq!(scheduled.last_at_ms.to_native(), 8000);
}

#[test]
fn us_17_a_method_s_own_error_arrives_as_a_value() {
    let sidecar = Sidecar::start(&[]);
    let client = Client::connect(&sidecar.socket()).expect("it listens");
    let timers = TimersClient::new(client.clone());
    let late = EchoRequest {
        message: String::new(),
        delay_ms: 2000,
    };
    let error: CallError<TimerError> = timers.echo(&late).wait().expect_err("refused");
    assert_eq!(error.detail(), Some(&TimerError::TooLong(2000, 1000)));
    let text = "outrigger: handler_error: delay 2000 ms (maximum 1000)";
    assert_eq!(error.to_string(), text);
    assert_eq!(error.error().code(), Code::HANDLER_ERROR);
    let error = timers.stop().wait().expect_err("refused");
    assert_eq!(error.into_detail(), Some(TimerError::Stopped));
    // A failure that is not the method's own has no detail.
    let late = EchoRequest {
        message: String::new(),
        delay_ms: 900,
    };
    let error = timers
        .echo(&late)
        .timeout(Duration::from_millis(20))
        .wait()
        .expect_err("late");
    assert_eq!(
        (error.detail(), error.error().code()),
        (None, Code::TIMEOUT)
    );

    let kitchens = KitchensClient::new(client);
    for kitchen in [Kitchen::default(), full()] {
        let error = kitchens.refuse(&kitchen).wait().expect_err("refused");
        let refused = error.detail().expect("a detail, small or large");
        assert_eq!((&*refused.kitchen, refused.attempts), (&kitchen, 3));
    }
}

#[test]
fn every_kind_of_field_crosses_small_and_large_on_poller_and_worker() {
    let sidecar = Sidecar::start(&[]);
    let client = Client::connect(&sidecar.socket()).expect("it listens");
    let kitchens = KitchensClient::new(client);
    let mut huge = full();
    huge.blob = vec![1; 300_000];
    for kitchen in [Kitchen::default(), full(), huge] {
        let reply = kitchens.echo(&kitchen).wait().expect("an echo");
        assert_eq!(reply.load().expect("a value"), kitchen);
        assert_eq!(reply.bytes(), &*archive(&kitchen), "byte for byte");
        let reply = kitchens.echo_slowly(&kitchen).wait().expect("an echo");
        assert_eq!(reply.load().expect("a value"), kitchen);
    }
    let mut memory = ArchiveMemory::new();
    for _ in 0..3 {
        let view = kitchens
            .count(&numbers())
            .wait_into(&mut memory)
            .expect("numbers");
        assert_eq!(view.i64.to_native(), i64::MIN);
    }
}

#[test]
fn typed_calls_can_be_awaited_many_at_once() {
    let sidecar = Sidecar::start(&[]);
    let client = Client::connect(&sidecar.socket()).expect("it listens");
    let timers = TimersClient::new(client);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..50 {
            let timers = timers.clone();
            tasks.spawn(async move {
                let message = format!("number {number}");
                let request = EchoRequest {
                    message: message.clone(),
                    delay_ms: 100,
                };
                let reply = timers.echo(&request).await.expect("an echo");
                assert_eq!(reply.echoed.as_str(), message);
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("a task");
        }
    });
}

#[test]
fn nf_07_json_and_archives_from_one_definition_and_never_garbage() {
    let sidecar = Sidecar::start(&[]);
    let client = Client::connect(&sidecar.socket()).expect("it listens");
    let config = TimerConfig {
        name: "by json".to_owned(),
    };
    let created: serde_json::Value = client.call_json("timers.create", &config).expect("created");
    assert_eq!(created["name_len"], 7);
    let error = client
        .call_json::<_, serde_json::Value>(
            "timers.schedule",
            &serde_json::json!({
                "job": { "name": "" }, "at_ms": 1, "repeat": 1,
            }),
        )
        .expect_err("refused");
    assert_eq!(
        error.to_string(),
        "outrigger: handler_error: no timer is named \"\""
    );
    // A codec that the method does not take, from one that knows its fingerprint or not.
    let error = client
        .call("timers.create", b"raw")
        .wait()
        .expect_err("refused");
    let text = "method timers.create does not take raw (allowed: [rkyv, json])";
    assert_eq!(
        (error.code(), error.message().ends_with(text)),
        (Code::SERIALIZATION, true)
    );
    let call = client.call("kitchens.count", b"{}").codec(Codec::JSON);
    let error = call.wait().expect_err("refused");
    let text = "method kitchens.count does not take json (allowed: [rkyv])";
    assert!(error.message().ends_with(text), "{error}");
    let call = client.call("timers.create", b"").codec(Codec::RKYV);
    let error = call.wait().expect_err("refused");
    assert_eq!(
        error.to_string(),
        "outrigger: version_mismatch: version mismatch: method timers.create was bound without \
         a fingerprint: no archives"
    );
}

#[allow(dead_code, reason = "only the client is used")]
/// The service as an older client knows it: one field is narrower.
mod older {
    use outrigger::{Archived, Error};

    #[outrigger::message]
    pub(crate) struct TimerConfig {
        pub(crate) name: String,
    }

    #[outrigger::message]
    pub(crate) struct TimerCreated {
        pub(crate) name: String,
        pub(crate) name_len: u16,
    }

    #[outrigger::service]
    pub(crate) trait Timers {
        fn create(&self, request: &Archived<TimerConfig>) -> Result<TimerCreated, Error>;
        fn vanish(&self, request: &Archived<TimerConfig>) -> Result<TimerCreated, Error>;
    }
}

#[test]
fn another_fingerprint_is_refused_with_what_differs_in_words() {
    let sidecar = Sidecar::start(&[]);
    let client = Client::connect(&sidecar.socket()).expect("it listens");
    let timers = older::TimersClient::new(client.clone());
    let request = older::TimerConfig {
        name: "old".to_owned(),
    };
    for _ in 0..2 {
        let error = timers.create(&request).wait().expect_err("refused");
        assert_eq!(error.code(), Code::VERSION_MISMATCH);
        let text = error.message();
        for part in [
            "method timers.create is TimerConfig -> TimerCreated",
            "struct TimerCreated: field name_len is u16 in the client, u32 in the server; make",
        ] {
            assert!(text.contains(part), "{text:?} without {part:?}");
        }
    }
    let error = timers.vanish(&request).wait().expect_err("not there");
    let text = "outrigger: not_found: not found: timers.vanish";
    assert_eq!(error.to_string(), text);
    // An untyped method has no archives at all.
    let echo = client.call("test.checksum", b"").codec(Codec::RKYV);
    assert_eq!(
        echo.wait().expect_err("refused").code(),
        Code::SERIALIZATION
    );
}

#[test]
fn the_verdict_on_an_archive_is_reached_and_the_server_lives() {
    let sidecar = Sidecar::start(&[]);
    let client = Client::connect(&sidecar.socket()).expect("it listens");
    let kitchens = KitchensClient::new(client);
    let good = archive(&full());
    let mut suspect = Suspect {
        archive: good.to_vec(),
    };
    assert!(kitchens.judge(&suspect).wait().expect("a verdict").valid);
    for len in [0, 1, good.len() - 1] {
        suspect.archive = good[..len].to_vec();
        let verdict = kitchens.judge(&suspect).wait().expect("a verdict");
        assert!(!verdict.valid && !verdict.reason.is_empty());
        let addresses = verdict.reason.contains("0x");
        assert!(!addresses, "{} tells of our memory", verdict.reason);
    }
}

#[test]
fn a_handler_of_another_fingerprint_in_its_place_is_refused_at_the_call() {
    use outrigger::server::stepping::Loopback;
    use outrigger::{Archived, Error, Server};

    struct Older;
    impl older::Timers for Older {
        fn create(
            &self,
            request: &Archived<older::TimerConfig>,
        ) -> Result<older::TimerCreated, Error> {
            let name = request.name.as_str().to_owned();
            Ok(older::TimerCreated { name, name_len: 0 })
        }
        fn vanish(
            &self,
            request: &Archived<older::TimerConfig>,
        ) -> Result<older::TimerCreated, Error> {
            self.create(request)
        }
    }

    let builder = Server::builder().service(older::TimersServer::new(Older));
    let mut pair = Loopback::new(builder).expect("a pair");
    let old = older::TimersClient::SCHEMA.methods[0].fingerprint();
    let method = pair.bind_typed("timers.create", old).expect("it is there");
    let request = archive(&older::TimerConfig {
        name: "old".to_owned(),
    });
    let call = |pair: &mut Loopback, correlation| {
        let mut header = Loopback::call_header(method, correlation);
        header.codec = Codec::RKYV.0;
        pair.send(&header, &request);
        pair.step().expect("no violation");
        let (header, payload) = pair.receive().expect("an answer");
        (
            Code(header.code),
            String::from_utf8_lossy(&payload).into_owned(),
        )
    };
    assert_eq!(call(&mut pair, 1).0, Code::OK);
    let replaced = pair
        .registry()
        .register_service(timers::TimersServer::new(timers::Talking::default()));
    assert_eq!(replaced.expect("registered"), 1);
    let (code, text) = call(&mut pair, 2);
    assert_eq!(code, Code::VERSION_MISMATCH);
    assert!(
        text.contains("method timers.create is TimerConfig -> TimerCreated"),
        "{text}"
    );
    assert!(pair.registry().unregister("timers.create"));
    assert_eq!(call(&mut pair, 3).0, Code::NOT_FOUND);
    let again = pair
        .registry()
        .register_service(older::TimersServer::new(Older));
    again.expect("registered");
    assert_eq!(call(&mut pair, 4).0, Code::OK);
}

#[test]
fn large_replies_of_many_workers_never_wait_for_each_other() {
    use outrigger::{Archived, Error, Limits, Server};

    #[outrigger::message]
    pub(crate) struct Wanted {
        texts: u32,
    }
    #[outrigger::message]
    pub(crate) struct Many {
        texts: Vec<String>,
    }
    #[outrigger::service]
    pub(crate) trait Bulk {
        #[outrigger(pool)]
        fn fetch(&self, request: &Archived<Wanted>) -> Result<Many, Error>;
    }
    struct Store;
    impl Bulk for Store {
        fn fetch(&self, request: &Archived<Wanted>) -> Result<Many, Error> {
            let texts = vec!["x".repeat(4000); request.texts.to_native() as usize];
            Ok(Many { texts })
        }
    }

    let limits = Limits {
        arena_bytes: 32 << 20,
        ..Limits::default()
    };
    let builder = Server::builder().limits(limits).workers(8);
    let server = Serving::start(builder.service(BulkServer::new(Store)));
    let client = BulkClient::new(server.client());
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            // Eight of some 8 MiB, of which the arena holds two to four at a time.
            std::thread::spawn(move || {
                let many = client
                    .fetch(&Wanted { texts: 2000 })
                    .wait()
                    .expect("a reply");
                many.texts.len()
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.join().expect("no panic"), 2000);
    }
    drop(client);
    eventually("all buffers are back", || {
        server.handle.stats().buffers_in_use == 0
    });
}
