//! What the client hears: frames, replies, grants; right ones and raw ones.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use bytemuck::{Zeroable, bytes_of};
use outrigger_client::Code;
use outrigger_layout::buffer::{BufferRef, BufferTable, Refusal};
use outrigger_layout::frame::{ControlHeader, ExtentBody, control};
use outrigger_layout::ring::kind as ring;
use outrigger_layout::segment::side;
use outrigger_layout::slot::{SlotHeader, flag, kind};
use outrigger_ringbuf::sync::Ordering;
use outrigger_ringbuf::{Mapping, Memory, RingView, Role, create_segment, send};

use super::shake::view_of;
use super::{Fake, Message, Ring};

impl Fake {
    pub fn post(&mut self, kind: u16, code: Code, token: u64, body: &[u8]) {
        self.post_with(kind, code, token, body, &[]);
    }

    pub fn post_with(&mut self, kind: u16, code: Code, token: u64, body: &[u8], fds: &[&OwnedFd]) {
        let header = ControlHeader {
            kind,
            code: code.0,
            length: body.len() as u32,
            token,
        };
        let frame = [bytes_of(&header), body].concat();
        let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
        // A client that hung up does not hear it.
        let _ = send(&self.socket, &frame, &fds);
    }

    /// Sends bytes as they are.
    pub fn post_bytes(&mut self, bytes: &[u8]) {
        send(&self.socket, bytes, &[]).unwrap();
    }

    /// A REPLY header as a good server writes it.
    pub fn reply_to(&self, call: &Message) -> SlotHeader {
        SlotHeader {
            kind: kind::REPLY,
            correlation: call.header.correlation,
            codec: call.header.codec,
            deadline: self.requests[call.lane].position(),
            ..Zeroable::zeroed()
        }
    }

    /// Publishes any message in a reply ring.
    pub fn push_reply(&mut self, lane: usize, header: &SlotHeader, payload: &[u8]) {
        let wake = self.replies[lane].push(header, &[payload]).unwrap();
        self.wake(wake);
    }

    pub fn push_grant(&mut self, header: &SlotHeader, payload: &[u8]) {
        let wake = self.grants.push(header, &[payload]).unwrap();
        self.wake(wake);
    }

    /// Publishes a message in a reply ring, the header exactly as it is given,
    /// the lap too if it is not 0. Rings.
    pub fn push_raw(&mut self, lane: usize, header: &SlotHeader, payload: &[u8]) {
        let view = self.view(ring::REPLY, lane);
        let position = self.replies[lane].position();
        let index = position % view.capacity();
        view.write_header(index, header);
        view.write_payload(index, 0, payload);
        let lap = match header.lap {
            0 => SlotHeader::lap_of(position, view.capacity().trailing_zeros()),
            lap => lap,
        };
        view.store_lap(index, lap, Ordering::Release);
        self.client_bell.ring();
    }

    /// A second view of a ring.
    pub fn view(&self, kind: u16, lane: usize) -> RingView {
        let client_writes = matches!(kind, ring::REQUEST | ring::RETURN);
        let (producer, consumer) = match client_writes {
            true => (&self.client, &self.server),
            false => (&self.server, &self.client),
        };
        view_of(&self.rings, kind, lane, producer, consumer)
    }

    fn wake(&self, armed: bool) {
        if armed && self.ring == Ring::AsArmed {
            self.client_bell.ring();
        }
    }

    /// Answers with a value.
    pub fn answer(&mut self, call: &Message, value: &[u8]) {
        let header = self.reply_to(call);
        self.push_reply(call.lane, &header, value);
    }

    /// Answers with an error.
    pub fn fail(&mut self, call: &Message, code: Code, message: &[u8]) {
        let header = SlotHeader {
            code: code.0,
            ..self.reply_to(call)
        };
        self.push_reply(call.lane, &header, message);
    }

    /// Answers with a lent buffer.
    pub fn lend(&mut self, call: &Message, reference: &BufferRef) {
        self.push_names(call, &names(&[*reference], 0));
    }

    /// Answers with a value and lent buffers beside it.
    pub fn attach(&mut self, call: &Message, value: &[u8], attachments: &[BufferRef]) {
        let names = names(attachments, attachments.len());
        self.push_names(call, &[&names, value].concat());
    }

    /// Answers with what stands behind the header of a reply with buffers.
    pub fn push_names(&mut self, call: &Message, payload: &[u8]) {
        let header = SlotHeader {
            flags: flag::BUFFERS,
            ..self.reply_to(call)
        };
        self.push_reply(call.lane, &header, payload);
    }

    /// Refuses an ALLOC.
    pub fn refuse(&mut self, alloc: &Message, code: Code, refusal: &Refusal) {
        let header = SlotHeader {
            kind: kind::REFUSED,
            correlation: alloc.header.correlation,
            code: code.0,
            ..Zeroable::zeroed()
        };
        self.push_grant(&header, bytes_of(refusal));
    }

    /// Grants a buffer.
    pub fn grant(&mut self, alloc: &Message, reference: &BufferRef) {
        let header = SlotHeader {
            kind: kind::GRANT,
            correlation: alloc.header.correlation,
            ..Zeroable::zeroed()
        };
        self.push_grant(&header, bytes_of(reference));
    }

    /// Grants a buffer ahead of need.
    pub fn stock(&mut self, reference: &BufferRef) {
        let header = SlotHeader {
            kind: kind::GRANT,
            ..Zeroable::zeroed()
        };
        self.push_grant(&header, bytes_of(reference));
    }

    /// Asks for the stock. Rings, whether the client armed the ring or not.
    pub fn recall(&mut self) {
        let header = SlotHeader {
            kind: kind::RECALL,
            ..Zeroable::zeroed()
        };
        let _armed = self.grants.push(&header, &[]).unwrap();
        self.client_bell.ring();
    }

    /// Announces an extent and waits until it is mapped; gives its id.
    #[track_caller]
    pub fn extent(&mut self, side: u32, buffer_len: u64, buffer_count: u32) -> u32 {
        let id = self.announce(side, buffer_len, buffer_count);
        let (header, _) = self.frame(control::EXTENT_MAPPED);
        assert_eq!((header.token, header.code), (u64::from(id), 0));
        id
    }

    /// Announces an extent.
    pub fn announce(&mut self, side: u32, buffer_len: u64, buffer_count: u32) -> u32 {
        let length = buffer_len * u64::from(buffer_count);
        let role = if side == side::SERVER {
            Role::Server
        } else {
            Role::Client
        };
        let (fd, mapping) = create_segment(role, length).unwrap();
        let body = ExtentBody {
            side,
            buffer_count,
            buffer_len,
            length,
            reserved: 0,
        };
        self.extents.push((body, Arc::new(mapping)));
        let id = self.extents.len() as u32;
        self.post_with(
            control::EXTENT,
            Code::OK,
            u64::from(id),
            bytes_of(&body),
            &[&fd],
        );
        id
    }

    /// The whole of one buffer.
    pub fn buffer(&self, extent: u32, index: u32) -> BufferRef {
        let length = self.extents[extent as usize - 1].0.buffer_len;
        BufferRef {
            extent,
            index,
            generation: 1,
            reserved: 0,
            offset: u64::from(index) * length,
            length,
        }
    }

    pub fn mapping(&self, extent: u32) -> Arc<Mapping> {
        Arc::clone(&self.extents[extent as usize - 1].1)
    }

    pub fn bytes(&self, reference: &BufferRef) -> Vec<u8> {
        let mut bytes = vec![0; reference.length as usize];
        if reference.is_nothing() {
            return bytes;
        }
        let mapping = self.mapping(reference.extent);
        mapping.copy_out(reference.offset, &mut bytes).unwrap();
        bytes
    }
}

/// A table of buffers, of which the last ones are attachments.
pub fn names(references: &[BufferRef], attachments: usize) -> Vec<u8> {
    let table = BufferTable::new(references.len(), attachments);
    let references = references.iter().flat_map(|one| bytes_of(one).to_vec());
    bytes_of(&table).iter().copied().chain(references).collect()
}
