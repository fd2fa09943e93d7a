//! Types of a document, as Go knows them.
//!
//! ```text
//!   Rust            owned             view                  view without a copy
//!   u32, bool, …    uint32, bool, …   the same
//!   u128, i128      rkyv.Uint128, …   the same
//!   String          string            string                string
//!   Duration        rkyv.Duration     rkyv.Duration
//!   Vec<u8>         []byte            []byte                []byte
//!   Vec<Point>      []Point           rkyv.List[PointView]
//!   Box<str>        string            string                string
//!   Box<[Point]>    []Point           as Vec<Point>
//!   Box<Point>      *Point            PointView
//!   Option<u32>     rkyv.Option[…]    rkyv.Option[…]
//!   Result<u32, E>  rkyv.Result[…]    rkyv.Result[…]
//!   map, as_vec     []rkyv.Entry[…]   rkyv.Map[…]
//!   set, as_vec     []Point           rkyv.List[PointView]
//!   NonZeroU32      uint32            uint32
//!   [u32; 4]        [4]uint32         [4]uint32             []uint32
//!   (u32, Point)    rkyv.Tuple2[…]    rkyv.Tuple2[…]
//!   unit-only enum  Color (uint8)     Color
//!   other enum      Shape (sealed)    ShapeView
//! ```

use super::Unsupported;
use super::names::Scope;
use crate::schema::version::Extent;
use crate::schema::{Document, Field, Kind, Type, type_name};

/// The types of a package, and what Go calls them.
pub(super) struct Types<'a> {
    pub(super) document: &'a Document,
    /// Numbers of the types that are used, in the order of the first visit.
    pub(super) used: Vec<u32>,
    /// By the type's number: part of the names of its functions; for structs and
    /// enums also the name of the Go type. Empty if it is not used.
    pub(super) bases: Vec<String>,
    /// The exported names that are taken.
    pub(super) scope: Scope,
}

impl<'a> Types<'a> {
    /// The types that these roots reach.
    pub(super) fn of(document: &'a Document, roots: &[u32]) -> Result<Self, Unsupported> {
        let bases = vec![String::new(); document.types.len()];
        let mut types = Self {
            document,
            used: Vec::new(),
            bases,
            scope: Scope::default(),
        };
        for root in roots {
            types.visit(*root)?;
        }
        types.name()?;
        Ok(types)
    }

    fn visit(&mut self, number: u32) -> Result<(), Unsupported> {
        if self.used.contains(&number) {
            return Ok(());
        }
        let visited = self.get(number);
        self.used.push(number);
        for child in visited.kind.children() {
            self.visit(child)?;
        }
        let refused = match &visited.kind {
            Kind::Vec { item }
            | Kind::BoxSlice { item }
            | Kind::Map { item }
            | Kind::Set { item }
            | Kind::Array { item, .. }
                if self.get(*item).size == 0 =>
            {
                "elements of size 0: send their number instead"
            }
            Kind::Enum { variants, .. } if variants.is_empty() => {
                "an enum without variants has no values: use ()"
            }
            _ if visited.align > 16 => "alignment above 16 is not supported",
            _ => return Ok(()),
        };
        let name = type_name(self.document, number);
        Err(Unsupported::new(format!("{name}: {refused}")))
    }

    /// A type by its number.
    pub(super) fn get(&self, number: u32) -> &'a Type {
        &self.document.types[number as usize]
    }

    /// Part of the names of a type's functions, or the name of the Go type.
    pub(super) fn base(&self, number: u32) -> &str {
        &self.bases[number as usize]
    }

    /// The depth limit with which archives of a type are checked.
    pub(super) fn depth_limit(&self, number: u32) -> u32 {
        self.document.depth_limit(number)
    }

    /// The name that Rust has for a type.
    pub(super) fn rust_name(&self, number: u32) -> String {
        type_name(self.document, number)
    }

    /// Offset of what follows a tag byte: the value of an option or a result.
    pub(super) fn tagged_offset(&self, item: u32) -> u32 {
        self.get(item).align.max(1)
    }

    /// How the root of an archive is found: what makes room in an older one, as a
    /// statement behind another, and the checker's method.
    pub(super) fn root(&self, number: u32) -> (String, &'static str) {
        let extents = self.document.extents(self.get(number));
        let Some((newest, older)) = extents.split_last() else {
            return (String::new(), "Root");
        };
        let mut upgrade = String::new();
        if !older.is_empty() {
            let row = |extent: &Extent| format!("{{End: {}, Size: {}}}", extent.end, extent.size);
            let rows = older.iter().map(row).collect::<Vec<_>>().join(", ");
            let size = newest.size;
            upgrade =
                format!("\n\tarchive = rkyv.Upgrade(archive, {size}, []rkyv.Extent{{{rows}}})");
        }
        (upgrade, "BoxedRoot")
    }

    /// True for an enum whose variants have no fields.
    pub(super) fn is_unit_enum(&self, number: u32) -> bool {
        let Kind::Enum { variants, .. } = &self.get(number).kind else {
            return false;
        };
        variants.iter().all(|variant| variant.fields.is_empty())
    }

    /// True if its memory in Go is what stands in archives.
    pub(super) fn is_plain(&self, number: u32) -> bool {
        let kind = &self.get(number).kind;
        self.scalar(number).is_some() && *kind != Kind::Duration || self.is_unit_enum(number)
    }

    /// The scalar's Go type, and its suffix in the runtime's functions.
    pub(super) fn scalar(&self, number: u32) -> Option<(&'static str, &'static str)> {
        match &self.get(number).kind {
            Kind::NonZero { item } => scalar(&self.get(*item).kind),
            kind => scalar(kind),
        }
    }

    /// True if it points to something or has values that archives cannot hold.
    pub(super) fn needs_parts(&self, number: u32) -> bool {
        match &self.get(number).kind {
            Kind::Char | Kind::String | Kind::BoxStr | Kind::Duration => true,
            Kind::Vec { .. } | Kind::BoxSlice { .. } | Kind::Box { .. } => true,
            Kind::Map { .. } | Kind::Set { .. } | Kind::NonZero { .. } => true,
            Kind::Enum { .. } | Kind::Niche { .. } => true,
            Kind::Option { item } => self.needs_parts(*item),
            Kind::Result { ok, err } => self.needs_parts(*ok) || self.needs_parts(*err),
            Kind::Array { item, count } => *count > 0 && self.needs_parts(*item),
            Kind::Tuple { fields } | Kind::Entry { fields } | Kind::Struct { fields, .. } => fields
                .iter()
                .any(|field| self.needs_parts(field.type_number)),
            _ => false,
        }
    }

    /// True if not all bytes are valid.
    pub(super) fn needs_check(&self, number: u32) -> bool {
        match &self.get(number).kind {
            Kind::Bool | Kind::Option { .. } | Kind::Result { .. } => true,
            // Of an integer, every value is one.
            Kind::Niche { item } => matches!(self.get(*item).kind, Kind::Box { .. }),
            Kind::Array { item, count } => *count > 0 && self.needs_check(*item),
            Kind::Tuple { fields } | Kind::Entry { fields } | Kind::Struct { fields, .. } => fields
                .iter()
                .any(|field| self.needs_check(field.type_number)),
            _ => self.needs_parts(number),
        }
    }

    /// True for a message of which only the place in an archive can be wrong: it holds
    /// no pointers, stands behind none, and each of its bit patterns is a value.
    pub(super) fn is_plain_root(&self, number: u32) -> bool {
        let boxed = !self.document.extents(self.get(number)).is_empty();
        !boxed && !self.needs_check(number)
    }

    /// True if a view may be had with or without a copy.
    pub(super) fn has_alias(&self, number: u32) -> bool {
        match &self.get(number).kind {
            Kind::String | Kind::BoxStr => true,
            Kind::Vec { item }
            | Kind::BoxSlice { item }
            | Kind::Map { item }
            | Kind::Set { item } => self.is_plain(*item) || self.has_alias(*item),
            Kind::Box { item } | Kind::Option { item } | Kind::Niche { item } => {
                self.has_alias(*item)
            }
            Kind::Result { ok, err } => self.has_alias(*ok) || self.has_alias(*err),
            Kind::Array { item, .. } => self.has_alias(*item),
            Kind::Tuple { fields } | Kind::Entry { fields } => {
                fields.iter().any(|field| self.has_alias(field.type_number))
            }
            _ => false,
        }
    }

    /// The Go type of a value of its own.
    pub(super) fn owned(&self, number: u32) -> String {
        match &self.get(number).kind {
            Kind::Unit => "struct{}".to_owned(),
            Kind::String | Kind::BoxStr => "string".to_owned(),
            Kind::Vec { item }
            | Kind::BoxSlice { item }
            | Kind::Map { item }
            | Kind::Set { item } => format!("[]{}", self.element(*item)),
            Kind::Box { item } => format!("*{}", self.owned(*item)),
            Kind::Option { item } | Kind::Niche { item } => {
                format!("rkyv.Option[{}]", self.owned(*item))
            }
            Kind::Entry { .. } => self.with_parts("rkyv.Entry", number, Self::owned),
            Kind::Result { ok, err } => {
                format!("rkyv.Result[{}, {}]", self.owned(*ok), self.owned(*err))
            }
            Kind::Array { item, count } => format!("[{count}]{}", self.element(*item)),
            Kind::Tuple { fields } => tuple(fields, |item| self.owned(item)),
            Kind::Struct { .. } | Kind::Enum { .. } => self.base(number).to_owned(),
            _ => self
                .scalar(number)
                .map_or("struct{}", |(go, _)| go)
                .to_owned(),
        }
    }

    /// The Go type of an element of slices and arrays.
    pub(super) fn element(&self, item: u32) -> String {
        match &self.get(item).kind {
            Kind::U8 => "byte".to_owned(),
            _ => self.owned(item),
        }
    }

    /// The Go type of a view.
    pub(super) fn view(&self, number: u32) -> String {
        match &self.get(number).kind {
            Kind::Vec { item } | Kind::BoxSlice { item } | Kind::Set { item }
                if !self.is_plain(*item) =>
            {
                format!("rkyv.List[{}]", self.view(*item))
            }
            Kind::Array { item, .. } if !self.is_plain(*item) => {
                format!("rkyv.List[{}]", self.view(*item))
            }
            Kind::Box { item } => self.view(*item),
            Kind::Map { item } => self.with_parts("rkyv.Map", *item, Self::view),
            Kind::Entry { .. } => self.with_parts("rkyv.Entry", number, Self::view),
            Kind::Option { item } | Kind::Niche { item } => {
                format!("rkyv.Option[{}]", self.view(*item))
            }
            Kind::Result { ok, err } => {
                format!("rkyv.Result[{}, {}]", self.view(*ok), self.view(*err))
            }
            Kind::Tuple { fields } => tuple(fields, |item| self.view(item)),
            Kind::Struct { .. } => format!("{}View", self.base(number)),
            Kind::Enum { .. } if !self.is_unit_enum(number) => {
                format!("{}View", self.base(number))
            }
            _ => self.owned(number),
        }
    }

    /// A generic Go type of what a type is made of: `rkyv.Map[string, uint32]`.
    fn with_parts(&self, generic: &str, number: u32, name: fn(&Self, u32) -> String) -> String {
        let parts = self.get(number).kind.parts();
        let names = parts.into_iter().map(|part| name(self, part));
        format!("{generic}[{}]", names.collect::<Vec<_>>().join(", "))
    }
}

/// The Go type of a tuple, of what Go calls its elements.
fn tuple(fields: &[Field], name: impl Fn(u32) -> String) -> String {
    let names = fields.iter().map(|field| name(field.type_number));
    let names = names.collect::<Vec<_>>().join(", ");
    format!("rkyv.Tuple{}[{names}]", fields.len())
}

fn scalar(kind: &Kind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        Kind::Bool => ("bool", "Bool"),
        Kind::Char => ("rune", "Char"),
        Kind::U8 => ("uint8", "U8"),
        Kind::U16 => ("uint16", "U16"),
        Kind::U32 => ("uint32", "U32"),
        Kind::U64 => ("uint64", "U64"),
        Kind::U128 => ("rkyv.Uint128", "U128"),
        Kind::I8 => ("int8", "I8"),
        Kind::I16 => ("int16", "I16"),
        Kind::I32 => ("int32", "I32"),
        Kind::I64 => ("int64", "I64"),
        Kind::I128 => ("rkyv.Int128", "I128"),
        Kind::F32 => ("float32", "F32"),
        Kind::F64 => ("float64", "F64"),
        Kind::Duration => ("rkyv.Duration", "Duration"),
        _ => return None,
    })
}
