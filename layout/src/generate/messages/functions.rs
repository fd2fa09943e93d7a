//! The functions of types that are neither structs nor enums, and of lists' elements.
//!
//! One is written once it was asked for; writing it may ask for more.

use super::operations::Place;
use super::structs;
use super::text::line;
use super::types::Types;
use crate::schema::Kind;

/// What a function does with values of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Parts,
    Fixed,
    Check,
    View,
    Alias,
    Load,
}

impl Operation {
    fn prefix(self) -> &'static str {
        match self {
            Self::Parts => "parts",
            Self::Fixed => "fixed",
            Self::Check => "check",
            Self::View => "view",
            Self::Alias => "alias",
            Self::Load => "load",
        }
    }
}

/// Types, and the functions that were asked for.
pub(super) struct Functions<'a> {
    pub(super) types: Types<'a>,
    asked: Vec<(Operation, u32)>,
}

impl<'a> Functions<'a> {
    pub(super) fn of(types: Types<'a>) -> Self {
        Self {
            types,
            asked: Vec::new(),
        }
    }

    /// The name of a function, which will be written.
    pub(super) fn call(&mut self, operation: Operation, number: u32) -> String {
        let writes = !matches!(
            operation,
            Operation::View | Operation::Alias | Operation::Load
        );
        let kind = &self.types.get(number).kind;
        // Structs and enums have these beside their types.
        let beside = writes && matches!(kind, Kind::Struct { .. } | Kind::Enum { .. });
        if !beside && !self.asked.contains(&(operation, number)) {
            self.asked.push((operation, number));
        }
        format!("{}{}", operation.prefix(), self.types.base(number))
    }

    /// All functions that were asked for.
    pub(super) fn finish(mut self) -> String {
        let mut out = String::new();
        let mut next = 0;
        while let Some(&(operation, number)) = self.asked.get(next) {
            next += 1;
            let text = match operation {
                Operation::Parts => self.parts_function(number),
                Operation::Fixed => self.fixed_function(number),
                Operation::Check => self.check_function(number),
                Operation::View | Operation::Alias => self.view_function(operation, number),
                Operation::Load => self.load_function(number),
            };
            out.push('\n');
            out.push_str(&text);
        }
        out
    }

    fn parameter(&self, number: u32) -> String {
        let pointer = if self.by_pointer(number) { "*" } else { "" };
        format!("{pointer}{}", self.types.owned(number))
    }

    fn parts_function(&mut self, number: u32) -> String {
        let (base, parameter) = (self.types.base(number).to_owned(), self.parameter(number));
        let mut out = String::new();
        line!(out, "func parts{base}(e *rkyv.Encoder, x {parameter}) {{");
        match &self.types.get(number).kind {
            Kind::Option { item } | Kind::Niche { item } => {
                let parts = self.parts(*item, "x.Value").unwrap_or_default();
                line!(out, "\tif x.Valid {{\n\t\t{parts}\n\t}}");
            }
            Kind::Result { ok, err } => out.push_str(&self.result_parts(*ok, *err)),
            Kind::Array { item, .. } => {
                let parts = self.parts(*item, "x[i]").unwrap_or_default();
                line!(out, "\tfor i := range x {{\n\t\t{parts}\n\t}}");
            }
            Kind::Vec { item }
            | Kind::BoxSlice { item }
            | Kind::Map { item }
            | Kind::Set { item }
                if self.types.is_plain(*item) =>
            {
                let parts = self.parts(*item, "x[i]").unwrap_or_default();
                line!(
                    out,
                    "\tfor i := range x {{\n\t\t{parts}\n\t}}\n\trkyv.EncodeSlice(e, x)"
                );
            }
            Kind::Vec { item }
            | Kind::BoxSlice { item }
            | Kind::Map { item }
            | Kind::Set { item } => out.push_str(&self.row(*item)),
            Kind::Box { item } => {
                let name = self.types.rust_name(number);
                line!(
                    out,
                    "\tif x == nil {{\n\t\te.FailNil({name:?})\n\t\treturn\n\t}}"
                );
                out.push_str(&self.content(*item, "*x"));
            }
            Kind::Tuple { fields } | Kind::Entry { fields } => {
                out.push_str(&structs::parts(self, fields));
            }
            _ => {}
        }
        line!(out, "}}");
        out
    }

    /// Writes the elements of the slice `x`.
    fn row(&mut self, item: u32) -> String {
        let (size, align) = (self.types.get(item).size, self.types.get(item).align);
        let mut out = enter();
        if let Some(parts) = self.parts(item, "x[i]") {
            line!(out, "\tfor i := range x {{\n\t\t{parts}\n\t}}");
        }
        let fixed = self
            .fixed(item, Place::Row(size), "x[i]")
            .unwrap_or_default();
        line!(
            out,
            "\tat, ok := e.Place(mark, len(x), {size}, {align})\n\tif ok {{"
        );
        if fixed.contains("w[") {
            let length = if size == 1 {
                "len(x)".to_owned()
            } else {
                format!("{size}*len(x)")
            };
            line!(out, "\t\tw := e.Window(at, {length})");
        }
        line!(
            out,
            "\t\tfor i := range x {{\n\t\t\t{fixed}\n\t\t}}\n\t}}\n\te.Leave(mark, at)"
        );
        out
    }

    /// Writes a value that something points to, or the root.
    pub(super) fn content(&mut self, item: u32, value: &str) -> String {
        let (size, align) = (self.types.get(item).size, self.types.get(item).align);
        let mut out = enter();
        if let Some(parts) = self.parts(item, value) {
            line!(out, "\t{parts}");
        }
        let Some(fixed) = self.fixed(item, Place::At(0), value) else {
            line!(
                out,
                "\tat, _ := e.Place(mark, 1, {size}, {align})\n\te.Leave(mark, at)"
            );
            return out;
        };
        line!(
            out,
            "\tat, ok := e.Place(mark, 1, {size}, {align})\n\tif ok {{"
        );
        if fixed.contains("w[") {
            line!(out, "\t\tw := e.Window(at, {size})");
        }
        line!(out, "\t\t{fixed}\n\t}}\n\te.Leave(mark, at)");
        out
    }

    fn fixed_function(&mut self, number: u32) -> String {
        let (base, parameter) = (self.types.base(number).to_owned(), self.parameter(number));
        let size = self.types.get(number).size;
        let mut out = String::new();
        line!(
            out,
            "func fixed{base}(e *rkyv.Encoder, at int, x {parameter}) {{"
        );
        match &self.types.get(number).kind {
            Kind::Option { item } => {
                let place = Place::At(self.types.tagged_offset(*item));
                let fixed = self.fixed(*item, place, "x.Value");
                line!(
                    out,
                    "\tif x.Valid {{\n\t\tw := (*[{size}]byte)(e.Window(at, {size}))"
                );
                line!(out, "\t\tw[0] = 1");
                if let Some(fixed) = fixed {
                    line!(out, "\t\t{fixed}");
                }
                line!(out, "\t}}");
            }
            Kind::Result { ok, err } => out.push_str(&self.result_fixed(size, *ok, *err)),
            Kind::Array { item, .. } => {
                let place = Place::Row(self.types.get(*item).size);
                let fixed = self.fixed(*item, place, "x[i]").unwrap_or_default();
                if fixed.contains("w[") {
                    line!(out, "\tw := (*[{size}]byte)(e.Window(at, {size}))");
                }
                line!(out, "\tfor i := range x {{\n\t\t{fixed}\n\t}}");
            }
            Kind::Niche { item } => out.push_str(&self.niche_fixed(size, *item)),
            Kind::Tuple { fields } | Kind::Entry { fields } => {
                out.push_str(&structs::fixed(self, size, None, fields));
            }
            _ => {}
        }
        line!(out, "}}");
        out
    }

    fn check_function(&mut self, number: u32) -> String {
        let base = self.types.base(number).to_owned();
        let mut out = String::new();
        line!(out, "func check{base}(c *rkyv.Checker, at int) bool {{");
        match &self.types.get(number).kind {
            Kind::Option { item } => {
                let place = Place::At(self.types.tagged_offset(*item));
                let check = self.check(*item, place).map(|check| check.wide());
                line!(
                    out,
                    "\tsome, ok := c.Some(at)\n\tif !ok || !some {{\n\t\treturn ok\n\t}}"
                );
                line!(out, "\treturn {}", check.unwrap_or_default());
            }
            Kind::Result { ok, err } => out.push_str(&self.result_check(*ok, *err)),
            Kind::Array { item, count } => {
                let place = Place::Row(self.types.get(*item).size);
                let check = self
                    .check(*item, place)
                    .map(|check| check.wide())
                    .unwrap_or_default();
                line!(
                    out,
                    "\tfor i := range {count} {{\n\t\tif !{check} {{\n\t\t\treturn false"
                );
                line!(out, "\t\t}}\n\t}}\n\treturn true");
            }
            Kind::Vec { item }
            | Kind::BoxSlice { item }
            | Kind::Map { item }
            | Kind::Set { item } => {
                let place = Place::Row(self.types.get(*item).size);
                out.push_str(&self.enter_scope("Vec", *item));
                let check = self
                    .check(*item, place)
                    .map(|check| check.wide())
                    .unwrap_or_default();
                line!(out, "\tfor i := range scope.Count {{\n\t\tif !{check} {{");
                line!(
                    out,
                    "\t\t\treturn false\n\t\t}}\n\t}}\n\treturn c.Leave(scope)"
                );
            }
            Kind::Box { item } => {
                let check = self.check(*item, Place::At(0)).map(|check| check.tight());
                if let Some(check) = check {
                    out.push_str(&self.enter_scope("Box", *item));
                    line!(out, "\treturn {check} && c.Leave(scope)");
                } else {
                    let (size, align) = (self.types.get(*item).size, self.types.get(*item).align);
                    line!(out, "\tscope, ok := c.Box(at, {size}, {align})");
                    line!(out, "\treturn ok && c.Leave(scope)");
                }
            }
            Kind::Niche { item } => out.push_str(&self.niche_check(*item)),
            Kind::Tuple { fields } | Kind::Entry { fields } => {
                line!(out, "\treturn {}", structs::conditions(self, fields));
            }
            _ => {}
        }
        line!(out, "}}");
        out
    }

    /// Enters what is behind the pointer at `at`; afterwards, `at` is there.
    fn enter_scope(&self, kind: &str, item: u32) -> String {
        let (size, align) = (self.types.get(item).size, self.types.get(item).align);
        let mut out = String::new();
        line!(out, "\tscope, ok := c.{kind}(at, {size}, {align})");
        line!(out, "\tif !ok {{\n\t\treturn false\n\t}}\n\tat = scope.At");
        out
    }

    fn view_function(&mut self, how: Operation, number: u32) -> String {
        let (base, view) = (self.types.base(number).to_owned(), self.types.view(number));
        let prefix = how.prefix();
        let mut out = String::new();
        match &self.types.get(number).kind {
            Kind::Option { item } => {
                let offset = self.types.tagged_offset(*item);
                let value = self.read(how, *item, "r", offset);
                line!(out, "func {prefix}{base}(r rkyv.Ref) (option {view}) {{");
                line!(
                    out,
                    "\tif r.Bool(0) {{\n\t\toption = rkyv.Some({value})\n\t}}"
                );
                line!(out, "\treturn option\n}}");
                return out;
            }
            Kind::Result { ok, err } => {
                line!(out, "func {prefix}{base}(r rkyv.Ref) (result {view}) {{");
                out.push_str(&self.result_read(how, "result", *ok, *err));
                line!(out, "}}");
                return out;
            }
            Kind::Map { item } => {
                line!(out, "func {prefix}{base}(r rkyv.Ref) {view} {{");
                line!(out, "\treturn {}\n}}", self.map_read(how, *item));
                return out;
            }
            Kind::Vec { item } | Kind::BoxSlice { item } | Kind::Set { item }
                if !self.types.is_plain(*item) =>
            {
                let stride = self.types.get(*item).size;
                let reader = self.reader(how, *item);
                line!(out, "func {prefix}{base}(r rkyv.Ref) {view} {{");
                line!(out, "\treturn rkyv.VecList(r, {stride}, {reader})\n}}");
                return out;
            }
            Kind::Niche { item } => {
                line!(out, "func {prefix}{base}(r rkyv.Ref) (option {view}) {{");
                out.push_str(&self.niche_read(how, "option", *item));
                line!(out, "}}");
                return out;
            }
            Kind::Array { item, count } => {
                let stride = self.types.get(*item).size;
                let reader = self.reader(how, *item);
                line!(out, "func {prefix}{base}(r rkyv.Ref) {view} {{");
                line!(
                    out,
                    "\treturn rkyv.ArrayList(r, {count}, {stride}, {reader})\n}}"
                );
                return out;
            }
            _ => {}
        }
        let value = match &self.types.get(number).kind {
            Kind::Box { item } => self.read(how, *item, "r.Box(0)", 0),
            Kind::Tuple { fields } => self.tuple_read(how, &view, fields),
            Kind::Entry { fields } => self.entry_read(how, &view, fields),
            _ => self.read(how, number, "r", 0),
        };
        line!(
            out,
            "func {prefix}{base}(r rkyv.Ref) {view} {{\n\treturn {value}\n}}"
        );
        out
    }

    fn load_function(&mut self, number: u32) -> String {
        let (base, owned) = (self.types.base(number).to_owned(), self.types.owned(number));
        let how = Operation::Load;
        let mut out = String::new();
        line!(out, "func load{base}(r rkyv.Ref) (x {owned}) {{");
        match &self.types.get(number).kind {
            Kind::Option { item } => {
                let offset = self.types.tagged_offset(*item);
                let value = self.read(how, *item, "r", offset);
                line!(
                    out,
                    "\tif r.Bool(0) {{\n\t\tx = rkyv.Some({value})\n\t}}\n\treturn x"
                );
            }
            Kind::Result { ok, err } => out.push_str(&self.result_read(how, "x", *ok, *err)),
            Kind::Vec { item }
            | Kind::BoxSlice { item }
            | Kind::Map { item }
            | Kind::Set { item }
                if !self.types.is_plain(*item) =>
            {
                let stride = self.types.get(*item).size;
                let reader = self.reader(how, *item);
                line!(out, "\treturn rkyv.LoadVec(r, {stride}, {reader})");
            }
            Kind::Array { item, count } if self.types.is_plain(*item) => {
                let element = self.types.element(*item);
                line!(
                    out,
                    "\tcopy(x[:], rkyv.ArrayView[{element}](r, 0, {count}))\n\treturn x"
                );
            }
            // In a loop over no elements, some make Go's compiler fail: "internal compiler
            // error: can SSA LHS x[i] but not RHS". (golang/go#77868 is of its kin.)
            Kind::Array { count: 0, .. } => line!(out, "\treturn x"),
            Kind::Array { item, .. } => {
                let stride = self.types.get(*item).size;
                let value = self.read(how, *item, "item", 0);
                line!(out, "\tfor i := range x {{\n\t\titem := r.At({stride} * i)");
                line!(out, "\t\tx[i] = {value}\n\t}}\n\treturn x");
            }
            Kind::Box { item } => {
                let value = self.read(how, *item, "r.Box(0)", 0);
                line!(out, "\tcontent := {value}\n\treturn &content");
            }
            Kind::Niche { item } => out.push_str(&self.niche_read(how, "x", *item)),
            Kind::Tuple { fields } => {
                line!(out, "\treturn {}", self.tuple_read(how, &owned, fields));
            }
            Kind::Entry { fields } => {
                line!(out, "\treturn {}", self.entry_read(how, &owned, fields));
            }
            _ => {
                let value = self.read(how, number, "r", 0);
                line!(out, "\treturn {value}");
            }
        }
        line!(out, "}}");
        out
    }
}

/// Begins the parts of a value that something points to.
fn enter() -> String {
    let mut out = String::new();
    line!(
        out,
        "\tmark, ok := e.Enter()\n\tif !ok {{\n\t\treturn\n\t}}"
    );
    out
}
