//! A typed method, as generated code knows it.

use std::fmt;
use std::sync::OnceLock;

use outrigger_layout::schema::{Fingerprints, MethodNode};

/// A method as generated code knows it: its schema, and its fingerprint, which is
/// computed once.
///
/// ```
/// use outrigger_client::TypedMethod;
/// # #[outrigger::message] pub struct Person { pub name: String }
/// # #[outrigger::message] pub struct Greeting { pub text: String }
/// # #[outrigger::service]
/// # pub trait Greeter {
/// #     fn greet(&self, person: &outrigger::Archived<Person>)
/// #         -> Result<Greeting, outrigger_client::Error>;
/// # }
/// static GREET: TypedMethod = TypedMethod::new(|| &GreeterClient::SCHEMA.methods[0]);
/// assert_eq!(GREET.name(), "greeter.greet");
/// assert_eq!(GREET.fingerprint(), GreeterClient::SCHEMA.methods[0].fingerprint());
/// ```
pub struct TypedMethod {
    node: fn() -> &'static MethodNode,
    fingerprints: OnceLock<Fingerprints>,
}

impl TypedMethod {
    /// The method of this node.
    pub const fn new(node: fn() -> &'static MethodNode) -> Self {
        Self {
            node,
            fingerprints: OnceLock::new(),
        }
    }

    /// Its name, such as `sigverify.verify`.
    pub fn name(&self) -> &'static str {
        (self.node)().name
    }

    /// The fingerprint of its messages.
    pub fn fingerprint(&self) -> [u8; 16] {
        self.fingerprints().newest
    }

    /// Its messages, as the server's `outrigger.schema` is shown them.
    pub(crate) fn canonical(&self) -> String {
        (self.node)().canonical()
    }

    /// The fingerprints of all versions of its messages.
    pub fn fingerprints(&self) -> &Fingerprints {
        self.fingerprints
            .get_or_init(|| (self.node)().fingerprints())
    }
}

impl fmt::Debug for TypedMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedMethod").field(&self.name()).finish()
    }
}
