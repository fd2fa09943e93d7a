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
//!   [u32; 4]        [4]uint32         [4]uint32             []uint32
//!   (u32, Point)    rkyv.Tuple2[…]    rkyv.Tuple2[…]
//!   unit-only enum  Color (uint8)     Color
//!   other enum      Shape (sealed)    ShapeView
//! ```

use super::Unsupported;
use super::names::{Scope, exported};
use crate::schema::{Document, Field, Kind, Type, Variant, type_name};

/// The types of a package, and what Go calls them.
pub(super) struct Types<'a> {
    document: &'a Document,
    /// Numbers of the types that are used, in the order of the first visit.
    pub(super) used: Vec<u32>,
    /// By the type's number: part of the names of its functions; for structs and
    /// enums also the name of the Go type. Empty if it is not used.
    bases: Vec<String>,
}

impl<'a> Types<'a> {
    /// The types that these roots reach.
    pub(super) fn of(document: &'a Document, roots: &[u32]) -> Result<Self, Unsupported> {
        let bases = vec![String::new(); document.types.len()];
        let mut types = Self {
            document,
            used: Vec::new(),
            bases,
        };
        for root in roots {
            types.visit(*root)?;
        }
        types.name();
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
            Kind::Vec { item } | Kind::BoxSlice { item } | Kind::Array { item, .. }
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

    /// Gives structs and enums their names, then all others theirs.
    fn name(&mut self) {
        let mut scope = Scope::with(&["Client", "NewClient"]);
        for number in self.used.clone() {
            let (Kind::Struct { name, path, .. } | Kind::Enum { name, path, .. }) =
                &self.get(number).kind
            else {
                continue;
            };
            let name = exported(name);
            let module = path.rsplit("::").nth(1).map(exported).unwrap_or_default();
            let candidates = [
                name.clone(),
                format!("{module}{name}"),
                format!("{name}Message"),
            ];
            let claimed = scope.claim_with(&candidates, |base| self.company(number, base));
            self.bases[number as usize] = claimed;
        }
        for number in self.used.clone() {
            if self.bases[number as usize].is_empty() {
                let mangled = self.mangled(number);
                let company = |base: &str| vec![base.to_owned(), format!("{base}Builder")];
                self.bases[number as usize] = scope.claim_with(&[mangled], company);
            }
        }
    }

    /// All exported names that come with a struct or enum of this name.
    fn company(&self, number: u32, base: &str) -> Vec<String> {
        let mut names = vec![
            base.to_owned(),
            format!("{base}View"),
            format!("Parse{base}"),
            format!("Build{base}"),
            format!("{base}Builder"),
        ];
        if let Kind::Enum { variants, .. } = &self.get(number).kind {
            names.push(format!("{base}Tag"));
            for name in variant_names(variants) {
                names.push(format!("{base}{name}"));
                names.push(format!("{base}{name}View"));
                names.push(format!("{base}{name}Builder"));
                names.push(format!("{base}Tag{name}"));
            }
        }
        names.sort();
        names.dedup();
        names
    }

    fn mangled(&self, number: u32) -> String {
        let base = |item: &u32| match self.base(*item) {
            "" => self.mangled(*item),
            named => named.to_owned(),
        };
        match &self.get(number).kind {
            Kind::Vec { item } => format!("VecOf{}", base(item)),
            Kind::BoxSlice { item } => format!("BoxedSliceOf{}", base(item)),
            Kind::Box { item } => format!("BoxOf{}", base(item)),
            Kind::Option { item } => format!("OptionOf{}", base(item)),
            Kind::Result { ok, err } => format!("ResultOf{}Or{}", base(ok), base(err)),
            Kind::Array { item, count } => format!("Array{count}Of{}", base(item)),
            Kind::Tuple { fields } => {
                let items = fields.iter().map(|field| base(&field.type_number));
                format!("TupleOf{}", items.collect::<Vec<_>>().join("And"))
            }
            other => exported(other.word()),
        }
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
        scalar(kind).is_some() && *kind != Kind::Duration || self.is_unit_enum(number)
    }

    /// The scalar's Go type, and its suffix in the runtime's functions.
    pub(super) fn scalar(&self, number: u32) -> Option<(&'static str, &'static str)> {
        scalar(&self.get(number).kind)
    }

    /// True if it points to something or has values that archives cannot hold.
    pub(super) fn needs_parts(&self, number: u32) -> bool {
        match &self.get(number).kind {
            Kind::Char | Kind::String | Kind::BoxStr | Kind::Duration => true,
            Kind::Vec { .. } | Kind::BoxSlice { .. } | Kind::Box { .. } => true,
            Kind::Enum { .. } => true,
            Kind::Option { item } => self.needs_parts(*item),
            Kind::Result { ok, err } => self.needs_parts(*ok) || self.needs_parts(*err),
            Kind::Array { item, count } => *count > 0 && self.needs_parts(*item),
            Kind::Tuple { fields } | Kind::Struct { fields, .. } => fields
                .iter()
                .any(|field| self.needs_parts(field.type_number)),
            _ => false,
        }
    }

    /// True if not all bytes are valid.
    pub(super) fn needs_check(&self, number: u32) -> bool {
        match &self.get(number).kind {
            Kind::Bool | Kind::Option { .. } | Kind::Result { .. } => true,
            Kind::Array { item, count } => *count > 0 && self.needs_check(*item),
            Kind::Tuple { fields } | Kind::Struct { fields, .. } => fields
                .iter()
                .any(|field| self.needs_check(field.type_number)),
            _ => self.needs_parts(number),
        }
    }

    /// True if a view may be had with or without a copy.
    pub(super) fn has_alias(&self, number: u32) -> bool {
        match &self.get(number).kind {
            Kind::String | Kind::BoxStr => true,
            Kind::Vec { item } | Kind::BoxSlice { item } => {
                self.is_plain(*item) || self.has_alias(*item)
            }
            Kind::Box { item } | Kind::Option { item } => self.has_alias(*item),
            Kind::Result { ok, err } => self.has_alias(*ok) || self.has_alias(*err),
            Kind::Array { item, .. } => self.has_alias(*item),
            Kind::Tuple { fields } => fields.iter().any(|field| self.has_alias(field.type_number)),
            _ => false,
        }
    }

    /// The Go type of a value of its own.
    pub(super) fn owned(&self, number: u32) -> String {
        match &self.get(number).kind {
            Kind::Unit => "struct{}".to_owned(),
            Kind::String | Kind::BoxStr => "string".to_owned(),
            Kind::Vec { item } | Kind::BoxSlice { item } => format!("[]{}", self.element(*item)),
            Kind::Box { item } => format!("*{}", self.owned(*item)),
            Kind::Option { item } => format!("rkyv.Option[{}]", self.owned(*item)),
            Kind::Result { ok, err } => {
                format!("rkyv.Result[{}, {}]", self.owned(*ok), self.owned(*err))
            }
            Kind::Array { item, count } => format!("[{count}]{}", self.element(*item)),
            Kind::Tuple { fields } => tuple(fields, |item| self.owned(item)),
            Kind::Struct { .. } | Kind::Enum { .. } => self.base(number).to_owned(),
            kind => scalar(kind).map_or("struct{}", |(go, _)| go).to_owned(),
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
            Kind::Vec { item } | Kind::BoxSlice { item } if !self.is_plain(*item) => {
                format!("rkyv.List[{}]", self.view(*item))
            }
            Kind::Array { item, .. } if !self.is_plain(*item) => {
                format!("rkyv.List[{}]", self.view(*item))
            }
            Kind::Box { item } => self.view(*item),
            Kind::Option { item } => format!("rkyv.Option[{}]", self.view(*item)),
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
}

/// The Go names of variants, within their enum.
pub(super) fn variant_names(variants: &[Variant]) -> Vec<String> {
    let mut scope = Scope::with(&["View", "Tag", "Load", "Release"]);
    let company = |name: &str| vec![name.to_owned(), format!("{name}View"), format!("Tag{name}")];
    let names = variants.iter().map(|variant| exported(&variant.name));
    let candidates = names.map(|name| [name.clone(), format!("{name}Variant")]);
    candidates
        .map(|names| scope.claim_with(&names, company))
        .collect()
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
