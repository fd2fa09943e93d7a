//! `#[message(extensible)]` and `#[outrigger(since = N)]`: what came when.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Data, Error, Expr, ExprLit, Fields, Lit, LitInt, Meta, Result, Token, Type};

use crate::part::Part;

/// Highest version; the lowest is 1.
const VERSION_MAX: u32 = 100;

/// The version in which each field of a struct, or each variant of an enum, came.
pub(crate) struct Versions {
    /// Empty if the message is not extensible.
    pub(crate) since: Vec<u32>,
    is_struct: bool,
}

impl Versions {
    /// Reads and removes the attributes.
    pub(crate) fn take(data: &mut Data, extensible: bool) -> Result<Self> {
        let mut since = Vec::new();
        let is_struct = matches!(data, Data::Struct(_));
        match data {
            Data::Struct(data) => {
                for field in &mut data.fields {
                    since.push(take_since(&mut field.attrs)?);
                }
            }
            Data::Enum(data) => {
                for variant in &mut data.variants {
                    since.push(take_since(&mut variant.attrs)?);
                    for field in &mut variant.fields {
                        if let Some(number) = take_since(&mut field.attrs)? {
                            let text = "a field comes with its variant: write `since` there";
                            return Err(Error::new_spanned(number, text));
                        }
                    }
                }
            }
            Data::Union(_) => {}
        }
        let versions = Self {
            since: check_order(&since, extensible)?,
            is_struct,
        };
        versions.check_types(data)?;
        Ok(versions)
    }

    /// True for an extensible struct, which stands behind a pointer.
    pub(crate) fn behind_pointer(&self) -> bool {
        self.is_struct && !self.since.is_empty()
    }

    /// What lints may not refuse: a variant that is appended is a pointer of four bytes,
    /// also if it is one to a String or Vec.
    pub(crate) fn allowed(&self) -> TokenStream {
        if self.since.is_empty() {
            return TokenStream::new();
        }
        quote! { #[allow(clippy::box_collection, clippy::vec_box)] }
    }

    /// What is appended can be told to be absent, or does not change the size.
    fn check_types(&self, data: &Data) -> Result<()> {
        let since = self.since.iter();
        match data {
            Data::Struct(data) => {
                let appended = data
                    .fields
                    .iter()
                    .zip(since)
                    .filter(|(_, since)| **since > 1);
                for (field, _) in appended {
                    if !is_named(&field.ty, "Option") {
                        let text = "an appended field is an Option: older writers do not have it";
                        return Err(Error::new_spanned(&field.ty, text));
                    }
                }
            }
            Data::Enum(data) => {
                let appended = data
                    .variants
                    .iter()
                    .zip(since)
                    .filter(|(_, since)| **since > 1);
                for (variant, _) in appended {
                    let mut fields = variant.fields.iter();
                    let first = fields.next();
                    let boxed = first.is_none_or(|field| is_named(&field.ty, "Box"));
                    if !boxed || fields.next().is_some() {
                        let text = "an appended variant has no fields or exactly one, a Box";
                        return Err(Error::new_spanned(variant, text));
                    }
                }
            }
            Data::Union(_) => {}
        }
        Ok(())
    }

    /// What the compiler is to check of an extensible struct, as statements.
    pub(crate) fn struct_checks(
        &self,
        name: &Ident,
        fields: &Fields,
        parts: &[Part],
    ) -> TokenStream {
        if self.since.is_empty() {
            return TokenStream::new();
        }
        let archived = format_ident!("Archived{name}");
        let rows = parts.iter().zip(fields.members()).zip(&self.since);
        let rows = rows.map(|((part, member), since)| {
            let layout = part.layout();
            quote! {{
                let (size, align) = #layout;
                (size, align, ::core::mem::offset_of!(#archived, #member), #since)
            }}
        });
        let appended = parts.iter().zip(&self.since);
        let appended = appended.filter(|(_, since)| **since > 1);
        let appended = appended.map(|(part, _)| part.node_constant());
        quote! {
            #(assert!(
                ::outrigger::__private::schema::appended::is_optional(#appended),
                "an appended field is an Option: older writers do not have it"
            );)*
            ::outrigger::__private::schema::appended::check_struct(
                &[#(#rows),*],
                ::outrigger::__private::node::layout_of::<#name>(),
            );
        }
    }

    /// What the compiler is to check of an extensible enum, as statements. The layouts
    /// are those of its variants.
    pub(crate) fn enum_checks(&self, name: &Ident, layouts: &[TokenStream]) -> TokenStream {
        if self.since.is_empty() {
            return TokenStream::new();
        }
        let first = layouts.iter().zip(&self.since);
        let first = first.filter(|(_, since)| **since == 1);
        let first = first.map(|(layout, _)| layout);
        quote! {
            ::outrigger::__private::schema::appended::check_enum(
                &[#(#first),*],
                ::outrigger::__private::node::layout_of::<#name>(),
            );
        }
    }
}

/// The versions in numbers, none if the message is not extensible.
fn check_order(since: &[Option<LitInt>], extensible: bool) -> Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for literal in since {
        let number = match literal {
            None => 1,
            Some(literal) if !extensible => {
                let text = "`since` is for messages marked #[outrigger::message(extensible)]";
                return Err(Error::new_spanned(literal, text));
            }
            Some(literal) => match literal.base10_parse()? {
                number @ 2..=VERSION_MAX => number,
                _ => {
                    let text = format!("a version is a number from 2 to {VERSION_MAX}");
                    return Err(Error::new_spanned(literal, text));
                }
            },
        };
        if let Some(last) = numbers.last().filter(|last| **last > number) {
            let span = since.iter().flatten().next_back().map(Spanned::span);
            let text = format!(
                "what is of version {number} stands before what is of version {last}: \
                 append, in the order of versions"
            );
            let span = literal.as_ref().map(Spanned::span).or(span);
            return Err(Error::new(span.expect("one has a version"), text));
        }
        numbers.push(number);
    }
    if !extensible {
        numbers.clear();
    }
    Ok(numbers)
}

/// Reads `since = N` of `#[outrigger(…)]` and removes it.
fn take_since(attributes: &mut Vec<Attribute>) -> Result<Option<LitInt>> {
    let mut since = None;
    let mut kept = Vec::new();
    for mut attribute in attributes.drain(..) {
        if !attribute.path().is_ident("outrigger") {
            kept.push(attribute);
            continue;
        }
        let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
        let mut others = Punctuated::<Meta, Token![,]>::new();
        for meta in attribute.parse_args_with(parser)? {
            match number_of(&meta)? {
                Some(number) => since = Some(number),
                None => others.push(meta),
            }
        }
        if let (false, Meta::List(list)) = (others.is_empty(), &mut attribute.meta) {
            list.tokens = quote! { #others };
            kept.push(attribute);
        }
    }
    *attributes = kept;
    Ok(since)
}

fn number_of(meta: &Meta) -> Result<Option<LitInt>> {
    if !meta.path().is_ident("since") {
        return Ok(None);
    }
    if let Meta::NameValue(pair) = meta
        && let Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) = &pair.value
    {
        return Ok(Some(number.clone()));
    }
    Err(Error::new_spanned(
        meta,
        "write the version as a number: since = 2",
    ))
}

/// Whether a type is written by that name.
fn is_named(kind: &Type, name: &str) -> bool {
    match kind {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| last.ident == name)
        }
        // What a macro was given as a type.
        Type::Group(group) => is_named(&group.elem, name),
        Type::Paren(paren) => is_named(&paren.elem, name),
        _ => false,
    }
}
