//! Views that do not check bounds, for those who ask for them.

use super::text::BANNER;

/// What views are made of, of package `rkyv`: each has a twin that checks nothing.
const CHECKED: &[&str] = &[
    "Ref",
    "List",
    "VecList",
    "ArrayList",
    "LoadVec",
    "Map",
    "MapAt",
    "SliceView",
    "CopySlice",
    "ArrayView",
    "CopyString",
    "ViewString",
];

/// What a package of unchecked views says of itself.
const WARNING: &str = "\
// WARNING: generated with --unchecked-views. Archives are checked once, by the Parse
// functions; views check nothing. If the bytes change after the check, or a view is used
// after Release, it reads any memory of the process. See rkyv.UncheckedRef.

";

/// The text of a generated file with views that do not check bounds.
///
/// The archive is validated as ever; what is left out are the bounds checks of each
/// access afterwards. If its bytes change all the same, or a view outlives its reply,
/// any memory may be read. Only what was measured and found too slow should have such.
///
/// ```
/// use outrigger_layout::generate::messages;
/// let checked = "package greeter\n\ntype GreetingView struct {\n\tref rkyv.Ref\n}\n";
/// let unchecked = messages::with_unchecked_views(checked);
/// assert!(unchecked.contains("\tref rkyv.UncheckedRef\n"));
/// ```
pub fn with_unchecked_views(text: &str) -> String {
    let mut parts = text.split("rkyv.");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric());
        let name = &part[..end.unwrap_or(part.len())];
        out.push_str("rkyv.");
        if name == "NewRef" {
            out.push_str("NewUncheckedRef");
            out.push_str(&part[name.len()..]);
            continue;
        }
        if CHECKED.contains(&name) {
            out.push_str("Unchecked");
        }
        out.push_str(part);
    }
    if out == text {
        return out; // no views
    }
    let body = out.strip_prefix(BANNER).unwrap_or(&out);
    format!("{BANNER}{WARNING}{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_view_stays_as_it_is() {
        let encoder = format!("{BANNER}func f(e *rkyv.Encoder, x rkyv.Option[int]) {{}}\n");
        assert_eq!(with_unchecked_views(&encoder), encoder);
        let view = format!("{BANNER}package a\n\nvar r = rkyv.NewRef(a, rkyv.RefOf, rkyv.Ref)");
        let text = with_unchecked_views(&view);
        assert!(text.starts_with(BANNER), "{text}");
        assert!(text.contains("\n// WARNING: generated with --unchecked-views."));
        assert!(text.ends_with("rkyv.NewUncheckedRef(a, rkyv.RefOf, rkyv.UncheckedRef)"));
    }
}
