//! Where a large request is read: in a private copy, or where the client wrote it.

#![allow(unsafe_code, reason = "the promise of a test that changes nothing")]

use std::fs;

use outrigger::server::Builder;
use outrigger::{Client, Error, Server, handler};

mod process;

use process::Serving;

/// A server whose method says where its request lies: `shared` or `private`.
fn whereabouts() -> Builder {
    let method = handler::bytes(|_, bytes: &[u8]| {
        let text = if is_shared(bytes)? {
            "shared"
        } else {
            "private"
        };
        Ok(text.as_bytes().to_vec())
    });
    Server::builder().handler("where", method)
}

/// True if the bytes lie in a memfd that this process has mapped.
fn is_shared(bytes: &[u8]) -> Result<bool, Error> {
    let maps = fs::read_to_string("/proc/self/maps").map_err(Error::serialization)?;
    let address = bytes.as_ptr().addr();
    let holds = |line: &str| {
        let (range, _) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16).ok());
        Some((start?..end?).contains(&address) && line.contains("/memfd:"))
    };
    Ok(maps.lines().any(|line| holds(line) == Some(true)))
}

fn answers(client: &Client) -> [String; 2] {
    [100, 100_000].map(|len| {
        let mut reply = Vec::new();
        client
            .call_into("where", &vec![7; len], &mut reply)
            .unwrap();
        String::from_utf8(reply).unwrap()
    })
}

#[test]
fn requests_are_read_in_a_private_copy_unless_the_program_promises() {
    let serving = Serving::start(whereabouts());
    assert_eq!(answers(&serving.client()), ["private", "private"]);
}

#[test]
fn sm_04_in_place_only_what_the_program_has_promised_and_no_slot_ever() {
    // SAFETY: this test's client changes nothing that it has sent.
    let builder = unsafe { whereabouts().trust_clients_in_place() };
    let serving = Serving::start(builder);
    assert_eq!(answers(&serving.client()), ["private", "shared"]);
}
