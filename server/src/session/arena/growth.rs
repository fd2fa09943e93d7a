//! Extents of a session: made on workers, announced, mapped and dropped by the client.

use std::sync::Arc;

use outrigger_layout::frame::{ExtentBody, control};
use outrigger_layout::segment::side;
use outrigger_layout::{Code, Error};
use outrigger_ringbuf::{Role, create_segment};

use crate::errno::system;
use crate::ledger::Plan;
use crate::lock::lock;
use crate::session::arena::{Arena, Books};
use crate::session::{Outgoing, Session};

impl Arena {
    /// Carries out a plan on a worker: makes the extent and announces it. The
    /// buffers can be had once the client has mapped it.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED without memory or descriptors.
    pub(crate) fn grow(&self, session: &Session, plan: &Plan) -> Result<(), Error> {
        let role = if plan.side == side::SERVER {
            Role::Server
        } else {
            Role::Client
        };
        let (fd, mapping) = match create_segment(role, plan.bytes()) {
            Ok(created) => created,
            Err(error) => {
                let error = system("creating an extent", &error);
                self.refuse_growing(session, plan, &error);
                return Err(error);
            }
        };
        let _order = lock(&self.announcing);
        let id = lock(&self.books).ledger.add(*plan, Arc::new(mapping));
        let body = ExtentBody {
            side: plan.side,
            buffer_count: plan.buffer_count,
            buffer_len: plan.buffer_len,
            length: plan.bytes(),
            reserved: 0,
        };
        session.send(Outgoing {
            kind: control::EXTENT,
            code: Code::OK,
            token: u64::from(id),
            body: bytemuck::bytes_of(&body).to_vec(),
            fd: Some(fd),
        });
        Ok(())
    }

    /// Carries out several plans; a failure has been told to those who wait.
    pub(crate) fn grow_all(&self, session: &Session, plans: &[Plan]) {
        for plan in plans {
            if let Err(error) = self.grow(session, plan) {
                tracing::warn!(session = session.epoch(), %error, "no extent");
            }
        }
    }

    /// The client has mapped an extent.
    ///
    /// # Errors
    /// PROTOCOL if none of that id awaits it: a violation.
    pub(crate) fn mapped(&self, session: &Session, id: u32) -> Result<Vec<Plan>, Error> {
        let mut books = lock(&self.books);
        books.ledger.mapped(id)?;
        Ok(self.serve(session, &mut books))
    }

    /// The client has unmapped an extent.
    ///
    /// # Errors
    /// PROTOCOL if it was not asked to: a violation.
    pub(crate) fn dropped(&self, session: &Session, id: u32) -> Result<Vec<Plan>, Error> {
        let mut books = lock(&self.books);
        let mapping = books.ledger.dropped(id)?;
        for wanted in &mut books.wanted {
            wanted.growing = false;
        }
        let plans = self.serve(session, &mut books);
        // Unmapping takes its time, and the poller wants the lock.
        drop(books);
        drop(mapping);
        Ok(plans)
    }

    /// A plan failed, or nobody is there to carry it out: those who wait for an
    /// extent of its kind are refused.
    pub(crate) fn refuse_growing(&self, session: &Session, plan: &Plan, error: &Error) {
        let mut books = lock(&self.books);
        books.ledger.abandon(plan);
        if plan.side == side::CLIENT {
            let Books {
                wanted, refusals, ..
            } = &mut *books;
            wanted.retain(|one| {
                let refused = one.growing && one.lens().iter().any(|len| *len <= plan.buffer_len);
                if refused {
                    *refusals += 1;
                    self.refuse(session, one, error.code(), 0);
                }
                !refused
            });
        }
    }
}
