//! `#[service]`.

use heck::ToSnakeCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Error, Ident, Item, ItemTrait, Result, TraitItem, parse_quote};

use crate::constant::Constant;
use crate::document;
use crate::message::unraw;
use crate::method::{Method, checked_name};

/// The attribute's own arguments.
#[derive(Default)]
struct Options {
    name: Option<String>,
    json: bool,
    /// Without a client of Rust's: for the server's own crate, which knows none.
    no_client: bool,
}

impl Options {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("name") {
            self.name = Some(checked_name(&meta.value()?.parse()?)?);
        } else if meta.path.is_ident("json") {
            self.json = true;
        } else if meta.path.is_ident("no_client") {
            self.no_client = true;
        } else {
            return Err(meta.error("allowed here: name = \"…\", json"));
        }
        Ok(())
    }
}

/// Expands the attribute on a trait.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut options = Options::default();
    syn::meta::parser(|meta| options.read(&meta)).parse2(arguments)?;
    let mut item = parse_trait(item)?;
    if !item.generics.params.is_empty() {
        let text = "a service takes no parameters";
        return Err(Error::new_spanned(&item.generics, text));
    }
    let constants = parse_constants(&mut item)?;
    let methods = parse_methods(&mut item)?;
    if !options.no_client {
        check_constructor(&methods)?;
    }
    // A program that only calls the service implements it nowhere.
    item.attrs.push(parse_quote!(#[allow(dead_code)]));
    item.supertraits.push(parse_quote!(::core::marker::Send));
    item.supertraits.push(parse_quote!(::core::marker::Sync));
    item.supertraits.push(parse_quote!('static));
    let plain = unraw(&item.ident);
    let name = options.name.unwrap_or_else(|| plain.to_snake_case());
    let suffix = if options.no_client {
        "Schema"
    } else {
        "Client"
    };
    let owner = format_ident!("{}{suffix}", item.ident);
    let server = server(&item, &owner, &methods, options.json);
    let schema = schema(&item, &owner, &name, &constants, &methods, options.json);
    let client = if options.no_client {
        without_client(&item, &owner)
    } else {
        client(&item, &owner, &methods)
    };
    Ok(quote! { #item #server #client #schema })
}

/// The trait, or where the attribute belongs if it is on something else.
fn parse_trait(item: TokenStream) -> Result<ItemTrait> {
    match syn::parse2(item)? {
        Item::Trait(item) => Ok(item),
        Item::Impl(item) => {
            let text = "an implementation of a service needs no attribute: put it on the trait";
            Err(Error::new_spanned(item.impl_token, text))
        }
        other => {
            let text = "#[outrigger::service] is for a trait: put it on the trait";
            Err(Error::new_spanned(other, text))
        }
    }
}

/// Takes the constants out of the trait.
fn parse_constants(item: &mut ItemTrait) -> Result<Vec<Constant>> {
    let mut constants = Vec::new();
    let mut others = Vec::new();
    for member in item.items.drain(..) {
        match member {
            TraitItem::Const(constant) => constants.push(Constant::parse(&constant)?),
            other => others.push(other),
        }
    }
    item.items = others;
    Ok(constants)
}

fn parse_methods(item: &mut ItemTrait) -> Result<Vec<Method>> {
    let mut methods: Vec<Method> = Vec::new();
    for member in &mut item.items {
        let TraitItem::Fn(function) = member else {
            let text = "a service has methods and constants only";
            return Err(Error::new_spanned(member, text));
        };
        let method = Method::parse(function)?;
        if let Some(other) = methods.iter().find(|other| other.name == method.name) {
            let text = format!("two methods are named {:?}", other.name);
            return Err(Error::new_spanned(&method.ident, text));
        }
        methods.push(method);
    }
    if methods.is_empty() {
        let text = "a service has at least one method";
        return Err(Error::new_spanned(&item.ident, text));
    }
    Ok(methods)
}

/// The client's own `new` is taken: it has a method for each of the trait's.
fn check_constructor(methods: &[Method]) -> Result<()> {
    match methods.iter().find(|method| method.ident == "new") {
        Some(method) => {
            let text = "the client has a `new` of its own: call the function otherwise, with \
                        #[outrigger(name = \"new\")] above it";
            Err(Error::new_spanned(&method.ident, text))
        }
        None => Ok(()),
    }
}

/// The messages of all methods, each once: a type that is none is one error and not one
/// for each use.
fn bounds(methods: &[Method]) -> Vec<TokenStream> {
    let all = methods.iter().flat_map(Method::bounds);
    let mut texts = Vec::new();
    all.filter(|bound| {
        let text = bound.to_string();
        let is_new = !texts.contains(&text);
        texts.push(text);
        is_new
    })
    .collect()
}

fn server(item: &ItemTrait, owner: &Ident, methods: &[Method], json: bool) -> TokenStream {
    let (ident, visibility) = (&item.ident, &item.vis);
    let server = format_ident!("{ident}Server");
    let doc = format!(
        "Serves an implementation of [`{ident}`]: \
         `Server::builder().service({server}::new(implementation))`."
    );
    let bounds = bounds(methods);
    let handlers = methods.iter().enumerate();
    let handlers = handlers.map(|(index, method)| method.handler(index, owner, json));
    quote! {
        #[doc = #doc]
        #visibility struct #server<__Implementation>(::std::sync::Arc<__Implementation>);

        impl<__Implementation: #ident> #server<__Implementation> {
            /// Serves this implementation.
            pub fn new(implementation: __Implementation) -> Self {
                Self(::std::sync::Arc::new(implementation))
            }

            /// Serves an implementation that others hold, too.
            pub fn shared(implementation: ::std::sync::Arc<__Implementation>) -> Self {
                Self(implementation)
            }
        }

        impl<__Implementation: #ident> ::outrigger::Service for #server<__Implementation>
        where #(#bounds,)*
        {
            fn handlers(self) -> ::std::vec::Vec<::std::sync::Arc<dyn ::outrigger::Handler>> {
                let shared = self.0;
                ::std::vec![#(#handlers),*]
            }
        }

        impl<__Implementation> ::core::fmt::Debug for #server<__Implementation> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(::core::stringify!(#server))
            }
        }
    }
}

/// What describes the service to other languages, and its constants.
fn schema(
    item: &ItemTrait,
    owner: &Ident,
    name: &str,
    constants: &[Constant],
    methods: &[Method],
    json: bool,
) -> TokenStream {
    let (plain, text) = (unraw(&item.ident), document::text(&item.attrs));
    let constant_nodes = constants.iter().map(|constant| constant.node(owner));
    let constants = constants.iter().map(Constant::item);
    let nodes = methods.iter().map(|method| method.node(name, owner, json));
    quote! {
        impl #owner {
            #(#constants)*

            /// What the service looks like to other languages.
            pub const SCHEMA: &'static ::outrigger::__private::schema::ServiceNode =
                &::outrigger::__private::schema::ServiceNode {
                    name: #name,
                    rust_name: #plain,
                    doc: #text,
                    constants: &[#(#constant_nodes),*],
                    methods: &[#(#nodes),*],
                };
        }
    }
}

/// What holds the schema in a client's place.
fn without_client(item: &ItemTrait, owner: &Ident) -> TokenStream {
    let visibility = &item.vis;
    let doc = format!("What [`{}`] looks like.", item.ident);
    quote! {
        #[doc = #doc]
        #[derive(Debug)]
        #visibility enum #owner {}
    }
}

fn client(item: &ItemTrait, client: &Ident, methods: &[Method]) -> TokenStream {
    let (ident, visibility) = (&item.ident, &item.vis);
    let doc = format!("Calls the methods of a server that serves [`{ident}`].");
    let bounds = bounds(methods);
    let calls = methods
        .iter()
        .enumerate()
        .map(|(index, method)| method.call(index, client));
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug)]
        #visibility struct #client {
            client: ::outrigger::Client,
        }

        impl #client {
            /// Calls through this connection.
            pub fn new(client: ::outrigger::Client) -> Self {
                Self { client }
            }
        }

        impl #client
        where #(#bounds,)*
        {
            #(#calls)*
        }
    }
}
