//! Fields that are archived in another way than their type's own: maps and sets as
//! a list, options without a tag.
//!
//! ```text
//!   #[outrigger(as_vec)]  Option<BTreeMap<…>>     ─▶ #[rkyv(with = Map<AsVec>)]
//!   #[outrigger(niche)]   Vec<Option<Box<…>>>     ─▶ #[rkyv(with = Map<Niche>)]
//! ```
//!
//! rkyv's own spelling, `#[rkyv(with = AsVec)]`, means the same.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{
    Attribute, Error, Field, GenericArgument, PathArguments, Result, Type, TypeGroup, TypeParen,
    TypePath,
};

/// A way to archive a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    /// A map as its entries, a set as its elements.
    AsVec,
    /// An option whose value says itself that it is not there.
    Niche,
}

const ALLOWED: &str = "allowed at a field: as_vec, niche";

/// Removes the attributes of a field that are for us, and says what they ask for.
///
/// # Errors
/// What else is allowed.
pub(crate) fn take(field: &mut Field) -> Result<Option<Adapter>> {
    let mut found: Option<Adapter> = None;
    let (ours, others) = field.attrs.drain(..).partition::<Vec<_>, _>(is_ours);
    field.attrs = others;
    for attribute in ours {
        let is_rkyv = attribute.path().is_ident("rkyv");
        attribute.parse_nested_meta(|meta| {
            let asked = if is_rkyv {
                of_rkyv(&meta)?
            } else {
                of_name(&meta)?
            };
            if found.is_some_and(|found| found != asked) {
                return Err(meta.error("as_vec and niche at one field: one of them only"));
            }
            found = Some(asked);
            Ok(())
        })?;
    }
    Ok(found)
}

fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().is_ident("outrigger") || attribute.path().is_ident("rkyv")
}

fn of_name(meta: &ParseNestedMeta<'_>) -> Result<Adapter> {
    if meta.path.is_ident("as_vec") {
        Ok(Adapter::AsVec)
    } else if meta.path.is_ident("niche") {
        Ok(Adapter::Niche)
    } else {
        Err(meta.error(ALLOWED))
    }
}

/// rkyv's `with = …`, whichever path its module has.
fn of_rkyv(meta: &ParseNestedMeta<'_>) -> Result<Adapter> {
    const TEXT: &str = "of rkyv's own attributes, with = AsVec and with = Niche are supported \
                        in a message";
    if !meta.path.is_ident("with") {
        return Err(meta.error(TEXT));
    }
    let mut with: Type = meta.value()?.parse()?;
    while let Some(("Map", inner)) = generic(&with)
        .as_ref()
        .map(|(name, inner)| (&**name, inner))
    {
        with = inner.clone();
    }
    let name = match &with {
        Type::Path(TypePath { path, .. }) => path.segments.last().map(|last| &last.ident),
        _ => None,
    };
    match name {
        Some(name) if name == "AsVec" => Ok(Adapter::AsVec),
        Some(name) if name == "Niche" => Ok(Adapter::Niche),
        _ => Err(Error::new_spanned(with, TEXT)),
    }
}

impl Adapter {
    /// rkyv's type that does it for a field of this type.
    pub(crate) fn with(self, field: &Type) -> TokenStream {
        if let Some(inner) = self.inner(field) {
            let inner = self.with(&inner);
            return quote! { ::outrigger::__private::rkyv::with::Map<#inner> };
        }
        match self {
            Self::AsVec => quote! { ::outrigger::__private::rkyv::with::AsVec },
            Self::Niche => quote! { ::outrigger::__private::rkyv::with::Niche },
        }
    }

    /// Refuses a type that is known not to be archived so.
    ///
    /// # Errors
    /// Which types are.
    pub(crate) fn check(self, field: &Type) -> Result<()> {
        let innermost = self.innermost(field);
        let (wrong, text) = match self {
            Self::AsVec => (
                is_of_another_kind(&innermost, &["Option", "Box"]),
                "as_vec is for BTreeMap, HashMap, BTreeSet and HashSet, also within Vec, Option \
                 and arrays",
            ),
            Self::Niche => {
                let value = match generic(&innermost) {
                    Some((name, value)) if name == "Option" => value,
                    _ => innermost,
                };
                (
                    is_of_another_kind(&value, &["Vec", "BTreeMap", "HashMap"]),
                    "niche is for Option of a NonZero integer or of a Box, also within Vec, \
                     Option and arrays",
                )
            }
        };
        if wrong {
            Err(Error::new_spanned(field, text))
        } else {
            Ok(())
        }
    }

    /// The type of what a field holds, if it is that which is archived so.
    fn inner(self, field: &Type) -> Option<Type> {
        if let Type::Array(array) = plain(field) {
            return Some((*array.elem).clone());
        }
        let (name, inner) = generic(field)?;
        match (self, &*name) {
            (_, "Vec") | (Self::AsVec, "Option") => Some(inner),
            (Self::Niche, "Option") => {
                let is_option = generic(&inner).is_some_and(|(name, _)| name == "Option");
                (is_option || self.inner(&inner).is_some()).then_some(inner)
            }
            _ => None,
        }
    }

    /// The type of which a field holds one or more, and which is archived so.
    pub(crate) fn innermost(self, field: &Type) -> Type {
        match self.inner(field) {
            Some(inner) => self.innermost(&inner),
            None => plain(field).clone(),
        }
    }
}

/// The type without the group that a macro puts around it.
fn plain(mut item: &Type) -> &Type {
    while let Type::Group(TypeGroup { elem, .. }) | Type::Paren(TypeParen { elem, .. }) = item {
        item = elem;
    }
    item
}

/// True for tuples and the like, primitive types, texts, and these names; an alias may
/// be of any kind.
fn is_of_another_kind(item: &Type, others: &[&str]) -> bool {
    let Type::Path(TypePath { path, .. }) = plain(item) else {
        return true;
    };
    let name = path.segments.last().map(|last| last.ident.to_string());
    let name = name.unwrap_or_default();
    let primitive = name.starts_with(|c: char| c.is_ascii_lowercase());
    primitive || ["String", "Duration", "Result"].contains(&&*name) || others.contains(&&*name)
}

/// The last name of a path, and its first type argument.
fn generic(item: &Type) -> Option<(String, Type)> {
    let Type::Path(TypePath { path, .. }) = plain(item) else {
        return None;
    };
    let last = path.segments.last()?;
    let PathArguments::AngleBracketed(list) = &last.arguments else {
        return None;
    };
    let argument = list.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(item) => Some(item.clone()),
        _ => None,
    })?;
    Some((last.ident.to_string(), argument))
}
