//! One golden vector: a struct's bytes in hex, and its fields by name.
//!
//! Numbers are decimal strings, as JSON's own lose digits above 2^53; an array is
//! an array of them, a struct inside a struct is an object.

use bytemuck::Pod;
use outrigger_layout::describe::{Described, FieldInfo, StructInfo};
use outrigger_layout::generate::STRUCTS;
use serde_json::{Map, Value, json};

/// One struct of the ABI with values.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    pub(crate) type_name: String,
    pub(crate) name: String,
    pub(crate) fields: Value,
    pub(crate) hex: String,
}

impl Vector {
    pub(crate) fn title(&self) -> String {
        format!("{} {:?}", self.type_name, self.name)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.title() == other.title()
    }
}

/// The vector of a value.
pub(crate) fn of<T: Described + Pod>(name: &str, value: &T) -> Vec<Vector> {
    let bytes = bytemuck::bytes_of(value);
    vec![Vector {
        type_name: T::INFO.name.to_owned(),
        name: name.to_owned(),
        fields: fields(&T::INFO, bytes),
        hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }]
}

/// Vectors that find a swapped, shifted or cut field: no bit set, all bits set,
/// each byte another one.
pub(crate) fn sample<T: Described + Pod>() -> Vec<Vector> {
    let mut counting = T::zeroed();
    let bytes = bytemuck::bytes_of_mut(&mut counting);
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = (at as u8).wrapping_add(1);
    }
    let mut max = T::zeroed();
    bytemuck::bytes_of_mut(&mut max).fill(0xff);
    [
        of("zero", &T::zeroed()),
        of("max", &max),
        of("counting", &counting),
    ]
    .concat()
}

/// The fields of the bytes of a vector.
pub(crate) fn decode(vector: &Vector) -> Value {
    let info = info(&vector.type_name).expect("a struct of the ABI");
    let byte = |at| u8::from_str_radix(&vector.hex[at..at + 2], 16).expect("hex");
    let bytes: Vec<u8> = (0..vector.hex.len()).step_by(2).map(byte).collect();
    assert_eq!(bytes.len(), info.size, "length of {}", vector.title());
    fields(info, &bytes)
}

fn info(name: &str) -> Option<&'static StructInfo> {
    STRUCTS.iter().find(|info| info.name == name)
}

fn fields(info: &StructInfo, bytes: &[u8]) -> Value {
    let field = |field: &FieldInfo| {
        let bytes = &bytes[field.offset..field.offset + field.size];
        (field.name.to_owned(), value(field.kind, bytes))
    };
    Value::Object(info.fields.iter().map(field).collect::<Map<_, _>>())
}

/// The value of bytes of a described kind: `u16`, `[u64; 2]` or a struct.
fn value(kind: &str, bytes: &[u8]) -> Value {
    if let Some(array) = kind.strip_prefix('[') {
        let (element, rest) = array.split_once(';').expect("`[T; N]`");
        let count: usize = rest.trim_matches([' ', ']']).parse().expect("`[T; N]`");
        let elements = bytes.chunks(bytes.len() / count);
        return elements.map(|bytes| value(element, bytes)).collect();
    }
    if let Some(info) = info(kind) {
        return fields(info, bytes);
    }
    let number = bytes
        .iter()
        .rev()
        .fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    Value::String(number.to_string())
}

/// The text of a golden file.
pub(crate) fn to_json(vectors: &[Vector]) -> String {
    let row = |vector: &Vector| {
        let (kind, name) = (json!(vector.type_name), json!(vector.name));
        let fields = object(&vector.type_name, &vector.fields);
        let hex = json!(vector.hex);
        format!(
            "  {{\"type\": {kind}, \"name\": {name},\n   \"fields\": {fields},\n   \"hex\": {hex}}}"
        )
    };
    let rows: Vec<String> = vectors.iter().map(row).collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

/// The fields of a struct in the order in which they lie in memory.
fn object(kind: &str, fields: &Value) -> String {
    let info = info(kind).expect("a struct of the ABI");
    let field = |field: &FieldInfo| match &fields[field.name] {
        inner @ Value::Object(_) => format!("{:?}: {}", field.name, object(field.kind, inner)),
        value => format!("{:?}: {value}", field.name),
    };
    let rows: Vec<String> = info.fields.iter().map(field).collect();
    format!("{{{}}}", rows.join(", "))
}

/// The vectors of a golden file.
pub(crate) fn from_json(text: &str) -> Vec<Vector> {
    let Value::Array(rows) = serde_json::from_str(text).expect("JSON") else {
        panic!("a golden file is an array");
    };
    let text = |row: &Value, key| row[key].as_str().expect("a string").to_owned();
    rows.iter()
        .map(|row| Vector {
            type_name: text(row, "type"),
            name: text(row, "name"),
            fields: row["fields"].clone(),
            hex: text(row, "hex"),
        })
        .collect()
}
