//! One method of a service's trait.

use heck::ToSnakeCase;
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericArgument, Ident, LitStr, PathArguments, Result, ReturnType, TraitItemFn,
    Type, TypePath, parse_quote,
};

use crate::{document, message};

/// Where a method runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    Inline,
    Pool,
    Async,
}

/// What the trait says of a method.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    /// Second part of its name.
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) placement: Placement,
    given: Given,
    reply: Type,
    error: Type,
}

/// What a method takes.
#[derive(Default)]
struct Given {
    context: bool,
    /// `None` for a method without a request.
    request: Option<Type>,
    attached: bool,
}

impl Method {
    /// Reads a method, and takes out of it what only this macro understands.
    pub(crate) fn parse(item: &mut TraitItemFn) -> Result<Self> {
        let signature = &item.sig;
        if !signature.generics.params.is_empty() {
            let text = "a method of a service takes no parameters of its own";
            return Err(Error::new_spanned(&signature.generics, text));
        }
        let given = given(item)?;
        let (reply, error) = outcome(&signature.output, &signature.ident)?;
        let (asked, name) = attributes(item)?;
        let placement = placement(item, asked, given.attached)?;
        if placement == Placement::Async {
            send_future(item, &reply, &error);
        }
        let ident = item.sig.ident.clone();
        let name = name.unwrap_or_else(|| message::unraw(&ident).to_snake_case());
        Ok(Self {
            ident,
            name,
            doc: document::text(&item.attrs),
            placement,
            given,
            reply,
            error,
        })
    }

    fn request(&self) -> Type {
        let request = self.given.request.clone();
        request.unwrap_or_else(|| parse_quote!(()))
    }

    /// The bounds under which it can be called, each at the place of its type.
    pub(crate) fn bounds(&self) -> Vec<TokenStream> {
        let all = self.given.request.iter().chain([&self.reply]);
        let named = all.filter(|item| !is_unit(item));
        let bound = |item: &Type| {
            let place = Span::call_site().located_at(item.span());
            quote_spanned! {place=> #item: ::outrigger::Message }
        };
        named.map(bound).collect()
    }

    /// Its row in the schema of the service.
    pub(crate) fn node(&self, service: &str, client: &Ident, json: bool) -> TokenStream {
        let (name, doc) = (&self.name, &self.doc);
        let full_name = format!("{service}.{name}");
        let (request, reply, error) = (self.request(), &self.reply, &self.error);
        let attachments = self.given.attached;
        let placement = match self.placement {
            Placement::Inline => "inline",
            Placement::Pool => "pool",
            Placement::Async => "async",
        };
        quote! {
            ::outrigger::__private::schema::MethodNode {
                service: || #client::SCHEMA,
                name: #full_name,
                own_name: #name,
                doc: #doc,
                request: ::outrigger::__private::schema::version::root::<#request>,
                reply: ::outrigger::__private::schema::version::root::<#reply>,
                error: <#error as ::outrigger::Failure>::SCHEMA,
                placement: #placement,
                json: #json,
                attachments: #attachments,
            }
        }
    }

    /// The expression that makes its handler of `shared: Arc<T>`.
    pub(crate) fn handler(&self, index: usize, client: &Ident, json: bool) -> TokenStream {
        let ident = &self.ident;
        let (request, reply, error) = (self.request(), &self.reply, &self.error);
        let mut given = Vec::new();
        if self.given.context {
            given.push(quote! { context });
        }
        if self.given.request.is_some() {
            given.push(quote! { request });
        }
        if self.given.attached {
            given.push(quote! { attached });
        }
        let json = json.then(|| quote! { .with_json() });
        let call = quote! { service.#ident(#(#given),*) };
        let mut parameters = vec![quote! { context }, quote! { request }];
        let (make, body) = if self.placement == Placement::Async {
            let call = quote! { ::std::boxed::Box::pin(#call) };
            (quote! { asynchronous }, call)
        } else {
            parameters.push(quote! { attached });
            (quote! { synchronous }, call)
        };
        quote! {
            ::std::sync::Arc::new(
                ::outrigger::__private::typed::#make::<
                    __Implementation, #request, #reply, #error, _,
                >(
                    &#client::SCHEMA.methods[#index],
                    ::std::sync::Arc::clone(&shared),
                    |service, #(#parameters),*| {
                        let _ = (#(&#parameters),*);
                        #body
                    },
                )
                #json
            )
        }
    }

    /// Its method in the client.
    pub(crate) fn call(&self, index: usize, client: &Ident) -> TokenStream {
        let (ident, doc) = (&self.ident, &self.doc);
        let note = self.given.attached.then(|| {
            let text = "\nRequest and reply may have attachments.";
            quote! { #[doc = #text] }
        });
        let (request, reply, error) = (self.request(), &self.reply, &self.error);
        let (parameter, given) = match &self.given.request {
            Some(request) => (quote! { , request: &'a #request }, quote! { request }),
            None => (quote! {}, quote! { &() }),
        };
        let method = format_ident!("METHOD_{index}");
        quote! {
            #[doc = #doc]
            #note
            pub fn #ident<'a>(
                &'a self #parameter
            ) -> ::outrigger::client::TypedCall<'a, #request, #reply, #error> {
                static #method: ::outrigger::client::TypedMethod =
                    ::outrigger::client::TypedMethod::new(|| &#client::SCHEMA.methods[#index]);
                self.client.invoke(&#method, #given)
            }
        }
    }
}

/// Reads the parameters.
fn given(item: &TraitItemFn) -> Result<Given> {
    const FORM: &str = "a method takes &self, then optionally `context: &Context<'_>`, then \
        optionally `request: &Archived<Request>`, then optionally `attached: &mut Attached<'_>`";
    let mut inputs = item.sig.inputs.iter();
    match inputs.next() {
        Some(FnArg::Receiver(receiver))
            if receiver.reference.is_some() && receiver.mutability.is_none() => {}
        _ => return Err(Error::new_spanned(&item.sig, FORM)),
    }
    let mut given = Given::default();
    for input in inputs {
        let FnArg::Typed(input) = input else {
            return Err(Error::new_spanned(input, FORM));
        };
        let (kind, mutable) = match &*input.ty {
            Type::Reference(reference) => (&*reference.elem, reference.mutability.is_some()),
            other => (other, false),
        };
        let is_reference = matches!(&*input.ty, Type::Reference(_));
        let first = !given.context && given.request.is_none();
        match last_segment(kind) {
            _ if given.attached => {
                let text = "attachments are the last parameter: put this one before them";
                return Err(Error::new_spanned(input, text));
            }
            Some((name, _)) if name == "Attached" && mutable => given.attached = true,
            Some((name, _)) if name == "Attached" => {
                let text = "attachments are taken by `attached: &mut Attached<'_>`";
                return Err(Error::new_spanned(input, text));
            }
            Some((name, _)) if name == "Context" && is_reference && first => given.context = true,
            Some((name, Some(inner)))
                if name == "Archived" && is_reference && given.request.is_none() =>
            {
                given.request = Some(inner);
            }
            _ => return Err(Error::new_spanned(input, FORM)),
        }
    }
    Ok(given)
}

/// Where a method runs that asks for this place, or for none.
fn placement(item: &TraitItemFn, asked: Option<Placement>, attached: bool) -> Result<Placement> {
    let is_async = item.sig.asyncness.is_some();
    let refused = |text| Err(Error::new_spanned(&item.sig.ident, text));
    match asked {
        _ if is_async && attached => refused(
            "an async method takes no attachments: write `fn`, which then runs on the worker \
             pool and may block",
        ),
        Some(Placement::Pool) if is_async => {
            refused("an async method runs on the executor: leave `pool` out")
        }
        Some(Placement::Inline) if attached => {
            refused("a method with attachments runs on the worker pool: leave `inline` out")
        }
        _ if is_async => Ok(Placement::Async),
        _ if attached => Ok(Placement::Pool),
        asked => Ok(asked.unwrap_or(Placement::Inline)),
    }
}

/// Types of reply and error.
fn outcome(output: &ReturnType, ident: &Ident) -> Result<(Type, Type)> {
    const FORM: &str = "a method returns `Result<Reply, Error>`, or a message with `Display` in \
        place of `Error`";
    let ReturnType::Type(_, output) = output else {
        return Err(Error::new_spanned(ident, FORM));
    };
    let wrong = || Error::new_spanned(output, FORM);
    let Type::Path(TypePath { path, .. }) = &**output else {
        return Err(wrong());
    };
    let last = path.segments.last().ok_or_else(wrong)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Err(wrong());
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(item) => Some(item.clone()),
        _ => None,
    });
    match <[Type; 2]>::try_from(types.collect::<Vec<_>>()) {
        Ok([reply, error]) if last.ident == "Result" => Ok((reply, error)),
        _ => Err(wrong()),
    }
}

fn is_unit(item: &Type) -> bool {
    matches!(item, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// The last name of a path, and its first type argument.
fn last_segment(item: &Type) -> Option<(String, Option<Type>)> {
    let Type::Path(TypePath { path, .. }) = item else {
        return None;
    };
    let last = path.segments.last()?;
    let argument = match &last.arguments {
        PathArguments::AngleBracketed(list) => {
            list.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(item) => Some(item.clone()),
                _ => None,
            })
        }
        _ => None,
    };
    Some((last.ident.to_string(), argument))
}

/// Reads and removes `#[outrigger(…)]`.
fn attributes(item: &mut TraitItemFn) -> Result<(Option<Placement>, Option<String>)> {
    let (mut placement, mut name) = (None, None);
    let (ours, others) = item
        .attrs
        .drain(..)
        .partition::<Vec<_>, _>(|attribute| attribute.path().is_ident("outrigger"));
    item.attrs = others;
    for attribute in ours {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("pool") {
                placement = Some(Placement::Pool);
            } else if meta.path.is_ident("inline") {
                placement = Some(Placement::Inline);
            } else if meta.path.is_ident("name") {
                name = Some(checked_name(&meta.value()?.parse()?)?);
            } else {
                return Err(meta.error("allowed here: inline, pool, name = \"…\""));
            }
            Ok(())
        })?;
    }
    Ok((placement, name))
}

/// A name that can be part of a method's name and of a Go identifier.
pub(crate) fn checked_name(literal: &LitStr) -> Result<String> {
    let name = literal.value();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || !name.chars().all(allowed) || name.len() > 100 {
        let text = "a name is 1 to 100 of a-z, 0-9 and _, and begins with a letter";
        return Err(Error::new_spanned(literal, text));
    }
    Ok(name)
}

/// `async fn f() -> T` as `fn f() -> impl Future<Output = T> + Send`, which an
/// implementation may still write as `async fn`.
fn send_future(item: &mut TraitItemFn, reply: &Type, error: &Type) {
    item.sig.asyncness = None;
    item.sig.output = parse_quote! {
        -> impl ::core::future::Future<
            Output = ::core::result::Result<#reply, #error>
        > + ::core::marker::Send
    };
    if let Some(body) = &item.default {
        item.default = Some(parse_quote!({ async move #body }));
    }
}
