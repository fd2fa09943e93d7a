//! What is refused, and what things are called. (`tests/archives` has a whole package,
//! which Go's tests compile and run.)

use super::*;
use crate::schema::{Field, Method, Type, Variant, canonical, fingerprint, hex};

fn leaf(size: u32, kind: Kind) -> Type {
    Type {
        size,
        align: size.max(1),
        kind,
    }
}

fn structure(name: &str, path: &str, fields: &[(&str, u32, u32)]) -> Kind {
    let field = |&(name, offset, type_number): &(&str, u32, u32)| Field {
        name: name.to_owned(),
        doc: String::new(),
        offset,
        type_number,
    };
    Kind::Struct {
        name: name.to_owned(),
        path: path.to_owned(),
        arguments: Vec::new(),
        doc: String::new(),
        tuple: false,
        fields: fields.iter().map(field).collect(),
        since: Vec::new(),
    }
}

/// A document with one method, from type 1 to type 2; type 0 is `()`.
fn document(types: Vec<Type>) -> Document {
    let method = Method {
        name: "call".to_owned(),
        doc: String::new(),
        request: 1,
        reply: 2,
        error: None,
        attachments: false,
        placement: "pool".to_owned(),
        codecs: vec!["rkyv".to_owned()],
        fingerprint: "0".repeat(32),
        older: Vec::new(),
    };
    let service = Service {
        name: "phone".to_owned(),
        rust_name: "Phone".to_owned(),
        doc: String::new(),
        constants: Vec::new(),
        methods: vec![method],
    };
    let mut document = Document {
        services: vec![service],
        ..Document::default()
    };
    document.types = vec![leaf(0, Kind::Unit)];
    document.types.extend(types);
    let method = document.services[0].methods[0].clone();
    let known = |number: u32| (number as usize) < document.types.len();
    let mut children = document.types.iter().flat_map(|seen| seen.kind.children());
    if children.all(known) {
        let canonical = canonical(&document, &method);
        document.services[0].methods[0].fingerprint = hex(&fingerprint(&canonical));
    }
    document
}

fn generated(types: Vec<Type>) -> Result<Vec<File>, Unsupported> {
    let document = document(types);
    package(&document, &document.services[0], "phone")
}

fn refusal(types: Vec<Type>) -> String {
    generated(types).unwrap_err().to_string()
}

#[test]
fn a_request_that_is_no_struct_is_refused_with_what_to_do_instead() {
    let text = Type {
        align: 4,
        ..leaf(8, Kind::String)
    };
    assert_eq!(
        refusal(vec![text, leaf(0, Kind::Unit)]),
        "phone.call: request is String (must be a struct or an enum): \
         put it in a struct marked with #[outrigger::message]"
    );
}

#[test]
fn what_an_archive_cannot_be_trusted_with_is_refused() {
    let with_field = |kind: Kind| {
        let fields = [("field", 0, 3)];
        let message = leaf(8, structure("Message", "a::Message", &fields));
        refusal(vec![message, leaf(0, Kind::Unit), leaf(8, kind)])
    };
    assert_eq!(
        with_field(Kind::Vec { item: 0 }),
        "Vec<()>: elements of size 0: send their number instead"
    );
    let nobody = Kind::Enum {
        name: "Nobody".to_owned(),
        path: "a::Nobody".to_owned(),
        arguments: Vec::new(),
        doc: String::new(),
        variants: Vec::new(),
        since: Vec::new(),
    };
    assert_eq!(
        with_field(nobody),
        "Nobody: an enum without variants has no values: use ()"
    );
    let fields = [("field", 0, 9)];
    let message = leaf(8, structure("Message", "a::Message", &fields));
    assert_eq!(
        refusal(vec![message, leaf(0, Kind::Unit)]),
        "invalid argument: schema: type 1 names type 9 (3 types)"
    );
}

#[test]
fn a_document_that_is_not_sound_is_refused() {
    let nothing = || leaf(0, Kind::Unit);
    let circle = leaf(8, structure("Circle", "a::Circle", &[("inside", 0, 1)]));
    assert_eq!(
        refusal(vec![circle, nothing()]),
        "invalid argument: schema: type 1 contains itself"
    );
    let code = leaf(8, structure("A\nfunc init() {", "a", &[]));
    assert!(refusal(vec![code, nothing()]).ends_with("letters, digits, _ : . - # only"));
}

/// The names of the Go types of a document with two structs of these paths.
fn type_names(paths: [&str; 2]) -> Result<Vec<String>, Unsupported> {
    let point = |path| leaf(4, structure("Point", path, &[("x", 0, 3)]));
    let files = generated(vec![point(paths[0]), point(paths[1]), leaf(4, Kind::U32)])?;
    let types = files[0].text.lines();
    let types = types.filter_map(|line| line.strip_prefix("type ")?.strip_suffix(" struct {"));
    let types = types.filter(|name| !name.ends_with("View") && !name.ends_with("Builder"));
    Ok(types.map(str::to_owned).collect())
}

#[test]
fn types_of_one_name_are_told_apart_by_their_modules_whichever_is_first() {
    let names = |paths| type_names(paths).unwrap();
    let (plane, space) = ("plane::Point", "deep_space::Point");
    assert_eq!(names([plane, space]), ["PlanePoint", "DeepSpacePoint"]);
    assert_eq!(names([space, plane]), ["DeepSpacePoint", "PlanePoint"]);
    assert_eq!(
        names(["a::x::Point", "b::x::Point"]),
        ["AXPoint", "BXPoint"]
    );
    let files = generated(vec![
        leaf(4, structure("Point", plane, &[("x", 0, 3)])),
        leaf(4, structure("Point", space, &[("x", 0, 3)])),
        leaf(4, Kind::U32),
    ]);
    let client = &files.unwrap()[1].text;
    let call = "Call(ctx context.Context, request *PlanePoint) (DeepSpacePointView, error) {";
    assert!(client.contains(call), "{client}");
}

#[test]
fn types_of_one_name_and_path_are_refused_with_both_paths_and_the_way_out() {
    assert_eq!(
        type_names(["a::Point", "a::Point"])
            .unwrap_err()
            .to_string(),
        "types of one name: a::Point and a::Point: give one of them another name with \
         #[outrigger::message(name = \"…\")]"
    );
}

#[test]
fn instances_are_named_for_the_types_that_stand_for_their_parameters() {
    let page = |item: u32, list: u32| {
        let mut page = structure("Page", "a::Page", &[("items", 0, list)]);
        if let Kind::Struct { arguments, .. } = &mut page {
            arguments.push(item);
        }
        Type {
            align: 4,
            ..leaf(8, page)
        }
    };
    let list = |item| Type {
        align: 4,
        ..leaf(8, Kind::Vec { item })
    };
    let files = generated(vec![
        page(3, 4),
        page(4, 5),
        leaf(4, Kind::U32),
        list(3),
        list(4),
    ]);
    let text = &files.unwrap()[0].text;
    assert!(text.contains("\ntype PageOfU32 struct {\n\tItems []uint32\n}\n"));
    assert!(text.contains("\ntype PageOfVecOfU32 struct {\n\tItems [][]uint32\n}\n"));
}

#[test]
fn an_array_without_elements_is_loaded_without_a_loop() {
    let fields = [("none", 0, 3), ("more", 0, 5)];
    let message = Type {
        align: 4,
        ..leaf(4, structure("Message", "a::Message", &fields))
    };
    let outcome = Kind::Result { ok: 5, err: 5 };
    let none = Kind::Array { item: 4, count: 0 };
    let files = generated(vec![
        message,
        leaf(0, Kind::Unit),
        Type {
            align: 4,
            ..leaf(0, none)
        },
        Type {
            align: 4,
            ..leaf(8, outcome)
        },
        leaf(4, Kind::U32),
    ]);
    let text = &files.unwrap()[0].text;
    let load = "(r rkyv.Ref) (x [0]rkyv.Result[uint32, uint32]) {\n\treturn x\n}\n";
    assert!(text.contains(load), "{text}");
}

#[test]
fn variants_do_not_take_the_names_of_what_belongs_to_their_enum() {
    let variant = |name: &str, tag: u8, fields: Vec<Field>| Variant {
        name: name.to_owned(),
        doc: String::new(),
        tag,
        tuple: false,
        fields,
    };
    let field = Field {
        name: "0".to_owned(),
        doc: String::new(),
        offset: 4,
        type_number: 3,
    };
    let choice = Kind::Enum {
        name: "Choice".to_owned(),
        path: "a::Choice".to_owned(),
        arguments: Vec::new(),
        doc: String::new(),
        variants: vec![
            variant("Tag", 0, vec![field.clone()]),
            variant("A", 1, vec![field.clone()]),
            variant("AView", 2, vec![field]),
        ],
        since: Vec::new(),
    };
    let choice = Type {
        align: 4,
        ..leaf(8, choice)
    };
    let files = generated(vec![choice, leaf(0, Kind::Unit), leaf(4, Kind::U32)]).unwrap();
    let mut types: Vec<&str> = files[0]
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("type "))
        .map(|rest| rest.split(' ').next().unwrap_or_default())
        .collect();
    let count = types.len();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), count);
    assert!(types.contains(&"ChoiceTagVariant") && types.contains(&"ChoiceAViewVariant"));
}

#[test]
fn a_method_with_attachments_has_a_parameter_for_them_and_its_client_a_caller() {
    let message = || leaf(4, structure("Message", "a::Message", &[("field", 0, 3)]));
    let without = document(vec![message(), leaf(0, Kind::Unit), leaf(4, Kind::U32)]);
    let mut with = without.clone();
    let method = &mut with.services[0].methods[0];
    method.attachments = true;
    let former = without.services[0].methods[0].fingerprint.clone();
    let canonical = canonical(&with, &with.services[0].methods[0]);
    let method = &mut with.services[0].methods[0];
    method.fingerprint = hex(&fingerprint(&canonical));
    assert_ne!(method.fingerprint, former);
    let client = |document: &Document| {
        let files = package(document, &document.services[0], "phone");
        files.expect("a package")[1].text.clone()
    };
    let (without, with) = (client(&without), client(&with));
    for part in [
        "\n\tcaller outrigger.AttachedCaller\n",
        "\nfunc NewClient(caller outrigger.AttachedCaller) *Client {\n",
        "\nerror -\nattachments\ntype 0 ",
        "// Call calls phone.call.\n//\n// attached is sent with the request,",
        "Call(ctx context.Context, request *Message, attached *outrigger.Attachments) error {",
        "\tctx context.Context, build func(MessageBuilder), attached *outrigger.Attachments,\n",
        "c.caller.InvokeAttached(ctx, &methodCall, request, attached)",
        "c.caller.InvokeAttached(ctx, &methodCall, buildingCall(build), attached)",
    ] {
        assert!(with.contains(part), "{part:?} is not in {with}");
    }
    assert!(!without.to_lowercase().contains("attach"), "{without}");
    assert!(!with.contains(".Invoke("), "{with}");
}

#[test]
fn a_service_without_messages_is_a_client_alone() {
    let files = generated(vec![leaf(0, Kind::Unit), leaf(0, Kind::Unit)]).unwrap();
    assert!(!files[0].text.contains("import"));
    assert!(
        files[1]
            .text
            .contains("func (c *Client) Call(ctx context.Context) error {")
    );
}
