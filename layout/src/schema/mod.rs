//! What messages look like: types and services as data that both languages share.
//!
//! ```text
//!   #[outrigger::message] ─▶ Node (static) ─▶ Document (JSON) ─▶ Go package
//!                                               │
//!                                               └─▶ canonical text ─▶ fingerprint
//! ```

mod adapter;
pub mod appended;
pub mod canonical;
mod check;
pub mod collect;
pub mod constant;
mod depth;
pub mod diff;
pub mod document;
pub mod mismatch;
pub mod node;
mod variant;
mod verdict;
pub mod version;

pub use canonical::{
    Difference, UNTYPED, canonical, fingerprint, first_difference, hex, type_name,
};
pub use collect::{MethodNode, ServiceNode};
pub use constant::Constant;
pub use document::{Document, Field, Kind, Method, Service, Type, Variant};
pub use node::{Node, Schema};
pub use version::{Fingerprints, Root};
