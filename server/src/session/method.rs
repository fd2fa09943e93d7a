//! A method that a session has bound, with what the registry has under its name.

use core::fmt;
use std::sync::Arc;

use outrigger_layout::schema::UNTYPED;
use outrigger_layout::slot::SlotHeader;
use outrigger_layout::{Code, Codec, Error};

use crate::clock::Now;
use crate::handler::{Handler, Placement};
use crate::panic::caught;
use crate::registry::Registry;
use crate::session::bindings::{Bound, check_fingerprint};

/// The handler found last, and what it declared then. Private to a poller.
pub(super) struct Method {
    pub(super) name: Arc<str>,
    /// What the client bound.
    fingerprint: [u8; 16],
    /// Why the handler does not serve what the client bound, if so.
    mismatch: Option<Error>,
    /// The registry's, when the name was looked up.
    generation: u64,
    handler: Option<Arc<dyn Handler>>,
    placement: Placement,
    takes_attachments: bool,
    /// One bit for each codec it takes.
    codecs: [u64; 4],
}

impl Method {
    /// A method that was never looked up.
    pub(super) fn unknown(bound: Bound) -> Self {
        let Bound { name, fingerprint } = bound;
        Self {
            name,
            fingerprint,
            mismatch: None,
            generation: u64::MAX,
            handler: None,
            placement: Placement::Inline,
            takes_attachments: false,
            codecs: [0; 4],
        }
    }

    /// Finds the handler that is registered now, unless nothing has changed.
    #[inline]
    pub(super) fn refresh(&mut self, registry: &Registry) {
        let generation = registry.generation();
        if self.generation != generation {
            self.look_up(registry, generation);
        }
    }

    /// The generation was read before: a change meanwhile is seen at the next call.
    #[cold]
    fn look_up(&mut self, registry: &Registry, generation: u64) {
        let found = registry.find_for(&self.name, &self.fingerprint);
        let replaced = core::mem::replace(&mut self.handler, found);
        // The last reference, perhaps: dropping it is user code and may panic.
        let _ = caught(|| {
            drop(replaced);
            Ok(())
        });
        self.generation = generation;
        self.codecs = [0; 4];
        self.mismatch = None;
        if let Some(handler) = &self.handler {
            self.takes_attachments = handler.takes_attachments();
            self.placement = match handler.placement() {
                // Their buffers may be waited for.
                Placement::Inline if self.takes_attachments => Placement::Pool,
                placement => placement,
            };
            self.mismatch = check_fingerprint(&self.name, self.fingerprint, &**handler).err();
            if self.mismatch.is_some() {
                return;
            }
            let untyped = self.fingerprint == UNTYPED;
            let archives = |codec: &&Codec| **codec == Codec::RKYV;
            for Codec(codec) in handler
                .codecs()
                .iter()
                .filter(|c| !(untyped && archives(c)))
            {
                self.codecs[usize::from(codec / 64)] |= 1 << (codec % 64);
            }
        }
    }

    /// Decides whether the handler runs for this call.
    ///
    /// # Errors
    /// NOT_FOUND, TIMEOUT, SERIALIZATION or VERSION_MISMATCH: the answer to the
    /// call.
    #[inline]
    pub(super) fn admit(&self, header: &SlotHeader, now: &mut Now) -> Result<(), Error> {
        let Some(handler) = &self.handler else {
            return Err(Error::not_found(&self.name));
        };
        if header.deadline != 0 && header.deadline <= now.get() {
            return Err(Error::timeout());
        }
        let codec = header.codec;
        if self.codecs[usize::from(codec / 64)] & (1 << (codec % 64)) == 0 {
            return Err(self.foreign_codec(&**handler, Codec(codec)));
        }
        Ok(())
    }

    /// Decides whether the handler takes what is attached to a call.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if it takes no attachments: the answer to the call.
    pub(super) fn admit_attachments(&self, count: u8) -> Result<(), Error> {
        if count == 0 || self.takes_attachments {
            return Ok(());
        }
        let name = &self.name;
        let text = format!("{count} attachments (method {name} takes none)");
        Err(Error::invalid_argument(text))
    }

    #[cold]
    fn foreign_codec(&self, handler: &dyn Handler, codec: Codec) -> Error {
        if let Some(mismatch) = &self.mismatch {
            return mismatch.clone();
        }
        let (name, allowed) = (&self.name, handler.codecs());
        if codec == Codec::RKYV && allowed.contains(&codec) {
            let text = format!("method {name} was bound without a fingerprint: no archives");
            return Error::with_details(Code::VERSION_MISMATCH, &[&text]);
        }
        let text = format!("method {name} does not take {codec} (allowed: {allowed:?})");
        Error::serialization(text)
    }

    /// Where calls run.
    #[inline]
    pub(super) fn placement(&self) -> Placement {
        self.placement
    }

    /// The handler. Preconditions: `admit` let a call pass.
    #[inline]
    pub(super) fn handler(&self) -> &Arc<dyn Handler> {
        self.handler.as_ref().expect("admitted with a handler")
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Method").field(&self.name).finish()
    }
}
