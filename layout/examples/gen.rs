//! Writes every generated file of the repository: `make gen`.

use std::path::Path;

use outrigger_layout::generate;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in generate::files() {
        let path = root.join(file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, file.text)?;
        println!("wrote {}", file.path);
    }
    let document = root.join("layout/ABI.md");
    let text = std::fs::read_to_string(&document)?;
    std::fs::write(&document, generate::fill_tables(&text))?;
    println!("wrote layout/ABI.md");
    Ok(())
}
