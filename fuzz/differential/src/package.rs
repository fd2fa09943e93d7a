//! Go's side of a program: the generated package, and what joins it to the judge.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use outrigger_layout::generate::messages;
use outrigger_layout::schema::{Document, Kind, MethodNode};

use crate::census;

/// Writes a package `messages` and a main program that judges with it, below the
/// folder. Returns which kinds of types there are in it.
///
/// # Errors
/// Why there is no such package, or why it cannot be written.
pub(crate) fn write(folder: &Path, methods: &[MethodNode]) -> io::Result<Vec<&'static str>> {
    let document = Document::of(methods);
    document.check().map_err(io::Error::other)?;
    let Some(service) = document.services.first() else {
        return Err(io::Error::other("no types, and so no package"));
    };
    let files = messages::package(&document, service, "messages").map_err(io::Error::other)?;
    let below = folder.join("messages");
    fs::create_dir_all(&below)?;
    let mut client = "";
    for file in &files {
        fs::write(below.join(file.name), &file.text)?;
        if file.name == "client_gen.go" {
            client = &file.text;
        }
    }
    let mut kinds = String::new();
    for method in &service.methods {
        let request = request_of(client, &method.name)?;
        let maker = match &document.types[method.request as usize].kind {
            Kind::Struct { .. } => "Struct",
            Kind::Enum { variants, .. } if variants.iter().all(|v| v.fields.is_empty()) => "Units",
            _ => "Enum",
        };
        let name = &method.name;
        let _ = writeln!(
            kinds,
            "\t\t\"{name}\": differential.{maker}(messages.Parse{request}),"
        );
    }
    fs::write(folder.join("main.go"), main_text(&kinds))?;
    Ok(census::kinds(&document))
}

/// The Go type of a method's request, as the client names it.
fn request_of<'a>(client: &'a str, method: &str) -> io::Result<&'a str> {
    let method = method.to_uppercase();
    let opening = format!("func (c *Client) {method}(ctx context.Context, request ");
    let found = client.lines().find_map(|line| {
        let (request, _) = line.strip_prefix(&opening)?.split_once(") (")?;
        Some(request.trim_start_matches('*'))
    });
    found.ok_or_else(|| io::Error::other(format!("no method {method} in the generated client")))
}

fn main_text(kinds: &str) -> String {
    format!(
        "// Command judge judges what comes from standard input.\npackage main\n\n\
         import (\n\
         \t\"github.com/outrigger-ipc/outrigger/client-go/internal/differential\"\n\
         \t\"github.com/outrigger-ipc/outrigger/client-go/judge/messages\"\n\
         )\n\n\
         func main() {{\n\
         \tdifferential.Main(map[string]differential.Kind{{\n{kinds}\t}})\n\
         }}\n"
    )
}
