//! A service whose pictures travel beside the messages, as attachments; one method takes
//! none.

use core::fmt;

use outrigger::{Archived, Attached, Attachment, Context, Error};
use serde::{Deserialize, Serialize};

/// What two pictures are.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Comparison {
    /// Bytes of each.
    pub(crate) lens: [u64; 2],
    /// Checksum of each.
    pub(crate) sums: [u64; 2],
}

/// Pictures to be drawn.
#[outrigger::message]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(crate) struct Order {
    /// Bytes of each.
    pub(crate) lens: Vec<u32>,
    /// Bytes of what is written below; at most `CAPTION_MAX`.
    pub(crate) caption_len: u32,
    /// Fail when all are drawn.
    pub(crate) fail: bool,
}

/// What is written below the pictures.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Drawn {
    /// As long as it was wanted.
    pub(crate) caption: String,
}

/// How pictures are turned.
#[outrigger::message]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(crate) struct Turn {
    /// Fail when so many bytes are turned.
    pub(crate) fail_after: Option<u64>,
}

/// What was turned.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Turned {
    /// Bytes of all pictures.
    pub(crate) bytes: u64,
}

/// Why pictures are not torn.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) enum TearError {
    /// This one, counted from 0, has no bytes.
    Empty { picture: u32 },
    /// The halves could not be attached.
    Halves { reason: String },
}

/// Text without a picture.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Label {
    /// The text.
    pub(crate) text: String,
}

/// Works on pictures, which travel beside the messages.
#[outrigger::service(json)]
pub(crate) trait Albums {
    /// Longest caption, in bytes.
    const CAPTION_MAX: u32 = 8 << 20;

    /// Compares the two pictures attached.
    fn compare(&self, attached: &mut Attached<'_>) -> Result<Comparison, Error>;

    /// Draws pictures: byte i of picture n is the low byte of i + 100 n.
    fn draw(&self, order: &Archived<Order>, attached: &mut Attached<'_>) -> Result<Drawn, Error>;

    /// Turns each attached picture upside down.
    fn turn(
        &self,
        context: &Context<'_>,
        request: &Archived<Turn>,
        attached: &mut Attached<'_>,
    ) -> Result<Turned, Error>;

    /// Tears each attached picture in two halves, the first of which is the shorter one.
    fn tear(&self, attached: &mut Attached<'_>) -> Result<(), TearError>;

    /// Sends a label back.
    fn label(&self, label: &Archived<Label>) -> Result<Label, Error>;
}

/// The implementation.
#[derive(Debug)]
pub(crate) struct Photographer;

/// The checksum of a picture, by way of pieces.
pub(crate) fn sum_of(picture: &Attachment) -> u64 {
    let mut sum = 0;
    let mut chunks = picture.chunks();
    while let Some(piece) = chunks.next_chunk() {
        sum = add_up(sum, piece);
    }
    sum
}

/// The checksum of what has this sum, with these bytes behind it.
pub(crate) fn add_up(sum: u64, bytes: &[u8]) -> u64 {
    let add = |sum: u64, byte: &u8| sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
    bytes.iter().fold(sum, add)
}

impl Albums for Photographer {
    fn compare(&self, attached: &mut Attached<'_>) -> Result<Comparison, Error> {
        let [left, right] = attached.requests() else {
            let text = format!("{} pictures (allowed: 2)", attached.requests().len());
            return Err(Error::invalid_argument(text));
        };
        Ok(Comparison {
            lens: [left.len(), right.len()],
            sums: [sum_of(left), sum_of(right)],
        })
    }

    fn draw(&self, order: &Archived<Order>, attached: &mut Attached<'_>) -> Result<Drawn, Error> {
        let (len, allowed) = (order.caption_len.to_native(), AlbumsClient::CAPTION_MAX);
        if len > allowed {
            let text = format!("caption of {len} bytes (maximum {allowed})");
            return Err(Error::invalid_argument(text));
        }
        let lens: Vec<usize> = order
            .lens
            .iter()
            .map(|len| len.to_native() as usize)
            .collect();
        for (number, picture) in attached.attach_all(&lens)?.into_iter().enumerate() {
            for (index, byte) in picture.iter_mut().enumerate() {
                *byte = (index + 100 * number) as u8;
            }
        }
        if order.fail {
            return Err(Error::handler("the pictures are spoilt"));
        }
        let caption = "c".repeat(len as usize);
        Ok(Drawn { caption })
    }

    fn turn(
        &self,
        context: &Context<'_>,
        request: &Archived<Turn>,
        attached: &mut Attached<'_>,
    ) -> Result<Turned, Error> {
        let mut bytes = 0;
        for picture in attached.requests() {
            let [turned] = attached.attach([picture.len() as usize])?;
            picture.copy_to(turned)?;
            turned.reverse();
            bytes += picture.len();
            if context.is_cancelled() {
                return Err(Error::cancelled());
            }
            if request
                .fail_after
                .as_ref()
                .is_some_and(|after| *after <= bytes)
            {
                return Err(Error::handler(format!("{bytes} bytes are turned")));
            }
        }
        Ok(Turned { bytes })
    }

    fn tear(&self, attached: &mut Attached<'_>) -> Result<(), TearError> {
        for (number, picture) in attached.requests().iter().enumerate() {
            let whole = picture.to_vec();
            if whole.is_empty() {
                let picture = number as u32;
                return Err(TearError::Empty { picture });
            }
            let (first, second) = whole.split_at(whole.len() / 2);
            let [left, right] = attached.attach([first.len(), second.len()])?;
            left.copy_from_slice(first);
            right.copy_from_slice(second);
        }
        Ok(())
    }

    fn label(&self, label: &Archived<Label>) -> Result<Label, Error> {
        let text = label.text.to_string();
        Ok(Label { text })
    }
}

impl From<Error> for TearError {
    fn from(error: Error) -> Self {
        let reason = error.to_string();
        Self::Halves { reason }
    }
}

impl fmt::Display for TearError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { picture } => write!(f, "picture {picture} is empty"),
            Self::Halves { reason } => write!(f, "the halves: {reason}"),
        }
    }
}
