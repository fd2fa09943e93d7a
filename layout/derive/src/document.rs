//! Documentation comments as text.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of an item's documentation comments, lines joined, without the space
/// that follows `///`.
pub(crate) fn text(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(line).collect::<Vec<_>>();
    lines.join("\n").trim().to_owned()
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text),
        ..
    }) = &meta.value
    else {
        return None;
    };
    let text = text.value();
    meta.path.is_ident("doc").then(|| {
        text.strip_prefix(' ')
            .unwrap_or(&text)
            .trim_end()
            .to_owned()
    })
}
