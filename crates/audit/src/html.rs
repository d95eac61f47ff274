//! Pages that need no script and nothing from elsewhere.

use std::fmt::Display;

/// A text in which no character means anything to HTML or SVG.
pub fn escaped(text: impl Display) -> String {
    let text = text.to_string();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A whole page with its own style.
pub fn page(language: &str, title: &str, style: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{style}</style>\n{body}</html>\n",
        escaped(title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_a_part_of_the_page() {
        assert_eq!(escaped("<b title=\"x\">A & B"), "&lt;b title=&quot;x&quot;&gt;A &amp; B");
        assert!(page("en", "<script>", "", "").contains("<title>&lt;script&gt;</title>"));
    }
}
