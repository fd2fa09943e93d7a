//! From static nodes to a document.

use core::any::TypeId;
use core::{fmt, mem};
use std::collections::BTreeMap;

use crate::schema::canonical::{canonical, fingerprint, hex, signature};
use crate::schema::constant::{Constant, ConstantNode};
use crate::schema::document::{Document, Field, Kind, Method, Service, Type, Variant};
use crate::schema::node::{EnumNode, FieldNode, Node, NodeOf, Shape, StructNode};
use crate::schema::version::Fingerprints;

/// A service as its attribute describes it.
///
/// The attribute makes a client with this as its constant `SCHEMA`, of this form:
///
/// ```
/// use outrigger_layout::schema::node::node;
/// use outrigger_layout::schema::{Document, MethodNode, ServiceNode};
///
/// static GREETER: ServiceNode = ServiceNode {
///     name: "greeter",
///     rust_name: "Greeter",
///     doc: "Greets people.",
///     constants: &[],
///     methods: &[MethodNode {
///         service: || &GREETER,
///         name: "greeter.greet",
///         own_name: "greet",
///         doc: "",
///         request: node::<String>,
///         reply: node::<u32>,
///         error: None,
///         placement: "inline",
///         json: false,
///         attachments: false,
///     }],
/// };
/// assert_eq!(Document::of(GREETER.methods).services[0].name, "greeter");
/// ```
#[derive(Debug)]
pub struct ServiceNode {
    /// First part of the methods' names.
    pub name: &'static str,
    /// Name of the trait.
    pub rust_name: &'static str,
    /// Documentation.
    pub doc: &'static str,
    /// The constants in the order of declaration.
    pub constants: &'static [ConstantNode],
    /// The methods in the order of declaration.
    pub methods: &'static [MethodNode],
}

/// A method as its service's attribute describes it.
///
/// ```
/// # use outrigger_layout::schema::node::node;
/// # use outrigger_layout::schema::{Document, MethodNode, ServiceNode};
/// # const GREET: MethodNode = MethodNode {
/// #     service: || &GREETER,
/// #     name: "greeter.greet",
/// #     own_name: "greet",
/// #     doc: "",
/// #     request: node::<String>,
/// #     reply: node::<u32>,
/// #     error: None,
/// #     placement: "inline",
/// #     json: false,
/// #     attachments: false,
/// # };
/// # static GREETER: ServiceNode = ServiceNode {
/// #     name: "greeter",
/// #     rust_name: "Greeter",
/// #     doc: "",
/// #     constants: &[],
/// #     methods: &[GREET],
/// # };
/// let method = &GREETER.methods[0];
/// assert_eq!(method.signature(), "String -> u32");
/// assert!(method.canonical().contains("\nrequest 0 String\nreply 1 u32\nerror -\n"));
/// ```
#[derive(Clone, Copy)]
pub struct MethodNode {
    /// The service that it belongs to.
    pub service: fn() -> &'static ServiceNode,
    /// Its whole name, such as `sigverify.verify`.
    pub name: &'static str,
    /// Second part of the name.
    pub own_name: &'static str,
    /// Documentation.
    pub doc: &'static str,
    /// Type of the request.
    pub request: NodeOf,
    /// Type of the reply.
    pub reply: NodeOf,
    /// Type of application errors, if it is a message.
    pub error: Option<NodeOf>,
    /// `inline`, `pool` or `async`.
    pub placement: &'static str,
    /// True if requests and replies may be JSON, too.
    pub json: bool,
    /// True if requests and replies may have attachments.
    pub attachments: bool,
}

impl fmt::Debug for MethodNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MethodNode").field(&self.name).finish()
    }
}

impl MethodNode {
    /// The canonical text of its messages.
    pub fn canonical(&self) -> String {
        let (document, method) = self.alone();
        canonical(&document, &method)
    }

    /// The names of its messages: `VerifyRequest -> VerifyReply`.
    pub fn signature(&self) -> String {
        let (document, method) = self.alone();
        signature(&document, &method)
    }

    /// The fingerprint of its messages.
    pub fn fingerprint(&self) -> [u8; 16] {
        fingerprint(&self.canonical())
    }

    /// The fingerprints of all versions of its messages.
    pub fn fingerprints(&self) -> Fingerprints {
        let (document, method) = self.alone();
        Fingerprints::of(&document, &method)
    }

    /// Itself, and a document of nothing but its types.
    fn alone(&self) -> (Document, Method) {
        let mut types = Types::default();
        let method = types.method(self);
        (types.finish(Vec::new()), method)
    }
}

impl Document {
    /// The document of these methods: services by name, their methods in the order
    /// of declaration. A type that several of them reach is in it once.
    ///
    /// ```
    /// # use outrigger_layout::schema::node::node;
    /// # use outrigger_layout::schema::{Document, MethodNode, ServiceNode};
    /// # const GREET: MethodNode = MethodNode {
    /// #     service: || &GREETER,
    /// #     name: "greeter.greet",
    /// #     own_name: "greet",
    /// #     doc: "",
    /// #     request: node::<String>,
    /// #     reply: node::<u32>,
    /// #     error: None,
    /// #     placement: "inline",
    /// #     json: false,
    /// #     attachments: false,
    /// # };
    /// # static GREETER: ServiceNode = ServiceNode {
    /// #     name: "greeter",
    /// #     rust_name: "Greeter",
    /// #     doc: "",
    /// #     constants: &[],
    /// #     methods: &[GREET],
    /// # };
    /// let document = Document::of(GREETER.methods);
    /// assert_eq!(document.services[0].methods[0].name, "greet");
    /// assert_eq!(document.types.len(), 2);
    /// ```
    pub fn of<'a>(methods: impl IntoIterator<Item = &'a MethodNode>) -> Self {
        let mut services: BTreeMap<&str, (&ServiceNode, Vec<&str>)> = BTreeMap::new();
        for method in methods {
            let service = (method.service)();
            let entry = services.entry(service.name);
            let entry = entry.or_insert((service, Vec::new()));
            entry.1.push(method.own_name);
        }
        let mut types = Types::default();
        let mut described = Vec::new();
        for (service, wanted) in services.into_values() {
            let methods = service.methods.iter();
            let methods = methods.filter(|method| wanted.contains(&method.own_name));
            described.push(Service {
                name: service.name.to_owned(),
                rust_name: service.rust_name.to_owned(),
                doc: service.doc.to_owned(),
                constants: Constant::all(service.constants),
                methods: methods.map(|method| types.method(method)).collect(),
            });
        }
        types.finish(described)
    }
}

/// The types of a document under construction.
#[derive(Default)]
struct Types {
    /// By number; `None` while what a type names is still being visited.
    visited: Vec<Option<Type>>,
    /// The number of each. What Rust takes for one type is one here, whatever its
    /// name and path.
    numbers: BTreeMap<TypeId, u32>,
}

impl Types {
    /// The document, with the fingerprints that only all types together give.
    fn finish(self, services: Vec<Service>) -> Document {
        let mut document = Document {
            services,
            types: self.visited.into_iter().flatten().collect(),
            ..Document::default()
        };
        let mut services = mem::take(&mut document.services);
        for method in services.iter_mut().flat_map(|service| &mut service.methods) {
            let known = Fingerprints::of(&document, method);
            method.fingerprint = hex(&known.newest);
            method.older = known.older.iter().map(hex).collect();
        }
        document.services = services;
        document
    }

    /// Adds the types of a method and describes it, without its fingerprint.
    fn method(&mut self, node: &MethodNode) -> Method {
        let mut codecs = vec!["rkyv".to_owned()];
        if node.json {
            codecs.push("json".to_owned());
        }
        Method {
            name: node.own_name.to_owned(),
            doc: node.doc.to_owned(),
            request: self.number((node.request)()),
            reply: self.number((node.reply)()),
            error: node.error.map(|error| self.number(error())),
            attachments: node.attachments,
            placement: node.placement.to_owned(),
            codecs,
            fingerprint: String::new(),
            older: Vec::new(),
        }
    }

    /// The number of a type; adds it, and all that it reaches, if it is new. It has
    /// its number before they are visited, as they may name it.
    fn number(&mut self, node: &Node) -> u32 {
        let id = (node.id)();
        if let Some(number) = self.numbers.get(&id) {
            return *number;
        }
        let index = self.visited.len();
        let number = index as u32;
        self.numbers.insert(id, number);
        self.visited.push(None);
        let (size, align) = (node.size as u32, node.align as u32);
        let kind = self.kind(node);
        self.visited[index] = Some(Type { size, align, kind });
        number
    }

    #[rustfmt::skip]
    fn kind(&mut self, node: &Node) -> Kind {
        match &node.shape {
            Shape::Unit => Kind::Unit,
            Shape::Bool => Kind::Bool,
            Shape::Char => Kind::Char,
            Shape::U8 => Kind::U8,
            Shape::U16 => Kind::U16,
            Shape::U32 => Kind::U32,
            Shape::U64 => Kind::U64,
            Shape::U128 => Kind::U128,
            Shape::I8 => Kind::I8,
            Shape::I16 => Kind::I16,
            Shape::I32 => Kind::I32,
            Shape::I64 => Kind::I64,
            Shape::I128 => Kind::I128,
            Shape::F32 => Kind::F32,
            Shape::F64 => Kind::F64,
            Shape::String => Kind::String,
            Shape::Duration => Kind::Duration,
            Shape::BoxStr => Kind::BoxStr,
            Shape::Vec(item) => Kind::Vec { item: self.number(item()) },
            Shape::Box(item) => Kind::Box { item: self.number(item()) },
            Shape::BoxSlice(item) => Kind::BoxSlice { item: self.number(item()) },
            Shape::Option(item) => Kind::Option { item: self.number(item()) },
            Shape::Niche(item) => Kind::Niche { item: self.number(item()) },
            Shape::NonZero(item) => Kind::NonZero { item: self.number(item()) },
            Shape::Map(item) => Kind::Map { item: self.number(item()) },
            Shape::Set(item) => Kind::Set { item: self.number(item()) },
            Shape::Entry(fields) => Kind::Entry { fields: self.fields(*fields) },
            Shape::Result(ok, err) => {
                Kind::Result { ok: self.number(ok()), err: self.number(err()) }
            }
            Shape::Array(item, count) => {
                Kind::Array { item: self.number(item()), count: *count as u32 }
            }
            Shape::Tuple(fields) => Kind::Tuple { fields: self.fields(fields) },
            Shape::Struct(shape) => self.structure(shape),
            Shape::Enum(shape) => self.choice(shape),
        }
    }

    fn structure(&mut self, shape: &StructNode) -> Kind {
        Kind::Struct {
            name: shape.name.to_owned(),
            path: shape.path.to_owned(),
            arguments: self.arguments(shape.arguments),
            doc: shape.doc.to_owned(),
            tuple: shape.tuple,
            fields: self.fields(shape.fields),
            since: shape.since.to_vec(),
        }
    }

    fn choice(&mut self, shape: &EnumNode) -> Kind {
        Kind::Enum {
            name: shape.name.to_owned(),
            path: shape.path.to_owned(),
            arguments: self.arguments(shape.arguments),
            doc: shape.doc.to_owned(),
            variants: shape
                .variants
                .iter()
                .map(|variant| Variant {
                    name: variant.name.to_owned(),
                    doc: variant.doc.to_owned(),
                    tag: variant.tag,
                    tuple: variant.tuple,
                    fields: self.fields(variant.fields),
                })
                .collect(),
            since: shape.since.to_vec(),
        }
    }

    fn arguments(&mut self, arguments: &[NodeOf]) -> Vec<u32> {
        let arguments = arguments.iter();
        arguments.map(|argument| self.number(argument())).collect()
    }

    fn fields(&mut self, fields: &[FieldNode]) -> Vec<Field> {
        fields
            .iter()
            .map(|field| Field {
                name: field.name.to_owned(),
                doc: field.doc.to_owned(),
                offset: field.offset as u32,
                type_number: self.number((field.node)()),
            })
            .collect()
    }
}
