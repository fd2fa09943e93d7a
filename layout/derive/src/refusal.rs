//! Types that no message may hold, and what to use instead.
//!
//! The trait `Schema` refuses them all by not being implemented; here the common
//! ones are refused by name, so that the error says what to do.

use syn::visit::{self, Visit};
use syn::{Error, GenericArgument, PathArguments, Type, TypePath, TypeReference};

use crate::adapter::Adapter;

const MAPS: &[&str] = &["HashMap", "BTreeMap"];
const SETS: &[&str] = &["HashSet", "BTreeSet"];

#[rustfmt::skip]
const REFUSED: &[(&[&str], &str)] = &[
    (&["usize"], "`usize` has no fixed width: use u64 or u32"),
    (&["isize"], "`isize` has no fixed width: use i64 or i32"),
    (MAPS, "a map crosses as a list of its entries: write #[outrigger(as_vec)] above the field"),
    (SETS, "a set crosses as a list of its elements: write #[outrigger(as_vec)] above the field"),
    (&["IndexMap"], "`IndexMap` is not supported: use a BTreeMap with #[outrigger(as_vec)], \
        or a Vec of tuples to keep the order"),
    (&["IndexSet"], "`IndexSet` is not supported: use a BTreeSet with #[outrigger(as_vec)], \
        or a Vec to keep the order"),
    (&["VecDeque", "LinkedList", "BinaryHeap"], "use a Vec"),
    (&["Rc", "Arc", "Weak"], "shared pointers are not supported: use Box, or the value itself"),
    (&["Cow"], "borrowed data is not supported: use String or Vec"),
    (&["Cell", "RefCell", "Mutex", "RwLock"], "cells and locks are not supported: use the value"),
    (&["SystemTime", "Instant"], "points in time are not supported: use u64 nanoseconds"),
    (&["PathBuf", "OsString", "CString"], "use String, or Vec<u8> for what is not UTF-8"),
    (&["str"], "use String"),
    (&["PhantomData"], "a field without a value: leave it out"),
];

/// Refuses a field's type if it is known not to be allowed.
///
/// # Errors
/// What to use instead.
pub(crate) fn check(field: &Type, adapter: Option<Adapter>) -> Result<(), Error> {
    let mut search = Search {
        found: None,
        in_map: false,
    };
    match (adapter, adapter.map(|adapter| adapter.innermost(field))) {
        (Some(Adapter::AsVec), Some(Type::Path(map))) if is_map(&map) => {
            search.in_map = true;
            visit::visit_type_path(&mut search, &map);
        }
        _ => search.visit_type(field),
    }
    search.found.map_or(Ok(()), Err)
}

fn is_map(path: &TypePath) -> bool {
    let last = path.path.segments.last();
    let name = last.map(|last| last.ident.to_string());
    name.is_some_and(|name| [MAPS, SETS].concat().contains(&&*name))
}

struct Search {
    found: Option<Error>,
    /// True for what a map or set holds.
    in_map: bool,
}

impl Search {
    fn refuse(&mut self, error: Error) {
        self.found.get_or_insert(error);
    }
}

impl Search {
    fn visit_result(&mut self, arguments: &PathArguments) {
        let PathArguments::AngleBracketed(arguments) = arguments else {
            return;
        };
        for argument in &arguments.args {
            match argument {
                GenericArgument::Type(Type::Tuple(tuple)) if tuple.elems.is_empty() => {}
                other => self.visit_generic_argument(other),
            }
        }
    }
}

impl Search {
    /// A slice and `str` are allowed here only.
    fn visit_box(&mut self, arguments: &PathArguments) {
        let PathArguments::AngleBracketed(arguments) = arguments else {
            return;
        };
        for argument in &arguments.args {
            match argument {
                GenericArgument::Type(Type::Slice(slice)) => self.visit_type(&slice.elem),
                GenericArgument::Type(Type::Path(path)) if path.path.is_ident("str") => {}
                other => self.visit_generic_argument(other),
            }
        }
    }
}

impl<'a> Visit<'a> for Search {
    fn visit_type_reference(&mut self, reference: &'a TypeReference) {
        let text = "references cannot cross: use an owned type such as String, Vec or Box";
        self.refuse(Error::new_spanned(reference, text));
    }

    fn visit_type(&mut self, item: &'a Type) {
        match item {
            Type::Tuple(tuple) if tuple.elems.is_empty() => {
                self.refuse(Error::new_spanned(
                    tuple,
                    "a field without a value: leave it out",
                ));
            }
            Type::Tuple(tuple) if !(2..=8).contains(&tuple.elems.len()) => {
                let text = "a tuple in a message has 2 to 8 elements: \
                            use a message with named fields";
                self.refuse(Error::new_spanned(tuple, text));
            }
            Type::Slice(slice) => self.refuse(Error::new_spanned(slice, "use a Vec")),
            Type::Ptr(_) | Type::BareFn(_) | Type::TraitObject(_) | Type::ImplTrait(_) => {
                let text = "pointers, functions and trait objects cannot cross";
                self.refuse(Error::new_spanned(item, text));
            }
            _ => visit::visit_type(self, item),
        }
    }

    fn visit_type_path(&mut self, path: &'a TypePath) {
        if let Some(last) = path.path.segments.last() {
            if self.in_map && is_map(path) {
                let text = "a map in a map: put the inner one in a message of its own";
                return self.refuse(Error::new_spanned(path, text));
            }
            let name = last.ident.to_string();
            let row = REFUSED.iter().find(|(names, _)| names.contains(&&*name));
            if let Some((_, instead)) = row {
                self.refuse(Error::new_spanned(path, instead));
                return;
            }
            if name == "Result" {
                // `()` is a field without a value, but not a result without one.
                return self.visit_result(&last.arguments);
            }
            if name == "Box" {
                return self.visit_box(&last.arguments);
            }
        }
        visit::visit_type_path(self, path);
    }
}
