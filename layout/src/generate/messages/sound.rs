//! Whether a document is sound: it may come from a file, or from a server.
//!
//! Beyond what [`Document::check`] says, names must be names, so that what is
//! generated is nothing but what it says it is.

use super::Unsupported;
use crate::schema::{Document, Field, Kind, Service};

/// Refuses a document that is not sound.
pub(super) fn check(document: &Document) -> Result<(), Unsupported> {
    let refused = document.check();
    refused.map_err(|error| Unsupported::new(error.message()))?;
    let mut types = document.types.iter();
    types.try_for_each(|described| names(&described.kind))
}

/// Refuses names of a service that are not names.
pub(super) fn check_service(service: &Service) -> Result<(), Unsupported> {
    name(&service.name)?;
    let mut constants = service.constants.iter();
    constants.try_for_each(|constant| name(&constant.name))?;
    let mut methods = service.methods.iter();
    methods.try_for_each(|method| name(&method.name))
}

fn names(kind: &Kind) -> Result<(), Unsupported> {
    let fields = |fields: &[Field]| fields.iter().try_for_each(|field| name(&field.name));
    match kind {
        Kind::Struct {
            name: own,
            path,
            fields: all,
            ..
        } => {
            name(own)?;
            name(path)?;
            fields(all)
        }
        Kind::Enum {
            name: own,
            path,
            variants,
            ..
        } => {
            name(own)?;
            name(path)?;
            variants.iter().try_for_each(|variant| {
                name(&variant.name)?;
                fields(&variant.fields)
            })
        }
        _ => Ok(()),
    }
}

/// Words of letters and digits, with what joins them.
fn name(text: &str) -> Result<(), Unsupported> {
    let allowed = |c: char| c.is_alphanumeric() || "_:.-#".contains(c);
    if text.chars().any(char::is_alphanumeric) && text.chars().all(allowed) {
        return Ok(());
    }
    let reason = format!("{text:?} is not a name: letters, digits, _ : . - # only");
    Err(Unsupported::new(reason))
}
