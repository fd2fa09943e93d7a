//! Messages that grow, in versions of three names, so that one Go package has them all.

use outrigger_layout::schema::{Kind, Variant};

use crate::document::{Builder, Described};
use crate::outrigger;
use crate::sample::{Sample, Source};

/// A struct that grows: its fields, then those that were appended, with their versions.
macro_rules! growing {
    (struct $name:ident = $archived:ident {
        $($field:ident: $kind:ty,)* $(; $appended:ident: $later:ty = $since:tt,)*
    }) => {
        #[outrigger::message(extensible)]
        pub(crate) struct $name {
            $(pub(crate) $field: $kind,)*
            $(#[outrigger(since = $since)] pub(crate) $appended: $later,)*
        }
        impl Sample for $name {
            fn sample(source: &mut Source) -> Self {
                Self {
                    $($field: <$kind>::sample(source),)*
                    $($appended: <$later>::sample(source),)*
                }
            }
        }
        impl Described for $name {
            fn kind(builder: &mut Builder) -> Kind {
                let fields = vec![
                    $(builder.field::<$kind>(stringify!($field), "",
                        core::mem::offset_of!($archived, $field)),)*
                    $(builder.field::<$later>(stringify!($appended), "",
                        core::mem::offset_of!($archived, $appended)),)*
                ];
                let appended: &[u32] = &[$($since),*];
                let mut since = vec![1; fields.len() - appended.len()];
                since.extend(appended);
                Kind::Struct {
                    name: stringify!($name).to_owned(),
                    arguments: Vec::new(),
                    path: concat!("fixture::", stringify!($name)).to_owned(),
                    doc: String::new(),
                    tuple: false,
                    fields,
                    since,
                }
            }
        }
    };
}

growing! { struct Visit1 = ArchivedVisit1 {
    name: String, rooms: Vec<u64>, mood: Mood1, quiet: bool,
} }
growing! { struct Visit2 = ArchivedVisit2 {
    name: String, rooms: Vec<u64>, mood: Mood2, quiet: bool,
    ; late: Option<bool> = 2,
    ; guests: Option<Vec<String>> = 2,
} }
growing! { struct Visit3 = ArchivedVisit3 {
    name: String, rooms: Vec<u64>, mood: Mood2, quiet: bool,
    ; late: Option<bool> = 2,
    ; guests: Option<Vec<String>> = 2,
    ; count: Option<Box<u64>> = 3,
} }
growing! { struct Wide1 = ArchivedWide1 { key: u64, flag: bool, } }
growing! { struct Wide2 = ArchivedWide2 {
    key: u64, flag: bool,
    ; letter: Option<char> = 3,
    ; other: Option<u64> = 4,
} }

#[outrigger::message(extensible)]
pub(crate) enum Mood1 {
    Calm,
    Busy(Box<String>),
}

#[outrigger::message(extensible)]
pub(crate) enum Mood2 {
    Calm,
    Busy(Box<String>),
    #[outrigger(since = 2)]
    Asleep,
    #[outrigger(since = 2)]
    Away(Box<Vec<u8>>),
}

impl Sample for Mood1 {
    fn sample(source: &mut Source) -> Self {
        match source.below(2) {
            0 => Self::Calm,
            _ => Self::Busy(Sample::sample(source)),
        }
    }
}

impl Sample for Mood2 {
    fn sample(source: &mut Source) -> Self {
        match source.below(6) {
            0 => Self::Asleep,
            1 => Self::Away(Sample::sample(source)),
            2 | 3 => Self::Calm,
            _ => Self::Busy(Sample::sample(source)),
        }
    }
}

impl Described for Mood1 {
    fn kind(builder: &mut Builder) -> Kind {
        mood(builder, "Mood1", 2)
    }
}

impl Described for Mood2 {
    fn kind(builder: &mut Builder) -> Kind {
        mood(builder, "Mood2", 4)
    }
}

fn mood(builder: &mut Builder, name: &str, count: usize) -> Kind {
    let mut variants = Vec::new();
    for (tag, name) in ["Calm", "Busy", "Asleep", "Away"][..count]
        .iter()
        .enumerate()
    {
        let fields = match *name {
            "Busy" => vec![builder.field::<Box<String>>("0", "", 0)],
            "Away" => vec![builder.field::<Box<Vec<u8>>>("0", "", 0)],
            _ => Vec::new(),
        };
        let mut variant = Variant {
            name: (*name).to_owned(),
            doc: String::new(),
            tag: tag as u8,
            tuple: !fields.is_empty(),
            fields,
        };
        builder.place(&mut variant);
        variants.push(variant);
    }
    Kind::Enum {
        name: name.to_owned(),
        arguments: Vec::new(),
        path: format!("fixture::{name}"),
        doc: String::new(),
        variants,
        since: [1, 1, 2, 2][..count].to_vec(),
    }
}
