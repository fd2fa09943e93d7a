//! Random types: the source of a program that puts them to the test.
//!
//! Types may name those before them, and those after them or themselves behind a
//! pointer that need not be there; so every value ends. The first variant of an enum
//! is its smallest. What takes parameters gets types of any kind where it was declared
//! before, and plain ones otherwise; so there are as many instances as there are.
//!
//! Every schema has an enum with values, a type with parameters, and at last a struct
//! with a map, a set, options of both kinds that say themselves that they are none, and
//! an instance.

use std::fmt::Write;

use crate::part::Type;
use crate::random::Random;
use crate::words::{FIELD_NAMES, PARAMETERS, TYPE_NAMES, VARIANT_NAMES};

/// Most types of a schema, beside the last.
const TYPES_MAX: usize = 6;

/// The source of a seed's program, without the crate's attributes.
///
/// ```
/// let source = outrigger_differential::source::of(1);
/// assert_eq!(source, outrigger_differential::source::of(1));
/// assert!(source.contains("#[outrigger::message]"));
/// ```
pub fn of(seed: u64) -> String {
    let mut random = Random::new(seed);
    let plans = plans(&mut random);
    let mut writer = Source {
        random,
        plans,
        declared: Vec::new(),
        text: format!("//! The types of seed {seed}.\n"),
    };
    for index in 0..writer.plans.len() {
        writer.declare(index);
    }
    writer.finish()
}

/// What a type will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    form: Form,
    /// How many types it takes.
    pub(crate) parameters: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// An enum without values.
    Units,
    /// An enum with values.
    Choice,
    /// A struct without fields.
    Nothing,
    Tuple,
    Named,
    /// A struct with what every schema has.
    Last,
}

/// A schema's types. One of the first two takes parameters, the other is an enum with
/// values.
fn plans(random: &mut Random) -> Vec<Plan> {
    let count = 3 + random.below(TYPES_MAX - 2);
    let mut plans = (0..count).map(|_| plan(random)).collect::<Vec<_>>();
    let first = random.below(2);
    plans[first] = Plan {
        form: Form::Choice,
        parameters: 0,
    };
    plans[1 - first] = Plan {
        form: *random.one_of(&[Form::Choice, Form::Tuple, Form::Named]),
        parameters: 1 + random.below(PARAMETERS.len()),
    };
    plans.push(Plan {
        form: Form::Last,
        parameters: 0,
    });
    plans
}

fn plan(random: &mut Random) -> Plan {
    let form = match random.below(10) {
        0 => Form::Units,
        1..=3 => Form::Choice,
        4 if random.once_in(3) => Form::Nothing,
        4 | 5 => Form::Tuple,
        _ => Form::Named,
    };
    let mut parameters = 0;
    if matches!(form, Form::Choice | Form::Tuple | Form::Named) && random.once_in(5) {
        parameters = 1 + random.below(PARAMETERS.len());
    }
    Plan { form, parameters }
}

/// A schema in the making.
pub(crate) struct Source {
    pub(crate) random: Random,
    /// All types that there will be.
    pub(crate) plans: Vec<Plan>,
    /// The types so far.
    pub(crate) declared: Vec<Type>,
    text: String,
}

impl Source {
    /// The path of a type. Two of one name stand in two modules.
    pub(crate) fn path(index: usize) -> String {
        let name = TYPE_NAMES[index / 2 % TYPE_NAMES.len()];
        format!("crate::part{index}::{name}")
    }

    /// The parameters of the type that is being declared.
    pub(crate) fn parameters(&self) -> &'static [&'static str] {
        let plan = self.plans.get(self.declared.len());
        &PARAMETERS[..plan.map_or(0, |plan| plan.parameters)]
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
        let mut declared = Type::leaf(&path);
        match self.plans[index].form {
            Form::Units => self.units(name),
            Form::Choice => declared.weight = self.choice(name),
            Form::Nothing => {
                declared.empty = true;
                let _ = writeln!(self.text, "    pub struct {name} {{}}\n");
                self.sample(name, "        let _ = random;\n        Self {}\n");
            }
            Form::Tuple => declared.weight = self.tuple_struct(name),
            Form::Named => {
                let (fields, weight) = self.fields();
                declared.weight = weight;
                self.named_struct(name, &fields);
            }
            Form::Last => {
                let fields = self.one_of_each();
                self.named_struct(name, &fields);
            }
        }
        self.text.push_str("}\n");
        self.declared.push(declared);
    }

    /// Closes a type with how its values are made.
    fn sample(&mut self, name: &str, body: &str) {
        let body = body.replace("\n        ", "\n            ");
        let bounds = self.angles(": Sample");
        let arguments = self.angles("");
        let _ = write!(
            self.text,
            "    impl{bounds} Sample for {name}{arguments} {{\n        \
             fn sample(random: &mut Random) -> Self {{\n    {body}        }}\n    }}\n"
        );
    }

    /// The parameters of the type that is being declared, in angle brackets.
    pub(crate) fn angles(&self, bound: &str) -> String {
        let names = self.parameters().iter();
        let names = names.map(|name| format!("{name}{bound}"));
        match names.collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => none,
            names => format!("<{names}>"),
        }
    }

    fn named_struct(&mut self, name: &str, fields: &[Type]) {
        let names = self.names(FIELD_NAMES, fields.len());
        let angles = self.angles("");
        let _ = writeln!(self.text, "    pub struct {name}{angles} {{");
        let mut body = String::from("        Self {\n");
        for (name, field) in names.iter().zip(fields) {
            let declared = field.declared(&format!("pub {name}: "));
            let _ = writeln!(self.text, "        {declared},");
            let _ = writeln!(body, "            {name}: Sample::sample(random),");
        }
        self.text.push_str("    }\n\n");
        body.push_str("        }\n");
        self.sample(name, &body);
    }

    fn tuple_struct(&mut self, name: &str) -> usize {
        let (fields, weight) = self.fields();
        let texts = fields.iter().map(|field| field.declared("pub "));
        let texts = texts.collect::<Vec<_>>().join(", ");
        let angles = self.angles("");
        let _ = writeln!(self.text, "    pub struct {name}{angles}({texts});\n");
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
    fn choice(&mut self, name: &str) -> usize {
        let count = 2 + self.random.below(4);
        let names = self.names(VARIANT_NAMES, count);
        let (mut weight, mut variants) = (0, String::new());
        let mut unused = self.parameters().to_vec();
        let pick = format!("if random.spend() {{ random.below({count}) }} else {{ 0 }}");
        let mut body = format!("        match {pick} {{\n");
        for (number, variant) in names.iter().enumerate() {
            let pattern = pattern(number, count);
            let (mut fields, more) = match self.random.below(4) {
                0 => (Vec::new(), 0),
                _ => self.some_fields(),
            };
            unused.retain(|name| !self.uses(&fields, name));
            if number + 1 == count {
                fields.extend(unused.iter().map(|name| Type::list_of(name)));
            }
            if number + 1 == count && (fields.is_empty() || self.random.once_in(2)) {
                fields.push(Type::leaf(&format!("Box<{}>", self.own())));
            }
            weight += more;
            let named = self.random.once_in(2);
            let labels = self.names(FIELD_NAMES, fields.len());
            let label = |number: usize| match named {
                true => format!("{}: ", labels[number]),
                false => String::new(),
            };
            let each = |text: &dyn Fn(usize) -> String| {
                let all = (0..fields.len()).map(text);
                all.collect::<Vec<_>>().join(", ")
            };
            let (open, close) = if named { (" { ", " }") } else { ("(", ")") };
            if fields.is_empty() {
                let _ = writeln!(variants, "        {variant},");
                let _ = writeln!(body, "            {pattern} => Self::{variant},");
                continue;
            }
            let types = each(&|number| fields[number].declared(&label(number)));
            let _ = writeln!(variants, "        {variant}{open}{types}{close},");
            let values = each(&|number| label(number) + "Sample::sample(random)");
            let value = format!("{pattern} => Self::{variant}{open}{values}{close}");
            let _ = writeln!(body, "            {value},");
        }
        let angles = self.angles("");
        let _ = writeln!(
            self.text,
            "    pub enum {name}{angles} {{\n{variants}    }}\n"
        );
        body.push_str("        }\n");
        self.sample(name, &body);
        weight
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
        for index in 0..self.plans.len() {
            let root = self.plain_instance(index);
            let _ = writeln!(self.text, "    \"m{index}\": {root},");
        }
        self.text.push_str("}\n");
        self.text
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
    use crate::words::{LEAVES, NON_ZEROS};

    #[test]
    fn every_kind_of_type_appears_in_some_schema() {
        let sources = (0..200).map(of).collect::<String>();
        let mut wanted = LEAVES.to_vec();
        wanted.extend_from_slice(NON_ZEROS);
        wanted.extend([
            "Vec<",
            "Box<[",
            "Option<Box<crate::",
            "Result<()",
            "; 32]",
            "pub enum",
            "Vec<Option<outrigger::Entries<",
            "[outrigger::Members<",
            "Option<Option<Box<",
            "Entries<Thing, ",
        ]);
        wanted.extend([
            "{}\n",
            "pub struct Client(",
            " = ",
            "Box<crate::part0",
            "r#type: ",
            "pub struct Plain<Thing, Other> {",
            "pub struct Plain<Thing>(",
            "pub enum Plain<Thing, Other> {",
            "Plain<Thing>>",
        ]);
        for text in wanted {
            assert!(sources.contains(text), "no {text} in 200 schemas");
        }
    }

    #[test]
    fn every_schema_has_what_is_rare() {
        for seed in 0..500 {
            let source = of(seed);
            for text in [
                "#[outrigger(as_vec)] pub ",
                ": outrigger::Entries<",
                ": outrigger::Members<",
                "#[outrigger(niche)] pub ",
                ": Option<core::num::NonZero",
                ": core::num::NonZero",
                "pub enum",
                "<Thing",
            ] {
                assert!(source.contains(text), "no {text} in schema {seed}");
            }
        }
    }
}
