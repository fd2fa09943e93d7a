//! What is done with one value, as one expression or statement of Go.
//!
//! Values that take more have a function, which is asked for here and written by
//! [`Functions`].

use super::functions::{Functions, Operation};
use crate::schema::Kind;

/// Where a value stands: so many bytes behind `at`, or as one of a row of values.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// At `at + offset`.
    At(u32),
    /// At `at + size * i`.
    Row(u32),
}

impl Place {
    /// The rest of the window from here: `w[8:]`.
    fn window(self) -> String {
        match self {
            Self::At(0) => "w[:]".to_owned(),
            Self::At(offset) => format!("w[{offset}:]"),
            Self::Row(1) => "w[i:]".to_owned(),
            Self::Row(size) => format!("w[{size}*i:]"),
        }
    }

    /// The position, as gofmt writes it where it is one of several arguments.
    pub(super) fn tight(self) -> String {
        match self {
            Self::At(0) => "at".to_owned(),
            Self::At(offset) => format!("at+{offset}"),
            Self::Row(1) => "at+i".to_owned(),
            Self::Row(size) => format!("at+{size}*i"),
        }
    }

    /// The position, as gofmt writes it where it stands alone.
    fn wide(self) -> String {
        self.tight().replace('+', " + ")
    }
}

/// A call that says whether a value is valid.
pub(super) struct Condition {
    name: String,
    place: Place,
    more: Option<String>,
}

impl Condition {
    /// As part of a longer condition.
    pub(super) fn tight(&self) -> String {
        let more = self.more.as_deref().unwrap_or_default();
        match self.name.strip_prefix('.') {
            Some(method) => format!("c.{method}({}{more})", self.place.tight()),
            None => format!("{}(c, {})", self.name, self.place.tight()),
        }
    }

    /// Alone.
    pub(super) fn wide(&self) -> String {
        match (self.name.strip_prefix('.'), &self.more) {
            (Some(method), None) => format!("c.{method}({})", self.place.wide()),
            _ => self.tight(),
        }
    }
}

/// `x.Name` to `&x.Name`, `*x` to `x`.
pub(super) fn pointer(value: &str) -> String {
    value
        .strip_prefix('*')
        .map_or_else(|| format!("&{value}"), str::to_owned)
}

/// A value as part of a longer expression.
fn operand(value: &str) -> String {
    if value.starts_with('*') {
        format!("({value})")
    } else {
        value.to_owned()
    }
}

impl Functions<'_> {
    /// The argument by which a function gets a value: a pointer, if it may be large.
    pub(super) fn argument(&self, number: u32, value: &str) -> String {
        if self.by_pointer(number) {
            pointer(value)
        } else {
            value.to_owned()
        }
    }

    pub(super) fn by_pointer(&self, number: u32) -> bool {
        let kind = &self.types.get(number).kind;
        matches!(
            kind,
            Kind::Struct { .. }
                | Kind::Option { .. }
                | Kind::Result { .. }
                | Kind::Array { .. }
                | Kind::Tuple { .. }
                | Kind::Niche { .. }
                | Kind::Entry { .. }
        )
    }

    /// Writes what a value points to.
    pub(super) fn parts(&mut self, number: u32, value: &str) -> Option<String> {
        if !self.types.needs_parts(number) {
            return None;
        }
        Some(match &self.types.get(number).kind {
            Kind::Char => format!("e.Char({value})"),
            Kind::NonZero { .. } => format!("e.NonZero(uint64({value}))"),
            Kind::Duration => format!("e.Duration({value})"),
            Kind::String => format!("e.String({value})"),
            Kind::BoxStr => format!("e.BoxStr({value})"),
            Kind::Vec { item }
            | Kind::BoxSlice { item }
            | Kind::Map { item }
            | Kind::Set { item }
                if self.types.is_plain(*item) && !self.types.needs_parts(*item) =>
            {
                format!("rkyv.EncodeSlice(e, {value})")
            }
            _ => {
                let argument = self.argument(number, value);
                format!("{}(e, {argument})", self.call(Operation::Parts, number))
            }
        })
    }

    /// Writes a value itself.
    pub(super) fn fixed(&mut self, number: u32, place: Place, value: &str) -> Option<String> {
        let described = self.types.get(number);
        if described.size == 0 {
            return None;
        }
        let (window, at) = (place.window(), place.tight());
        if let Some((_, suffix)) = self.types.scalar(number) {
            return Some(format!("rkyv.Put{suffix}({window}, {value})"));
        }
        Some(match &described.kind {
            Kind::String => format!("e.PutString({window}, {at}, {value})"),
            Kind::Vec { .. }
            | Kind::BoxSlice { .. }
            | Kind::BoxStr
            | Kind::Map { .. }
            | Kind::Set { .. } => {
                format!("e.PutVec({window}, {at}, len({value}))")
            }
            Kind::Box { .. } => format!("e.PutBox({window}, {at})"),
            Kind::Array { item, .. } if self.types.is_plain(*item) => {
                format!("rkyv.PutArray({window}, {}[:])", operand(value))
            }
            Kind::Enum { .. } if self.types.is_unit_enum(number) => {
                format!("rkyv.PutU8({window}, uint8({value}))")
            }
            Kind::Enum { .. } => format!("{}.fixed(e, {at})", operand(value)),
            _ => {
                let argument = self.argument(number, value);
                format!(
                    "{}(e, {at}, {argument})",
                    self.call(Operation::Fixed, number)
                )
            }
        })
    }

    /// Says whether a value is valid; `None` if it always is.
    pub(super) fn check(&mut self, number: u32, place: Place) -> Option<Condition> {
        if !self.types.needs_check(number) {
            return None;
        }
        let mut more = None;
        let name = match &self.types.get(number).kind {
            Kind::Bool => ".Bool".to_owned(),
            Kind::Char => ".Char".to_owned(),
            Kind::Duration => ".Duration".to_owned(),
            Kind::String => ".String".to_owned(),
            Kind::BoxStr => ".BoxStr".to_owned(),
            Kind::NonZero { .. } => {
                more = Some(format!(", {}", self.types.get(number).size));
                ".NonZero".to_owned()
            }
            Kind::Option { item } if !self.types.needs_check(*item) => ".Option".to_owned(),
            Kind::Vec { item }
            | Kind::BoxSlice { item }
            | Kind::Map { item }
            | Kind::Set { item }
                if !self.types.needs_check(*item) =>
            {
                let item = self.types.get(*item);
                more = Some(format!(", {}, {}", item.size, item.align));
                ".Slice".to_owned()
            }
            _ => self.call(Operation::Check, number),
        };
        Some(Condition { name, place, more })
    }

    /// Reads a value so many bytes behind `r`: as a view, without a copy, or whole.
    pub(super) fn read(&mut self, how: Operation, number: u32, r: &str, offset: u32) -> String {
        if let Some((_, suffix)) = self.types.scalar(number) {
            return format!("{r}.{suffix}({offset})");
        }
        let at = if offset == 0 {
            r.to_owned()
        } else {
            format!("{r}.At({offset})")
        };
        let alias = how == Operation::Alias;
        match &self.types.get(number).kind {
            Kind::Unit => "struct{}{}".to_owned(),
            Kind::BoxStr => format!("{r}.BoxStr{}({offset})", if alias { "View" } else { "" }),
            Kind::String => format!("{r}.String{}({offset})", if alias { "View" } else { "" }),
            Kind::Vec { item } | Kind::BoxSlice { item } | Kind::Set { item }
                if self.types.is_plain(*item) =>
            {
                let function = if alias { "SliceView" } else { "CopySlice" };
                format!(
                    "rkyv.{function}[{}]({r}, {offset})",
                    self.types.element(*item)
                )
            }
            Kind::Enum { .. } if self.types.is_unit_enum(number) => {
                format!("{}({r}.U8({offset}))", self.types.base(number))
            }
            Kind::Struct { .. } | Kind::Enum { .. } => {
                let view = format!("{}{{ref: {at}}}", self.types.view(number));
                if how == Operation::Load {
                    format!("{view}.Load()")
                } else {
                    view
                }
            }
            _ => format!("{}({at})", self.reader(how, number)),
        }
    }

    /// The function that reads a value at a position.
    pub(super) fn reader(&mut self, how: Operation, number: u32) -> String {
        match &self.types.get(number).kind {
            Kind::String if how == Operation::Alias => "rkyv.ViewString".to_owned(),
            Kind::String => "rkyv.CopyString".to_owned(),
            Kind::Array { item, .. } if self.types.is_plain(*item) => {
                self.call(Operation::Load, number)
            }
            _ if how == Operation::Alias && !self.types.has_alias(number) => {
                self.call(Operation::View, number)
            }
            _ => self.call(how, number),
        }
    }
}
