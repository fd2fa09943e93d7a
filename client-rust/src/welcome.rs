//! WELCOME, checked: what the session's terms are.

use outrigger_layout::frame::Welcome;
use outrigger_layout::limits::{
    ABI_VERSION, CLIENT_BUFFERS_MAX, CREDITS_MAX, LANES_MAX, METHODS_MAX, PAYLOAD_MAX,
};
use outrigger_layout::segment::LAYOUT_HASH;
use outrigger_layout::{Code, Error};

use crate::clock::Clock;
use crate::record::RECORDS_MAX;

/// What WELCOME said, checked.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) epoch: u64,
    pub(crate) payload_max: u64,
    /// Calls in flight allowed on each lane.
    pub(crate) credits: usize,
    /// Buffers that this side may have at a time.
    pub(crate) buffers_max: usize,
    pub(crate) version: String,
    pub(crate) clock: Clock,
}

/// The terms of a session.
///
/// # Errors
/// VERSION_MISMATCH or PROTOCOL: what was seen and what is allowed.
pub(crate) fn check_welcome(welcome: &Welcome, clock: Clock) -> Result<Terms, Error> {
    let prefix = &welcome.prefix;
    let abi = (u64::from(prefix.abi_min), u64::from(prefix.abi_max));
    let mismatch = |text: String| Error::with_details(Code::VERSION_MISMATCH, &[&text]);
    if abi != (ABI_VERSION, ABI_VERSION) {
        let (min, max) = abi;
        return Err(mismatch(format!(
            "server picked ABI {min} to {max} (allowed: {ABI_VERSION})"
        )));
    }
    let hash = welcome.layout_hash;
    if hash != LAYOUT_HASH {
        return Err(mismatch(format!(
            "server's layout {hash:#018x} (this client's: {LAYOUT_HASH:#018x})"
        )));
    }
    let credits = u64::from(welcome.call_credits[0]);
    let records_max = RECORDS_MAX as u64 / u64::from(welcome.lanes.max(1));
    let ranges = [
        ("epoch", welcome.epoch, 1, u64::MAX),
        ("lanes", welcome.lanes.into(), 1, LANES_MAX),
        ("payload limit", welcome.payload_max, 1, PAYLOAD_MAX),
        ("methods", welcome.methods_max.into(), 1, METHODS_MAX),
        ("credits of depth 0", credits, 1, CREDITS_MAX),
        ("buffers", welcome.buffers_max.into(), 1, CLIENT_BUFFERS_MAX),
    ];
    for (name, seen, least, most) in ranges {
        if seen < least || seen > most {
            return Err(Error::protocol(format!(
                "{name} {seen} in WELCOME (allowed: {least} to {most})"
            )));
        }
    }
    if welcome.reserved != [0; 4] || welcome.reserved_tail != [0; 2] {
        return Err(Error::protocol("reserved bytes in WELCOME (allowed: 0)"));
    }
    Ok(Terms {
        epoch: welcome.epoch,
        payload_max: welcome.payload_max,
        // With the most lanes and credits one credit more than records: it is not used.
        credits: credits.min(records_max) as usize,
        buffers_max: usize::from(welcome.buffers_max),
        version: version_text(&welcome.version)?,
        clock,
    })
}

fn version_text(bytes: &[u8]) -> Result<String, Error> {
    let len = bytes.iter().position(|byte| *byte == 0);
    let text = &bytes[..len.unwrap_or(bytes.len())];
    if !text.iter().all(u8::is_ascii_graphic) {
        return Err(Error::protocol("version in WELCOME is not ASCII text"));
    }
    Ok(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_text_before_the_padding() {
        assert_eq!(version_text(b"0.1.0\0\0\0").unwrap(), "0.1.0");
        assert_eq!(version_text(b"1234").unwrap(), "1234");
        assert!(version_text(b"\xff\0").is_err());
    }
}
