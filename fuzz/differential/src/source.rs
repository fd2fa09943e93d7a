//! Random types: the source of a program that puts them to the test.
//!
//! Types may name those before them, and those after them or themselves behind a
//! pointer that need not be there; so every value ends. The first variant of an enum
//! is its smallest.

use std::fmt::Write;

use crate::random::Random;
use crate::words::{FIELD_NAMES, LEAVES, TYPE_NAMES, VARIANT_NAMES};

/// Most types of a schema, beside those that it always has.
const TYPES_MAX: usize = 9;

/// Most fields of a struct or variant.
const FIELDS_MAX: usize = 7;

/// How deep types stand in each other.
const NESTING_MAX: usize = 3;

/// Most leaves that a type has in itself.
const WEIGHT_MAX: usize = 60;

/// The source of a seed's program, without the crate's attributes.
///
/// ```
/// let source = outrigger_differential::source::of(1);
/// assert_eq!(source, outrigger_differential::source::of(1));
/// assert!(source.contains("#[outrigger::message]"));
/// ```
pub fn of(seed: u64) -> String {
    let mut writer = Source {
        random: Random::new(seed),
        declared: Vec::new(),
        count: 0,
        text: format!("//! The types of seed {seed}.\n"),
    };
    writer.count = 3 + writer.random.below(TYPES_MAX - 2);
    for index in 0..writer.count {
        writer.declare(index);
    }
    writer.finish()
}

/// A type's text, whether its archive has no bytes, and how many leaves it has.
#[derive(Clone)]
struct Type {
    text: String,
    empty: bool,
    weight: usize,
}

struct Source {
    random: Random,
    /// The types so far.
    declared: Vec<Type>,
    /// How many there will be.
    count: usize,
    text: String,
}

impl Source {
    /// The path of a type. Two of one name stand in two modules.
    fn path(index: usize) -> String {
        let name = TYPE_NAMES[index / 2 % TYPE_NAMES.len()];
        format!("crate::part{index}::{name}")
    }

    fn declare(&mut self, index: usize) {
        let path = Self::path(index);
        let name = path.rsplit("::").next().unwrap_or_default();
        let _ = writeln!(self.text, "\nmod part{index} {{");
        let _ = writeln!(self.text, "    use outrigger::{{Random, Sample}};\n");
        let _ = writeln!(
            self.text,
            "    /// Type {index}.\n    #[outrigger::message]"
        );
        let mut declared = Type {
            text: path.clone(),
            empty: false,
            weight: 1,
        };
        match self.random.below(10) {
            0 => self.units(name),
            1..=3 => declared.weight = self.choice(name, index),
            4 if self.random.once_in(3) => {
                declared.empty = true;
                let _ = writeln!(self.text, "    pub struct {name} {{}}\n");
                self.sample(name, "        let _ = random;\n        Self {}\n");
            }
            4 | 5 => declared.weight = self.tuple_struct(name),
            _ => declared.weight = self.named_struct(name),
        }
        self.text.push_str("}\n");
        self.declared.push(declared);
    }

    /// Closes a type with how its values are made.
    fn sample(&mut self, name: &str, body: &str) {
        let body = body.replace("\n        ", "\n            ");
        let _ = write!(
            self.text,
            "    impl Sample for {name} {{\n        fn sample(random: &mut Random) -> Self {{\n    \
             {body}        }}\n    }}\n"
        );
    }

    fn named_struct(&mut self, name: &str) -> usize {
        let (fields, weight) = self.fields();
        let names = self.names(FIELD_NAMES, fields.len());
        let _ = writeln!(self.text, "    pub struct {name} {{");
        let mut body = String::from("        Self {\n");
        for (name, field) in names.iter().zip(&fields) {
            let _ = writeln!(self.text, "        pub {name}: {},", field.text);
            let _ = writeln!(body, "            {name}: Sample::sample(random),");
        }
        self.text.push_str("    }\n\n");
        body.push_str("        }\n");
        self.sample(name, &body);
        weight
    }

    fn tuple_struct(&mut self, name: &str) -> usize {
        let (fields, weight) = self.fields();
        let texts = fields.iter().map(|field| format!("pub {}", field.text));
        let texts = texts.collect::<Vec<_>>().join(", ");
        let _ = writeln!(self.text, "    pub struct {name}({texts});\n");
        let samples = vec!["Sample::sample(random)"; fields.len()].join(", ");
        self.sample(name, &format!("        Self({samples})\n"));
        weight
    }

    /// An enum without values, with discriminants here and there.
    fn units(&mut self, name: &str) {
        let count = 1 + self.random.below(VARIANT_NAMES.len());
        let names = self.names(VARIANT_NAMES, count);
        let _ = writeln!(self.text, "    pub enum {name} {{");
        let mut next = 0;
        let mut body = format!("        match random.below({count}) {{\n");
        for (index, variant) in names.iter().enumerate() {
            if self.random.once_in(3) {
                next += self.random.below(20);
                let _ = writeln!(self.text, "        {variant} = {next},");
            } else {
                let _ = writeln!(self.text, "        {variant},");
            }
            next += 1;
            let pattern = pattern(index, count);
            let _ = writeln!(body, "            {pattern} => Self::{variant},");
        }
        self.text.push_str("    }\n\n");
        body.push_str("        }\n");
        self.sample(name, &body);
    }

    /// An enum with values.
    fn choice(&mut self, name: &str, index: usize) -> usize {
        let count = 2 + self.random.below(4);
        let names = self.names(VARIANT_NAMES, count);
        let (mut weight, mut variants) = (0, String::new());
        let pick = format!("if random.spend() {{ random.below({count}) }} else {{ 0 }}");
        let mut body = format!("        match {pick} {{\n");
        for (number, variant) in names.iter().enumerate() {
            let pattern = pattern(number, count);
            let (mut fields, more) = match self.random.below(4) {
                0 => (Vec::new(), 0),
                _ => self.fields(),
            };
            if number + 1 == count && (fields.is_empty() || self.random.once_in(2)) {
                fields.push(leaf(&format!("Box<{}>", Self::path(index))));
            }
            weight += more;
            let named = self.random.once_in(2);
            let labels = self.names(FIELD_NAMES, fields.len());
            let label = |number: usize| match named {
                true => format!("{}: ", labels[number]),
                false => String::new(),
            };
            let each = |text: &dyn Fn(usize) -> String| {
                let all = (0..fields.len()).map(|number| label(number) + &text(number));
                all.collect::<Vec<_>>().join(", ")
            };
            let (open, close) = if named { (" { ", " }") } else { ("(", ")") };
            if fields.is_empty() {
                let _ = writeln!(variants, "        {variant},");
                let _ = writeln!(body, "            {pattern} => Self::{variant},");
                continue;
            }
            let types = each(&|number| fields[number].text.clone());
            let _ = writeln!(variants, "        {variant}{open}{types}{close},");
            let values = each(&|_| "Sample::sample(random)".to_owned());
            let value = format!("{pattern} => Self::{variant}{open}{values}{close}");
            let _ = writeln!(body, "            {value},");
        }
        let _ = writeln!(self.text, "    pub enum {name} {{\n{variants}    }}\n");
        body.push_str("        }\n");
        self.sample(name, &body);
        weight
    }

    /// Fields, at least one of which has bytes, and their leaves.
    fn fields(&mut self) -> (Vec<Type>, usize) {
        let count = 1 + self.random.below(FIELDS_MAX);
        let (mut fields, mut weight) = (Vec::new(), 0);
        for _ in 0..count {
            let mut field = self.field(NESTING_MAX);
            if weight + field.weight > WEIGHT_MAX {
                field = self.leaf();
            }
            weight += field.weight;
            fields.push(field);
        }
        if fields.iter().all(|field| field.empty) {
            fields.push(self.leaf());
            weight += 1;
        }
        (fields, weight)
    }

    fn leaf(&mut self) -> Type {
        let text = *self.random.one_of::<&str>(LEAVES);
        leaf(text)
    }

    /// Any type that may stand in a field.
    fn field(&mut self, nesting: usize) -> Type {
        if nesting == 0 || self.random.once_in(3) {
            return self.leaf();
        }
        let inner = nesting - 1;
        match self.random.below(16) {
            0..=2 if !self.declared.is_empty() => {
                let index = self.random.below(self.declared.len());
                self.declared[index].clone()
            }
            0..=4 => leaf(&format!("Vec<{}>", self.solid(inner))),
            5 => leaf(&format!("Box<[{}]>", self.solid(inner))),
            6 => leaf(&format!("Box<{}>", self.field(inner).text)),
            7..=9 => self.wrapped("Option", inner),
            10 | 11 => self.outcome(inner),
            12 => self.array(inner),
            13 => self.tuple(inner),
            _ => self.later(),
        }
    }

    /// A type with bytes, as the elements of a Vec must be.
    fn solid(&mut self, nesting: usize) -> String {
        let item = self.field(nesting);
        if item.empty {
            self.leaf().text
        } else {
            item.text
        }
    }

    fn wrapped(&mut self, name: &str, nesting: usize) -> Type {
        let item = self.field(nesting);
        Type {
            text: format!("{name}<{}>", item.text),
            empty: false,
            weight: item.weight,
        }
    }

    fn outcome(&mut self, nesting: usize) -> Type {
        let (value, error) = (self.field(nesting), self.field(nesting));
        let value = if self.random.once_in(4) {
            leaf("()")
        } else {
            value
        };
        Type {
            text: format!("Result<{}, {}>", value.text, error.text),
            empty: false,
            weight: value.weight + error.weight,
        }
    }

    fn array(&mut self, nesting: usize) -> Type {
        let item = self.field(nesting);
        let mut count = *self.random.one_of(&[0, 1, 2, 3, 7, 32]);
        if item.weight * count > WEIGHT_MAX {
            count = 2;
        }
        Type {
            text: format!("[{}; {count}]", item.text),
            empty: item.empty || count == 0,
            weight: item.weight * count,
        }
    }

    fn tuple(&mut self, nesting: usize) -> Type {
        let count = 2 + self.random.below(7);
        let items = (0..count).map(|_| self.field(nesting.min(1)));
        let items = items.collect::<Vec<_>>();
        let texts = items.iter().map(|item| &*item.text).collect::<Vec<_>>();
        Type {
            text: format!("({})", texts.join(", ")),
            empty: items.iter().all(|item| item.empty),
            weight: items.iter().map(|item| item.weight).sum(),
        }
    }

    /// A type that may come later, behind what ends a value. All types but those
    /// already known to be empty are taken for such with bytes in an Option's Box.
    fn later(&mut self) -> Type {
        let index = self.random.below(self.count);
        let path = Self::path(index);
        let known = self.declared.get(index);
        if known.is_some_and(|known| !known.empty) && self.random.once_in(2) {
            return leaf(&format!("Vec<{path}>"));
        }
        leaf(&format!("Option<Box<{path}>>"))
    }

    /// So many names of a list, none of them twice.
    fn names(&mut self, list: &[&str], count: usize) -> Vec<String> {
        let start = self.random.below(list.len());
        let names = (0..count).map(|index| list[(start + index * 5) % list.len()].to_owned());
        let mut names = names.collect::<Vec<_>>();
        for index in 0..names.len() {
            if names[..index].contains(&names[index]) {
                let name = format!("{}{index}", names[index].trim_start_matches("r#"));
                names[index] = name;
            }
        }
        names
    }

    /// The source, with the list of what is put to the test.
    fn finish(mut self) -> String {
        self.text.push_str("\noutrigger::program! {\n");
        for index in 0..self.count {
            let _ = writeln!(self.text, "    \"m{index}\": {},", Self::path(index));
        }
        self.text.push_str("}\n");
        self.text
    }
}

fn leaf(text: &str) -> Type {
    Type {
        text: text.to_owned(),
        empty: text == "()",
        weight: 1,
    }
}

/// What a `match` of so many arms has at this one.
fn pattern(index: usize, count: usize) -> String {
    if index + 1 == count {
        "_".to_owned()
    } else {
        index.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_type_appears_in_some_schema() {
        let sources = (0..200).map(of).collect::<String>();
        let mut wanted = LEAVES.to_vec();
        wanted.extend([
            "Vec<",
            "Box<[",
            "Option<Box<crate::",
            "Result<()",
            "; 32]",
            "pub enum",
        ]);
        wanted.extend([
            "{}\n",
            "pub struct Plain(",
            " = ",
            "Box<crate::part0",
            "r#type: ",
        ]);
        for text in wanted {
            assert!(sources.contains(text), "no {text} in 200 schemas");
        }
    }
}
