//! What the client says: frames, requests, returns.

use std::thread;
use std::time::Instant;

use bytemuck::bytes_of;
use outrigger_client::Code;
use outrigger_layout::buffer::{AllocRequest, BufferRef, BufferTable};
use outrigger_layout::frame::{BoundBody, ControlHeader, control};
use outrigger_layout::slot::{SlotHeader, flag, kind};
use outrigger_ringbuf::{Consumer, Frame, Memory};

use super::shake::receive_once;
use super::{Fake, Message, PATIENCE, PAUSE};

impl Fake {
    /// The next frame that is not BIND, or that the client hung up.
    pub fn try_frame(&mut self) -> Result<(ControlHeader, Vec<u8>), String> {
        let begun = Instant::now();
        loop {
            if let Some(frame) = self.inbox.pop_front() {
                return Ok(frame);
            }
            if !self.listen()? {
                thread::sleep(PAUSE);
            }
            assert!(begun.elapsed() < PATIENCE, "no frame in time");
        }
    }

    #[track_caller]
    pub fn frame(&mut self, kind: u16) -> (ControlHeader, Vec<u8>) {
        let (header, body) = self.try_frame().unwrap();
        assert_eq!(
            header.kind,
            kind,
            "{header:?} {}",
            String::from_utf8_lossy(&body)
        );
        (header, body)
    }

    /// Reads the socket once and answers BIND. True if something came.
    pub fn listen(&mut self) -> Result<bool, String> {
        let came = receive_once(&self.socket, &mut self.frames)?;
        while let Some(frame) = self
            .frames
            .next_frame()
            .map_err(|error| error.to_string())?
        {
            let Frame::Control(header, body) = frame else {
                return Err("a second handshake".to_owned());
            };
            if header.kind == control::BIND && !self.hold_binds {
                self.bind(header.token, &body);
            } else {
                self.inbox.push_back((header, body));
            }
        }
        Ok(came)
    }

    pub fn bind(&mut self, token: u64, body: &[u8]) {
        let name = String::from_utf8(body[16..].to_vec()).unwrap();
        let known = self.names.iter().position(|known| *known == name);
        let index = known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        let method = index as u16 + 1;
        let bound = BoundBody {
            method,
            reserved: [0; 3],
        };
        self.post(control::BOUND, Code::OK, token, bytes_of(&bound));
    }

    /// The next message of any request ring.
    #[track_caller]
    pub fn request(&mut self) -> Message {
        let begun = Instant::now();
        loop {
            if let Some(message) = self.try_request() {
                return message;
            }
            assert!(begun.elapsed() < PATIENCE, "no request in time");
            thread::sleep(PAUSE);
        }
    }

    /// The next CALL, by the name of its method.
    #[track_caller]
    pub fn call(&mut self, name: &str) -> Message {
        let message = self.request();
        assert_eq!(message.header.kind, kind::CALL);
        assert_eq!(self.names[usize::from(message.header.method) - 1], name);
        message
    }

    pub fn try_request(&mut self) -> Option<Message> {
        // A client that hung up has nothing more to say here.
        let _ = self.listen();
        for lane in 0..self.requests.len() {
            if let Some((header, payload)) = take(&mut self.requests[lane]) {
                return Some(Message {
                    lane,
                    header,
                    payload,
                });
            }
        }
        None
    }

    /// The next message of the return ring.
    #[track_caller]
    pub fn returned(&mut self) -> Message {
        let begun = Instant::now();
        loop {
            if let Some((header, payload)) = take(&mut self.returns) {
                let lane = 0;
                return Message {
                    lane,
                    header,
                    payload,
                };
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "nothing in the return ring in time"
            );
            let _ = self.listen();
            thread::sleep(PAUSE);
        }
    }

    /// The next ALLOC; the bytes it asks for, of one buffer.
    #[track_caller]
    pub fn alloc(&mut self) -> (Message, u64) {
        let (message, lens) = self.alloc_all();
        assert_eq!(lens.len(), 1);
        (message, lens[0])
    }

    /// The next ALLOC; the bytes it asks for, of each buffer.
    #[track_caller]
    pub fn alloc_all(&mut self) -> (Message, Vec<u64>) {
        let message = self.returned();
        assert_eq!(message.header.kind, kind::ALLOC);
        let lens = wanted(&message);
        (message, lens)
    }

    /// True if something lies in the return ring.
    pub fn is_returned(&mut self) -> bool {
        self.returns.peek().unwrap().is_some()
    }

    /// The next RETURN; the buffer it gives back.
    #[track_caller]
    pub fn give_back(&mut self) -> BufferRef {
        let message = self.returned();
        assert_eq!(message.header.kind, kind::RETURN);
        bytemuck::pod_read_unaligned(&message.payload)
    }

    /// Waits for the client's BYE; its code and reason.
    #[track_caller]
    pub fn farewell(&mut self) -> (Code, String) {
        loop {
            let (header, body) = self.try_frame().expect("BYE before the hang-up");
            if header.kind == control::BYE {
                return (Code(header.code), String::from_utf8(body).unwrap());
            }
        }
    }

    /// Waits for the client's hang-up.
    #[track_caller]
    pub fn end(&mut self) {
        while self.try_frame().is_ok() {}
    }
}

/// What an ALLOC asks for.
pub(super) fn wanted(alloc: &Message) -> Vec<u64> {
    let request: AllocRequest = bytemuck::pod_read_unaligned(&alloc.payload);
    let (count, lens) = request.read(u64::MAX).unwrap();
    lens[..count].to_vec()
}

/// The buffers that a CALL names, its value's first, and how many are attachments; and
/// the value, if it stands behind them.
pub fn named(call: &Message) -> (Vec<BufferRef>, usize, Option<Vec<u8>>) {
    if call.header.flags & flag::BUFFERS == 0 {
        let has_value = call.header.flags & flag::NO_VALUE == 0;
        return (Vec::new(), 0, has_value.then(|| call.payload.clone()));
    }
    let table: BufferTable = bytemuck::pod_read_unaligned(&call.payload[..16]);
    table.check().unwrap();
    let (names, value) = call.payload[16..].split_at(32 * table.count as usize);
    let names = names.chunks(32).map(bytemuck::pod_read_unaligned);
    let value = (!table.has_value()).then(|| value.to_vec());
    (names.collect(), table.attachments as usize, value)
}

pub(super) fn take<M: Memory>(consumer: &mut Consumer<M>) -> Option<(SlotHeader, Vec<u8>)> {
    let header = consumer.peek().unwrap()?;
    header.check(consumer.inline_max() as u32).unwrap();
    let mut payload = vec![0; header.payload_len as usize];
    consumer.copy_payload(0, &mut payload);
    consumer.release();
    Some((header, payload))
}
