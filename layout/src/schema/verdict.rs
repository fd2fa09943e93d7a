//! What a difference between two schemas means for who still understand each other.

/// What a difference means.
///
/// ```
/// use outrigger_layout::schema::diff::Verdict;
/// assert!(Verdict::Appended.is_safe() && !Verdict::Removed.is_safe());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The new side has appended: both understand each other.
    Appended,
    /// The old side has appended, and so is the newer one: both understand each other.
    Older,
    /// Something that neither clients nor servers depend on.
    Harmless,
    /// A constant differs.
    Constant,
    /// The method is new: a server of the old side answers NOT_FOUND.
    Added,
    /// The method is gone: a server of the new side answers NOT_FOUND.
    Removed,
    /// The new side takes no JSON any more.
    WithoutJson,
    /// The new side does not know all older versions any more that the old one knows.
    Renumbered,
    /// Both refuse each other with VERSION_MISMATCH.
    Mismatch,
}

impl Verdict {
    /// Whether all that the clients of the old side call is answered.
    pub fn is_safe(self) -> bool {
        use Verdict::{Mismatch, Removed, Renumbered, WithoutJson};
        !matches!(self, Removed | WithoutJson | Renumbered | Mismatch)
    }

    /// What it means, as part of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Appended => "safe in both directions: the new side has appended",
            Self::Older => "safe in both directions: the old side has appended",
            Self::Harmless => "safe in both directions: the messages are the same",
            Self::Constant => {
                "safe: a constant, on which no message depends; \
                 a client keeps the value that it was generated with"
            }
            Self::Added => "safe for old clients: the method is new (old servers: NOT_FOUND)",
            Self::Removed => "not safe for old clients: the method is gone (NOT_FOUND)",
            Self::WithoutJson => "not safe for old clients: no JSON any more (SERIALIZATION)",
            Self::Renumbered => {
                "not safe for clients older than the old side: its versions were renumbered \
                 (VERSION_MISMATCH)"
            }
            Self::Mismatch => {
                "needs a new version: both refuse each other (VERSION_MISMATCH) unless the server \
                 has the old method beside the new one"
            }
        }
    }
}
