//! Results and tuples: what their functions do.

use super::functions::{Functions, Operation};
use super::operations::Place;
use super::text::line;
use crate::schema::Field;

impl Functions<'_> {
    /// Writes what the value or the error of `x` points to.
    pub(super) fn result_parts(&mut self, ok: u32, err: u32) -> String {
        let value = self.parts(ok, "x.Value");
        let error = self.parts(err, "x.Err");
        match (value, error) {
            (Some(value), Some(error)) => either(&value, &error),
            (Some(value), None) => format!("\tif x.OK {{\n\t\t{value}\n\t}}\n"),
            (None, Some(error)) => format!("\tif !x.OK {{\n\t\t{error}\n\t}}\n"),
            (None, None) => String::new(),
        }
    }

    /// Writes the tag, and the value or the error of `x`.
    pub(super) fn result_fixed(&mut self, size: u32, ok: u32, err: u32) -> String {
        let value = self.fixed(ok, self.tagged(ok), "x.Value");
        let error = self.fixed(err, self.tagged(err), "x.Err");
        let error = error.map(|error| format!("\n\t\t{error}"));
        let error = format!("w[0] = 1{}", error.unwrap_or_default());
        let mut out = format!("\tw := (*[{size}]byte)(e.Window(at, {size}))\n");
        match value {
            Some(value) => out.push_str(&either(&value, &error)),
            None => line!(out, "\tif !x.OK {{\n\t\t{error}\n\t}}"),
        }
        out
    }

    /// Whether the tag, and what it says that there is, is valid.
    pub(super) fn result_check(&mut self, ok: u32, err: u32) -> String {
        let value = self.check(ok, self.tagged(ok));
        let error = self.check(err, self.tagged(err));
        if value.is_none() && error.is_none() {
            return "\t_, ok := c.Success(at)\n\treturn ok\n".to_owned();
        }
        let [value, error] =
            [value, error].map(|check| check.map_or("true".to_owned(), |check| check.wide()));
        let mut out = String::from("\tsuccess, ok := c.Success(at)\n");
        line!(out, "\tif !ok {{\n\t\treturn false\n\t}}");
        line!(out, "\tif success {{\n\t\treturn {value}\n\t}}");
        line!(out, "\treturn {error}");
        out
    }

    /// Reads a result at `r` into the variable of this name, and returns it.
    pub(super) fn result_read(&mut self, how: Operation, x: &str, ok: u32, err: u32) -> String {
        let value = self.read(how, ok, "r", self.types.tagged_offset(ok));
        let error = self.read(how, err, "r", self.types.tagged_offset(err));
        let mut out = String::new();
        line!(out, "\tif {x}.OK = !r.Bool(0); {x}.OK {{");
        line!(out, "\t\t{x}.Value = {value}\n\t}} else {{");
        line!(out, "\t\t{x}.Err = {error}\n\t}}\n\treturn {x}");
        out
    }

    /// A tuple of this Go type, read at `r`.
    pub(super) fn tuple_read(&mut self, how: Operation, go: &str, fields: &[Field]) -> String {
        let mut out = format!("{go}{{\n");
        for (index, field) in fields.iter().enumerate() {
            let value = self.read(how, field.type_number, "r", field.offset);
            line!(out, "\t\tField{index}: {value},");
        }
        out.push_str("\t}");
        out
    }

    /// Where the value of a tag byte stands.
    fn tagged(&self, number: u32) -> Place {
        Place::At(self.types.tagged_offset(number))
    }
}

/// One statement for a success, another for a failure.
fn either(value: &str, error: &str) -> String {
    format!("\tif x.OK {{\n\t\t{value}\n\t}} else {{\n\t\t{error}\n\t}}\n")
}
