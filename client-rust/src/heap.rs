//! A session over heap memory, without a server: unit tests step both ends.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use outrigger_layout::Codec;
use outrigger_layout::ring::{RingDescriptor, kind};
use outrigger_layout::slot::{SlotHeader, kind as message};
use outrigger_ringbuf::sync::Ordering;
use outrigger_ringbuf::{Mapping, Memory, Policy, Producer, RingView, ServerBell};

use crate::clock::Clock;
use crate::control::Control;
use crate::record::Phase;
use crate::segments::Rings;
use crate::session::{Seat, Session};
use crate::welcome::Terms;

/// Slots of each ring.
const CAPACITY: u32 = 16;

/// The session, and the server's end of its reply ring.
#[derive(Debug)]
pub(crate) struct Heap {
    pub(crate) session: Arc<Session>,
    replies: Producer<RingView>,
    reply_ring: RingView,
    _peer: UnixStream,
}

impl Heap {
    /// One lane of four credits, and nobody at the other end.
    pub(crate) fn new() -> Self {
        let memory = Arc::new(Mapping::heap(1 << 20));
        let view = |kind: u16, place: u64| {
            let descriptor = RingDescriptor {
                kind,
                lane: 0,
                capacity: CAPACITY,
                stride: 256,
                reserved: 0,
                slots_offset: place << 16,
                control_offset: (place << 16) + (1 << 15),
            };
            RingView::new(&descriptor, &memory, &memory).expect("a good descriptor")
        };
        let rings = Rings {
            requests: vec![view(kind::REQUEST, 1)],
            replies: vec![view(kind::REPLY, 2)],
            grants: view(kind::GRANT, 3),
            returns: view(kind::RETURN, 4),
            watches: vec![view(kind::REPLY, 2), view(kind::GRANT, 3)],
        };
        let terms = Terms {
            epoch: 1,
            payload_max: 1 << 20,
            credits: 4,
            buffers_max: 8,
            version: "test".to_owned(),
            clock: Clock::new(Instant::now(), 0, 0),
        };
        let (socket, peer) = UnixStream::pair().expect("a socket pair");
        let bell = || ServerBell::new().expect("an eventfd");
        let control = Control::new(socket.into());
        let session = Session::new(terms, rings, control, (bell(), bell()), Policy::Block);
        Self {
            session: Arc::new(session),
            replies: Producer::new(view(kind::REPLY, 2)),
            reply_ring: view(kind::REPLY, 2),
            _peer: peer,
        }
    }

    /// A call whose CALL counts as sent.
    pub(crate) fn call(&self) -> Seat {
        let record = self.session.lane(0).take_credit().expect("a credit");
        let sent = Phase::Sent(Codec::RAW);
        let correlation = self.session.record(record).begin(record, sent);
        Seat {
            record,
            correlation,
        }
    }

    /// The server answers a call. Returns true if it would ring.
    pub(crate) fn answer(&mut self, seat: Seat) -> bool {
        let header = SlotHeader {
            kind: message::REPLY,
            correlation: seat.correlation,
            ..bytemuck::Zeroable::zeroed()
        };
        self.replies.push(&header, &[]).expect("room in the ring")
    }

    /// True if the server would ring for the next reply.
    pub(crate) fn is_armed(&self) -> bool {
        self.reply_ring.load_event_index(Ordering::Relaxed) == self.replies.position()
    }
}
