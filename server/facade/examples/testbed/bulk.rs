//! A method that does with attachments what its value says.

use outrigger::server::{Attachment, Handler};
use outrigger::{Context, Error, Reply, Request};

use crate::{number, text};

/// | value | what it does |
/// | --- | --- |
/// | `back V` | answers with V and what was attached |
/// | `sums` | answers with the sum of the bytes of each attachment, as text |
/// | `make N M …` | attaches N, M, … bytes, each the low byte of its index |
/// | `large N M …` | the same, beside a value of 100 000 bytes |
/// | `fail N M …` | the same, and then fails |
pub(crate) struct Bulk;

impl Handler for Bulk {
    fn call(
        &self,
        _: &Context<'_>,
        request: Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Error> {
        let value = request.bytes();
        let at = value.iter().position(|byte| *byte == b' ');
        let (command, rest) = value.split_at(at.unwrap_or(value.len()));
        let rest = rest.get(1..).unwrap_or_default();
        match command {
            b"back" => {
                reply.set(rest)?;
                for attachment in request.attachments() {
                    let [bytes] = reply.attach([attachment.len() as usize])?;
                    attachment.copy_to(bytes)?;
                }
                Ok(())
            }
            b"sums" => reply.set(sums(request.attachments()).as_bytes()),
            b"make" => make(rest, reply),
            b"large" => {
                make(rest, reply)?;
                reply.buffer(100_000)?.fill(7);
                Ok(())
            }
            b"fail" => {
                make(rest, reply)?;
                Err(Error::handler("after attaching"))
            }
            _ => Err(Error::invalid_argument("the command of test.bulk")),
        }
    }

    fn takes_attachments(&self) -> bool {
        true
    }
}

fn sums(attachments: &[Attachment]) -> String {
    let sum = |attachment: &Attachment| {
        let (mut chunks, mut sum) = (attachment.chunks(), 0_u64);
        while let Some(piece) = chunks.next_chunk() {
            sum += piece.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        }
        sum.to_string()
    };
    let sums: Vec<String> = attachments.iter().map(sum).collect();
    sums.join(" ")
}

fn make(lens: &[u8], reply: &mut Reply<'_>) -> Result<(), Error> {
    let lens: Result<Vec<u64>, Error> = text(lens)?
        .split_whitespace()
        .map(|word| number(word.as_bytes()))
        .collect();
    let lens: Vec<usize> = lens?.into_iter().map(|len| len as usize).collect();
    reply.attach_all(&lens)?.into_iter().for_each(pattern);
    Ok(())
}

fn pattern(bytes: &mut [u8]) {
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = index as u8;
    }
}
