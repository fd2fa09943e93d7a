//! Text as a schema: it is refused, or all that is done with a schema can be done.
//! Most mutations are of its JSON, as those of bytes mostly break that.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use outrigger_differential::{Random, schema};

fuzz_target!(|text: &[u8]| {
    let _ = schema::put(text);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::new(u64::from(seed));
    let read = serde_json::from_slice::<serde_json::Value>(&data[..size]);
    let Ok(mut value) = read else {
        return fuzzer_mutate(data, size, max_size);
    };
    if random.once_in(8) {
        return fuzzer_mutate(data, size, max_size);
    }
    schema::mutate(&mut random, &mut value);
    let text = value.to_string();
    let Some(room) = data
        .get_mut(..text.len())
        .filter(|_| text.len() <= max_size)
    else {
        return fuzzer_mutate(data, size, max_size);
    };
    room.copy_from_slice(text.as_bytes());
    text.len()
});
