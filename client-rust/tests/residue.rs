//! What is left of a session: nothing. (One test: it counts the whole process.)

mod fake;

use std::time::Duration;

use fake::{Knobs, block_on, pair, until};
use outrigger_client::Client;
use outrigger_layout::Code;
use outrigger_layout::frame::control;

fn count(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Descriptors, threads and mappings of this process.
fn residue() -> (usize, usize, usize) {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let segments = maps.lines().filter(|line| line.contains("memfd:outrigger"));
    (
        count("/proc/self/fd"),
        count("/proc/self/task"),
        segments.count(),
    )
}

fn use_it(client: &Client) {
    client.call("echo", b"small").wait().unwrap();
    client.call("echo", &vec![7; 9000]).wait().unwrap();
    block_on(client.call("echo", &vec![7; 9000]).into_future()).unwrap();
    let short = client
        .call("echo", b"x")
        .timeout(Duration::from_micros(1))
        .wait();
    drop(short);
}

#[test]
fn after_close_descriptors_threads_and_mappings_are_back_at_the_baseline() {
    let before = residue();
    for round in 0..12 {
        let (client, mut fake) = pair(Knobs::default());
        match round % 4 {
            0 => {
                let serving = fake.serve();
                use_it(&client);
                client.close();
                serving.get();
            }
            1 => {
                let serving = fake.serve();
                use_it(&client);
                let clones = [client.clone(), client.clone()];
                drop((client, clones));
                serving.get();
            }
            2 => {
                drop(fake);
                client.call("echo", b"x").wait().unwrap_err();
            }
            _ => {
                fake.post(control::BYE, Code::PROTOCOL, 0, b"enough");
                client.call("echo", b"x").wait().unwrap_err();
                client.close();
            }
        }
    }
    until("everything is given back", || residue() == before);
    let (client, fake) = pair(Knobs::default());
    let serving = fake.serve();
    let message = client.call("echo", &vec![7; 9000]).wait_placed().unwrap();
    client.close();
    drop(client);
    serving.get();
    let (descriptors, threads, mappings) = before;
    until("a buffer keeps its extent and nothing else", || {
        residue() == (descriptors, threads, mappings + 1)
    });
    assert_eq!(message.value.unwrap().to_vec(), [7; 9000]);
    assert_eq!(residue(), before, "it went with the buffer");
}
