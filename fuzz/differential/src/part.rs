//! The types of fields, at random.

use crate::source::Source;
use crate::words::{LEAVES, NON_ZEROS};

/// Most fields of a struct or variant.
const FIELDS_MAX: usize = 7;

/// How deep types stand in each other.
const NESTING_MAX: usize = 3;

/// Most leaves that a type has in itself.
const WEIGHT_MAX: usize = 60;

/// Most leaves of a type that stands for a parameter.
const ARGUMENT_WEIGHT: usize = 4;

/// A type of a field.
#[derive(Clone, Debug)]
pub(crate) struct Type {
    pub(crate) text: String,
    /// How it is archived, if in another way than its own.
    way: &'static str,
    /// Whether its archive has no bytes.
    pub(crate) empty: bool,
    /// How many leaves it has.
    pub(crate) weight: usize,
}

impl Type {
    /// A type that is small, as it is a leaf or a pointer.
    pub(crate) fn leaf(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            way: "",
            empty: text == "()",
            weight: 1,
        }
    }

    /// A list of these.
    pub(crate) fn list_of(item: &str) -> Self {
        Self::leaf(&format!("Vec<{item}>"))
    }

    /// The field of this type, with what stands before its type.
    pub(crate) fn declared(&self, before: &str) -> String {
        match self.way {
            "" => format!("{before}{}", self.text),
            way => format!("#[outrigger({way})] {before}{}", self.text),
        }
    }
}

impl Source {
    /// Fields, at least one of which has bytes, and their leaves. They have all
    /// parameters of the type in them.
    pub(crate) fn fields(&mut self) -> (Vec<Type>, usize) {
        let (mut fields, weight) = self.some_fields();
        for name in self.parameters() {
            if !self.uses(&fields, name) {
                fields.push(Type::list_of(name));
            }
        }
        (fields, weight)
    }

    /// Whether a parameter is in these fields, not counting the type itself.
    pub(crate) fn uses(&self, fields: &[Type], parameter: &str) -> bool {
        let own = self.own();
        let mut texts = fields.iter().map(|field| field.text.replace(&own, ""));
        texts.any(|text| text.contains(parameter))
    }

    /// Fields, at least one of which has bytes, and their leaves.
    pub(crate) fn some_fields(&mut self) -> (Vec<Type>, usize) {
        let count = 1 + self.random.below(FIELDS_MAX);
        let (mut fields, mut weight) = (Vec::new(), 0);
        for _ in 0..count {
            let mut field = match self.random.below(10) {
                0 => self.collection(),
                1 => self.niche(),
                _ => self.field(NESTING_MAX),
            };
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

    /// The fields of a schema's last type: what every schema has.
    pub(crate) fn one_of_each(&mut self) -> Vec<Type> {
        let of = |way, text: &str| Type {
            way,
            ..Type::leaf(text)
        };
        let (map, set) = (self.map(), self.set());
        let own = self.own();
        let number = *self.random.one_of::<&str>(NON_ZEROS);
        let mut fields = vec![
            of("as_vec", &map),
            of("as_vec", &set),
            of("niche", &format!("Option<Box<{own}>>")),
            of("niche", &format!("Option<{number}>")),
            of("", number),
            self.collection(),
            self.niche(),
        ];
        for index in 0..2 {
            // One of them is an enum with values, the other takes parameters.
            fields.push(self.instance(index, 1));
        }
        let turn = self.random.below(fields.len());
        fields.rotate_left(turn);
        fields
    }

    /// A plain type, or a parameter.
    fn leaf(&mut self) -> Type {
        let parameters = self.parameters();
        if !parameters.is_empty() && self.random.once_in(3) {
            return Type {
                weight: ARGUMENT_WEIGHT,
                ..Type::leaf(self.random.one_of::<&str>(parameters))
            };
        }
        Type::leaf(self.random.one_of::<&str>(LEAVES))
    }

    /// Any type that may stand in a field as it is.
    fn field(&mut self, nesting: usize) -> Type {
        if nesting == 0 || self.random.once_in(3) {
            return self.leaf();
        }
        let inner = nesting - 1;
        match self.random.below(16) {
            0..=2 if !self.declared.is_empty() => {
                let index = self.random.below(self.declared.len());
                self.instance(index, inner)
            }
            0..=4 => Type::list_of(&self.solid(inner)),
            5 => Type::leaf(&format!("Box<[{}]>", self.solid(inner))),
            6 => Type::leaf(&format!("Box<{}>", self.field(inner).text)),
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
            ..item
        }
    }

    fn outcome(&mut self, nesting: usize) -> Type {
        let (value, error) = (self.field(nesting), self.field(nesting));
        let value = if self.random.once_in(4) {
            Type::leaf("()")
        } else {
            value
        };
        Type {
            weight: value.weight + error.weight,
            ..Type::leaf(&format!("Result<{}, {}>", value.text, error.text))
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
            ..item
        }
    }

    fn tuple(&mut self, nesting: usize) -> Type {
        let count = 2 + self.random.below(7);
        let items = (0..count).map(|_| self.field(nesting.min(1)));
        let items = items.collect::<Vec<_>>();
        let texts = items.iter().map(|item| &*item.text).collect::<Vec<_>>();
        Type {
            empty: items.iter().all(|item| item.empty),
            weight: items.iter().map(|item| item.weight).sum(),
            ..Type::leaf(&format!("({})", texts.join(", ")))
        }
    }

    /// A map or a set, or some of them.
    fn collection(&mut self) -> Type {
        let text = if self.random.once_in(2) {
            self.map()
        } else {
            self.set()
        };
        self.several("as_vec", text)
    }

    fn map(&mut self) -> String {
        let inner = NESTING_MAX - 1;
        let (key, value) = (self.solid(inner), self.field(inner));
        format!("outrigger::Entries<{key}, {}>", value.text)
    }

    fn set(&mut self) -> String {
        format!("outrigger::Members<{}>", self.solid(NESTING_MAX - 1))
    }

    /// An option whose value says itself that it is not there, or some of them.
    fn niche(&mut self) -> Type {
        let text = match self.random.below(3) {
            0 => format!("Option<{}>", self.random.one_of::<&str>(NON_ZEROS)),
            1 => format!("Option<Box<{}>>", self.field(NESTING_MAX - 1).text),
            _ => {
                let index = self.random.below(self.plans.len());
                format!("Option<Box<{}>>", self.plain_instance(index))
            }
        };
        self.several("niche", text)
    }

    /// What is archived in another way than its own, or some of it.
    fn several(&mut self, way: &'static str, text: String) -> Type {
        let mut made = Type {
            way,
            ..Type::leaf(&text)
        };
        for _ in 0..self.random.below(3) {
            made.text = match self.random.below(6) {
                0 => format!("Vec<{}>", made.text),
                1 => format!("Option<{}>", made.text),
                2 => {
                    made.weight *= 3;
                    format!("[{}; 3]", made.text)
                }
                _ => made.text,
            };
        }
        made
    }

    /// A type that was declared, with types that stand for its parameters.
    fn instance(&mut self, index: usize, nesting: usize) -> Type {
        let declared = self.declared[index].clone();
        let count = self.plans[index].parameters;
        let arguments = (0..count).map(|_| {
            let argument = self.field(nesting);
            if argument.empty || argument.weight > ARGUMENT_WEIGHT {
                self.leaf().text
            } else {
                argument.text
            }
        });
        let arguments = arguments.collect::<Vec<_>>();
        Type {
            text: declared.text + &angles(&arguments),
            ..declared
        }
    }

    /// The type that is being declared.
    pub(crate) fn own(&self) -> String {
        Self::path(self.declared.len()) + &self.angles("")
    }

    /// A type that may not be declared yet, with plain types for its parameters; its
    /// own, if it is the one that is being declared.
    pub(crate) fn plain_instance(&mut self, index: usize) -> String {
        if index == self.declared.len() {
            return self.own();
        }
        let count = self.plans[index].parameters;
        let arguments = (0..count).map(|_| *self.random.one_of::<&str>(LEAVES));
        let arguments = arguments.map(str::to_owned).collect::<Vec<_>>();
        Self::path(index) + &angles(&arguments)
    }

    /// A type that may come later, behind what ends a value. All types but those
    /// already known to be empty are taken for such with bytes in an Option's Box.
    fn later(&mut self) -> Type {
        let index = self.random.below(self.plans.len());
        let path = self.plain_instance(index);
        let known = self.declared.get(index);
        if known.is_some_and(|known| !known.empty) && self.random.once_in(2) {
            return Type::list_of(&path);
        }
        Type::leaf(&format!("Option<Box<{path}>>"))
    }
}

/// Types in angle brackets, if there are any.
fn angles(types: &[String]) -> String {
    match types {
        [] => String::new(),
        types => format!("<{}>", types.join(", ")),
    }
}
