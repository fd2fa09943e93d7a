//! The client of a service: one method for each of its methods.

use super::Unsupported;
use super::builders;
use super::constants;
use super::names::{Scope, exported};
use super::text::{BANNER, doc, line};
use super::types::Types;
use crate::schema::version::extended;
use crate::schema::{Document, Kind, Method, Service, canonical, type_name};

/// What becomes of attachments.
const ATTACHED: &str = "\
// attached is sent with the request, and empty afterwards; then it holds what is attached
// to the reply, which is the caller's to Release. nil sends none and gives those of the
// reply back.";

/// What becomes of a reply.
const RELEASE: &str =
    "// Release the reply when it is read: a large one has a buffer of the session until then.";

/// Refuses a service whose methods Go cannot have.
pub(super) fn check(document: &Document, service: &Service) -> Result<(), Unsupported> {
    for method in &service.methods {
        let roles = [
            ("request", Some(method.request)),
            ("reply", Some(method.reply)),
            ("error", method.error),
        ];
        for (role, number) in roles {
            let Some(number) = number else { continue };
            let full = format!("{}.{}", service.name, method.name);
            let root = &document.types[number as usize];
            let allowed = match root.kind {
                Kind::Struct { .. } | Kind::Enum { .. } => true,
                Kind::Unit => role != "error",
                _ => false,
            };
            if !allowed {
                let name = type_name(document, number);
                let reason = format!(
                    "{full}: {role} is {name} (must be a struct or an enum): \
                     put it in a struct marked with #[outrigger::message]"
                );
                return Err(Unsupported::new(reason));
            }
        }
        if bytes(&method.fingerprint).is_none() {
            let (name, digits) = (&method.name, &method.fingerprint);
            let reason = format!("{name}: fingerprint {digits:?} (must be 32 hexadecimal digits)");
            return Err(Unsupported::new(reason));
        }
    }
    Ok(())
}

/// The file of the client.
pub(super) fn text(
    document: &Document,
    service: &Service,
    types: &Types<'_>,
    package_name: &str,
) -> String {
    let mut out = format!("{BANNER}package {package_name}\n");
    let any_error = service.methods.iter().any(|method| method.error.is_some());
    let uses_runtime = service.methods.iter().any(|method| {
        let is_unit = |number: u32| document.types[number as usize].kind == Kind::Unit;
        is_unit(method.reply)
            || is_interface(types, document, method.request)
            || builders::has_builder(types, method.request)
    });
    let mut imports = vec!["\"context\""];
    if any_error {
        imports.push("\"errors\"");
    }
    imports.push("");
    imports.push("outrigger \"github.com/outrigger-ipc/outrigger/client-go\"");
    if uses_runtime {
        imports.push("\"github.com/outrigger-ipc/outrigger/client-go/rkyv\"");
    }
    super::import(&mut out, &imports);
    out.push_str(&constants::text(service, &mut types.scope.clone()));
    out.push('\n');
    out.push_str(&doc(
        "",
        &service.doc,
        &format!("Client calls the service {}.", service.name),
    ));
    if !service.doc.trim().is_empty() {
        line!(out, "//\n// Client calls the service {}.", service.name);
    }
    line!(out, "//\n// It is for any number of goroutines at a time.");
    let any_attached = service.methods.iter().any(|method| method.attachments);
    let caller = if any_attached {
        "outrigger.AttachedCaller"
    } else {
        "outrigger.Caller"
    };
    line!(out, "type Client struct {{\n\tcaller {caller}\n}}");
    line!(
        out,
        "\n// NewClient returns a client that calls through caller, such as *outrigger.Conn."
    );
    line!(out, "func NewClient(caller {caller}) *Client {{");
    line!(out, "\treturn &Client{{caller: caller}}\n}}");
    let mut scope = Scope::default();
    let mut names = Vec::new();
    for method in &service.methods {
        let go = scope.claim(&[exported(&method.name)]);
        out.push_str(&method_text(document, service, types, method, &go));
        names.push(go);
    }
    for (method, go) in service.methods.iter().zip(names) {
        if builders::has_builder(types, method.request) {
            let building = scope.claim(&[format!("Build{go}")]);
            out.push_str(&building_text(document, types, method, &go, &building));
        }
    }
    out
}

fn is_interface(types: &Types<'_>, document: &Document, number: u32) -> bool {
    let is_enum = matches!(document.types[number as usize].kind, Kind::Enum { .. });
    is_enum && !types.is_unit_enum(number)
}

/// The method, and what describes it.
fn method_text(
    document: &Document,
    service: &Service,
    types: &Types<'_>,
    method: &Method,
    go: &str,
) -> String {
    let full = format!("{}.{}", service.name, method.name);
    let variable = format!("method{go}");
    let mut out = variable_text(document, method, &full, &variable);
    out.push_str(&doc("", &method.doc, &format!("{go} calls {full}.")));
    let is_unit = |number: u32| document.types[number as usize].kind == Kind::Unit;
    let has_request = !is_unit(method.request);
    let has_reply = !is_unit(method.reply);
    let notes = notes(types, method, has_reply);
    if !notes.is_empty() {
        line!(out, "//\n{notes}");
    }
    let base = if has_request {
        types.base(method.request)
    } else {
        ""
    };
    let request = match &document.types[method.request as usize].kind {
        Kind::Unit => String::new(),
        Kind::Struct { .. } => format!(", request *{base}"),
        _ => format!(", request {base}"),
    };
    let results = if has_reply {
        format!("({}, error)", types.view(method.reply))
    } else {
        "error".to_owned()
    };
    let attached = attached(method);
    line!(
        out,
        "func (c *Client) {go}(ctx context.Context{request}{attached}) {results} {{"
    );
    let mut argument = if has_request { "request" } else { "nil" };
    if is_interface(types, document, method.request) {
        line!(out, "\tmessage := rkyv.Encodable(request)");
        line!(
            out,
            "\tif request == nil {{\n\t\tmessage = rkyv.Missing({base:?})\n\t}}"
        );
        argument = "message";
    }
    line!(out, "{}", invocation(method, &variable, argument));
    let failed = match method.error {
        Some(_) => format!("failureOf{go}(err)"),
        None => "err".to_owned(),
    };
    out.push_str(&outcome(types, method, has_reply, &variable, &failed));
    line!(out, "}}");
    if let Some(error) = method.error {
        out.push_str(&failure(types, error, go, &full));
    }
    out
}

/// The parameter for what is beside a method's messages, if there may be something.
fn attached(method: &Method) -> &'static str {
    if method.attachments {
        ", attached *outrigger.Attachments"
    } else {
        ""
    }
}

/// The line that calls.
fn invocation(method: &Method, variable: &str, request: &str) -> String {
    let (verb, attached) = if method.attachments {
        ("InvokeAttached", ", attached")
    } else {
        ("Invoke", "")
    };
    format!("\tarchive, err := c.caller.{verb}(ctx, &{variable}, {request}{attached})")
}

/// The variable that describes a method.
fn variable_text(document: &Document, method: &Method, full: &str, variable: &str) -> String {
    let mut out = String::new();
    line!(out, "\nvar {variable} = outrigger.Method{{");
    line!(out, "\tName: {full:?},\n\tFingerprint: [16]byte{{");
    let fingerprint = bytes(&method.fingerprint).unwrap_or_default();
    let digits = fingerprint.map(|byte| format!("{byte:#04x}"));
    for half in digits.chunks(8) {
        line!(out, "\t\t{},", half.join(", "));
    }
    let schema = canonical(document, method);
    line!(out, "\t}},\n\tSchema: `{schema}`,");
    if !method.older.is_empty() {
        line!(out, "\tOlder: [][16]byte{{");
        for older in method.older.iter().rev().filter_map(|older| bytes(older)) {
            let digits = extended(&older).map(|byte| format!("{byte:#04x}"));
            line!(out, "\t\t{{");
            for half in digits.chunks(8) {
                line!(out, "\t\t\t{},", half.join(", "));
            }
            line!(out, "\t\t}},");
        }
        line!(out, "\t}},");
    }
    line!(out, "}}\n");
    out
}

/// The method whose request is written in place.
fn building_text(
    document: &Document,
    types: &Types<'_>,
    method: &Method,
    go: &str,
    name: &str,
) -> String {
    let base = types.base(method.request);
    let has_reply = document.types[method.reply as usize].kind != Kind::Unit;
    let results = if has_reply {
        format!("({}, error)", types.view(method.reply))
    } else {
        "error".to_owned()
    };
    let request = format!("building{go}");
    let attached = attached(method);
    let mut out = String::new();
    line!(
        out,
        "\n// {name} is {go} with a request that build writes in place. If that does not\n\
         // fit in a slot, build runs once more, and must then write the same."
    );
    line!(
        out,
        "func (c *Client) {name}(\n\tctx context.Context, build func({base}Builder){attached},\n\
         ) {results} {{"
    );
    let variable = format!("method{go}");
    let building = format!("{request}(build)");
    line!(out, "{}", invocation(method, &variable, &building));
    let failed = match method.error {
        Some(_) => format!("failureOf{go}(err)"),
        None => "err".to_owned(),
    };
    out.push_str(&outcome(types, method, has_reply, &variable, &failed));
    line!(
        out,
        "}}\n\n// {request} is a request of {go} that is yet to be written."
    );
    line!(out, "type {request} func({base}Builder)\n");
    line!(
        out,
        "func (build {request}) EncodeArchive(e *rkyv.Encoder) {{"
    );
    line!(
        out,
        "\tif build == nil {{\n\t\te.FailNil({base:?})\n\t\treturn\n\t}}"
    );
    line!(out, "\tbuild(Build{base}(e))\n}}");
    out
}

/// What a method does with the reply.
fn outcome(
    types: &Types<'_>,
    method: &Method,
    has_reply: bool,
    variable: &str,
    failed: &str,
) -> String {
    let mut out = String::new();
    let release = match method.attachments {
        true => "\t\tattached.Release()\n",
        false => "",
    };
    if !has_reply {
        line!(out, "\tif err != nil {{\n\t\treturn {failed}\n\t}}");
        line!(
            out,
            "\tif err := rkyv.CheckUnit(archive.Bytes()); err != nil {{"
        );
        line!(
            out,
            "{release}\t\treturn outrigger.InvalidReply(&{variable}, archive, err)\n\t}}"
        );
        line!(out, "\tarchive.Release()\n\treturn nil");
        return out;
    }
    let unit_enum = types.is_unit_enum(method.reply);
    let base = types.base(method.reply);
    let zero = if unit_enum {
        "0".to_owned()
    } else {
        format!("{base}View{{}}")
    };
    line!(out, "\tif err != nil {{\n\t\treturn {zero}, {failed}\n\t}}");
    line!(
        out,
        "\treply, err := Parse{base}(archive.Bytes())\n\tif err != nil {{"
    );
    line!(
        out,
        "{release}\t\treturn {zero}, outrigger.InvalidReply(&{variable}, archive, err)\n\t}}"
    );
    if unit_enum {
        line!(out, "\tarchive.Release()\n\treturn reply, nil");
    } else {
        line!(out, "\treply.archive = archive\n\treturn reply, nil");
    }
    out
}

/// What there is to know about attachments, reply and errors, as a comment.
fn notes(types: &Types<'_>, method: &Method, has_reply: bool) -> String {
    let mut notes = Vec::new();
    if method.attachments {
        notes.push(ATTACHED.to_owned());
    }
    if has_reply && !types.is_unit_enum(method.reply) {
        notes.push(RELEASE.to_owned());
    }
    if let Some(error) = method.error {
        let error = types.owned(error);
        notes.push(format!("// Errors: also *outrigger.Failure[{error}]."));
    }
    notes.join("\n//\n")
}

/// The function that makes a method's own error of an error with a detail.
fn failure(types: &Types<'_>, error: u32, go: &str, full: &str) -> String {
    let (base, owned) = (types.base(error), types.owned(error));
    let function = format!("failureOf{go}");
    let load = if types.is_unit_enum(error) {
        "detail"
    } else {
        "detail.Load()"
    };
    let mut out = String::new();
    line!(
        out,
        "\n// {function} makes the error that {full} declares of one with its archive."
    );
    line!(
        out,
        "func {function}(err error) error {{\n\tvar failed *outrigger.Error"
    );
    line!(
        out,
        "\tif !errors.As(err, &failed) || failed.Detail() == nil {{\n\t\treturn err\n\t}}"
    );
    line!(out, "\tdetail, invalid := Parse{base}(failed.Detail())");
    line!(
        out,
        "\tif invalid != nil {{\n\t\treturn errors.Join(err, invalid)\n\t}}"
    );
    line!(
        out,
        "\treturn &outrigger.Failure[{owned}]{{Err: failed, Detail: {load}}}\n}}"
    );
    out
}

/// A fingerprint of 32 digits as bytes.
fn bytes(fingerprint: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if fingerprint.len() != 32 || !fingerprint.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&fingerprint[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}
