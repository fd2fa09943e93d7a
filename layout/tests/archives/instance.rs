//! Messages of the fixture whose descriptions take more than the macro has: one with
//! a parameter, one without fields, and an enum with tags of its own.

use std::mem::offset_of;

use outrigger_layout::schema::{Field, Kind, Variant};
use rkyv::{Archive, Archived};

use crate::document::{Builder, Described};
use crate::fixture::{Color, Signal, Unit};
use crate::sample::{Sample, Source};

/// Some of many.
#[derive(Archive, rkyv::Serialize, rkyv::Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) last: Option<Box<T>>,
    pub(crate) total: u64,
}

impl<T: Sample> Sample for Page<T> {
    fn sample(source: &mut Source) -> Self {
        Self {
            items: Sample::sample(source),
            last: Sample::sample(source),
            total: Sample::sample(source),
        }
    }
}

impl<T: Described> Described for Page<T>
where
    Vec<T>: Archive,
    Option<Box<T>>: Archive,
    Self: Archive<Archived = ArchivedPage<T>>,
{
    fn kind(builder: &mut Builder) -> Kind {
        Kind::Struct {
            name: "Page".to_owned(),
            path: "fixture::Page".to_owned(),
            arguments: vec![builder.number::<T>()],
            doc: String::new(),
            tuple: false,
            fields: vec![
                builder.field::<Vec<T>>("items", "", offset_of!(Archived<Self>, items)),
                builder.field::<Option<Box<T>>>("last", "", offset_of!(Archived<Self>, last)),
                builder.field::<u64>("total", "", offset_of!(Archived<Self>, total)),
            ],
            since: Vec::new(),
        }
    }
}

impl Sample for Unit {
    fn sample(_: &mut Source) -> Self {
        Self
    }
}

impl Described for Unit {
    fn kind(_: &mut Builder) -> Kind {
        Kind::Struct {
            name: "Unit".to_owned(),
            path: "fixture::Unit".to_owned(),
            arguments: Vec::new(),
            doc: "A struct without fields.".to_owned(),
            tuple: false,
            fields: Vec::new(),
            since: Vec::new(),
        }
    }
}

impl Sample for Signal {
    fn sample(source: &mut Source) -> Self {
        match source.below(4) {
            0 => Self::Stop,
            1 => Self::Wait {
                ms: Sample::sample(source),
            },
            2 => Self::Go(Sample::sample(source)),
            _ => Self::Turn(Sample::sample(source), Sample::sample(source)),
        }
    }
}

impl Described for Signal {
    fn kind(builder: &mut Builder) -> Kind {
        let mut variants = vec![
            variant("Stop", 3, vec![]),
            variant("Wait", 7, vec![builder.field::<u32>("ms", "", 0)]),
            variant("Go", 200, vec![builder.field::<String>("0", "", 0)]),
            variant(
                "Turn",
                201,
                vec![
                    builder.field::<i8>("0", "", 0),
                    builder.field::<Color>("1", "", 0),
                ],
            ),
        ];
        for variant in &mut variants {
            builder.place(variant);
        }
        Kind::Enum {
            name: "Signal".to_owned(),
            path: "fixture::Signal".to_owned(),
            arguments: Vec::new(),
            doc: String::new(),
            variants,
            since: Vec::new(),
        }
    }
}

fn variant(name: &str, tag: u8, fields: Vec<Field>) -> Variant {
    Variant {
        name: name.to_owned(),
        doc: String::new(),
        tag,
        tuple: fields.first().is_some_and(|field| field.name == "0"),
        fields,
    }
}
