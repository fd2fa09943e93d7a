//! Builders: types with a method for each field, which write a value in place.
//!
//! ```text
//!   struct   SetT(value), for every field       BeginT(), for what can be built itself
//!   enum     SetV(), for a variant alone        BeginV(), for one with fields
//!   Vec      Add(value)                         Next()
//!   map      Add(entry)                         Next(), with SetKey and SetValue
//! ```

use super::functions::Functions;
use super::identity::variant_names;
use super::operations::Place;
use super::structs::field_names;
use super::text::line;
use super::types::Types;
use crate::schema::{Field, Kind, Type, Variant};

/// How a value begins to be built.
struct Begin {
    /// The Go type of its builder.
    builder: String,
    /// The method of the runtime.
    method: &'static str,
    /// Offset of a byte that says that there is a value.
    tag: Option<u32>,
    offset: u32,
    /// The variable that describes the value, or the elements.
    layout: String,
}

impl Begin {
    /// Of a value at this offset; `None` if it can only be set whole.
    fn of(types: &Types<'_>, number: u32, offset: u32) -> Option<Self> {
        let begin = |method, base: u32| Self {
            builder: format!("{}Builder", types.base(base)),
            method,
            tag: None,
            offset,
            layout: format!("layout{}", types.base(base)),
        };
        match &types.get(number).kind {
            _ if has_builder(types, number) => match &types.get(number).kind {
                Kind::Vec { .. } | Kind::BoxSlice { .. } | Kind::Map { .. } | Kind::Set { .. } => {
                    Some(begin("List", number))
                }
                _ => Some(begin("Inline", number)),
            },
            Kind::Box { item } => {
                let inner = Self::of(types, *item, 0)?;
                (inner.method == "Inline" && inner.tag.is_none()).then(|| begin("Box", *item))
            }
            Kind::Option { item, .. } => {
                let inner = Self::of(types, *item, offset + types.tagged_offset(*item))?;
                let tag = Some(offset);
                inner.tag.is_none().then_some(Self { tag, ..inner })
            }
            _ => None,
        }
    }

    /// The method that begins it, of the builder of this name.
    fn method(&self, owner: &str, name: &str, index: &str) -> String {
        let tag = self
            .tag
            .map_or("rkyv.NoTag".to_owned(), |tag| tag.to_string());
        let Self {
            builder,
            method,
            offset,
            layout,
            ..
        } = self;
        format!(
            "func (b {owner}) {name}() {builder} {{\n\
             \treturn {builder}{{b.value.{method}({index}, {tag}, {offset}, &{layout})}}\n}}\n"
        )
    }
}

/// True for types that have a builder type of their own.
pub(super) fn has_builder(types: &Types<'_>, number: u32) -> bool {
    match &types.get(number).kind {
        Kind::Struct { fields, .. } => !fields.is_empty(),
        Kind::Enum { .. } => !types.is_unit_enum(number),
        Kind::Vec { item } | Kind::BoxSlice { item } | Kind::Set { item } => !types.is_plain(*item),
        Kind::Map { .. } | Kind::Entry { .. } => true,
        _ => false,
    }
}

/// The builder of a struct.
pub(super) fn structure(functions: &mut Functions<'_>, number: u32) -> String {
    let described = functions.types.get(number);
    let Kind::Struct { fields, since, .. } = &described.kind else {
        return String::new();
    };
    if fields.is_empty() {
        return String::new();
    }
    let name = functions.types.base(number).to_owned();
    let begin = if since.is_empty() {
        "Build"
    } else {
        "BuildBoxed"
    };
    let mut out = build(&name, begin);
    out.push_str(&fields_text(functions, &name, &name, described, fields));
    out
}

/// The builder of an enum with fields, and of its variants.
pub(super) fn choice(functions: &mut Functions<'_>, number: u32) -> String {
    let described = functions.types.get(number);
    let Kind::Enum { variants, .. } = &described.kind else {
        return String::new();
    };
    let name = functions.types.base(number).to_owned();
    let mut out = build(&name, "Build");
    line!(
        out,
        "\n// {name}Builder writes a {name}: one of its variants."
    );
    out.push_str(&declaration(&name));
    out.push_str(&layout(&name, &name, described, &["variant".to_owned()]));
    for (variant, go) in variants.iter().zip(variant_names(variants)) {
        out.push_str(&variant_text(functions, &name, described, variant, &go));
    }
    out
}

fn variant_text(
    functions: &mut Functions<'_>,
    name: &str,
    described: &Type,
    variant: &Variant,
    go: &str,
) -> String {
    let mut out = String::new();
    let tag = variant.tag;
    if variant.fields.is_empty() {
        line!(
            out,
            "\n// Set{go} makes it the variant {}.\nfunc (b {name}Builder) Set{go}() {{",
            variant.name
        );
        line!(out, "\tb.value.Variant({tag}, nil)\n}}");
        return out;
    }
    let own = format!("{name}{go}");
    line!(
        out,
        "\n// Begin{go} makes it the variant {}, whose fields are to be set.",
        variant.name
    );
    line!(
        out,
        "func (b {name}Builder) Begin{go}() {own}Builder {{\n\
         \treturn {own}Builder{{b.value.Variant({tag}, &layout{own})}}\n}}"
    );
    let shown = format!("{name}.{}", variant.name);
    let fields = fields_text(functions, &own, &shown, described, &variant.fields);
    out.push_str(&fields);
    out
}

/// The builder of a map's entry.
pub(super) fn entry(functions: &mut Functions<'_>, number: u32) -> String {
    let described = functions.types.get(number);
    let Kind::Entry { fields } = &described.kind else {
        return String::new();
    };
    let name = functions.types.base(number).to_owned();
    let shown = functions.types.rust_name(number);
    fields_text(functions, &name, &shown, described, fields)
}

/// The builder of a Vec, a set or a map.
pub(super) fn list(functions: &mut Functions<'_>, number: u32) -> String {
    let (Kind::Vec { item } | Kind::BoxSlice { item } | Kind::Map { item } | Kind::Set { item }) =
        functions.types.get(number).kind
    else {
        return String::new();
    };
    let name = functions.types.base(number).to_owned();
    let shown = functions.types.rust_name(number);
    let mut out = String::new();
    line!(
        out,
        "\n// {name}Builder writes the elements of a {shown}, one after the other."
    );
    out.push_str(&declaration(&name));
    out.push_str(&layout(&name, &shown, functions.types.get(item), &[]));
    line!(out, "\n// Add appends an element.");
    let setter = Setter {
        builder: format!("{name}Builder"),
        method: "Add".to_owned(),
        index: "rkyv.Element".to_owned(),
        offset: 0,
    };
    out.push_str(&setter.text(functions, item));
    if let Some(begin) = Begin::of(&functions.types, item, 0) {
        line!(out, "\n// Next appends an element, which is to be set.");
        out.push_str(&begin.method(&format!("{name}Builder"), "Next", "rkyv.Element"));
    }
    out
}

/// The function that begins an archive, by means of that one of the runtime.
fn build(name: &str, begin: &str) -> String {
    format!(
        "\n// Build{name} begins the archive of a {name}, written field by field in place of\n\
         // being encoded. Reset of e comes before, Finish after the last field.\n\
         func Build{name}(e *rkyv.Encoder) {name}Builder {{\n\
         \treturn {name}Builder{{rkyv.{begin}(e, &layout{name})}}\n}}\n"
    )
}

fn declaration(name: &str) -> String {
    format!("type {name}Builder struct {{\n\tvalue rkyv.Builder\n}}\n")
}

/// The variable that describes what is built.
fn layout(name: &str, shown: &str, described: &Type, fields: &[String]) -> String {
    let (size, align) = (described.size, described.align);
    let mut out = format!("\nvar layout{name} = rkyv.Layout{{\n");
    line!(
        out,
        "\tName: {shown:?}, Size: {size}, Align: {align}{}",
        if fields.is_empty() { ",\n}" } else { "," }
    );
    if !fields.is_empty() {
        out.push_str("\tFields: []string{\n");
        for field in fields {
            line!(out, "\t\t{field:?},");
        }
        out.push_str("\t},\n}\n");
    }
    out
}

/// The type, and a method for each field.
fn fields_text(
    functions: &mut Functions<'_>,
    name: &str,
    shown: &str,
    described: &Type,
    fields: &[Field],
) -> String {
    let mut out = String::new();
    line!(
        out,
        "\n// {name}Builder writes a {name}: all fields, in this order."
    );
    out.push_str(&declaration(name));
    let shown_fields: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
    out.push_str(&layout(name, shown, described, &shown_fields));
    for (index, (field, go)) in fields.iter().zip(field_names(fields)).enumerate() {
        line!(out, "\n// Set{go} sets the field {}.", field.name);
        let setter = Setter {
            builder: format!("{name}Builder"),
            method: format!("Set{go}"),
            index: index.to_string(),
            offset: field.offset,
        };
        out.push_str(&setter.text(functions, field.type_number));
        if let Some(begin) = Begin::of(&functions.types, field.type_number, field.offset) {
            line!(
                out,
                "\n// Begin{go} begins the field {}, to write it in place.",
                field.name
            );
            let method = format!("Begin{go}");
            out.push_str(&begin.method(&format!("{name}Builder"), &method, &index.to_string()));
        }
    }
    out
}

/// A method that sets a value whole.
struct Setter {
    builder: String,
    method: String,
    index: String,
    offset: u32,
}

impl Setter {
    fn text(&self, functions: &mut Functions<'_>, number: u32) -> String {
        let Self {
            builder,
            method,
            index,
            offset,
        } = self;
        let owned = functions.types.owned(number);
        let parts = functions.parts(number, "value");
        let fixed = functions.fixed(number, Place::At(*offset), "value");
        let mut out = String::new();
        let value = if parts.is_none() && fixed.is_none() {
            "_"
        } else {
            "value"
        };
        line!(out, "func (b {builder}) {method}({value} {owned}) {{");
        if value == "_" {
            line!(out, "\tb.value.Field({index})\n}}");
            return out;
        }
        line!(
            out,
            "\te := b.value.Field({index})\n\tif e == nil {{\n\t\treturn\n\t}}"
        );
        if let Some(parts) = parts {
            line!(out, "\t{parts}");
        }
        if let Some(fixed) = fixed {
            let window = if fixed.contains("w[") { "w" } else { "_" };
            let at = if fixed.contains(", at") { "at" } else { "_" };
            line!(
                out,
                "\tif {window}, {at}, ok := e.Stage(); ok {{\n\t\t{fixed}\n\t\te.Unstage()\n\t}}"
            );
        }
        line!(out, "}}");
        out
    }
}
