//! Methods that take attachments: what their handlers see of a call, what the answer
//! consists of, and that no buffer is left behind. Both ends in one thread.

use std::sync::Arc;

use outrigger::server::stepping::Loopback;
use outrigger::{CHUNK, Code, Codec, Context, Error, Handler, Limits, Message, Placement};
use outrigger::{Reply, Request, Server, Service};
use outrigger_layout::buffer::{AllocRequest, BufferRef, BufferTable};
use outrigger_layout::message::{ArchiveMemory, Writer};
use outrigger_layout::schema::{Document, MethodNode, fingerprint};
use outrigger_layout::slot::{SlotHeader, flag, kind};

#[allow(dead_code, reason = "what the testbed serves and this does not call")]
#[path = "../examples/testbed/albums.rs"]
mod albums;

use albums::{AlbumsClient, AlbumsServer, Comparison, Drawn, Label, Order, Photographer};
use albums::{TearError, Turn, Turned, add_up};

/// A client of one session, driven by hand.
struct Client {
    pair: Loopback,
    correlation: u64,
}

/// What came of a call.
#[derive(Debug)]
struct Answer {
    code: Code,
    flags: u8,
    value: Vec<u8>,
    pictures: Vec<Vec<u8>>,
}

impl Client {
    fn new() -> Self {
        let limits = Limits {
            payload_max: 8 << 20,
            ..Limits::default()
        };
        let builder = Server::builder().limits(limits);
        let builder = builder.service(AlbumsServer::new(Photographer));
        Self {
            pair: Loopback::new(builder).expect("a session"),
            correlation: 0,
        }
    }

    fn push(&mut self, kind: u8, payload: &[u8]) {
        let header = SlotHeader {
            kind,
            ..Loopback::call_header(0, self.correlation)
        };
        let _armed = self.pair.returns.push(&header, &[payload]).expect("room");
    }

    /// The server reads what there is, and its workers end; extents are mapped meanwhile.
    fn turn(&mut self) {
        for _ in 0..3 {
            self.pair.step_mapping().expect("no violation");
        }
    }

    /// The grants that were asked for; what is granted ahead of need is given back.
    fn granted(&mut self) -> Vec<BufferRef> {
        let mut granted = Vec::new();
        while let Some(header) = self.pair.grants.peek().expect("sound") {
            let mut payload = [0; 32];
            let len = header.payload_len as usize;
            self.pair.grants.copy_payload(0, &mut payload[..len]);
            self.pair.grants.release();
            assert_eq!(header.kind, kind::GRANT);
            match header.correlation {
                0 => self.push(kind::RETURN, &payload),
                _ => granted.push(bytemuck::pod_read_unaligned(&payload)),
            }
        }
        granted
    }

    /// Asks for buffers and writes these pictures into them.
    fn sending(&mut self, pictures: &[Vec<u8>]) -> Vec<BufferRef> {
        let lens = pictures.iter().map(|picture| picture.len() as u64);
        let lens: Vec<u64> = lens.filter(|len| *len > 0).collect();
        if !lens.is_empty() {
            let wanted = AllocRequest::of(&lens);
            self.push(kind::ALLOC, bytemuck::bytes_of(&wanted));
            self.turn();
        }
        let mut granted = self.granted().into_iter();
        let mut named = |picture: &Vec<u8>| {
            if picture.is_empty() {
                return BufferRef::EMPTY;
            }
            let buffer = granted.next().expect("a grant");
            self.pair.write(&buffer, picture);
            let length = picture.len() as u64;
            BufferRef { length, ..buffer }
        };
        pictures.iter().map(&mut named).collect()
    }

    /// Calls with a value that is in the slot, and pictures beside it; gives back all that
    /// the answer lends.
    fn call(&mut self, id: u16, codec: Codec, value: &[u8], pictures: &[Vec<u8>]) -> Answer {
        self.correlation += 1;
        let mut header = SlotHeader {
            codec: codec.0,
            ..Loopback::call_header(id, self.correlation)
        };
        let mut payload = value.to_vec();
        if !pictures.is_empty() {
            header.flags = flag::BUFFERS;
            let table = BufferTable::new(pictures.len(), pictures.len());
            let references = self.sending(pictures);
            let parts: [&[u8]; 3] = [
                bytemuck::bytes_of(&table),
                bytemuck::cast_slice(&references),
                value,
            ];
            payload = parts.concat();
        }
        self.pair.send(&header, &payload);
        self.turn();
        let answer = self.answer();
        assert!(self.granted().is_empty(), "nothing else was asked for");
        self.turn();
        answer
    }

    fn answer(&mut self) -> Answer {
        let (header, payload) = self.pair.receive().expect("a reply");
        let mut answer = Answer {
            code: Code(header.code),
            flags: header.flags,
            value: payload.clone(),
            pictures: Vec::new(),
        };
        if header.flags & flag::BUFFERS == 0 {
            return answer;
        }
        let (table, rest) = payload.split_at(size_of::<BufferTable>());
        let table: BufferTable = bytemuck::pod_read_unaligned(table);
        table.check().expect("a sound table");
        let (references, value) = rest.split_at(table.count as usize * size_of::<BufferRef>());
        answer.value = value.to_vec();
        let references = references.chunks_exact(size_of::<BufferRef>());
        for (index, bytes) in references.enumerate() {
            let lent: BufferRef = bytemuck::pod_read_unaligned(bytes);
            let content = if lent.is_nothing() {
                Vec::new()
            } else {
                let content = self.pair.read(&lent);
                self.push(kind::RETURN, bytes);
                content
            };
            if table.has_value() && index == 0 {
                answer.value = content;
            } else {
                answer.pictures.push(content);
            }
        }
        answer
    }

    /// Calls a method of the service with an archive.
    fn invoke<M: Message>(&mut self, name: &str, request: &M, pictures: &[Vec<u8>]) -> Answer {
        let node = method(name);
        let id = self.pair.bind_typed(node.name, node.fingerprint());
        let mut archive = Vec::new();
        let encoded = request.encode(&mut Writer::new(&mut archive, 80));
        encoded.expect("a request that fits beside any table");
        let answer = self.call(id.expect("an id"), Codec::RKYV, &archive, pictures);
        self.check_books();
        answer
    }

    /// No buffer is anybody's.
    #[track_caller]
    fn check_books(&self) {
        let stats = self.pair.stats();
        assert_eq!(stats.buffers_in_use(), 0, "{stats:?}");
        assert_eq!(stats.calls_in_flight, 0);
        assert_eq!(self.pair.ended(), None);
    }
}

impl Answer {
    /// The reply of a call that went well.
    #[track_caller]
    fn reply<M: Message>(&self) -> M {
        let text = String::from_utf8_lossy(&self.value);
        assert_eq!(self.code, Code::OK, "{text}");
        load(&self.value)
    }

    /// Code and text of one that did not; nothing is attached to it.
    #[track_caller]
    fn failure(&self) -> (Code, &str) {
        assert_eq!((self.flags, self.pictures.len()), (0, 0), "{self:?}");
        let text = core::str::from_utf8(&self.value).expect("text");
        (self.code, text)
    }
}

fn load<M: Message>(archive: &[u8]) -> M {
    let mut memory = ArchiveMemory::with_capacity(archive.len());
    memory.extend_from_slice(archive);
    M::load(M::access(&memory).expect("a valid archive")).expect("it can be loaded")
}

fn method(name: &str) -> &'static MethodNode {
    let mut methods = AlbumsClient::SCHEMA.methods.iter();
    let found = methods.find(|method| method.own_name == name);
    found.expect("a method of the service")
}

/// A picture of so many bytes, none of which is at its place when it is turned.
fn picture(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

fn upside_down(pictures: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let turn = |picture: &Vec<u8>| picture.iter().rev().copied().collect();
    pictures.iter().map(turn).collect()
}

#[test]
fn a_typed_handler_reads_what_is_attached_piece_by_piece() {
    let mut client = Client::new();
    for [left, right] in [[3 * CHUNK + 7, 1], [0, CHUNK], [5 << 20, 5 << 20], [0, 0]] {
        let pictures = [left, right].map(picture);
        let compared: Comparison = client.invoke("compare", &(), &pictures).reply();
        assert_eq!(compared.lens, [left as u64, right as u64]);
        assert_eq!(compared.sums, pictures.map(|picture| add_up(0, &picture)));
    }
    for count in [0, 1, 3, 4] {
        let answer = client.invoke("compare", &(), &vec![picture(10); count]);
        let text = format!("invalid argument: {count} pictures (allowed: 2)");
        assert_eq!(answer.failure(), (Code::INVALID_ARGUMENT, &*text));
    }
}

#[test]
fn a_reply_carries_its_value_and_what_the_handler_has_filled() {
    let mut client = Client::new();
    for caption_len in [0, 10, 100, 200, 100_000] {
        for lens in [vec![], vec![0], vec![7], vec![70_000, 0, 1, 5 << 20]] {
            let order = Order {
                lens: lens.clone(),
                caption_len,
                fail: false,
            };
            let answer = client.invoke("draw", &order, &[]);
            let drawn: Drawn = answer.reply();
            assert_eq!(drawn.caption, "c".repeat(caption_len as usize));
            let drawn = |(number, len): (usize, &u32)| -> Vec<u8> {
                let bytes = 0..*len as usize;
                bytes.map(|index| (index + 100 * number) as u8).collect()
            };
            let wanted: Vec<_> = lens.iter().enumerate().map(drawn).collect();
            assert!(answer.pictures == wanted, "{caption_len}, {lens:?}");
            let in_slot = lens.is_empty() && caption_len <= 200;
            assert_eq!(answer.flags == 0, in_slot, "a table only if there is need");
        }
    }
}

#[test]
fn large_and_empty_pictures_go_both_ways() {
    let mut client = Client::new();
    for lens in [
        vec![],
        vec![0],
        vec![1],
        vec![0, 0, 0, 0],
        vec![8 << 20],
        // Each needs a buffer of another size, which is waited for when some are written.
        vec![5000, 1 << 20, 70, 5 << 20],
        vec![CHUNK + 1, 0, CHUNK - 1],
    ] {
        let pictures: Vec<_> = lens.iter().map(|len| picture(*len)).collect();
        let answer = client.invoke("turn", &Turn::default(), &pictures);
        let turned: Turned = answer.reply();
        assert_eq!(turned.bytes, lens.iter().sum::<usize>() as u64);
        assert!(answer.pictures == upside_down(&pictures), "{lens:?}");
    }
    assert!(client.pair.stats().lends > 6);
}

#[test]
fn an_error_after_attaching_sends_nothing_and_frees_all() {
    let mut client = Client::new();
    let order = Order {
        lens: vec![5000, 100_000],
        fail: true,
        ..Order::default()
    };
    let answer = client.invoke("draw", &order, &[picture(10)]);
    let wanted = (
        Code::HANDLER_ERROR,
        "handler error: the pictures are spoilt",
    );
    assert_eq!(answer.failure(), wanted);
    for (after, turned) in [(0, 50_000), (50_001, 100_000), (150_000, 150_000)] {
        let turn = Turn {
            fail_after: Some(after),
        };
        let answer = client.invoke("turn", &turn, &vec![picture(50_000); 3]);
        let text = format!("handler error: {turned} bytes are turned");
        assert_eq!(answer.failure(), (Code::HANDLER_ERROR, &*text));
    }
    assert_eq!(client.pair.stats().lends, 0, "nothing was lent");
}

#[test]
fn an_error_of_ones_own_comes_without_what_was_attached_before() {
    let mut client = Client::new();
    let answer = client.invoke("tear", &(), &[picture(9000), picture(1)]);
    answer.reply::<()>();
    let [left, right] = [&answer.pictures[0], &answer.pictures[1]];
    assert_eq!([left.clone(), right.clone()].concat(), picture(9000));
    assert_eq!(answer.pictures[2..], [vec![], vec![0]]);
    let answer = client.invoke("tear", &(), &[picture(9000), picture(0)]);
    assert_eq!(
        (answer.code, answer.flags),
        (Code::HANDLER_ERROR, flag::DETAIL)
    );
    // Their length in 16 bytes, the words, and the archive.
    let words = "picture 1 is empty";
    let text = &answer.value[16..16 + words.len()];
    assert_eq!(text, words.as_bytes());
    let detail: TearError = load(&answer.value[16 + words.len()..]);
    assert_eq!(detail, TearError::Empty { picture: 1 });
}

#[test]
fn what_cannot_be_attached_is_an_error_that_leaves_nothing() {
    let mut client = Client::new();
    let large = Order {
        lens: vec![10, (8 << 20) + 1],
        ..Order::default()
    };
    let answer = client.invoke("draw", &large, &[]);
    let (code, text) = answer.failure();
    assert_eq!(code, Code::BUFFER_TOO_SMALL);
    assert!(
        text.contains("8388609") && text.contains("8388608"),
        "{text}"
    );
    // Two halves of three pictures are six.
    let answer = client.invoke("tear", &(), &vec![picture(9000); 3]);
    assert_eq!(answer.code, Code::HANDLER_ERROR);
    let text = String::from_utf8_lossy(&answer.value);
    assert!(text.contains("6 attachments (maximum 4)"), "{text}");
    assert_eq!(client.pair.stats().lends, 0);
}

#[test]
fn a_method_without_attachments_refuses_a_call_that_has_some() {
    let mut client = Client::new();
    let label = Label {
        text: "at the sea".to_owned(),
    };
    for pictures in [vec![picture(0)], vec![picture(9000), picture(70_000)]] {
        let answer = client.invoke("label", &label, &pictures);
        let count = pictures.len();
        let text =
            format!("invalid argument: {count} attachments (method albums.label takes none)");
        assert_eq!(answer.failure(), (Code::INVALID_ARGUMENT, &*text));
    }
    let answer = client.invoke("label", &label, &[]);
    assert_eq!(answer.reply::<Label>(), label);
}

#[test]
fn attachments_go_beside_json_too() {
    let mut client = Client::new();
    let id = client.pair.bind("albums.turn").expect("an id");
    let pictures = vec![picture(70_000), picture(0), picture(3)];
    let answer = client.call(id, Codec::JSON, b"{}", &pictures);
    assert_eq!(answer.code, Code::OK);
    assert_eq!(answer.value, br#"{"bytes":70003}"#);
    assert!(answer.pictures == upside_down(&pictures));
    client.check_books();
    let answer = client.call(id, Codec::JSON, br#"{"fail_after":70000}"#, &pictures);
    let wanted = (Code::HANDLER_ERROR, "handler error: 70000 bytes are turned");
    assert_eq!(answer.failure(), wanted);
    client.check_books();
    let answer = client.call(id, Codec::JSON, b"turn", &pictures);
    assert_eq!(answer.failure().0, Code::SERIALIZATION);
    client.check_books();
}

/// A handler around another one, which does not say what that takes.
struct Silent(Arc<dyn Handler>);

impl Handler for Silent {
    fn call(
        &self,
        context: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        self.0.call(context, request, reply)
    }

    fn placement(&self) -> Placement {
        self.0.placement()
    }

    fn codecs(&self) -> &[Codec] {
        &[Codec::JSON]
    }
}

#[test]
fn nothing_is_attached_where_nobody_said_that_it_may_be() {
    let mut client = Client::new();
    let draw = AlbumsServer::new(Photographer).handlers().remove(1);
    let registered = client.pair.registry().register("silent", Silent(draw));
    assert_eq!(registered, Ok(false));
    let id = client.pair.bind("silent").expect("an id");
    let order = br#"{"lens":[1],"caption_len":0,"fail":false}"#;
    let answer = client.call(id, Codec::JSON, order, &[]);
    let text = "invalid argument: attach in a handler that does not take attachments";
    assert_eq!(answer.failure(), (Code::INVALID_ARGUMENT, text));
    client.check_books();
}

#[test]
fn the_schema_says_which_methods_take_attachments_and_so_does_their_fingerprint() {
    let document = Document::of(AlbumsClient::SCHEMA.methods);
    let methods = &document.services[0].methods;
    for (method, node) in methods.iter().zip(AlbumsClient::SCHEMA.methods) {
        let takes = method.name != "label";
        assert_eq!(method.attachments, takes, "{}", method.name);
        assert_eq!(method.placement, if takes { "pool" } else { "inline" });
        let text = node.canonical();
        assert_eq!(text.contains("\nattachments\ntype 0 "), takes, "{text}");
        let json = serde_json::to_string(method).expect("JSON");
        assert_eq!(json.contains(r#""attachments":true"#), takes);
        assert_eq!(
            json.contains("attachments"),
            takes,
            "left out if there are none"
        );
    }
    let read = Document::read(&serde_json::to_vec(&document).expect("JSON"));
    assert_eq!(read.as_ref(), Ok(&document));
}

#[test]
fn a_client_that_knows_of_no_attachments_is_refused_in_words() {
    let client = Client::new();
    let former = method("turn").canonical().replace("\nattachments\n", "\n");
    let bound = client.pair.bind_typed("albums.turn", fingerprint(&former));
    let error = bound.expect_err("the server takes some");
    assert_eq!(error.code(), Code::VERSION_MISMATCH);
    let words = "method albums.turn is Turn -> Turned with attachments, fingerprint ";
    assert!(error.message().contains(words), "{error}");
}
