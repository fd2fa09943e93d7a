//! A struct, and the view of one; also for the variants of enums.

use super::functions::{Functions, Operation};
use super::names::{self, Scope};
use super::operations::Place;
use super::text::{Row, doc, line, rows};
use super::types::Types;
use crate::schema::{Field, Kind};

/// Everything about a struct.
pub(super) fn text(functions: &mut Functions<'_>, number: u32, is_reply: bool) -> String {
    let Kind::Struct {
        doc: rust,
        path,
        fields,
        since,
        ..
    } = &functions.types.get(number).kind
    else {
        return String::new();
    };
    let name = functions.types.base(number).to_owned();
    let (size, align) = (
        functions.types.get(number).size,
        functions.types.get(number).align,
    );
    let mut out = String::from("\n");
    out.push_str(&doc("", rust, &format!("{name} is the message {path}.")));
    out.push_str(&declaration(&functions.types, &name, fields));
    line!(out, "\n// EncodeArchive writes x as an archive.");
    line!(out, "func (x *{name}) EncodeArchive(e *rkyv.Encoder) {{");
    line!(
        out,
        "\tif x == nil {{\n\t\te.FailNil({name:?})\n\t\treturn\n\t}}"
    );
    if since.is_empty() {
        out.push_str(&functions.content(number, "*x"));
    } else {
        out.push_str(&behind_pointer(functions, number, &name));
    }
    line!(out, "}}");
    let parts = parts(functions, fields);
    if !parts.is_empty() {
        line!(
            out,
            "\nfunc parts{name}(e *rkyv.Encoder, x *{name}) {{\n{parts}}}"
        );
    }
    if size > 0 {
        line!(
            out,
            "\nfunc fixed{name}(e *rkyv.Encoder, at int, x *{name}) {{"
        );
        out.push_str(&fixed(functions, size, None, fields));
        line!(out, "}}");
    }
    out.push_str(&view(functions, &name, &name, fields, is_reply));
    out.push_str(&release(&name, is_reply));
    out.push_str(&parse(functions, number, size, align));
    if functions.types.needs_check(number) {
        let conditions = conditions(functions, fields);
        line!(out, "\nfunc check{name}(c *rkyv.Checker, at int) bool {{");
        line!(out, "\treturn {conditions}\n}}");
    }
    out
}

/// Writes an extensible struct, and the pointer to it that is the root.
fn behind_pointer(functions: &mut Functions<'_>, number: u32, name: &str) -> String {
    let mut out = String::new();
    line!(
        out,
        "\tif mark, ok := e.Enter(); ok {{\n\t\tcontent{name}(e, x)\n\t\te.LeaveBox(mark)\n\t}}"
    );
    line!(
        out,
        "}}\n\nfunc content{name}(e *rkyv.Encoder, x *{name}) {{"
    );
    out.push_str(&functions.content(number, "*x"));
    out
}

/// The type of the values.
pub(super) fn declaration(types: &Types<'_>, name: &str, fields: &[Field]) -> String {
    let names = field_names(fields);
    let row = |(field, name): (&Field, String)| Row {
        doc: if field.doc.trim().is_empty() {
            String::new()
        } else {
            doc("\t", &field.doc, "")
        },
        cells: vec![name, types.owned(field.type_number)],
    };
    let all: Vec<Row> = fields.iter().zip(names).map(row).collect();
    if all.is_empty() {
        return format!("type {name} struct{{}}\n");
    }
    format!("type {name} struct {{\n{}}}\n", rows(&all))
}

/// The names of fields.
pub(super) fn field_names(fields: &[Field]) -> Vec<String> {
    let mut scope = Scope::with(&["EncodeArchive"]);
    let names = fields
        .iter()
        .map(|field| names::field(&field.name, fields.len()));
    let candidates = names.map(|name| [name.clone(), format!("{name}Field")]);
    candidates.map(|names| scope.claim(&names)).collect()
}

/// Writes what the fields of `x` point to.
pub(super) fn parts(functions: &mut Functions<'_>, fields: &[Field]) -> String {
    let mut out = String::new();
    for (field, name) in fields.iter().zip(field_names(fields)) {
        if let Some(parts) = functions.parts(field.type_number, &format!("x.{name}")) {
            line!(out, "\t{parts}");
        }
    }
    out
}

/// Writes the fields of `x`, and the tag if there is one.
pub(super) fn fixed(
    functions: &mut Functions<'_>,
    size: u32,
    tag: Option<u8>,
    fields: &[Field],
) -> String {
    let mut body = String::new();
    if let Some(tag) = tag {
        line!(body, "\tw[0] = {tag}");
    }
    for (field, name) in fields.iter().zip(field_names(fields)) {
        let place = Place::At(field.offset);
        if let Some(fixed) = functions.fixed(field.type_number, place, &format!("x.{name}")) {
            line!(body, "\t{fixed}");
        }
    }
    if body.contains("w[") {
        return format!("\tw := (*[{size}]byte)(e.Window(at, {size}))\n{body}");
    }
    body
}

/// Whether all fields are valid.
pub(super) fn conditions(functions: &mut Functions<'_>, fields: &[Field]) -> String {
    let checks = fields.iter();
    let checks = checks.filter_map(|f| functions.check(f.type_number, Place::At(f.offset)));
    let checks: Vec<_> = checks.collect();
    match checks.as_slice() {
        [] => "true".to_owned(),
        [check] => check.wide(),
        many => many
            .iter()
            .map(|check| check.tight())
            .collect::<Vec<_>>()
            .join(" &&\n\t\t"),
    }
}

/// The view, its accessors, and Load.
pub(super) fn view(
    functions: &mut Functions<'_>,
    name: &str,
    shown: &str,
    fields: &[Field],
    is_reply: bool,
) -> String {
    let mut out = String::new();
    line!(out, "\n// {name}View is {shown} in an archive.");
    out.push_str(&view_type(name, is_reply));
    let accessors = accessor_names(functions, fields);
    for (field, (accessor, alias)) in fields.iter().zip(accessors) {
        out.push_str(&accessors_of(
            functions,
            name,
            field,
            &accessor,
            alias.as_deref(),
        ));
    }
    line!(
        out,
        "\n// Load returns a copy that shares no memory with the archive."
    );
    line!(out, "func (v {name}View) Load() (x {name}) {{");
    for (field, name) in fields.iter().zip(field_names(fields)) {
        let value = functions.read(Operation::Load, field.type_number, "v.ref", field.offset);
        line!(out, "\tx.{name} = {value}");
    }
    line!(out, "\treturn x\n}}");
    out
}

/// The type of a view. A reply's owns the reply.
pub(super) fn view_type(name: &str, is_reply: bool) -> String {
    if !is_reply {
        return format!("type {name}View struct {{\n\tref rkyv.Ref\n}}\n");
    }
    format!(
        "//\n// As the reply of a call it owns the memory until Release; afterwards it must\n\
         // not be used, nor anything that was had from it without a copy.\n\
         type {name}View struct {{\n\tref     rkyv.Ref\n\tarchive outrigger.Archive\n}}\n"
    )
}

/// The method that gives a reply's memory back.
pub(super) fn release(name: &str, is_reply: bool) -> String {
    let mut out = String::new();
    if is_reply {
        line!(
            out,
            "\n// Release gives the reply's memory back and makes v empty. It may be called again;"
        );
        line!(out, "// on a part of a message it only makes v empty.");
        line!(
            out,
            "func (v *{name}View) Release() {{\n\tarchive := v.archive"
        );
        line!(out, "\t*v = {name}View{{}}\n\tarchive.Release()\n}}");
    }
    out
}

/// The function that makes a view of bytes.
pub(super) fn parse(functions: &Functions<'_>, number: u32, size: u32, align: u32) -> String {
    let name = functions.types.base(number);
    let mut out = String::new();
    line!(
        out,
        "\n// Parse{name} returns a view of an archive, which must not change any more."
    );
    line!(
        out,
        "//\n// Errors: *rkyv.InvalidError if the bytes are not the archive of a {name}."
    );
    line!(
        out,
        "func Parse{name}(archive []byte) ({name}View, error) {{"
    );
    let (versions, root) = functions.types.root(number);
    line!(out, "\tarchive = rkyv.Aligned(archive){versions}");
    if functions.types.is_plain_root(number) {
        line!(
            out,
            "\tat, ok := rkyv.PlainRoot(archive, {size}, {align})\n\tif !ok {{\n\
             \t\treturn {name}View{{}}, rkyv.PlainRootError(archive, {size}, {align})\n\t}}\n\
             \treturn {name}View{{ref: rkyv.NewRef(archive, at)}}, nil\n}}"
        );
        return out;
    }
    line!(out, "\tvar c rkyv.Checker");
    let depth = functions.types.depth_limit(number);
    line!(
        out,
        "\tat, ok := c.{root}(archive, {size}, {align}, {depth})"
    );
    let check = if functions.types.needs_check(number) {
        format!("!ok || !check{name}(&c, at)")
    } else {
        "!ok".to_owned()
    };
    line!(
        out,
        "\tif {check} {{\n\t\treturn {name}View{{}}, c.Err()\n\t}}"
    );
    line!(
        out,
        "\treturn {name}View{{ref: rkyv.NewRef(archive, at)}}, nil\n}}"
    );
    out
}

/// The names of each field's accessors: with a copy, and without if that differs.
fn accessor_names(functions: &Functions<'_>, fields: &[Field]) -> Vec<(String, Option<String>)> {
    let mut scope = Scope::with(&["Load", "Release", "Tag"]);
    let names = fields
        .iter()
        .map(|field| names::field(&field.name, fields.len()));
    let candidates = names.map(|name| [name.clone(), format!("{name}Field")]);
    let claimed: Vec<String> = candidates.map(|names| scope.claim(&names)).collect();
    let with_alias = |(field, name): (&Field, String)| {
        let number = field.type_number;
        let wanted = functions.types.has_alias(number) || plain_array(&functions.types, number);
        let candidates = [format!("{name}View"), format!("{name}InPlace")];
        let alias = wanted.then(|| scope.claim(&candidates));
        (name, alias)
    };
    fields.iter().zip(claimed).map(with_alias).collect()
}

fn plain_array(types: &Types<'_>, number: u32) -> bool {
    matches!(&types.get(number).kind, Kind::Array { item, .. } if types.is_plain(*item))
}

fn accessors_of(
    functions: &mut Functions<'_>,
    name: &str,
    field: &Field,
    accessor: &str,
    alias: Option<&str>,
) -> String {
    let (number, offset) = (field.type_number, field.offset);
    let mut out = String::from("\n");
    out.push_str(&doc(
        "",
        &field.doc,
        &format!("{accessor} returns the field {}.", field.name),
    ));
    let view = functions.types.view(number);
    let value = functions.read(Operation::View, number, "v.ref", offset);
    line!(
        out,
        "func (v {name}View) {accessor}() {view} {{\n\treturn {value}\n}}"
    );
    if let Some(alias) = alias {
        let (view, value) = match &functions.types.get(number).kind {
            Kind::Array { item, count } if plain_array(&functions.types, number) => {
                let item = functions.types.element(*item);
                let value = format!("rkyv.ArrayView[{item}](v.ref, {offset}, {count})");
                (format!("[]{item}"), value)
            }
            _ => (
                view,
                functions.read(Operation::Alias, number, "v.ref", offset),
            ),
        };
        line!(
            out,
            "\n// {alias} is {accessor} without a copy: the archive's own memory."
        );
        line!(
            out,
            "func (v {name}View) {alias}() {view} {{\n\treturn {value}\n}}"
        );
    }
    out
}
