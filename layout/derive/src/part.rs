//! How a field is archived: by its type, or as its attribute asks for.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Field, Type};

use crate::adapter::Adapter;

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
            None => quote! { ::outrigger::__private::node::node::<#item> },
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

    /// Its size and alignment.
    pub(crate) fn layout(&self) -> TokenStream {
        let item = &self.item;
        match &self.with {
            Some(with) => quote! { ::outrigger::__private::node::layout_with::<#with, #item>() },
            None => quote! { ::outrigger::__private::node::layout_of::<#item>() },
        }
    }
}
