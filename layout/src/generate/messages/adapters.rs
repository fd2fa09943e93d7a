//! Maps, and options without a tag byte: what their functions do.

use super::functions::{Functions, Operation};
use super::operations::Place;
use super::text::line;
use crate::schema::{Field, Kind};

impl Functions<'_> {
    /// A map of these entries, read at `r`.
    pub(super) fn map_read(&mut self, how: Operation, entry: u32) -> String {
        let stride = self.types.get(entry).size;
        let Kind::Entry { fields } = &self.types.get(entry).kind else {
            return String::new();
        };
        let [key, value] = [&fields[0], &fields[1]];
        let offset = value.offset;
        let [key, value] = [key, value].map(|field| self.reader(how, field.type_number));
        format!("rkyv.MapAt(r, {stride}, {offset}, {key}, {value})")
    }

    /// An entry of this Go type, read at `r`.
    pub(super) fn entry_read(&mut self, how: Operation, go: &str, fields: &[Field]) -> String {
        let mut out = format!("{go}{{\n");
        for (name, field) in ["Key:  ", "Value:"].iter().zip(fields) {
            let value = self.read(how, field.type_number, "r", field.offset);
            line!(out, "\t\t{name} {value},");
        }
        out.push_str("\t}");
        out
    }

    /// Writes the value of `x`, or what says that there is none.
    pub(super) fn niche_fixed(&mut self, size: u32, item: u32) -> String {
        let fixed = self
            .fixed(item, Place::At(0), "x.Value")
            .unwrap_or_default();
        let window = format!("w := (*[{size}]byte)(e.Window(at, {size}))");
        if self.is_box(item) {
            return format!(
                "\t{window}\n\tif x.Valid {{\n\t\t{fixed}\n\t}} else {{\n\t\t\
                 rkyv.PutNone(w[:])\n\t}}\n"
            );
        }
        format!("\tif x.Valid {{\n\t\t{window}\n\t\t{fixed}\n\t}}\n")
    }

    /// Whether what a box points to is valid, if it points to something.
    pub(super) fn niche_check(&mut self, item: u32) -> String {
        let check = self.check(item, Place::At(0));
        let check = check.map_or("true".to_owned(), |check| check.tight());
        format!("\treturn c.None(at) || {check}\n")
    }

    /// Reads an option at `r` into the variable of this name, and returns it.
    pub(super) fn niche_read(&mut self, how: Operation, x: &str, item: u32) -> String {
        let value = self.read(how, item, "r", 0);
        let mut out = String::new();
        if self.is_box(item) {
            line!(
                out,
                "\tif !r.None(0) {{\n\t\t{x} = rkyv.Some({value})\n\t}}"
            );
        } else {
            line!(out, "\tif value := {value}; value != 0 {{");
            line!(out, "\t\t{x} = rkyv.Some(value)\n\t}}");
        }
        line!(out, "\treturn {x}");
        out
    }

    fn is_box(&self, number: u32) -> bool {
        matches!(self.types.get(number).kind, Kind::Box { .. })
    }
}
