//! What the two sides say to each other, through pipes. Numbers are little-endian.
//!
//! ```text
//!   to Go      u16 kinds, each u8 length, name, u32 bytes of its root; then cases
//!     case     u16 kind | u8 valid | u8 origin | u32 length | u32 canonical length
//!              | archive | canonical archive, if it is valid
//!     end      kind 0xffff, length how many cases there were
//!   from Go    u16 kind | u32 length | archive
//!     end      kind 0xffff, length how many archives there were
//! ```

use std::io::{self, Read, Write};

use crate::kind::Kind;

/// In place of a kind: nothing follows.
const END: u16 = 0xffff;

/// Longest archive that Go may send, in bytes.
const LEN_MAX: u32 = 64 << 20;

/// How an archive came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// rkyv wrote it.
    Value,
    /// rkyv wrote it, and then it was changed.
    Mutant,
    /// rkyv wrote it for a value of another type.
    Foreign,
}

/// Writes what the kinds are called, and how long their roots are.
pub(crate) fn write_kinds(output: &mut impl Write, kinds: &[Kind]) -> io::Result<()> {
    output.write_all(&(kinds.len() as u16).to_le_bytes())?;
    for kind in kinds {
        output.write_all(&[kind.name.len() as u8])?;
        output.write_all(kind.name.as_bytes())?;
        output.write_all(&(kind.size as u32).to_le_bytes())?;
    }
    Ok(())
}

/// Writes a case; `canonical` is there if rkyv accepts the archive.
pub(crate) fn write_case(
    output: &mut impl Write,
    kind: usize,
    origin: Origin,
    archive: &[u8],
    canonical: Option<&[u8]>,
) -> io::Result<()> {
    output.write_all(&(kind as u16).to_le_bytes())?;
    output.write_all(&[u8::from(canonical.is_some()), origin as u8])?;
    let canonical = canonical.unwrap_or_default();
    output.write_all(&(archive.len() as u32).to_le_bytes())?;
    output.write_all(&(canonical.len() as u32).to_le_bytes())?;
    output.write_all(archive)?;
    output.write_all(canonical)
}

/// Writes that this was all, and how many cases it was.
pub(crate) fn write_end(output: &mut impl Write, cases: u64) -> io::Result<()> {
    output.write_all(&END.to_le_bytes())?;
    output.write_all(&[0, 0])?;
    output.write_all(&(cases as u32).to_le_bytes())?;
    output.write_all(&0_u32.to_le_bytes())?;
    output.flush()
}

/// What Go says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FromGo {
    /// It wrote this archive of this kind.
    Archive(usize, Vec<u8>),
    /// It wrote so many.
    End(u64),
}

/// Reads what Go says next.
pub(crate) fn read(input: &mut impl Read) -> io::Result<FromGo> {
    let (mut kind, mut len) = ([0; 2], [0; 4]);
    input.read_exact(&mut kind)?;
    input.read_exact(&mut len)?;
    let (kind, len) = (u16::from_le_bytes(kind), u32::from_le_bytes(len));
    if kind == END {
        return Ok(FromGo::End(u64::from(len)));
    }
    if len > LEN_MAX {
        let text = format!("archive of {len} bytes (maximum {LEN_MAX})");
        return Err(io::Error::other(text));
    }
    let mut archive = vec![0; len as usize];
    input.read_exact(&mut archive)?;
    Ok(FromGo::Archive(usize::from(kind), archive))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_says_is_read_to_its_end() {
        let mut input = &b"\x01\x00\x02\x00\x00\x00ab\xff\xff\x01\x00\x00\x00"[..];
        let archive = FromGo::Archive(1, b"ab".to_vec());
        assert_eq!(read(&mut input).expect("an archive"), archive);
        assert_eq!(read(&mut input).expect("an end"), FromGo::End(1));
        assert!(read(&mut input).is_err());
        let mut long = &b"\x01\x00\xff\xff\xff\xff"[..];
        let text = read(&mut long).expect_err("too long").to_string();
        assert_eq!(text, "archive of 4294967295 bytes (maximum 67108864)");
    }
}
