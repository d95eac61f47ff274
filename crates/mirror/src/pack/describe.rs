//! A pack in words.

use super::load::Pack;

/// What is inside, whose it is and what it was made from, a line a fact.
pub fn describe(pack: &Pack) -> String {
    use std::fmt::Write;
    let m = pack.manifest();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{label:<12} {value}");
        }
    };
    line("pack", &m.name);
    line("from", pack.origin());
    line("about", &m.about);
    line("licence", &m.licence);
    m.data.iter().for_each(|d| line("data", d));
    line("format", &m.format.to_string());
    for (name, entry) in &m.files {
        line("file", &format!("{name}, {} bytes, sha256 {}", entry.bytes, entry.sha256));
        for (key, value) in &entry.metadata {
            let short: String = value.chars().take(60).collect();
            let more = if short.len() < value.len() { " …" } else { "" };
            line("", &format!("  {key} = {short}{more}"));
        }
    }
    text
}
