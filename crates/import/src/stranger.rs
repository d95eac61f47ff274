//! Recognises files that hold no generator: what a failed download leaves, and what other programs write.

use std::fmt;

/// As much of a file is looked at.
pub const LOOKED_AT: usize = 4096;

/// Characters of a text that an error shows.
const SHOWN: usize = 80;

/// What a file is that holds no generator.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// Nothing.
    #[error("the file is empty\nhint: a download has failed; fetch it again")]
    Empty,
    /// What a download has reserved and not yet filled.
    #[error("the file begins with {LOOKED_AT} bytes of zero\nhint: a download has not ended; fetch it again")]
    Zeros,
    /// HTML.
    #[error("a web page{}, not the file\nhint: open its address in a browser, confirm the download there, and import what that saves", Quoted(.title))]
    WebPage {
        /// Its title, if it has one.
        title: String,
    },
    /// What Git has in place of a file that lies elsewhere.
    #[error("a Git LFS pointer to {}, not the file\nhint: `git lfs pull` in its repository fetches it", if .bytes.is_empty() { "a file".to_owned() } else { format!("a file of {bytes} bytes") })]
    LfsPointer {
        /// The size of that file, as the pointer has it.
        bytes: String,
    },
    /// JSON or XML.
    #[error("an answer of a server{}, not the file\nhint: fetch it again; where a quota is spent, on another day or from another place", Quoted(.0))]
    Answer(String),
    /// Any other text.
    #[error("a text{}, no generator\nhint: if that is what a download has left, fetch the file again", Quoted(.0))]
    Text(String),
    /// Something that is packed.
    #[error("a file that {0} has packed\nhint: unpack it and import what is in it")]
    Packed(&'static str),
    /// A known format, but none of weights that we read.
    #[error("{what}, from which no generator is read\nhint: {hint}")]
    Format {
        /// Which.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
}

/// How files of other formats begin.
const FORMATS: [(&[u8], Stranger); 17] = [
    (b"\x1f\x8b", Stranger::Packed("gzip")),
    (b"BZh", Stranger::Packed("bzip2")),
    (b"\xfd7zXZ\0", Stranger::Packed("xz")),
    (b"\x28\xb5\x2f\xfd", Stranger::Packed("zstd")),
    (b"7z\xbc\xaf\x27\x1c", Stranger::Packed("7-Zip")),
    (b"Rar!", Stranger::Packed("RAR")),
    (b"\x89HDF\r\n", other("an HDF5 file, as Keras writes it")),
    (b"\x93NUMPY", other("an array of NumPy's")),
    (b"GGUF", other("a GGUF file of a language model")),
    (b"TFL3", other("a TensorFlow Lite model")),
    (b"\x89PNG", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF8", PICTURE),
    (b"RIFF", PICTURE),
    (b"%PDF", other("a PDF document")),
    (b"\x7fELF", other("a program")),
    (b"MZ", other("a program")),
];

const PICTURE: Stranger = Stranger::Format {
    what: "a picture",
    hint: "`narcissus reflect` reads pictures; import needs a generator's weights",
};

const fn other(what: &'static str) -> Stranger {
    Stranger::Format {
        what,
        hint: "docs/foreign-generators.md lists what is read; save the weights in one of these formats",
    }
}

impl Stranger {
    /// What begins like this, of a file of `size` bytes. `None`: nobody that is known.
    pub fn of(start: &[u8], size: u64) -> Option<Self> {
        let format = FORMATS.into_iter().find(|(magic, _)| start.starts_with(magic));
        match start {
            _ if size == 0 => Some(Self::Empty),
            _ if start.len() == LOOKED_AT && start.iter().all(|b| *b == 0) => Some(Self::Zeros),
            _ if format.is_some() => format.map(|(_, stranger)| stranger),
            // ModelProto: the version of the format, then the name of who wrote it or what follows that.
            [0x08, 1..=31, 0x12 | 0x1a | 0x22 | 0x2a | 0x3a | 0x42, ..] => Some(Self::Format {
                what: "an ONNX model",
                hint: "ONNX is written and not read; import the weights that the model was made from",
            }),
            _ if start.get(257..262) == Some(b"ustar") => Some(Self::Packed("tar")),
            _ => text_of(start).map(Self::of_text),
        }
    }

    fn of_text(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}').trim();
        let lower = text.to_ascii_lowercase();
        if text.starts_with("version https://git-lfs") {
            let bytes = text.lines().find_map(|l| l.strip_prefix("size ")).unwrap_or("");
            Self::LfsPointer { bytes: bytes.chars().filter(char::is_ascii_digit).take(20).collect() }
        } else if lower.starts_with('<') && (lower.contains("<html") || lower.contains("<!doctype html")) {
            let title = between(text, &lower, "<title", "</title>").and_then(|t| Some(t.split_once('>')?.1));
            Self::WebPage { title: shown(title.unwrap_or("")) }
        } else if text.starts_with(['<', '{', '[']) {
            Self::Answer(shown(text))
        } else {
            Self::Text(shown(text))
        }
    }
}

/// Whether a file without the mark of protocols 2 and later begins as a pickle of protocol 0 or 1 does. Texts begin with the same letters,
/// but go on otherwise.
pub fn is_old_pickle(mut start: &[u8]) -> bool {
    // Containers that are opened and not yet filled.
    while let [b'(', rest @ ..] = start {
        start = rest;
    }
    let line = |from: &[u8]| -> Vec<u8> { from.iter().copied().take_while(|b| *b != b'\n').collect() };
    match start {
        // A module and a name in it.
        [b'c' | b'i', rest @ ..] => {
            let module = line(rest);
            let name = rest.get(module.len() + 1..).map(line).unwrap_or_default();
            let is_name = |n: &[u8]| !n.is_empty() && n.iter().all(|b| b.is_ascii_alphanumeric() || b"._".contains(b));
            is_name(&module) && is_name(&name)
        }
        [b'S', b'\'' | b'"', ..] => true,
        [b'I' | b'L' | b'F', rest @ ..] => {
            let digits = line(rest);
            digits.first().is_some_and(|b| b"-0123456789".contains(b)) && digits.len() < rest.len()
        }
        // An empty list, dictionary or tuple, or None, and an instruction that goes on with it.
        [b'l' | b'd' | b't' | b']' | b'}' | b')' | b'N', b'p' | b'q' | b'(' | b'.' | b'a' | b's' | b't' | b'N', ..] => {
            true
        }
        [b'V', ..] => start.windows(3).any(|w| w[..2] == *b"\np" && w[2].is_ascii_digit()),
        // A text or a number of protocol 1.
        [b'X' | b'T' | b'U' | b'K' | b'M' | b'J' | b'G', rest @ ..] => text_of(rest).is_none(),
        _ => false,
    }
}

/// The bytes as text if they are text; the last character may be cut.
fn text_of(start: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&start[..e.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_printed = |c: char| !c.is_control() || "\t\r\n".contains(c);
    (!text.trim().is_empty() && text.chars().all(is_printed)).then_some(text)
}

fn between<'a>(text: &'a str, lower: &str, from: &str, to: &str) -> Option<&'a str> {
    let begins = lower.find(from)? + from.len();
    let ends = begins + lower[begins..].find(to)?;
    text.get(begins..ends)
}

/// The beginning of a text, on one line.
fn shown(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = words.chars().take(SHOWN).collect();
    if shown.len() < words.len() {
        shown.push('…');
    }
    shown
}

/// A text in quotes behind a colon, nothing where there is none.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " (\"{}\")", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> String {
        Stranger::of(bytes, bytes.len() as u64).map(|s| s.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_a_failed_download_leaves_is_named_with_what_to_do() {
        let page = b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head></html>";
        let dropbox = b"\n<!doctype HTML>\n<html lang=\"en\"><head><TITLE dir=\"ltr\">\n  Dropbox \n</TITLE>";
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 277\n";
        for (bytes, expected) in [
            (&b""[..], ["the file is empty", "fetch it again"]),
            (&[0; LOOKED_AT], ["bytes of zero", "has not ended"]),
            (page, ["a web page (\"Google Drive - Virus scan warning\")", "confirm the download"]),
            (dropbox, ["a web page (\"Dropbox\")", "in a browser"]),
            (b"<html>", ["a web page, not the file", "in a browser"]),
            (pointer, ["a Git LFS pointer to a file of 277 bytes", "git lfs pull"]),
            (b"{\"error\":\"quota\"}", ["an answer of a server (\"{\"error\":\"quota\"}\")", "quota"]),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", ["an answer of a server", "AccessDenied"]),
            (b"Entry not found", ["a text (\"Entry not found\")", "fetch the file again"]),
            ("Datei nicht gefunden: ä".as_bytes(), ["a text", "ä"]),
        ] {
            let words = words(bytes);
            assert!(expected.iter().all(|w| words.contains(w)) && words.contains("\nhint: "), "{words}");
        }
        // Cut in the middle of a character.
        assert!(words("Zoë".as_bytes().split_last().unwrap().1).contains("a text"));
        assert!(words("a ".repeat(500).as_bytes()).len() < 250);
    }

    #[test]
    fn what_other_programs_write_is_named() {
        for (bytes, expected) in [
            (&b"\x1f\x8b\x08"[..], "a file that gzip has packed"),
            (b"\x08\x07\x12\x07pytorch", "an ONNX model"),
            (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
            (b"\x89PNG\r\n\x1a\n", "a picture"),
            (b"\x93NUMPY\x01", "an array of NumPy's"),
        ] {
            assert!(words(bytes).starts_with(expected), "{}", words(bytes));
        }
        let tar = [b"weights.pth".to_vec(), vec![0; 246], b"ustar".to_vec()].concat();
        assert!(words(&tar).contains("tar has packed"));
        assert_eq!(Stranger::of(b"\x01\x02\x03\x04", 4), None);
    }

    #[test]
    fn old_pickles_are_told_from_texts_that_begin_with_the_same_letters() {
        for pickle in [
            &b"cos\nsystem\n(S'ls'\ntR."[..],
            b"(ios\nsystem\np0\n.",
            b"(I1\n.",
            b"(dp0\nS'a'\n",
            b"(lp0\n",
            b"]q\0.",
            b"}q\0(U\x01a",
            b"((NNt.",
            b"(F1.5\nL2L\n",
            b"(K\x01K\x02t.",
            b"Vtext\np0\n.",
        ] {
            assert!(is_old_pickle(pickle), "{:?}", String::from_utf8_lossy(pickle));
        }
        for text in [
            "could not\nbe found\n",
            "Internal Server Error\n",
            "Sorry",
            "(403) Forbidden",
            "(Not found)",
            "Not Found",
            "invalid",
            "Loading",
            "404: Not Found",
            "{\"a\": 1}",
            "[1]",
            "<html>",
            "Error 5",
            "Forbidden",
            "Version 1\npages",
            "",
            "(",
            "]",
            "Kein Zugriff",
            "Too many",
            "Download",
        ] {
            assert!(!is_old_pickle(text.as_bytes()), "{text}");
        }
    }
}
