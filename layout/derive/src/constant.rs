//! One constant of a service's trait.
//!
//! ```text
//!   trait Store { const KEY_MAX: u32 = 64; … }
//!     ├─ impl StoreClient { pub const KEY_MAX: u32 = 64; }
//!     └─ ConstantNode     for the schema, and so for Go
//! ```
//!
//! It leaves the trait: an implementation that could give another value would disagree
//! with every client that was generated before, and nobody would be told.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Error, Expr, Ident, Result, TraitItemConst, Type};

use crate::document;
use crate::message::unraw;

/// What Go has as a constant, and its variant of `Value`.
#[rustfmt::skip]
const KINDS: &[(&str, &str)] = &[
    ("bool", "Bool"), ("char", "Char"),
    ("u8", "U8"), ("u16", "U16"), ("u32", "U32"), ("u64", "U64"),
    ("i8", "I8"), ("i16", "I16"), ("i32", "I32"), ("i64", "I64"),
    ("f32", "F32"), ("f64", "F64"),
];

/// What the trait says of a constant.
pub(crate) struct Constant {
    ident: Ident,
    attributes: Vec<Attribute>,
    item: TokenStream,
    variant: Ident,
    value: Expr,
}

impl Constant {
    /// Reads a constant.
    pub(crate) fn parse(constant: &TraitItemConst) -> Result<Self> {
        let ident = constant.ident.clone();
        if ident == "SCHEMA" || ident == "new" {
            let text = format!("{ident} is what the attribute itself makes: give it another name");
            return Err(Error::new_spanned(&ident, text));
        }
        let (item, variant) = kind(&constant.ty)?;
        let Some((_, value)) = &constant.default else {
            let text = format!(
                "a constant of a service has its value here, as clients see it, too: \
                 write `const {ident}: … = …;`"
            );
            return Err(Error::new_spanned(constant, text));
        };
        Ok(Self {
            ident,
            attributes: constant.attrs.clone(),
            item,
            variant: format_ident!("{variant}"),
            value: value.clone(),
        })
    }

    /// The constant itself.
    pub(crate) fn item(&self) -> TokenStream {
        let (ident, item, value) = (&self.ident, &self.item, &self.value);
        let attributes = &self.attributes;
        quote! {
            #(#attributes)*
            #[allow(dead_code)]
            pub const #ident: #item = #value;
        }
    }

    /// Its row in the schema of the service.
    pub(crate) fn node(&self, owner: &Ident) -> TokenStream {
        let (ident, variant) = (&self.ident, &self.variant);
        let (name, text) = (unraw(ident), document::text(&self.attributes));
        let conditions = self.attributes.iter();
        let conditions = conditions.filter(|attribute| attribute.path().is_ident("cfg"));
        quote! {
            #(#conditions)*
            ::outrigger::__private::schema::constant::ConstantNode {
                name: #name,
                doc: #text,
                value: ::outrigger::__private::schema::constant::Value::#variant(#owner::#ident)
                    .checked(),
            }
        }
    }
}

/// The type as it is written where it goes, and its variant of `Value`.
fn kind(item: &Type) -> Result<(TokenStream, &'static str)> {
    const ALLOWED: &str = "a constant of a service is a bool, a char, an integer of 8 to 64 bits, \
        a float or a &'static str";
    let text = match item {
        Type::Reference(reference) if reference.mutability.is_none() => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => {
                return Ok((quote! { &'static str }, "Str"));
            }
            _ => ALLOWED,
        },
        Type::Path(path) => {
            let name = path.path.segments.last().map(|last| last.ident.to_string());
            let name = name.unwrap_or_default();
            if let Some((_, variant)) = KINDS.iter().find(|(kind, _)| *kind == name) {
                return Ok((quote! { #item }, variant));
            }
            match &*name {
                "usize" => "`usize` has no fixed width: use u64 or u32",
                "isize" => "`isize` has no fixed width: use i64 or i32",
                "u128" | "i128" => {
                    "Go has no integer of 128 bits: use two of 64, or a &'static str"
                }
                "String" => "a constant is no `String`: use &'static str",
                _ => ALLOWED,
            }
        }
        _ => ALLOWED,
    };
    Err(Error::new_spanned(item, text))
}
