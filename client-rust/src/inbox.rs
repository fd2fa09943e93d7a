//! What the server writes: reply rings and grant ring, read under the token.
//!
//! ```text
//!   reply ring, lane 0 ══▶ ┐              ┌─▶ record of the call ─▶ its caller
//!   reply ring, lane 1 ══▶ ├─ drain ──────┤
//!   grant ring         ══▶ ┘  check, copy └─▶ nobody: buffer returned, credit freed
//! ```
//!
//! Whoever holds the token (the mutex around [`Inbox`]) reads for everybody.
//! All that is read here may be hostile: each header is copied once and
//! checked, each prefix likewise, and a message that fails a check ends the
//! session. Payload bytes are copied out and mean nothing here.

use std::mem;

use outrigger_layout::buffer::{BufferRef, Refusal};
use outrigger_layout::segment::side;
use outrigger_layout::slot::{SlotHeader, kind};
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{Consumer, RingView};

use crate::answer::{answer_of, prefix};
use crate::leases::Leases;
use crate::record::{Delivered, index_of};
use crate::session::Session;
use crate::waiter::Wakes;

/// Most messages that one drain reads: a server that writes as fast as they are
/// read does not keep a caller from its deadline.
const DRAIN_MAX: usize = 1024;

/// The reading ends of all rings that the server writes.
#[derive(Debug)]
pub(crate) struct Inbox {
    replies: Box<[Consumer<RingView>]>,
    grants: Consumer<RingView>,
    /// Buffers of the message that is being read, which nobody has yet.
    leases: Leases,
    /// REPLY messages read.
    pub(crate) reply_count: u64,
    /// Those that nobody waited for.
    pub(crate) late_count: u64,
    /// PROGRESS messages read.
    pub(crate) progress_count: u64,
    /// RECALL messages read.
    pub(crate) recall_count: u64,
}

impl Inbox {
    pub(crate) fn new(replies: Vec<RingView>, grants: RingView) -> Self {
        Self {
            replies: replies.into_iter().map(Consumer::new).collect(),
            grants: Consumer::new(grants),
            leases: Leases::default(),
            reply_count: 0,
            late_count: 0,
            progress_count: 0,
            recall_count: 0,
        }
    }

    /// Reads all messages there are, or as many as `wakes` and the bound take.
    /// Returns true if it found every ring empty.
    ///
    /// # Errors
    /// PROTOCOL: the server broke it, and the session ends.
    pub(crate) fn drain(&mut self, session: &Session, wakes: &mut Wakes) -> Result<bool, Error> {
        let mut left = DRAIN_MAX;
        let mut empty = true;
        for lane in 0..=self.replies.len() {
            let before = self.ring(lane).position();
            let outcome = self.drain_ring(lane, session, wakes, &mut left);
            if outcome.is_err() {
                self.leases = Leases::default();
            }
            let head = self.ring(lane).position();
            if head != before {
                session.watch(lane).moved(head);
            }
            empty &= outcome.map_err(Error::protocol)?;
        }
        Ok(empty)
    }

    /// Arms all rings. Returns true if they are all still empty: the server rings
    /// for the next message of any.
    ///
    /// # Errors
    /// PROTOCOL, as `drain`.
    ///
    /// Preconditions: `drain` returned true, under this hold of the token.
    pub(crate) fn arm(&mut self) -> Result<bool, Error> {
        let mut empty = true;
        for ring in 0..=self.replies.len() {
            empty &= !self.ring(ring).arm().map_err(Error::protocol)?;
        }
        Ok(empty)
    }

    /// The ring of a lane, or behind those the grant ring.
    fn ring(&mut self, index: usize) -> &mut Consumer<RingView> {
        self.replies.get_mut(index).unwrap_or(&mut self.grants)
    }

    fn drain_ring(
        &mut self,
        ring: usize,
        session: &Session,
        wakes: &mut Wakes,
        left: &mut usize,
    ) -> Result<bool, String> {
        loop {
            let consumer = self.ring(ring);
            let Some(header) = consumer.peek().map_err(|error| error.to_string())? else {
                return Ok(true);
            };
            if *left == 0 || !wakes.has_room() {
                return Ok(false);
            }
            *left -= 1;
            header.check(consumer.inline_max() as u32)?;
            if ring < self.replies.len() {
                self.reply(ring, &header, session, wakes)?;
            } else {
                self.grant(&header, session, wakes)?;
            }
            self.ring(ring).release();
        }
    }

    /// One message of a reply ring.
    fn reply(
        &mut self,
        lane: usize,
        header: &SlotHeader,
        session: &Session,
        wakes: &mut Wakes,
    ) -> Result<(), String> {
        let correlation = header.correlation;
        let record = index_of(correlation).filter(|index| session.lane(lane).owns(*index));
        let record = record.ok_or_else(|| {
            format!("correlation {correlation:#x} in reply ring {lane} (no call has it)")
        })?;
        match header.kind {
            kind::REPLY => {}
            kind::PROGRESS if session.record(record).is_sent(correlation) => {
                self.progress_count += 1;
                return Ok(());
            }
            // ITEM and its kin belong to streams, and no stream was opened.
            other => {
                return Err(format!(
                    "slot kind {other} in reply ring {lane} (allowed: 6, 7)"
                ));
            }
        }
        session.lane(lane).learned(header.deadline)?;
        let (consumer, leases) = (&self.replies[lane], &mut self.leases);
        let (answer, at) = answer_of(consumer, header, session, leases)?;
        let copy = |into: &mut [u8]| consumer.copy_payload(at, into);
        let delivered = session
            .record(record)
            .answered(correlation, answer, leases, copy)?;
        self.reply_count += 1;
        self.late_count += u64::from(matches!(delivered, Delivered::Nobody));
        self.deliver(record, delivered, session, wakes)
    }

    /// A message of the grant ring that answers nothing: of the stock.
    fn unasked(&mut self, header: &SlotHeader, session: &Session) -> Result<(), String> {
        match header.kind {
            kind::GRANT => {
                let reference: BufferRef = prefix(&self.grants, header, &mut 0)?;
                let lease = session.extents.lease(&reference, side::CLIENT)?;
                session.stock.put(lease, session.terms.buffers_max)
            }
            kind::RECALL => {
                self.recall_count += 1;
                let returned = session.return_stock();
                returned.map_err(|error| error.message().to_owned())
            }
            other => Err(format!(
                "slot kind {other} with correlation 0 in grant ring (allowed: 14, 15)"
            )),
        }
    }

    /// One message of the grant ring.
    fn grant(
        &mut self,
        header: &SlotHeader,
        session: &Session,
        wakes: &mut Wakes,
    ) -> Result<(), String> {
        let correlation = header.correlation;
        if correlation == 0 {
            return self.unasked(header, session);
        }
        let record = index_of(correlation).filter(|index| *index < session.record_count());
        let record = record.ok_or_else(|| format!("correlation {correlation:#x} in grant ring"))?;
        let mut at = 0;
        let delivered = match header.kind {
            kind::GRANT => {
                let reference: BufferRef = prefix(&self.grants, header, &mut at)?;
                let lease = session.extents.lease(&reference, side::CLIENT)?;
                let record = session.record(record);
                record.granted(correlation, lease, &mut self.leases)?
            }
            kind::REFUSED => {
                let refusal: Refusal = prefix(&self.grants, header, &mut at)?;
                let error = refused(Code(header.code), &refusal)?;
                session.record(record).refused(correlation, error)?
            }
            other => {
                return Err(format!(
                    "slot kind {other} in grant ring (allowed: 14, 16; for {correlation:#x})"
                ));
            }
        };
        self.deliver(record, delivered, session, wakes)
    }

    /// Does what is left when a message went to its record. Wakes nobody: the token
    /// is held.
    fn deliver(
        &mut self,
        record: usize,
        delivered: Delivered,
        session: &Session,
        wakes: &mut Wakes,
    ) -> Result<(), String> {
        match delivered {
            Delivered::Call(waiter) => wakes.push(waiter),
            Delivered::Part => self.give_back(session)?,
            Delivered::Nobody => {
                self.give_back(session)?;
                wakes.push(session.release(record));
                session.waiting.leave();
            }
        }
        Ok(())
    }

    /// Gives back what nobody took.
    fn give_back(&mut self, session: &Session) -> Result<(), String> {
        for lease in mem::take(&mut self.leases).into_iter().flatten() {
            let returned = session.try_give_back(lease);
            returned.map_err(|error| error.message().to_owned())?;
        }
        Ok(())
    }
}

/// The error of a refused ALLOC.
fn refused(code: Code, refusal: &Refusal) -> Result<Error, String> {
    let Refusal { needed, available } = *refusal;
    match code {
        Code::OK => Err("REFUSED with code 0".to_owned()),
        Code::BUFFER_TOO_SMALL => Ok(Error::buffer_too_small(needed, available)),
        _ => {
            let text = format!("a buffer of {needed} bytes ({available} available)");
            Ok(Error::with_details(code, &[&text]))
        }
    }
}
