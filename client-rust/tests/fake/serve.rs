//! The fake by itself: it serves a few methods until the client hangs up.
//!
//! | method | answer |
//! | --- | --- |
//! | `echo`, `outrigger.echo` | what came, no value for no value |
//! | `fail` | HANDLER_ERROR with the request as its message |
//! | `panic` | PANIC |
//! | `outrigger.methods` | a JSON array |
//! | any other | NOT_FOUND |

use std::collections::{HashMap, VecDeque};
use std::thread;

use bytemuck::bytes_of;
use outrigger_client::{Code, Error};
use outrigger_layout::buffer::{AllocRequest, BufferRef};
use outrigger_layout::frame::control;
use outrigger_layout::limits::INLINE_MAX;
use outrigger_layout::segment::side;
use outrigger_layout::slot::{SlotHeader, flag, kind};

use super::hear::take;
use super::{Fake, Message, Task, table};

/// Buffers by extent, and what waits for an extent to be mapped.
#[derive(Default)]
pub struct Serving {
    /// Free buffers, by side and size.
    free: HashMap<(u32, u64), Vec<BufferRef>>,
    /// Grants and replies that wait for their extent.
    waiting: VecDeque<(Waiting, u64)>,
    /// Buffers that the client has.
    pub out: usize,
}

enum Waiting {
    Grant(Message),
    Reply(Message, Code, Vec<u8>),
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
                for (waiting, len) in std::mem::take(&mut self.serving.waiting) {
                    self.lease(waiting, len);
                }
            }
        }
        outcome.map(drop)
    }

    /// Leases a buffer, or announces an extent and waits for it.
    fn lease(&mut self, waiting: Waiting, len: u64) {
        let side = match &waiting {
            Waiting::Grant(_) => side::CLIENT,
            Waiting::Reply(..) => side::SERVER,
        };
        let size = len.max(4096).next_power_of_two();
        let free = self.serving.free.entry((side, size)).or_default();
        let Some(reference) = free.pop() else {
            if self.serving.waiting.is_empty() {
                self.announce(side, size, 4);
            }
            self.serving.waiting.push_back((waiting, len));
            return;
        };
        self.serving.out += 1;
        match waiting {
            Waiting::Grant(alloc) => self.grant(&alloc, &reference),
            Waiting::Reply(call, code, value) => {
                let mapping = self.mapping(reference.extent);
                mapping.copy_in(reference.offset, &value).unwrap();
                let reference = BufferRef {
                    length: len,
                    ..reference
                };
                let header = SlotHeader {
                    flags: flag::BUFFERS,
                    code: code.0,
                    ..self.reply_to(&call)
                };
                let payload = [bytes_of(&table(1)), bytes_of(&reference)].concat();
                self.push_reply(call.lane, &header, &payload);
            }
        }
    }

    /// ALLOC or RETURN.
    fn own(&mut self, message: Message) {
        match message.header.kind {
            kind::ALLOC => {
                let request: AllocRequest = bytemuck::pod_read_unaligned(&message.payload);
                self.lease(Waiting::Grant(message), request.lengths[0].into());
            }
            kind::RETURN => self.free(bytemuck::pod_read_unaligned(&message.payload)),
            other => panic!("kind {other} in the return ring"),
        }
    }

    fn free(&mut self, reference: BufferRef) {
        let whole = self.buffer(reference.extent, reference.index);
        let side = self.extents[reference.extent as usize - 1].0.side;
        let free = self.serving.free.entry((side, whole.length)).or_default();
        assert!(!free.contains(&whole), "returned twice: {whole:?}");
        free.push(whole);
        self.serving.out -= 1;
    }

    fn run(&mut self, call: Message) {
        let mut value = (call.header.flags & flag::NO_VALUE == 0).then(|| call.payload.clone());
        if call.header.flags & flag::BUFFERS != 0 {
            let reference: BufferRef = bytemuck::pod_read_unaligned(&call.payload[16..]);
            value = Some(self.bytes(&reference));
            self.free(reference);
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
        match value {
            Some(value) if value.len() as u64 > INLINE_MAX => {
                let len = value.len() as u64;
                self.lease(Waiting::Reply(call, code, value), len);
            }
            value => {
                let none = if value.is_none() { flag::NO_VALUE } else { 0 };
                let header = SlotHeader {
                    code: code.0,
                    flags: none,
                    ..self.reply_to(&call)
                };
                self.push_reply(call.lane, &header, &value.unwrap_or_default());
            }
        }
    }
}
