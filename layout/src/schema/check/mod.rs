//! What a document must be, wherever it came from: a file, another program, a server.

mod adapted;

use std::collections::BTreeSet;

use crate::error::Error;
use crate::limits::{ARCHIVE_DEPTH_MAX, METHOD_NAME_MAX};
use crate::schema::appended;
use crate::schema::canonical::hex;
use crate::schema::constant;
use crate::schema::document::{DOCUMENT_VERSION, Document, FORMAT, Field, Kind, Type};
use crate::schema::version::Fingerprints;

/// Most types of a document.
const TYPES_MAX: usize = 4096;

/// Most types that the name of one is written with.
const NAME_PARTS_MAX: u32 = 1000;

/// Most elements of a tuple.
const TUPLE_MAX: usize = 8;

impl Document {
    /// Reads a document and checks it.
    ///
    /// ```
    /// use outrigger_layout::{Code, schema::Document};
    /// let text = serde_json::to_vec(&Document::default()).unwrap();
    /// assert!(Document::read(&text).unwrap().services.is_empty());
    /// assert_eq!(Document::read(b"{}").unwrap_err().code(), Code::SERIALIZATION);
    /// ```
    ///
    /// # Errors
    /// SERIALIZATION if it is no JSON of this form; as [`Document::check`].
    pub fn read(text: &[u8]) -> Result<Self, Error> {
        let document: Self = serde_json::from_slice(text)
            .map_err(|error| Error::serialization(format!("schema: {error}")))?;
        document.check()?;
        Ok(document)
    }

    /// Checks that it is of this version, that each number names a type, that no
    /// type contains itself or nests too deep, that each constant's value is one, and
    /// that each fingerprint is of what it stands beside.
    ///
    /// ```
    /// use outrigger_layout::{Code, schema::Document};
    /// let newer = Document { version: 2, ..Document::default() };
    /// assert_eq!(newer.check().unwrap_err().code(), Code::VERSION_MISMATCH);
    /// ```
    ///
    /// # Errors
    /// VERSION_MISMATCH for another version or format, INVALID_ARGUMENT for the
    /// rest: what was seen, and what is allowed.
    pub fn check(&self) -> Result<(), Error> {
        if self.version != DOCUMENT_VERSION || self.format != FORMAT {
            let (version, format) = (self.version, &self.format);
            return Err(Error::with_details(
                crate::code::Code::VERSION_MISMATCH,
                &[&format!(
                    "schema version {version}, format {format:?} (allowed: {DOCUMENT_VERSION}, \
                     {FORMAT:?})"
                )],
            ));
        }
        let count = self.types.len();
        if count > TYPES_MAX {
            return Err(wrong(format!("{count} types (maximum {TYPES_MAX})")));
        }
        for (number, described) in self.types.iter().enumerate() {
            for child in described.kind.children() {
                self.check_number(child, &format!("type {number}"))?;
            }
            let align = described.align;
            if ![1, 2, 4, 8, 16].contains(&align) || described.size % align != 0 {
                let size = described.size;
                let text = format!("type {number} with size {size}, alignment {align}");
                return Err(wrong(text));
            }
        }
        for (number, described) in self.types.iter().enumerate() {
            self.check_fields(number, described)?;
        }
        self.check_tuples()?;
        self.check_adapted()?;
        appended::check(self)?;
        for children in [Self::by_value, Self::in_name] {
            let mut marks = vec![Mark::New; count];
            for number in 0..count as u32 {
                self.check_ends(number, &mut marks, children)?;
            }
        }
        if let Some((number, depth)) = self.too_deep() {
            let text = format!("type {number} nests {depth} levels deep");
            return Err(wrong(format!("{text} (maximum {ARCHIVE_DEPTH_MAX})")));
        }
        self.check_names()?;
        self.check_methods()
    }

    /// Checks that the names of types end soon: each may name others twice, which name
    /// others twice.
    fn check_names(&self) -> Result<(), Error> {
        let mut lengths = vec![None; self.types.len()];
        for number in 0..self.types.len() as u32 {
            if self.name_length(number, &mut lengths) > NAME_PARTS_MAX {
                let text =
                    format!("the name of type {number} has more than {NAME_PARTS_MAX} parts");
                return Err(wrong(text));
            }
        }
        Ok(())
    }

    /// How many types the name of one is written with; once known, it is in `lengths`.
    fn name_length(&self, number: u32, lengths: &mut [Option<u32>]) -> u32 {
        if let Some(length) = lengths[number as usize] {
            return length;
        }
        let parts = self.in_name(number).into_iter();
        let parts = parts.map(|part| self.name_length(part, lengths));
        let length = parts.fold(1, u32::saturating_add);
        lengths[number as usize] = Some(length);
        length
    }

    /// Checks that each field lies inside its type, at its alignment.
    fn check_fields(&self, number: usize, described: &Type) -> Result<(), Error> {
        let fields: Vec<&Field> = match &described.kind {
            Kind::Struct { fields, .. } | Kind::Tuple { fields } | Kind::Entry { fields } => {
                fields.iter().collect()
            }
            Kind::Enum { variants, .. } => variants
                .iter()
                .flat_map(|variant| &variant.fields)
                .collect(),
            _ => return Ok(()),
        };
        for field in fields {
            let inner = &self.types[field.type_number as usize];
            let end = u64::from(field.offset) + u64::from(inner.size);
            if end > u64::from(described.size) || field.offset % inner.align != 0 {
                let (name, offset, size) = (&field.name, field.offset, described.size);
                return Err(wrong(format!(
                    "type {number}: field {name} from {offset} to {end} in {size} bytes"
                )));
            }
        }
        Ok(())
    }

    fn check_number(&self, number: u32, who: &str) -> Result<(), Error> {
        let count = self.types.len();
        if number as usize >= count {
            return Err(wrong(format!("{who} names type {number} ({count} types)")));
        }
        Ok(())
    }

    /// Checks what the names of tuples promise: how many elements, and in order.
    fn check_tuples(&self) -> Result<(), Error> {
        for (number, described) in self.types.iter().enumerate() {
            let Kind::Tuple { fields } = &described.kind else {
                continue;
            };
            let count = fields.len();
            if !(2..=TUPLE_MAX).contains(&count) {
                let text = format!("type {number} is a tuple of {count} (2 to {TUPLE_MAX})");
                return Err(wrong(text));
            }
            for (index, field) in fields.iter().enumerate() {
                if field.name != index.to_string() {
                    let name = &field.name;
                    return Err(wrong(format!("element {index} is named {name:?}")));
                }
            }
        }
        Ok(())
    }

    fn check_methods(&self) -> Result<(), Error> {
        let mut names = BTreeSet::new();
        for service in &self.services {
            constant::check(service)?;
            for method in &service.methods {
                let name = format!("{}.{}", service.name, method.name);
                if name.len() as u64 > METHOD_NAME_MAX {
                    let len = name.len();
                    let text = format!("method name of {len} bytes (maximum {METHOD_NAME_MAX})");
                    return Err(wrong(text));
                }
                if !names.insert(name.clone()) {
                    return Err(wrong(format!("two methods {name}")));
                }
                let roots = [Some(method.request), Some(method.reply), method.error];
                for root in roots.into_iter().flatten() {
                    self.check_number(root, &name)?;
                }
                let known = Fingerprints::of(self, method);
                let older = known.older.iter().map(hex).collect();
                let wanted = (hex(&known.newest), older);
                let seen = (method.fingerprint.clone(), method.older.clone());
                if seen != wanted {
                    return Err(wrong(format!(
                        "{name} has {}, not {}",
                        in_words(&seen),
                        in_words(&wanted)
                    )));
                }
            }
        }
        Ok(())
    }

    /// The types that stand inside a type itself.
    fn by_value(&self, number: u32) -> Vec<u32> {
        match &self.types[number as usize].kind {
            Kind::Vec { .. } | Kind::Box { .. } | Kind::BoxSlice { .. } => Vec::new(),
            Kind::Map { .. } | Kind::Set { .. } => Vec::new(),
            other => other.parts(),
        }
    }

    /// The types that the name of a type is made of.
    fn in_name(&self, number: u32) -> Vec<u32> {
        match &self.types[number as usize].kind {
            kind @ (Kind::Struct { .. } | Kind::Enum { .. }) => kind.arguments().to_vec(),
            other => other.parts(),
        }
    }

    /// Fails if the walk from a type comes back to a type on its own path.
    fn check_ends(
        &self,
        number: u32,
        marks: &mut [Mark],
        children: fn(&Self, u32) -> Vec<u32>,
    ) -> Result<(), Error> {
        match marks[number as usize] {
            Mark::Done => return Ok(()),
            Mark::OnPath => return Err(wrong(format!("type {number} contains itself"))),
            Mark::New => marks[number as usize] = Mark::OnPath,
        }
        for child in children(self, number) {
            self.check_ends(child, marks, children)?;
        }
        marks[number as usize] = Mark::Done;
        Ok(())
    }
}

/// How far the walk through a type is.
#[derive(Clone, Copy)]
enum Mark {
    New,
    OnPath,
    Done,
}

fn in_words((newest, older): &(String, Vec<String>)) -> String {
    let mut text = format!("fingerprint {newest}");
    if !older.is_empty() {
        text.push_str(&format!(", older {}", older.join(", ")));
    }
    text
}

pub(super) fn wrong(text: String) -> Error {
    Error::invalid_argument(format!("schema: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::canonical::{canonical, fingerprint};
    use crate::schema::document::{Field, Method, Service, Type};

    pub(super) fn described(kind: Kind) -> Type {
        Type {
            size: 8,
            align: 4,
            kind,
        }
    }

    pub(super) fn document(types: Vec<Type>) -> Document {
        let mut document = Document {
            types,
            ..Document::default()
        };
        let mut method = Method {
            name: "m".to_owned(),
            doc: String::new(),
            request: 0,
            reply: 0,
            error: None,
            attachments: false,
            placement: "inline".to_owned(),
            codecs: vec!["rkyv".to_owned()],
            fingerprint: String::new(),
            older: Vec::new(),
        };
        if document.types.len() == 1 && document.types[0].kind == Kind::String {
            method.fingerprint = hex(&fingerprint(&canonical(&document, &method)));
        }
        document.services.push(Service {
            name: "s".to_owned(),
            rust_name: "S".to_owned(),
            doc: String::new(),
            constants: Vec::new(),
            methods: vec![method],
        });
        document
    }

    pub(super) fn refusal(document: &Document) -> String {
        let text = serde_json::to_vec(document).unwrap();
        Document::read(&text).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_good_document_is_read_and_a_changed_one_is_refused() {
        let mut good = document(vec![described(Kind::String)]);
        let text = serde_json::to_vec(&good).unwrap();
        assert_eq!(Document::read(&text).unwrap(), good);
        good.types[0].size = 12;
        assert!(refusal(&good).contains("s.m has fingerprint"));
        good.types[0].align = 3;
        assert!(refusal(&good).ends_with("type 0 with size 12, alignment 3"));
        good.version = 2;
        assert!(refusal(&good).contains("schema version 2"));
        assert!(Document::read(b"{}").is_err());
    }

    #[test]
    fn methods_of_one_name_and_fields_outside_their_type_are_refused() {
        let mut twice = document(vec![described(Kind::String)]);
        let method = twice.services[0].methods[0].clone();
        twice.services[0].methods.push(method.clone());
        assert!(refusal(&twice).ends_with("two methods s.m"));
        twice.services[0].methods[1].name = "n".repeat(254);
        assert!(refusal(&twice).ends_with("method name of 256 bytes (maximum 255)"));
        let field = |offset| Field {
            name: "f".to_owned(),
            doc: String::new(),
            offset,
            type_number: 1,
        };
        for (offset, text) in [
            (4, "from 4 to 12 in 8 bytes"),
            (2, "from 2 to 10 in 8 bytes"),
        ] {
            let outside = document(vec![
                described(Kind::Struct {
                    name: "S".to_owned(),
                    path: "S".to_owned(),
                    arguments: Vec::new(),
                    doc: String::new(),
                    tuple: false,
                    fields: vec![field(offset)],
                    since: Vec::new(),
                }),
                described(Kind::String),
            ]);
            assert!(refusal(&outside).ends_with(text), "{}", refusal(&outside));
        }
    }

    #[test]
    fn numbers_that_name_nothing_or_lead_back_are_refused() {
        let outside = document(vec![described(Kind::Vec { item: 1 })]);
        assert!(refusal(&outside).ends_with("type 0 names type 1 (1 types)"));
        let nested = document(vec![described(Kind::Vec { item: 0 })]);
        assert!(refusal(&nested).ends_with("type 0 contains itself"));
        let field = Field {
            name: "f".to_owned(),
            doc: String::new(),
            offset: 0,
            type_number: 0,
        };
        let inside = document(vec![described(Kind::Struct {
            name: "S".to_owned(),
            path: "S".to_owned(),
            arguments: Vec::new(),
            doc: String::new(),
            tuple: false,
            fields: vec![field],
            since: Vec::new(),
        })]);
        assert!(refusal(&inside).ends_with("type 0 contains itself"));
    }

    #[test]
    fn a_tuple_has_two_to_eight_numbered_elements() {
        let element = |name: &str| Field {
            name: name.to_owned(),
            doc: String::new(),
            offset: 0,
            type_number: 1,
        };
        let tuple = |names: &[&str]| {
            let fields = names.iter().map(|name| element(name)).collect();
            document(vec![described(Kind::Tuple { fields }), described(Kind::U8)])
        };
        assert!(refusal(&tuple(&["0"])).ends_with("type 0 is a tuple of 1 (2 to 8)"));
        assert!(refusal(&tuple(&["0"; 9])).ends_with("type 0 is a tuple of 9 (2 to 8)"));
        assert!(refusal(&tuple(&["0", "x"])).ends_with("element 1 is named \"x\""));
        assert!(refusal(&tuple(&["0", "1"])).contains("s.m has fingerprint"));
    }

    #[test]
    fn a_name_that_doubles_with_each_type_is_refused_before_it_is_written() {
        let pair = |item| Field {
            name: String::new(),
            doc: String::new(),
            offset: 0,
            type_number: item,
        };
        let tuple = |number: u32| Type {
            size: 0,
            align: 1,
            kind: Kind::Tuple {
                fields: ["0", "1"]
                    .map(|name| Field {
                        name: name.to_owned(),
                        ..pair(number + 1)
                    })
                    .into(),
            },
        };
        let mut types: Vec<Type> = (0..200).map(tuple).collect();
        types.push(Type {
            size: 0,
            align: 1,
            kind: Kind::Unit,
        });
        let refusal = refusal(&document(types));
        assert!(
            refusal.ends_with("the name of type 0 has more than 1000 parts"),
            "{refusal}"
        );
    }

    #[test]
    fn a_name_that_has_itself_as_an_argument_is_refused() {
        let page = |argument| {
            described(Kind::Struct {
                name: "Page".to_owned(),
                path: "Page".to_owned(),
                arguments: vec![argument],
                doc: String::new(),
                tuple: false,
                fields: Vec::new(),
                since: Vec::new(),
            })
        };
        assert!(refusal(&document(vec![page(0)])).ends_with("type 0 contains itself"));
        assert!(refusal(&document(vec![page(1)])).ends_with("type 0 names type 1 (1 types)"));
        let nested = document(vec![page(1), described(Kind::Vec { item: 0 })]);
        assert!(refusal(&nested).ends_with("type 0 contains itself"));
    }
}
