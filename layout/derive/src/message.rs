//! `#[message]`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Data, DataEnum, DeriveInput, Error, Expr, ExprLit, Fields, Generics, Ident, Lit, LitStr,
    Result, TypePath, Variant, WherePredicate, parse_quote,
};

use crate::adapter;
use crate::part::Part;
use crate::versions::Versions;
use crate::{document, parameters, refusal};

/// The attribute's own arguments.
#[derive(Default)]
struct Options {
    name: Option<String>,
    extensible: bool,
}

impl Options {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("extensible") {
            self.extensible = true;
            return Ok(());
        }
        if !meta.path.is_ident("name") {
            return Err(meta.error("allowed here: name = \"…\", extensible"));
        }
        let literal: LitStr = meta.value()?.parse()?;
        let name = literal.value();
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !begins || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let text = "a message's name is of A-Z, a-z, 0-9 and _, and begins with a letter";
            return Err(Error::new_spanned(literal, text));
        }
        self.name = Some(name);
        Ok(())
    }
}

/// Expands the attribute on an item.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut options = Options::default();
    syn::meta::parser(|meta| options.read(&meta)).parse2(arguments)?;
    let mut input: DeriveInput = syn::parse2(item)?;
    let versions = Versions::take(&mut input.data, options.extensible)?;
    parameters::check(&input.generics)?;
    if options.extensible && !input.generics.params.is_empty() {
        let text = "an extensible message takes no parameters";
        return Err(Error::new_spanned(&input.generics, text));
    }
    let (_, arguments, _) = input.generics.split_for_impl();
    let (ident, arguments) = (&input.ident, quote! { #arguments });
    let mut itself: TypePath = parse_quote!(#ident #arguments);
    // Not the span of the definition: a lint would ask there for `Self`.
    itself.path.segments[0].ident.set_span(Span::call_site());
    SelfByName(itself).visit_data_mut(&mut input.data);
    let parts = mark_fields(&mut input.data)?;
    let name = options.name.unwrap_or_else(|| unraw(&input.ident));
    let shape = match &input.data {
        Data::Struct(data) => struct_shape(&input, &name, &data.fields, &parts, &versions),
        Data::Enum(data) => enum_shape(&input, &name, data, &parts, &versions)?,
        Data::Union(_) => {
            let text = "a union cannot be a message: use an enum";
            return Err(Error::new_spanned(&input.ident, text));
        }
    };
    Ok(implementations(&input, &parts, &shape, &versions))
}

/// The item with rkyv's derives, and what makes a message of it.
fn implementations(
    input: &DeriveInput,
    parts: &[Part],
    shape: &TokenStream,
    versions: &Versions,
) -> TokenStream {
    let derives = derives(&input.generics, parts);
    // Of an instance, the nodes are known where it is used.
    let is_instance = input.generics.params.is_empty();
    let nodes = parts
        .iter()
        .map(Part::node_constant)
        .filter(|_| is_instance);
    let allowed = versions.allowed();
    let layout = layout_impl(input, shape, versions);
    let message = message_impl(input, parts, versions);
    quote! {
        // Looked at here, so that what a field's own node refuses is an error of the type.
        #(const _: &::outrigger::__private::schema::Node = #nodes;)*

        #derives
        #allowed
        #input

        #layout
        #message
    }
}

/// The type's node: of a member, or of a root only.
fn layout_impl(input: &DeriveInput, shape: &TokenStream, versions: &Versions) -> TokenStream {
    let (role, constant) = if versions.behind_pointer() {
        (quote! { Root }, quote! { ROOT })
    } else {
        (quote! { Schema }, quote! { NODE })
    };
    let name = &input.ident;
    let generics = parameters::described(&input.generics);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let looked_at = input.generics.params.is_empty().then(|| {
        quote! {
            const _: &::outrigger::__private::schema::Node =
                <#name as ::outrigger::__private::schema::#role>::#constant;
        }
    });
    quote! {
        impl #impl_generics ::outrigger::__private::schema::#role for #name #ty_generics
        #where_clause
        {
            const #constant: &'static ::outrigger::__private::schema::Node =
                &::outrigger::__private::node::shaped::<#name #ty_generics>(#shape);
        }

        #looked_at
    }
}

fn message_impl(input: &DeriveInput, parts: &[Part], versions: &Versions) -> TokenStream {
    let message = quote! { ::outrigger::__private::message };
    let (encode, access, upgraded) = if versions.behind_pointer() {
        let upgraded = quote! {
            fn upgraded(
                bytes: &[u8],
            ) -> ::core::option::Option<#message::ArchiveMemory> {
                #message::extensible::upgraded::<Self>(bytes)
            }
        };
        let module = quote! { #message::extensible };
        (
            quote! { #module::encode },
            quote! { #module::access },
            Some(upgraded),
        )
    } else {
        (quote! { #message::encode }, quote! { #message::view }, None)
    };
    let name = &input.ident;
    let mut generics = parameters::bounded(&input.generics);
    if generics.params.is_empty() {
        let bounds = parts.iter().filter_map(Part::bound);
        let predicates = &mut generics.make_where_clause().predicates;
        predicates.extend(bounds.map(|bound| -> WherePredicate { parse_quote!(#bound) }));
    }
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote! {
        impl #impl_generics ::outrigger::Message for #name #ty_generics #where_clause {
            fn encode(
                &self,
                writer: &mut #message::Writer<'_>,
            ) -> ::core::result::Result<(), ::outrigger::Error> {
                #encode(self, writer)
            }

            fn access(
                bytes: &[u8],
            ) -> ::core::result::Result<&::outrigger::Archived<Self>, ::outrigger::Error> {
                #access::<Self>(bytes)
            }

            #upgraded

            fn load(
                archived: &::outrigger::Archived<Self>,
            ) -> ::core::result::Result<Self, ::outrigger::Error> {
                #message::load::<Self>(archived)
            }
        }
    }
}

/// Writes the type's name for `Self` in its fields: their types are repeated where
/// `Self` is another type, or none.
struct SelfByName(TypePath);

impl VisitMut for SelfByName {
    fn visit_type_path_mut(&mut self, path: &mut TypePath) {
        if path.path.is_ident("Self") {
            *path = self.0.clone();
        }
        visit_mut::visit_type_path_mut(self, path);
    }
}

/// rkyv's derives. The bounds are those under which all allowed types archive; so
/// no field needs one of its own, and types may recurse. Each field's type is bound to
/// be part of a message, which takes no look at what that holds in turn: so a type that
/// is none is one error and not one for each item that is derived.
fn derives(generics: &Generics, parts: &[Part]) -> TokenStream {
    let [mut archive, serialize, deserialize, check] = parameters::bounds(generics);
    if generics.params.is_empty() {
        archive.extend(parts.iter().filter_map(Part::bound));
    }
    quote! {
        #[derive(
            ::outrigger::__private::rkyv::Archive,
            ::outrigger::__private::rkyv::Serialize,
            ::outrigger::__private::rkyv::Deserialize,
        )]
        #[rkyv(
            crate = ::outrigger::__private::rkyv,
            archive_bounds(#(#archive),*),
            serialize_bounds(
                #(#serialize,)*
                __S: ::outrigger::__private::rkyv::ser::Writer
                    + ::outrigger::__private::rkyv::ser::Allocator,
                <__S as ::outrigger::__private::rkyv::rancor::Fallible>::Error:
                    ::outrigger::__private::rkyv::rancor::Source,
            ),
            deserialize_bounds(
                #(#deserialize,)*
                <__D as ::outrigger::__private::rkyv::rancor::Fallible>::Error:
                    ::outrigger::__private::rkyv::rancor::Source,
            ),
            bytecheck(bounds(
                #(#check,)*
                __C: ::outrigger::__private::rkyv::validation::ArchiveContext,
                <__C as ::outrigger::__private::rkyv::rancor::Fallible>::Error:
                    ::outrigger::__private::rkyv::rancor::Source,
            )),
            attr(allow(missing_docs, missing_debug_implementations)),
        )]
    }
}

/// Has rkyv archive the fields as their attributes say, which are removed; returns
/// how, for all of them in the order of declaration.
fn mark_fields(data: &mut Data) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut mark = |fields: &mut Fields| -> Result<()> {
        for field in fields {
            let adapter = adapter::take(field)?;
            adapter.map_or(Ok(()), |adapter| adapter.check(&field.ty))?;
            refusal::check(&field.ty, adapter)?;
            let part = Part::of(field, adapter);
            let with = part.with.iter();
            field
                .attrs
                .push(parse_quote!(#[rkyv(omit_bounds #(, with = #with)*)]));
            parts.push(part);
        }
        Ok(())
    };
    match data {
        Data::Struct(data) => mark(&mut data.fields)?,
        Data::Enum(data) => data
            .variants
            .iter_mut()
            .try_for_each(|variant| mark(&mut variant.fields))?,
        Data::Union(_) => {}
    }
    Ok(parts)
}

fn struct_shape(
    input: &DeriveInput,
    name: &str,
    fields: &Fields,
    parts: &[Part],
    versions: &Versions,
) -> TokenStream {
    let archived = format_ident!("Archived{}", input.ident);
    let (_, ty_generics, _) = input.generics.split_for_impl();
    let offsets = fields.members().map(|member| {
        quote! { ::core::mem::offset_of!(#archived #ty_generics, #member) }
    });
    let fields_data = field_nodes(fields, parts, offsets);
    let tuple = matches!(fields, Fields::Unnamed(_));
    let (text, path) = (document::text(&input.attrs), path_of(&input.ident));
    let arguments = parameters::nodes(&input.generics);
    let (checks, since) = (
        versions.struct_checks(&input.ident, fields, parts),
        &versions.since,
    );
    quote! {
        {
            #checks
            ::outrigger::__private::node::Shape::Struct(
                ::outrigger::__private::node::StructNode {
                    name: #name, path: #path, arguments: #arguments, doc: #text,
                    tuple: #tuple, fields: #fields_data, since: &[#(#since),*],
                }
            )
        }
    }
}

fn enum_shape(
    input: &DeriveInput,
    name: &str,
    data: &DataEnum,
    parts: &[Part],
    versions: &Versions,
) -> Result<TokenStream> {
    let ident = &input.ident;
    if data.variants.is_empty() {
        let text = "an enum without variants has no values: it cannot be a message";
        return Err(Error::new_spanned(ident, text));
    }
    let tags = tags(data)?;
    let (mut rest, mut variants, mut layouts) = (parts, Vec::new(), Vec::new());
    for (variant, tag) in data.variants.iter().zip(tags) {
        let (own, others) = rest.split_at(variant.fields.len());
        rest = others;
        let own_layouts = own.iter().map(Part::layout).collect::<Vec<_>>();
        variants.push(variant_node(variant, tag, own, &own_layouts));
        layouts.push(quote! { &[#(#own_layouts),*] });
    }
    let (text, path) = (document::text(&input.attrs), path_of(ident));
    let arguments = parameters::nodes(&input.generics);
    let (_, ty_generics, _) = input.generics.split_for_impl();
    let (checks, since) = (versions.enum_checks(ident, &layouts), &versions.since);
    Ok(quote! {
        {
            #checks
            assert!(
                ::outrigger::__private::node::enum_size(&[#(#layouts),*])
                    == ::outrigger::__private::node::layout_of::<#ident #ty_generics>().0,
                "rkyv lays this enum out in another way than its schema says"
            );
            ::outrigger::__private::node::Shape::Enum(::outrigger::__private::node::EnumNode {
                name: #name, path: #path, arguments: #arguments, doc: #text,
                // A constant of its own, as it takes function calls.
                variants: const { &[#(#variants),*] },
                since: &[#(#since),*],
            })
        }
    })
}

fn variant_node(
    variant: &Variant,
    tag: u8,
    parts: &[Part],
    layouts: &[TokenStream],
) -> TokenStream {
    let offsets = (0..parts.len()).map(|index| {
        quote! { ::outrigger::__private::node::variant_offsets([#(#layouts),*])[#index] }
    });
    let fields = field_nodes(&variant.fields, parts, offsets);
    let tuple = matches!(variant.fields, Fields::Unnamed(_));
    let (name, text) = (unraw(&variant.ident), document::text(&variant.attrs));
    quote! {
        ::outrigger::__private::node::VariantNode {
            name: #name, doc: #text, tag: #tag, tuple: #tuple, fields: #fields,
        }
    }
}

fn field_nodes(
    fields: &Fields,
    parts: &[Part],
    offsets: impl Iterator<Item = TokenStream>,
) -> TokenStream {
    let all = fields.iter().zip(parts).zip(offsets).enumerate();
    let nodes = all.map(|(index, ((field, part), offset))| {
        let name = field
            .ident
            .as_ref()
            .map_or_else(|| index.to_string(), unraw);
        let (text, node) = (document::text(&field.attrs), part.node());
        quote! {
            ::outrigger::__private::node::FieldNode {
                name: #name, doc: #text, offset: #offset, node: #node,
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
