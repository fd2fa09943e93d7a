//! The fake by itself: it serves a few methods until the client hangs up.
//!
//! | method | answer |
//! | --- | --- |
//! | `echo`, `outrigger.echo` | what came and what was attached, no value for no value |
//! | `fail` | HANDLER_ERROR with the request as its message |
//! | `panic` | PANIC |
//! | `outrigger.methods` | a JSON array |
//! | any other | NOT_FOUND |

use std::collections::{HashMap, VecDeque};
use std::thread;

use bytemuck::bytes_of;
use outrigger_client::{Code, Error};
use outrigger_layout::buffer::BufferRef;
use outrigger_layout::frame::control;
use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::segment::side;
use outrigger_layout::slot::{SlotHeader, flag, kind};

use super::hear::{named, take, wanted};
use super::{Fake, Message, Task, names};

/// Buffers by extent, and what waits for an extent to be mapped.
#[derive(Default)]
pub struct Serving {
    /// Free buffers, by side and size.
    free: HashMap<(u32, u64), Vec<BufferRef>>,
    /// Grants and replies that wait for their extent.
    waiting: VecDeque<Waiting>,
    /// Buffers that the client has.
    pub out: usize,
}

enum Waiting {
    Grant(Message),
    Reply(Answer),
}

/// What is answered to a call.
struct Answer {
    call: Message,
    code: Code,
    value: Option<Vec<u8>>,
    attachments: Vec<Vec<u8>>,
}

impl Answer {
    fn value_in_buffer(&self) -> bool {
        let names = if self.attachments.is_empty() {
            0
        } else {
            16 + 32 * self.attachments.len()
        };
        let len = self.value.as_ref().map_or(0, Vec::len);
        len > INLINE_MAX as usize - names
    }

    /// What is written to buffers, its value first.
    fn parts(&self) -> Vec<&[u8]> {
        let value = self.value.as_deref().filter(|_| self.value_in_buffer());
        let attached = self.attachments.iter().map(Vec::as_slice);
        value.into_iter().chain(attached).collect()
    }
}

/// What a fake did until the client hung up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    pub calls: u64,
    pub cancels: u64,
    /// Buffers granted or lent and never given back or used.
    pub buffers_out: usize,
}

impl Fake {
    /// Serves in a thread of its own.
    pub fn serve(self) -> Task<Served> {
        Task::run(move || self.serve_here())
    }

    /// Serves until the client hangs up.
    pub fn serve_here(mut self) -> Served {
        let mut served = Served::default();
        loop {
            let mut idle = true;
            while let Some(message) = self.try_request() {
                idle = false;
                match message.header.kind {
                    kind::CALL => {
                        served.calls += 1;
                        self.run(message);
                    }
                    _ => served.cancels += 1,
                }
            }
            idle &= !self.take_returns();
            if let Err(_hang_up) = self.hear() {
                // What was returned last lies in the ring still.
                self.take_returns();
                served.buffers_out = self.serving.out;
                return served;
            }
            if idle {
                thread::yield_now();
            }
        }
    }

    fn take_returns(&mut self) -> bool {
        let mut any = false;
        while let Some((header, payload)) = take(&mut self.returns) {
            any = true;
            let lane = 0;
            self.own(Message {
                lane,
                header,
                payload,
            });
        }
        any
    }

    fn hear(&mut self) -> Result<(), String> {
        let outcome = self.listen();
        while let Some((header, _)) = self.inbox.pop_front() {
            if header.kind == control::EXTENT_MAPPED {
                assert_eq!(header.code, 0);
                let id = header.token as u32;
                let (body, _) = &self.extents[id as usize - 1];
                let (size, count) = ((body.side, body.buffer_len), body.buffer_count);
                let buffers = (0..count).map(|index| self.buffer(id, index));
                let buffers: Vec<_> = buffers.collect();
                self.serving.free.entry(size).or_default().extend(buffers);
                for waiting in std::mem::take(&mut self.serving.waiting) {
                    self.lease(waiting);
                }
            }
        }
        outcome.map(drop)
    }

    /// Leases buffers, all or none, or announces an extent and waits for it.
    fn lease(&mut self, waiting: Waiting) {
        let (side, lens): (u32, Vec<u64>) = match &waiting {
            Waiting::Grant(alloc) => (side::CLIENT, wanted(alloc)),
            Waiting::Reply(answer) => {
                let lens = answer.parts().into_iter().map(|part| part.len() as u64);
                (side::SERVER, lens.filter(|len| *len > 0).collect())
            }
        };
        let mut taken = Vec::new();
        for len in &lens {
            let size = len.max(&4096).next_power_of_two();
            let free = self.serving.free.entry((side, size)).or_default();
            let Some(reference) = free.pop() else {
                for reference in taken {
                    self.put(reference);
                }
                if self.serving.waiting.is_empty() {
                    self.announce(side, size, 4);
                }
                self.serving.waiting.push_back(waiting);
                return;
            };
            taken.push(reference);
        }
        self.serving.out += taken.len();
        match waiting {
            Waiting::Grant(alloc) => taken.iter().for_each(|one| self.grant(&alloc, one)),
            Waiting::Reply(answer) => self.finish(&answer, taken),
        }
    }

    /// Publishes an answer, what it needs being leased.
    fn finish(&mut self, answer: &Answer, leased: Vec<BufferRef>) {
        let mut leased = leased.into_iter();
        let mut references = Vec::new();
        for part in answer.parts() {
            let mut reference = BufferRef::EMPTY;
            if !part.is_empty() {
                reference = leased.next().unwrap();
                let mapping = self.mapping(reference.extent);
                mapping.copy_in(reference.offset, part).unwrap();
                reference.length = part.len() as u64;
            }
            references.push(reference);
        }
        let (mut flags, mut payload) = (0, Vec::new());
        if !references.is_empty() {
            flags = flag::BUFFERS;
            payload = names(&references, answer.attachments.len());
        } else if answer.value.is_none() {
            flags = flag::NO_VALUE;
        }
        if !answer.value_in_buffer() {
            payload.extend(answer.value.iter().flatten());
        }
        let header = SlotHeader {
            flags,
            code: answer.code.0,
            ..self.reply_to(&answer.call)
        };
        self.push_reply(answer.call.lane, &header, &payload);
    }

    /// ALLOC or RETURN.
    fn own(&mut self, message: Message) {
        match message.header.kind {
            kind::ALLOC => self.lease(Waiting::Grant(message)),
            kind::RETURN => self.free(bytemuck::pod_read_unaligned(&message.payload)),
            other => panic!("kind {other} in the return ring"),
        }
    }

    fn free(&mut self, reference: BufferRef) {
        self.put(reference);
        self.serving.out -= 1;
    }

    fn put(&mut self, reference: BufferRef) {
        let whole = self.buffer(reference.extent, reference.index);
        let side = self.extents[reference.extent as usize - 1].0.side;
        let free = self.serving.free.entry((side, whole.length)).or_default();
        assert!(!free.contains(&whole), "returned twice: {whole:?}");
        free.push(whole);
    }

    fn run(&mut self, call: Message) {
        let (references, count, mut value) = named(&call);
        let mut attachments = Vec::new();
        for reference in references {
            attachments.push(self.bytes(&reference));
            if !reference.is_nothing() {
                self.free(reference);
            }
        }
        if attachments.len() > count {
            value = Some(attachments.remove(0));
        }
        let name = self.names[usize::from(call.header.method) - 1].clone();
        let methods = br#"["echo","fail"]"#.to_vec();
        let (code, value) = match name.as_str() {
            "echo" | "outrigger.echo" => (Code::OK, value),
            "fail" => (Code::HANDLER_ERROR, Some(value.unwrap_or_default())),
            "panic" => {
                let error = Error::panic("kaboom");
                (error.code(), Some(error.message().as_bytes().to_vec()))
            }
            "outrigger.methods" => (Code::OK, Some(methods)),
            _ => {
                let error = Error::not_found(&name);
                (error.code(), Some(error.message().as_bytes().to_vec()))
            }
        };
        if code != Code::OK {
            attachments.clear();
        }
        self.lease(Waiting::Reply(Answer {
            call,
            code,
            value,
            attachments,
        }));
    }
}
