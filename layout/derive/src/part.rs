//! How a field is archived: by its type, or as its attribute asks for.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Field, Type};

use crate::adapter::Adapter;

/// Types of fields of which no bound needs to speak.
#[rustfmt::skip]
const LEAVES: &[&str] = &[
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128",
    "u8", "u16", "u32", "u64", "u128", "String",
];

/// A field as it is archived.
pub(crate) struct Part {
    item: Type,
    /// rkyv's type that archives it, if it does not do that itself.
    pub(crate) with: Option<TokenStream>,
}

impl Part {
    pub(crate) fn of(field: &Field, adapter: Option<Adapter>) -> Self {
        Self {
            item: field.ty.clone(),
            with: adapter.map(|adapter| adapter.with(&field.ty)),
        }
    }

    /// The function that gives its node.
    pub(crate) fn node(&self) -> TokenStream {
        let item = &self.item;
        match &self.with {
            Some(with) => quote! { ::outrigger::__private::node::node_with::<#with, #item> },
            None => quote! { || <#item as ::outrigger::__private::schema::Schema>::NODE },
        }
    }

    /// The node as a constant.
    pub(crate) fn node_constant(&self) -> TokenStream {
        let item = &self.item;
        match &self.with {
            Some(with) => quote! {
                <#with as ::outrigger::__private::node::SchemaWith<#item>>::NODE
            },
            None => quote! { <#item as ::outrigger::__private::schema::Schema>::NODE },
        }
    }

    /// The bound under which its layout is known; `None` for a type that is always.
    pub(crate) fn bound(&self) -> Option<TokenStream> {
        let item = &self.item;
        let place = Span::call_site().located_at(item.span());
        match (&self.with, item) {
            (Some(with), _) => Some(quote_spanned! {place=>
                #with: ::outrigger::__private::node::SchemaWith<#item>
            }),
            (None, Type::Path(path)) if LEAVES.iter().any(|leaf| path.path.is_ident(leaf)) => None,
            (None, _) => {
                Some(quote_spanned! {place=> #item: ::outrigger::__private::schema::Schema })
            }
        }
    }

    /// Its size and alignment.
    pub(crate) fn layout(&self) -> TokenStream {
        let item = &self.item;
        match &self.with {
            Some(with) => quote! { ::outrigger::__private::node::layout_with::<#with, #item>() },
            None => quote! { ::outrigger::__private::node::layout_of::<#item>() },
        }
    }
}
