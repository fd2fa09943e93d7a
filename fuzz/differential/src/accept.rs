//! Archives that Go wrote, judged by rkyv.

use std::io::{self, Read};

use rkyv::util::AlignedVec;

use crate::frames::{FromGo, read};
use crate::kind::{Judged, Kind};

/// Reads what Go wrote: each must be valid, and what rkyv would have written.
/// Returns how many there were.
///
/// # Errors
/// The archive that is not, or that Go did not say that it was all.
pub(crate) fn accept(input: &mut impl Read, kinds: &[Kind]) -> io::Result<u64> {
    let mut count = 0;
    loop {
        let (index, bytes) = match read(input)? {
            FromGo::Archive(index, bytes) => (index, bytes),
            FromGo::End(sent) if sent == count => return Ok(count),
            FromGo::End(sent) => return Err(wrong(&format!("{count} archives of {sent}"))),
        };
        let Some(kind) = kinds.get(index) else {
            return Err(wrong(&format!("kind {index} ({} kinds)", kinds.len())));
        };
        let mut aligned = AlignedVec::<16>::new();
        aligned.extend_from_slice(&bytes);
        match (kind.judge)(&aligned) {
            Judged::Accepted(canonical) if canonical == bytes => count += 1,
            Judged::Accepted(canonical) => {
                let (name, seen, wanted) = (kind.name, hex(&bytes), hex(&canonical));
                let text = format!("{name}: Go wrote\n{seen}\nand rkyv writes\n{wanted}");
                return Err(wrong(&text));
            }
            Judged::Refused => {
                let (name, seen) = (kind.name, hex(&bytes));
                return Err(wrong(&format!(
                    "{name}: rkyv refuses what Go wrote\n{seen}"
                )));
            }
        }
    }
}

fn wrong(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(input: &[u8]) -> String {
        let kinds = [Kind::of::<String>("String")];
        match accept(&mut &*input, &kinds) {
            Ok(count) => count.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn only_what_rkyv_would_have_written_is_accepted() {
        let end = b"\xff\xff\x01\x00\x00\x00";
        let framed = |archive: &[u8]| [b"\x00\x00\x08\x00\x00\x00", archive, end].concat();
        assert_eq!(outcome(&framed(b"Ada\xff\xff\xff\xff\xff")), "1");
        let padded = outcome(&framed(b"Ada\xffjunk"));
        assert!(
            padded.contains("and rkyv writes\n416461ffffffffff"),
            "{padded}"
        );
        assert!(outcome(&framed(b"\xc3(\xff\xff\xff\xff\xff\xff")).contains("refuses"));
        assert_eq!(outcome(end), "0 archives of 1");
    }
}
