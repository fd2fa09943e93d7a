//! An enum: numbers with names if no variant has fields, else a sealed interface.

use super::functions::Functions;
use super::identity::variant_names;
use super::structs;
use super::text::{Row, doc, idle, line, rows};
use super::types::Types;
use crate::schema::{Kind, Variant};

/// Everything about an enum whose variants have no fields.
pub(super) fn unit_text(types: &Types<'_>, number: u32) -> String {
    let Kind::Enum {
        doc: rust,
        path,
        variants,
        ..
    } = &types.get(number).kind
    else {
        return String::new();
    };
    let name = types.base(number);
    let mut out = String::from("\n");
    out.push_str(&doc("", rust, &format!("{name} is the enum {path}.")));
    line!(out, "type {name} uint8");
    out.push_str(&constants(
        name,
        name,
        &format!("The values of {name}."),
        variants,
    ));
    out.push_str(&string_method(name, name, variants));
    let names = variant_names(variants);
    let all: Vec<String> = names
        .iter()
        .map(|variant| format!("{name}{variant}"))
        .collect();
    out.push_str(&unit_encode(name, &case(&all), &tags(variants)));
    out.push_str(&unit_parse(name, &case(&all), &tags(variants)));
    out
}

fn unit_encode(name: &str, case: &str, tags: &str) -> String {
    format!(
        "
// EncodeArchive writes x as an archive.
func (x {name}) EncodeArchive(e *rkyv.Encoder) {{
	mark, ok := e.Enter()
	if !ok {{
		return
	}}
	parts{name}(e, x)
	at, ok := e.Place(mark, 1, 1, 1)
	if ok {{
		e.Window(at, 1)[0] = uint8(x)
	}}
	e.Leave(mark, at)
}}

func parts{name}(e *rkyv.Encoder, x {name}) {{
	switch x {{
{case}	default:
		e.FailTag({name:?}, uint8(x), {tags:?})
	}}
}}
"
    )
}

fn unit_parse(name: &str, case: &str, tags: &str) -> String {
    format!(
        "
// Parse{name} returns the value of an archive.
//
// Errors: *rkyv.InvalidError if the bytes are not the archive of a {name}.
func Parse{name}(archive []byte) ({name}, error) {{
	var c rkyv.Checker
	at, ok := c.Root(archive, 1, 1, 2)
	if !ok || !check{name}(&c, at) {{
		return 0, c.Err()
	}}
	return {name}(c.Byte(at)), nil
}}

func check{name}(c *rkyv.Checker, at int) bool {{
	switch {name}(c.Byte(at)) {{
{case}		return true
	}}
	return c.FailTag(at, {name:?}, {tags:?})
}}
"
    )
}

/// Everything about an enum with fields.
pub(super) fn text(functions: &mut Functions<'_>, number: u32, is_reply: bool) -> String {
    let Kind::Enum {
        doc: rust,
        path,
        variants,
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
    out.push_str(&doc("", rust, &format!("{name} is the enum {path}.")));
    let names = variant_names(variants);
    line!(out, "//\n// It is one of these:\n//");
    for variant in &names {
        line!(out, "//   - {name}{variant}");
    }
    line!(
        out,
        "type {name} interface {{\n\trkyv.Encodable\n\tparts(e *rkyv.Encoder)"
    );
    line!(out, "\tfixed(e *rkyv.Encoder, at int)\n\tis{name}()\n}}");
    line!(
        out,
        "\nfunc parts{name}(e *rkyv.Encoder, x {name}) {{\n\tif x == nil {{"
    );
    line!(
        out,
        "\t\te.FailNil({name:?})\n\t\treturn\n\t}}\n\tx.parts(e)\n}}"
    );
    line!(
        out,
        "\n// {name}Tag says which variant a {name} is.\ntype {name}Tag uint8"
    );
    let tag = format!("{name}Tag");
    out.push_str(&constants(
        &tag,
        &tag,
        &format!("The variants of {name}."),
        variants,
    ));
    out.push_str(&string_method(&tag, &name, variants));
    out.push_str(&view(&name, &names, variants, is_reply));
    out.push_str(&structs::release(&name, is_reply));
    out.push_str(&structs::parse(functions, number, size, align));
    out.push_str(&check(functions, &name, &names, variants));
    for (variant, go) in variants.iter().zip(&names) {
        out.push_str(&variant_text(functions, number, variant, go));
    }
    out
}

/// The view, which tells the variant and gives views of each.
fn view(name: &str, names: &[String], variants: &[Variant], is_reply: bool) -> String {
    let mut out = String::new();
    line!(out, "\n// {name}View is {name} in an archive.");
    out.push_str(&structs::view_type(name, is_reply));
    line!(out, "\n// Tag returns which variant it is.");
    line!(
        out,
        "func (v {name}View) Tag() {name}Tag {{\n\treturn {name}Tag(v.ref.U8(0))\n}}"
    );
    for (variant, go) in variants.iter().zip(names) {
        if variant.fields.is_empty() {
            continue;
        }
        line!(
            out,
            "\n// {go} returns the variant {}, and whether it is this one.",
            variant.name
        );
        line!(out, "func (v {name}View) {go}() ({name}{go}View, bool) {{");
        line!(
            out,
            "\tif v.Tag() != {name}Tag{go} {{\n\t\treturn {name}{go}View{{}}, false\n\t}}"
        );
        line!(out, "\treturn {name}{go}View{{ref: v.ref}}, true\n}}");
    }
    line!(
        out,
        "\n// Load returns a copy that shares no memory with the archive."
    );
    line!(
        out,
        "func (v {name}View) Load() {name} {{\n\tswitch v.Tag() {{"
    );
    for (variant, go) in variants.iter().zip(names) {
        line!(out, "\tcase {name}Tag{go}:");
        if variant.fields.is_empty() {
            line!(out, "\t\treturn {name}{go}{{}}");
        } else {
            line!(out, "\t\treturn {name}{go}View{{ref: v.ref}}.Load()");
        }
    }
    line!(out, "\t}}\n\treturn nil\n}}");
    out
}

fn check(
    functions: &mut Functions<'_>,
    name: &str,
    names: &[String],
    variants: &[Variant],
) -> String {
    let mut out = String::new();
    line!(out, "\nfunc check{name}(c *rkyv.Checker, at int) bool {{");
    line!(out, "\tswitch {name}Tag(c.Byte(at)) {{");
    let mut free = Vec::new();
    for (variant, go) in variants.iter().zip(names) {
        let conditions = structs::conditions(functions, &variant.fields);
        if conditions == "true" {
            free.push(format!("{name}Tag{go}"));
            continue;
        }
        let conditions = conditions.replace("\n\t\t", "\n\t\t\t");
        line!(out, "\tcase {name}Tag{go}:\n\t\treturn {conditions}");
    }
    if !free.is_empty() {
        out.push_str(&case(&free));
        line!(out, "\t\treturn true");
    }
    line!(
        out,
        "\t}}\n\treturn c.FailTag(at, \"tag of {name}\", {:?})\n}}",
        tags(variants)
    );
    out
}

/// A variant: its struct, which is a value of the interface, and its view.
fn variant_text(functions: &mut Functions<'_>, number: u32, variant: &Variant, go: &str) -> String {
    let name = functions.types.base(number).to_owned();
    let (size, align) = (
        functions.types.get(number).size,
        functions.types.get(number).align,
    );
    let own = format!("{name}{go}");
    let mut out = String::from("\n");
    let fallback = format!("{own} is the variant {} of {name}.", variant.name);
    out.push_str(&doc("", &variant.doc, &fallback));
    out.push_str(&structs::declaration(
        &functions.types,
        &own,
        &variant.fields,
    ));
    out.push_str(&idle(&format!("func ({own}) is{name}()")));
    line!(
        out,
        "\n// EncodeArchive writes x as the archive of a {name}."
    );
    line!(out, "func (x {own}) EncodeArchive(e *rkyv.Encoder) {{");
    line!(
        out,
        "\tmark, ok := e.Enter()\n\tif !ok {{\n\t\treturn\n\t}}\n\tx.parts(e)"
    );
    line!(out, "\tat, ok := e.Place(mark, 1, {size}, {align})");
    line!(
        out,
        "\tif ok {{\n\t\tx.fixed(e, at)\n\t}}\n\te.Leave(mark, at)\n}}"
    );
    let parts = structs::parts(functions, &variant.fields);
    if parts.is_empty() {
        out.push_str(&idle(&format!("func ({own}) parts(*rkyv.Encoder)")));
    } else {
        line!(out, "\nfunc (x {own}) parts(e *rkyv.Encoder) {{\n{parts}}}");
    }
    let fixed = structs::fixed(functions, size, Some(variant.tag), &variant.fields);
    let receiver = if fixed.contains("x.") { "x " } else { "" };
    line!(
        out,
        "\nfunc ({receiver}{own}) fixed(e *rkyv.Encoder, at int) {{\n{fixed}}}"
    );
    if !variant.fields.is_empty() {
        out.push_str(&structs::view(
            functions,
            &own,
            &own,
            &variant.fields,
            false,
        ));
    }
    out
}

fn constants(kind: &str, prefix: &str, title: &str, variants: &[Variant]) -> String {
    let row = |(variant, go): (&Variant, String)| Row {
        doc: if variant.doc.trim().is_empty() {
            String::new()
        } else {
            doc("\t", &variant.doc, "")
        },
        cells: vec![
            format!("{prefix}{go}"),
            kind.to_owned(),
            format!("= {}", variant.tag),
        ],
    };
    let all: Vec<Row> = variants
        .iter()
        .zip(variant_names(variants))
        .map(row)
        .collect();
    format!("\n// {title}\nconst (\n{})\n", rows(&all))
}

fn string_method(kind: &str, shown: &str, variants: &[Variant]) -> String {
    let mut out = String::new();
    line!(out, "\n// String returns the name of the variant.");
    line!(out, "func (x {kind}) String() string {{\n\tswitch x {{");
    for (variant, go) in variants.iter().zip(variant_names(variants)) {
        line!(out, "\tcase {kind}{go}:\n\t\treturn {:?}", variant.name);
    }
    line!(
        out,
        "\t}}\n\treturn \"{shown}(\" + strconv.Itoa(int(x)) + \")\"\n}}"
    );
    out
}

/// `case A, B:`, broken where it is long.
fn case(names: &[String]) -> String {
    let mut out = String::from("\tcase ");
    let mut width = 9;
    for (index, name) in names.iter().enumerate() {
        let end = if index + 1 == names.len() { ":" } else { "," };
        if index > 0 && width + name.len() + 2 > 96 {
            out.push_str("\n\t\t");
            width = 8;
        } else if index > 0 {
            out.push(' ');
        }
        out.push_str(name);
        out.push_str(end);
        width += name.len() + 2;
    }
    out.push('\n');
    out
}

/// The tags in words: `0, 1, 2`, or `0 to 9` if they follow each other.
fn tags(variants: &[Variant]) -> String {
    let all: Vec<u8> = variants.iter().map(|variant| variant.tag).collect();
    let follow = all
        .windows(2)
        .all(|pair| u16::from(pair[0]) + 1 == u16::from(pair[1]));
    match all.as_slice() {
        [first, .., last] if follow && all.len() > 3 => format!("{first} to {last}"),
        all => all.iter().map(u8::to_string).collect::<Vec<_>>().join(", "),
    }
}
