//! The only door to atomics: everything else in the workspace imports them from
//! here, so that a search for `Ordering` finds every argument there is to make.
//! (The `tidy` test bans the rest. The ring itself reaches shared words through
//! [`Memory`](crate::Memory), which loom and Miri replace.)

pub use core::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
