//! Methods that a session has bound to ids: a name, and a fingerprint if the client
//! knows the method's messages.

use std::sync::{Arc, Mutex};

use outrigger_layout::frame::{BindBody, BoundBody};
use outrigger_layout::schema::{UNTYPED, hex};
use outrigger_layout::{Code, Error};

use crate::handler::Handler;
use crate::lock::lock;
use crate::registry::{Registry, check_name};

/// What an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) name: Arc<str>,
    /// [`UNTYPED`], or the fingerprint that the handler must accept.
    pub(crate) fingerprint: [u8; 16],
}

/// Methods by id: id `n` is element `n - 1`. Only grows, up to a limit.
#[derive(Debug)]
pub(crate) struct Bindings {
    methods: Mutex<Vec<Bound>>,
    max: u16,
}

impl Bindings {
    pub(crate) fn new(max: u16) -> Self {
        Self {
            methods: Mutex::new(Vec::new()),
            max,
        }
    }

    /// Binds the method in the body of BIND; returns the body of BOUND. A name that
    /// nobody has registered is bound all the same: it may be registered later.
    ///
    /// # Errors
    /// NULL_POINTER, INVALID_UTF8, INVALID_ARGUMENT, VERSION_MISMATCH (the method
    /// that is registered has other messages) or RESOURCE_EXHAUSTED. None ends the
    /// session.
    pub(crate) fn bind(&self, body: &[u8], registry: &Registry) -> Result<Vec<u8>, Error> {
        let Some((fingerprint, name)) = body.split_at_checked(size_of::<BindBody>()) else {
            return Err(Error::invalid_argument(format!(
                "BIND body of {} bytes",
                body.len()
            )));
        };
        let name = core::str::from_utf8(name).map_err(|_| Error::invalid_utf8("method name"))?;
        check_name(name)?;
        let BindBody { fingerprint } = bytemuck::pod_read_unaligned(fingerprint);
        if let Some(handler) = registry.find_for(name, &fingerprint) {
            check_fingerprint(name, fingerprint, &*handler)?;
        }
        let method = self.id_of(name, fingerprint)?;
        Ok(bytemuck::bytes_of(&BoundBody {
            method,
            reserved: [0; 3],
        })
        .to_vec())
    }

    fn id_of(&self, name: &str, fingerprint: [u8; 16]) -> Result<u16, Error> {
        let mut methods = lock(&self.methods);
        let same = |bound: &Bound| &*bound.name == name && bound.fingerprint == fingerprint;
        if let Some(index) = methods.iter().position(same) {
            return Ok(index as u16 + 1);
        }
        if methods.len() >= usize::from(self.max) {
            let max = self.max;
            return Err(Error::resource_exhausted(format!(
                "methods bound: {max} (maximum {max})"
            )));
        }
        let name = Arc::from(name);
        methods.push(Bound { name, fingerprint });
        Ok(methods.len() as u16)
    }

    /// The methods bound since a reader knew `known` of them.
    pub(crate) fn since(&self, known: usize) -> Vec<Bound> {
        lock(&self.methods)
            .get(known..)
            .unwrap_or_default()
            .to_vec()
    }
}

/// Compares what a client bound with what a handler serves. An untyped binding
/// fits any handler: it cannot carry archives.
///
/// # Errors
/// VERSION_MISMATCH with the handler's types.
pub(crate) fn check_fingerprint(
    name: &str,
    bound: [u8; 16],
    handler: &dyn Handler,
) -> Result<(), Error> {
    if bound == UNTYPED || handler.accepts(&bound) {
        return Ok(());
    }
    let text = match handler.method() {
        Some(method) => {
            let (own, theirs) = (hex(&handler.fingerprint()), hex(&bound));
            let signature = method.signature();
            format!("method {name} is {signature}, fingerprint {own} (the client's: {theirs})")
        }
        None => format!("method {name} is untyped here (fingerprint wanted: zero)"),
    };
    Err(Error::with_details(Code::VERSION_MISMATCH, &[&text]))
}
