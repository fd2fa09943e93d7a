//! `#[message]`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Data, DataEnum, DeriveInput, Error, Expr, ExprLit, Field, Fields, Ident, Lit,
    Result, Type, TypePath, Variant, parse_quote,
};

use crate::{document, refusal};

/// Expands the attribute on an item.
pub(crate) fn expand(arguments: &TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        let text = "#[outrigger::message] takes no arguments";
        return Err(Error::new_spanned(arguments, text));
    }
    let mut input: DeriveInput = syn::parse2(item)?;
    check(&input)?;
    SelfByName(input.ident.clone()).visit_data_mut(&mut input.data);
    let shape = match &input.data {
        Data::Struct(data) => struct_shape(&input, &data.fields),
        Data::Enum(data) => enum_shape(&input, data)?,
        Data::Union(_) => {
            let text = "a union cannot be a message: use an enum";
            return Err(Error::new_spanned(&input.ident, text));
        }
    };
    let types = fields(&input.data)
        .into_iter()
        .map(|field| field.ty.clone());
    let types = types.collect::<Vec<_>>();
    mark_fields(&mut input.data);
    let name = &input.ident;
    let derives = derives();
    Ok(quote! {
        #derives
        #input

        // Looked at here, so that what a field's own node refuses is an error of the type.
        #(const _: &::outrigger::__private::schema::Node =
            <#types as ::outrigger::__private::schema::Schema>::NODE;)*

        impl ::outrigger::__private::schema::Schema for #name {
            const NODE: &'static ::outrigger::__private::schema::Node =
                &::outrigger::__private::node::shaped::<#name>(#shape);
        }

        impl ::outrigger::Message for #name {
            fn encode(
                &self,
                writer: &mut ::outrigger::__private::message::Writer<'_>,
            ) -> ::core::result::Result<(), ::outrigger::Error> {
                ::outrigger::__private::message::encode(self, writer)
            }

            fn access(
                bytes: &[u8],
            ) -> ::core::result::Result<&::outrigger::Archived<Self>, ::outrigger::Error> {
                ::outrigger::__private::message::access::<::outrigger::Archived<Self>>(bytes)
            }

            fn load(
                archived: &::outrigger::Archived<Self>,
            ) -> ::core::result::Result<Self, ::outrigger::Error> {
                ::outrigger::__private::message::load::<Self>(archived)
            }
        }
    })
}

/// Writes the type's name for `Self` in its fields: their types are repeated where
/// `Self` is another type, or none.
struct SelfByName(Ident);

impl VisitMut for SelfByName {
    fn visit_type_path_mut(&mut self, path: &mut TypePath) {
        if path.path.is_ident("Self") {
            // Not the span of the definition: a lint would ask there for `Self`.
            let mut name = self.0.clone();
            name.set_span(Span::call_site());
            path.path = name.into();
        }
        visit_mut::visit_type_path_mut(self, path);
    }
}

/// What cannot be a message at all.
fn check(input: &DeriveInput) -> Result<()> {
    if !input.generics.params.is_empty() {
        let text = "a message takes no parameters: write one type for each instance";
        return Err(Error::new_spanned(&input.generics, text));
    }
    for field in fields(&input.data) {
        refusal::check(&field.ty)?;
        let foreign = |attribute: &&Attribute| attribute.path().is_ident("rkyv");
        if let Some(attribute) = field.attrs.iter().find(foreign) {
            let text = "rkyv's own attributes are not supported in a message";
            return Err(Error::new_spanned(attribute, text));
        }
    }
    Ok(())
}

fn fields(data: &Data) -> Vec<&Field> {
    match data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => {
            let variants = data.variants.iter();
            variants.flat_map(|variant| &variant.fields).collect()
        }
        Data::Union(_) => Vec::new(),
    }
}

/// rkyv's derives. The bounds are those under which all allowed types archive; so
/// no field needs one of its own, and types may recurse.
fn derives() -> TokenStream {
    quote! {
        #[derive(
            ::outrigger::__private::rkyv::Archive,
            ::outrigger::__private::rkyv::Serialize,
            ::outrigger::__private::rkyv::Deserialize,
        )]
        #[rkyv(
            crate = ::outrigger::__private::rkyv,
            serialize_bounds(
                __S: ::outrigger::__private::rkyv::ser::Writer
                    + ::outrigger::__private::rkyv::ser::Allocator,
                <__S as ::outrigger::__private::rkyv::rancor::Fallible>::Error:
                    ::outrigger::__private::rkyv::rancor::Source,
            ),
            deserialize_bounds(
                <__D as ::outrigger::__private::rkyv::rancor::Fallible>::Error:
                    ::outrigger::__private::rkyv::rancor::Source,
            ),
            bytecheck(bounds(
                __C: ::outrigger::__private::rkyv::validation::ArchiveContext,
                <__C as ::outrigger::__private::rkyv::rancor::Fallible>::Error:
                    ::outrigger::__private::rkyv::rancor::Source,
            )),
            attr(allow(missing_docs, missing_debug_implementations)),
        )]
    }
}

fn mark_fields(data: &mut Data) {
    let omit: Attribute = parse_quote!(#[rkyv(omit_bounds)]);
    let mark = |fields: &mut Fields| {
        for field in fields {
            field.attrs.push(omit.clone());
        }
    };
    match data {
        Data::Struct(data) => mark(&mut data.fields),
        Data::Enum(data) => data
            .variants
            .iter_mut()
            .for_each(|variant| mark(&mut variant.fields)),
        Data::Union(_) => {}
    }
}

fn struct_shape(input: &DeriveInput, fields: &Fields) -> TokenStream {
    let name = &input.ident;
    let archived = format_ident!("Archived{name}");
    let offsets = fields.members().map(|member| {
        quote! { ::core::mem::offset_of!(#archived, #member) }
    });
    let fields_data = field_nodes(fields, offsets);
    let tuple = matches!(fields, Fields::Unnamed(_));
    let (text, path) = (document::text(&input.attrs), path_of(name));
    let name = unraw(name);
    quote! {
        ::outrigger::__private::node::Shape::Struct(
            ::outrigger::__private::node::StructNode {
                name: #name, path: #path, doc: #text, tuple: #tuple, fields: #fields_data,
            }
        )
    }
}

fn enum_shape(input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    let name = &input.ident;
    if data.variants.is_empty() {
        let text = "an enum without variants has no values: it cannot be a message";
        return Err(Error::new_spanned(name, text));
    }
    let tags = tags(data)?;
    let variants = data.variants.iter().zip(&tags).map(variant_node);
    let layouts = data.variants.iter().map(|variant| {
        let types = variant.fields.iter().map(|field| &field.ty);
        quote! { &[#(::outrigger::__private::node::layout_of::<#types>()),*] }
    });
    let (text, path) = (document::text(&input.attrs), path_of(name));
    let plain = unraw(name);
    Ok(quote! {
        {
            assert!(
                ::outrigger::__private::node::enum_size(&[#(#layouts),*])
                    == ::outrigger::__private::node::layout_of::<#name>().0,
                "rkyv lays this enum out in another way than its schema says"
            );
            ::outrigger::__private::node::Shape::Enum(::outrigger::__private::node::EnumNode {
                name: #plain, path: #path, doc: #text, variants: &[#(#variants),*],
            })
        }
    })
}

fn variant_node((variant, tag): (&Variant, &u8)) -> TokenStream {
    let types = variant
        .fields
        .iter()
        .map(|field| &field.ty)
        .collect::<Vec<&Type>>();
    let (count, indices) = (types.len(), 0..types.len());
    let offsets = indices.map(|index| quote! { OFFSETS[#index] });
    let fields = field_nodes(&variant.fields, offsets);
    let tuple = matches!(variant.fields, Fields::Unnamed(_));
    let (name, text) = (unraw(&variant.ident), document::text(&variant.attrs));
    quote! {
        ::outrigger::__private::node::VariantNode {
            name: #name, doc: #text, tag: #tag, tuple: #tuple,
            fields: {
                #[allow(dead_code)]
                const OFFSETS: [usize; #count] = ::outrigger::__private::node::variant_offsets([
                    #(::outrigger::__private::node::layout_of::<#types>()),*
                ]);
                #fields
            },
        }
    }
}

fn field_nodes(fields: &Fields, offsets: impl Iterator<Item = TokenStream>) -> TokenStream {
    let nodes = fields
        .iter()
        .zip(offsets)
        .enumerate()
        .map(|(index, (field, offset))| {
            let name = field
                .ident
                .as_ref()
                .map_or_else(|| index.to_string(), unraw);
            let (text, kind) = (document::text(&field.attrs), &field.ty);
            quote! {
                ::outrigger::__private::node::FieldNode {
                    name: #name, doc: #text, offset: #offset,
                    node: ::outrigger::__private::node::node::<#kind>,
                }
            }
        });
    quote! { &[#(#nodes),*] }
}

/// The tag byte of each variant: its discriminant, or one more than the one before.
fn tags(data: &DataEnum) -> Result<Vec<u8>> {
    let mut next = 0_u16;
    let mut tags = Vec::new();
    for variant in &data.variants {
        if let Some((_, value)) = &variant.discriminant {
            let Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            }) = value
            else {
                let text = "write the discriminant as a number from 0 to 255";
                return Err(Error::new_spanned(value, text));
            };
            next = u16::from(number.base10_parse::<u8>()?);
        }
        let tag = u8::try_from(next).map_err(|_| {
            Error::new_spanned(variant, "an enum has at most 256 variants, tags 0 to 255")
        })?;
        tags.push(tag);
        next += 1;
    }
    Ok(tags)
}

/// An expression for the path that tells types of one name apart.
fn path_of(name: &Ident) -> TokenStream {
    let name = unraw(name);
    quote! { ::core::concat!(::core::module_path!(), "::", #name) }
}

/// A name as text, `type` for `r#type`.
pub(crate) fn unraw(name: &Ident) -> String {
    let text = name.to_string();
    text.strip_prefix("r#").unwrap_or(&text).to_owned()
}
