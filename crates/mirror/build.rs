//! Lists the files of the default pack, so that the library can embed whatever its `pack.toml` names.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../packs/office");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files: Vec<PathBuf> = match fs::read_dir(&root) {
        Ok(entries) => entries.flatten().map(|e| e.path()).filter(|p| belongs(p)).collect(),
        // Without a default pack, the library works with packs from a folder.
        Err(_) => Vec::new(),
    };
    files.sort();
    let mut list = String::from("[\n");
    for path in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_name().and_then(|n| n.to_str()).expect("checked by belongs");
        let path = fs::canonicalize(path).expect("it was listed a moment ago");
        writeln!(list, "    ({name:?}, include_bytes!({:?}) as &[u8]),", path.display().to_string()).expect("memory");
    }
    list.push(']');
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("office_pack.rs");
    fs::write(out, list).expect("the output folder is writable");
}

fn belongs(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
    ["pack.toml", "CARD.md", "audit.json"].contains(&name) || name.ends_with(".safetensors")
}
