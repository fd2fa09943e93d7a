//! How a payload is encoded. The header of each call names it, so that a
//! mismatch is an error and never garbage.

use core::fmt;

/// The encoding of one payload, as the slot header's `codec` byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Codec(pub u8);

impl Codec {
    /// Bytes without a meaning to Outrigger.
    pub const RAW: Self = Self(codecs::RAW);
    /// JSON text in UTF-8.
    pub const JSON: Self = Self(codecs::JSON);
    /// An rkyv archive of a type that both sides know by its fingerprint.
    pub const RKYV: Self = Self(codecs::RKYV);
}

crate::numbers! {
    /// Values of the slot header's `codec` byte.
    pub mod codecs as Codec: u8 {
        /// bytes without a meaning to Outrigger
        RAW = 0;
        /// JSON text in UTF-8
        JSON = 1;
        /// an rkyv archive; the method was bound with its fingerprint
        RKYV = 2;
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RAW => f.write_str("raw"),
            Self::JSON => f.write_str("json"),
            Self::RKYV => f.write_str("rkyv"),
            Self(other) => write!(f, "codec_{other}"),
        }
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
