//! Errors of methods: the plain one, and messages of the user's.

use core::fmt;

use crate::code::Code;
use crate::error::Error;
use crate::message::{Archive, ArchiveMemory, Message, Writer};
use crate::schema::node::NodeOf;
use crate::schema::version::root;

/// Bytes of the largest detail: an error is no place for bulk.
const DETAIL_MAX: usize = 64 << 10;

/// What a method may fail with: [`Error`], or a message that can be displayed.
///
/// A message crosses as an archive beside the code HANDLER_ERROR and its text; the
/// caller gets it back as a value of its type.
///
/// ```standalone_crate
/// # // What the attributes name of crate `outrigger`, which stands above this one.
/// # extern crate self as outrigger;
/// # pub use outrigger_derive::message;
/// # pub use outrigger_layout::{Error, message::{Archived, Failure, Message}};
/// # pub mod __private {
/// #     pub use outrigger_layout::{message, schema, schema::node};
/// #     pub use rkyv;
/// # }
/// use outrigger_layout::Code;
///
/// #[outrigger::message]
/// #[derive(Debug)]
/// pub struct Nameless {
///     pub age: u8,
/// }
///
/// impl std::fmt::Display for Nameless {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         write!(f, "a person of {} years without a name", self.age)
///     }
/// }
///
/// # fn main() {
/// let crossing: Error = Nameless { age: 36 }.into_error();
/// assert_eq!(crossing.code(), Code::HANDLER_ERROR);
/// assert_eq!(crossing.message(), "a person of 36 years without a name");
/// let caught = Nameless::receive(crossing);
/// assert_eq!(caught.detail().unwrap().age, 36);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a method cannot fail with `{Self}`",
    note = "use outrigger::Error, or a message that implements Display and Debug"
)]
pub trait Failure: Sized + Send + 'static {
    /// What the caller gets: [`Error`] itself, or [`CallError`] with the message.
    type Caught: core::error::Error + Send + 'static;
    /// The schema of the message; `None` for [`Error`], which is none.
    const SCHEMA: Option<NodeOf>;

    /// What crosses: code, text, and the message's archive as detail.
    fn into_error(self) -> Error;

    /// What the caller gets of that.
    fn receive(error: Error) -> Self::Caught;
}

impl Failure for Error {
    type Caught = Self;
    const SCHEMA: Option<NodeOf> = None;

    fn into_error(self) -> Error {
        self
    }

    fn receive(error: Error) -> Self {
        error
    }
}

impl<T: Message + fmt::Display + fmt::Debug> Failure for T {
    type Caught = CallError<T>;
    const SCHEMA: Option<NodeOf> = Some(root::<T>);

    fn into_error(self) -> Error {
        let mut archive = Vec::new();
        match self.encode(&mut Writer::new(&mut archive, DETAIL_MAX)) {
            Ok(()) => Error::new(Code::HANDLER_ERROR, self.to_string()).with_detail(archive),
            Err(error) => error,
        }
    }

    fn receive(error: Error) -> CallError<T> {
        let detail = error.detail().and_then(|bytes| {
            let mut archive = ArchiveMemory::with_capacity(bytes.len());
            archive.extend_from_slice(bytes);
            Archive::<T>::new(archive).ok()?.load().ok()
        });
        CallError { error, detail }
    }
}

/// The failure of a call whose method declares errors of its own.
///
/// ```standalone_crate
/// # // What the attributes name of crate `outrigger`, which stands above this one.
/// # extern crate self as outrigger;
/// # pub use outrigger_derive::message;
/// # pub use outrigger_layout::{Error, message::{Archived, Failure, Message}};
/// # pub mod __private {
/// #     pub use outrigger_layout::{message, schema, schema::node};
/// #     pub use rkyv;
/// # }
/// use outrigger_layout::message::CallError;
///
/// # #[outrigger::message]
/// # #[derive(Debug)]
/// # pub struct Nameless { pub age: u8 }
/// # impl std::fmt::Display for Nameless {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
/// #         write!(f, "a person of {} years without a name", self.age)
/// #     }
/// # }
/// fn advice(error: &CallError<Nameless>) -> String {
///     match error.detail() {
///         Some(nameless) => format!("ask the one of {} years", nameless.age),
///         None => format!("the call failed: {}", error.error().message()),
///     }
/// }
/// # fn main() {
/// let timeout = Nameless::receive(Error::timeout());
/// assert_eq!(advice(&timeout), "the call failed: operation timed out");
/// let error = Nameless { age: 36 }.into_error();
/// assert_eq!(advice(&Nameless::receive(error)), "ask the one of 36 years");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError<T> {
    error: Error,
    detail: Option<T>,
}

impl<T> CallError<T> {
    /// Code and message, which every failure has.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// What the method says itself; `None` if it was not the method that failed.
    pub fn detail(&self) -> Option<&T> {
        self.detail.as_ref()
    }

    /// The method's own error; gives up the rest.
    pub fn into_detail(self) -> Option<T> {
        self.detail
    }
}

impl<T> fmt::Display for CallError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: fmt::Debug> core::error::Error for CallError<T> {}
