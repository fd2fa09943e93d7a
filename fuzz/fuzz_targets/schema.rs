//! Bytes as a schema: it is refused, or all that is done with a schema can be done.

#![no_main]

use libfuzzer_sys::fuzz_target;
use outrigger_layout::generate::messages;
use outrigger_layout::schema::{Document, canonical, fingerprint, hex};

/// Corrects the fingerprints of a document that is sound but for them: no mutation
/// would hit one.
fn corrected(text: &[u8]) -> Option<Document> {
    let mut document: Document = serde_json::from_slice(text).ok()?;
    let places = document.services.iter().enumerate();
    let places = places.flat_map(|(at, service)| (0..service.methods.len()).map(move |m| (at, m)));
    let places = places.collect::<Vec<_>>();
    for (service, method) in places {
        let error = match document.check() {
            Ok(()) => return Some(document),
            Err(error) => error,
        };
        // Methods are the last that is looked at, in this order: their types are sound.
        if !error.message().contains("has fingerprint") {
            return None;
        }
        let own = &document.services[service].methods[method];
        let right = hex(&fingerprint(&canonical(&document, own)));
        document.services[service].methods[method].fingerprint = right;
    }
    document.check().is_ok().then_some(document)
}

fuzz_target!(|text: &[u8]| {
    let _ = Document::read(text);
    let Some(document) = corrected(text) else {
        return;
    };
    let written = serde_json::to_vec(&document).expect("a document that was read");
    assert_eq!(
        Document::read(&written).expect("a checked document"),
        document
    );
    for service in &document.services {
        for method in &service.methods {
            let _ = canonical(&document, method);
        }
        let _ = messages::package(&document, service, "fuzzed");
    }
});
