//! What Go calls the types of a package.
//!
//! ```text
//!   Point                                 Point
//!   plane::Point and deep_space::Point    PlanePoint and DeepSpacePoint
//!   Page<Item>, Page<Vec<u32>>            PageOfItem, PageOfVecOfU32
//! ```
//!
//! A name does not depend on which type comes first: of two types of one name, both
//! have their modules in front.

use std::collections::BTreeMap;

use super::Unsupported;
use super::names::{Scope, exported};
use super::types::Types;
use crate::schema::{Kind, Variant};

/// What Go would call a struct or enum that is alone: its name, and the types that
/// stand for its parameters.
type Called<'a> = (String, &'a [u32]);

impl<'a> Types<'a> {
    /// Gives structs and enums their names, then all others theirs.
    pub(super) fn name(&mut self) -> Result<(), Unsupported> {
        let mut alike: BTreeMap<Called<'a>, Vec<u32>> = BTreeMap::new();
        for number in self.used.clone() {
            if let Some((name, _)) = self.called(number) {
                let arguments = self.get(number).kind.arguments();
                alike
                    .entry((exported(name), arguments))
                    .or_default()
                    .push(number);
            }
        }
        let mut prefixes = BTreeMap::new();
        for numbers in alike.values().filter(|numbers| numbers.len() > 1) {
            prefixes.extend(self.modules(numbers)?);
        }
        let mut scope = Scope::with(&["Client", "NewClient"]);
        for number in self.used.clone() {
            self.name_message(&mut scope, &prefixes, number);
        }
        for number in self.used.clone() {
            if self.bases[number as usize].is_empty() {
                let mangled = self.mangled(number);
                let company = |base: &str| vec![base.to_owned(), format!("{base}Builder")];
                self.bases[number as usize] = scope.claim_with(&[mangled], company);
            }
        }
        self.scope = scope;
        Ok(())
    }

    /// The name and the path of a struct or enum.
    fn called(&self, number: u32) -> Option<(&'a str, &'a str)> {
        match &self.get(number).kind {
            Kind::Struct { name, path, .. } | Kind::Enum { name, path, .. } => Some((name, path)),
            _ => None,
        }
    }

    /// As much of the modules of types of one name as tells them apart.
    fn modules(&self, numbers: &[u32]) -> Result<BTreeMap<u32, String>, Unsupported> {
        let paths = numbers.iter().filter_map(|number| self.called(*number));
        let paths: Vec<&str> = paths.map(|(_, path)| path).collect();
        let longest = paths.iter().map(|path| path.matches("::").count()).max();
        for depth in 1..=longest.unwrap_or_default() {
            let prefixes: Vec<String> = paths.iter().map(|path| modules(path, depth)).collect();
            let mut distinct = prefixes.clone();
            distinct.sort();
            distinct.dedup();
            if distinct.len() == paths.len() {
                return Ok(numbers.iter().copied().zip(prefixes).collect());
            }
        }
        Err(Unsupported::new(format!(
            "types of one name: {}: give one of them another name with \
             #[outrigger::message(name = \"…\")]",
            paths.join(" and ")
        )))
    }

    /// Names a struct or enum, after those that stand for its parameters.
    fn name_message(&mut self, scope: &mut Scope, prefixes: &BTreeMap<u32, String>, number: u32) {
        let kind = &self.get(number).kind;
        let Some((name, path)) = self.called(number) else {
            return;
        };
        if !self.bases[number as usize].is_empty() {
            return;
        }
        for argument in kind.arguments() {
            self.name_within(scope, prefixes, *argument);
        }
        let arguments = kind.arguments().iter().map(|item| self.mangled(*item));
        let arguments = arguments.collect::<Vec<_>>().join("And");
        let joint = if arguments.is_empty() { "" } else { "Of" };
        let name = format!("{}{joint}{arguments}", exported(name));
        let candidates = match prefixes.get(&number) {
            Some(prefix) => vec![format!("{prefix}{name}"), format!("{prefix}{name}Message")],
            None => {
                let module = modules(path, 1);
                vec![
                    name.clone(),
                    format!("{module}{name}"),
                    format!("{name}Message"),
                ]
            }
        };
        let claimed = scope.claim_with(&candidates, |base| self.company(number, base));
        self.bases[number as usize] = claimed;
    }

    /// Names the structs and enums that a type is written with.
    fn name_within(&mut self, scope: &mut Scope, prefixes: &BTreeMap<u32, String>, number: u32) {
        if self.called(number).is_some() {
            return self.name_message(scope, prefixes, number);
        }
        for part in self.get(number).kind.parts() {
            self.name_within(scope, prefixes, part);
        }
    }

    /// All exported names that come with a struct or enum of this name.
    fn company(&self, number: u32, base: &str) -> Vec<String> {
        let mut names = vec![
            base.to_owned(),
            format!("{base}View"),
            format!("Parse{base}"),
            format!("Build{base}"),
            format!("{base}Builder"),
        ];
        if let Kind::Enum { variants, .. } = &self.get(number).kind {
            names.push(format!("{base}Tag"));
            for name in variant_names(variants) {
                names.push(format!("{base}{name}"));
                names.push(format!("{base}{name}View"));
                names.push(format!("{base}{name}Builder"));
                names.push(format!("{base}Tag{name}"));
            }
        }
        names.sort();
        names.dedup();
        names
    }

    fn mangled(&self, number: u32) -> String {
        let base = |item: &u32| self.mangled(*item);
        if !self.base(number).is_empty() {
            return self.base(number).to_owned();
        }
        match &self.get(number).kind {
            Kind::Vec { item } => format!("VecOf{}", base(item)),
            Kind::BoxSlice { item } => format!("BoxedSliceOf{}", base(item)),
            Kind::Box { item } => format!("BoxOf{}", base(item)),
            Kind::Option { item } => format!("OptionOf{}", base(item)),
            Kind::Niche { item } => format!("NicheOf{}", base(item)),
            Kind::NonZero { item } => format!("NonZero{}", base(item)),
            Kind::Set { item } => format!("SetOf{}", base(item)),
            Kind::Map { item } => base(item).replacen("EntryOf", "MapOf", 1),
            Kind::Entry { fields } => {
                let items = fields.iter().map(|field| base(&field.type_number));
                format!("EntryOf{}", items.collect::<Vec<_>>().join("To"))
            }
            Kind::Result { ok, err } => format!("ResultOf{}Or{}", base(ok), base(err)),
            Kind::Array { item, count } => format!("Array{count}Of{}", base(item)),
            Kind::Tuple { fields } => {
                let items = fields.iter().map(|field| base(&field.type_number));
                format!("TupleOf{}", items.collect::<Vec<_>>().join("And"))
            }
            other => exported(other.word()),
        }
    }
}

/// The last so many modules of a path: `a::deep_space::Point` to `DeepSpace`.
fn modules(path: &str, depth: usize) -> String {
    let modules: Vec<&str> = path.rsplit("::").skip(1).take(depth).collect();
    modules.into_iter().rev().map(exported).collect()
}

/// The Go names of variants, within their enum.
pub(super) fn variant_names(variants: &[Variant]) -> Vec<String> {
    let mut scope = Scope::with(&["View", "Tag", "Load", "Release"]);
    let company = |name: &str| vec![name.to_owned(), format!("{name}View"), format!("Tag{name}")];
    let names = variants.iter().map(|variant| exported(&variant.name));
    let candidates = names.map(|name| [name.clone(), format!("{name}Variant")]);
    candidates
        .map(|names| scope.claim_with(&names, company))
        .collect()
}
