//! Method names that a session has bound to ids.

use std::sync::{Arc, Mutex};

use outrigger_layout::frame::{BindBody, BoundBody};
use outrigger_layout::{Code, Error};

use crate::lock::lock;
use crate::registry::check_name;

/// Names by id: id `n` is element `n - 1`. Only grows, up to a limit.
#[derive(Debug)]
pub(crate) struct Bindings {
    names: Mutex<Vec<Arc<str>>>,
    max: u16,
}

impl Bindings {
    pub(crate) fn new(max: u16) -> Self {
        Self {
            names: Mutex::new(Vec::new()),
            max,
        }
    }

    /// Binds the name in the body of BIND; returns the body of BOUND.
    ///
    /// # Errors
    /// NULL_POINTER, INVALID_UTF8, INVALID_ARGUMENT, VERSION_MISMATCH (a typed
    /// method: this version has none) or RESOURCE_EXHAUSTED. None ends the session.
    pub(crate) fn bind(&self, body: &[u8]) -> Result<Vec<u8>, Error> {
        let Some((fingerprint, name)) = body.split_at_checked(size_of::<BindBody>()) else {
            return Err(Error::invalid_argument(format!(
                "BIND body of {} bytes",
                body.len()
            )));
        };
        let name = core::str::from_utf8(name).map_err(|_| Error::invalid_utf8("method name"))?;
        check_name(name)?;
        if fingerprint.iter().any(|byte| *byte != 0) {
            let text = format!("method {name} is untyped here (fingerprint wanted: zero)");
            return Err(Error::with_details(Code::VERSION_MISMATCH, &[&text]));
        }
        let method = self.id_of(name)?;
        Ok(bytemuck::bytes_of(&BoundBody {
            method,
            reserved: [0; 3],
        })
        .to_vec())
    }

    fn id_of(&self, name: &str) -> Result<u16, Error> {
        let mut names = lock(&self.names);
        if let Some(index) = names.iter().position(|bound| &**bound == name) {
            return Ok(index as u16 + 1);
        }
        if names.len() >= usize::from(self.max) {
            let max = self.max;
            return Err(Error::resource_exhausted(format!(
                "methods bound: {max} (maximum {max})"
            )));
        }
        names.push(Arc::from(name));
        Ok(names.len() as u16)
    }

    /// The names bound since a reader knew `known` of them.
    pub(crate) fn since(&self, known: usize) -> Vec<Arc<str>> {
        lock(&self.names).get(known..).unwrap_or_default().to_vec()
    }
}
