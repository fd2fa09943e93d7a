//! Type parameters of messages: `struct Page<T> { items: Vec<T> }`.
//!
//! Each instance is a message of its own, of the name `Page<Item>`; in Go, `PageOfItem`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, GenericParam, Generics, Ident, Result, parse_quote};

/// Refuses parameters that are not types.
///
/// # Errors
/// What to do instead.
pub(crate) fn check(generics: &Generics) -> Result<()> {
    for parameter in &generics.params {
        let text = match parameter {
            GenericParam::Type(_) => continue,
            GenericParam::Lifetime(_) => {
                "references cannot cross: use an owned type such as String, Vec or Box"
            }
            GenericParam::Const(_) => {
                "a message's parameters are types: write one message for each number"
            }
        };
        return Err(Error::new_spanned(parameter, text));
    }
    Ok(())
}

fn names(generics: &Generics) -> Vec<&Ident> {
    generics
        .type_params()
        .map(|parameter| &parameter.ident)
        .collect()
}

/// The parameters with the bounds under which an instance is a message.
pub(crate) fn bounded(generics: &Generics) -> Generics {
    bounded_by(
        generics,
        &quote! { ::outrigger::__private::message::Argument },
    )
}

/// The parameters with the bounds under which an instance's layout is known. They do
/// not ask what else an argument is: it may be the type in which the instance stands,
/// as in `struct Comment { replies: Page<Comment> }`, and be that only if this holds.
pub(crate) fn described(generics: &Generics) -> Generics {
    bounded_by(generics, &quote! { ::outrigger::__private::schema::Schema })
}

fn bounded_by(generics: &Generics, bound: &TokenStream) -> Generics {
    let mut bounded = generics.clone();
    for name in names(generics) {
        let predicates = &mut bounded.make_where_clause().predicates;
        predicates.push(parse_quote!(#name: #bound));
    }
    bounded
}

/// The bounds under which an instance is archived, serialized, deserialized and
/// checked.
pub(crate) fn bounds(generics: &Generics) -> [Vec<TokenStream>; 4] {
    let names = names(generics);
    let bounds = |bound: fn(&Ident) -> TokenStream| names.iter().map(|name| bound(name)).collect();
    [
        bounds(|name| quote! { #name: ::outrigger::__private::schema::Schema }),
        bounds(|name| quote! { #name: ::outrigger::__private::rkyv::Serialize<__S> }),
        bounds(|name| {
            quote! {
                ::outrigger::Archived<#name>: ::outrigger::__private::rkyv::Deserialize<#name, __D>
            }
        }),
        bounds(|name| {
            quote! {
                ::outrigger::Archived<#name>:
                    ::outrigger::__private::rkyv::bytecheck::CheckBytes<__C>
            }
        }),
    ]
}

/// The functions that give the nodes of an instance's types.
pub(crate) fn nodes(generics: &Generics) -> TokenStream {
    let names = names(generics);
    quote! { &[#(::outrigger::__private::node::node::<#names>),*] }
}
