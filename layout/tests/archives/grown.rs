//! Archives of messages that grow: what one version wrote is judged and read as each of
//! the others.

use outrigger_layout::message::{Archive, ArchiveMemory, Message, Writer};

use crate::sample::{Sample, Source};
use crate::vectors::{RANDOM, Vector};
use crate::versions::{Mood1, Mood2, Visit1, Visit2, Visit3, Wide1, Wide2};

/// Archives of each version, read as each.
pub(crate) fn all(vectors: &mut Vec<Vector>) {
    macro_rules! read {
        ($($written:ident as $($read:ident)*;)*) => {
            $(for seed in 0..RANDOM {
                let budget = if seed == 0 { 0 } else { 48 };
                let value = $written::sample(&mut Source::new(vectors.len() as u64, budget));
                let archive = archive(&value);
                let name = format!("of {} {seed}", stringify!($written));
                $(add::<$read>(vectors, stringify!($read), &name, &archive);)*
            })*
        };
    }
    read! {
        Visit1 as Visit1 Visit2 Visit3;
        Visit2 as Visit1 Visit2 Visit3;
        Visit3 as Visit1 Visit2 Visit3;
        Wide1 as Wide1 Wide2;
        Wide2 as Wide1 Wide2;
        Mood1 as Mood1 Mood2;
        Mood2 as Mood1 Mood2;
    }
}

fn archive(value: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, 1 << 16);
    value.encode(&mut writer).expect("it fits");
    bytes
}

fn read<M: Message>(bytes: &[u8]) -> Option<Archive<M>> {
    let mut memory = ArchiveMemory::new();
    memory.extend_from_slice(bytes);
    Archive::new(memory).ok()
}

fn add<M: Message>(vectors: &mut Vec<Vector>, type_name: &'static str, name: &str, bytes: &[u8]) {
    let again = read::<M>(bytes).map(|read| archive(&read.load().expect("a value")));
    let number = vectors.len() as u64;
    let mut vector = Vector::judged(type_name, name, bytes, number, |mutant| {
        read::<M>(mutant).is_some()
    });
    vector.again = again;
    vectors.push(vector);
}
