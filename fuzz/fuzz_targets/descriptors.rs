//! Messages about buffers, as a hostile client could send them: each is what the client
//! owns, or ends the session; no panic, and no buffer that two have.

#![no_main]

#[path = "../../server/tests/descriptors/client.rs"]
mod client;

use client::{Client, Move, PARTS, Spoil};
use libfuzzer_sys::fuzz_target;
use outrigger_layout::Code;

/// Most moves of one run.
const MOVES_MAX: usize = 60;

/// What is left of the input; zeros at its end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let len = self.0.len().min(N);
        let (head, rest) = self.0.split_at(len);
        bytes[..len].copy_from_slice(head);
        self.0 = rest;
        bytes
    }

    fn byte(&mut self) -> u8 {
        let [byte] = self.bytes();
        byte
    }

    fn spoil(&mut self) -> Spoil {
        // Most names are right: else no session would live for long.
        let field = self.byte() % 32;
        let by = match field {
            0..=4 => u64::from_le_bytes(self.bytes()),
            _ => 0,
        };
        Spoil { field, by }
    }

    fn next(&mut self) -> Move {
        let choice = self.byte();
        let count = usize::from(choice >> 4) % PARTS + 1;
        match choice % 16 {
            0..5 => {
                let length = |_| u64::from(u16::from_le_bytes(self.bytes())) * 4 + 1;
                Move::Ask((0..count).map(length).collect())
            }
            5..11 => {
                let has_value = self.byte().is_multiple_of(2);
                let part = |_| (usize::from(self.byte()), self.spoil());
                Move::Call(has_value, (0..count).map(part).collect())
            }
            11..15 => Move::Return(self.byte().into(), self.spoil()),
            _ => {
                let [ring, kind, flags, len] = self.bytes();
                let payload: [u8; 32] = self.bytes();
                let payload = payload[..usize::from(len % 33)].to_vec();
                Move::Any(ring.is_multiple_of(2), kind, flags, payload)
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut client = Client::new();
    let mut input = Input(bytes);
    for _ in 0..MOVES_MAX {
        if input.0.is_empty() {
            return;
        }
        if let Err(error) = client.act(input.next()) {
            let allowed = [Code::PROTOCOL, Code::INVALID_HANDLE, Code::OUT_OF_BOUNDS];
            assert!(allowed.contains(&error.code()), "{error}");
            return;
        }
    }
});
