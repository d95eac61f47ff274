//! A mirror's nets in one folder, with their licence, their data and a hash of each file.
//!
//! A pack is a folder of `pack.toml` ([`Manifest`]), a safetensors file a net, and `CARD.md` for people to read. The
//! default pack is embedded in the program.

mod manifest;
mod seal;

pub use manifest::{FORMAT, FileEntry, Manifest};
pub use seal::seal;

use crate::generator::LevelError;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name of the manifest inside a pack.
pub const MANIFEST_FILE: &str = "pack.toml";
/// The name of the text for people inside a pack.
pub const CARD_FILE: &str = "CARD.md";
/// Larger files than this are refused: the largest generator known (1024x1024, 512 maps, f32) has 92 MB.
const MAX_FILE_BYTES: u64 = 1 << 30;

static EMBEDDED: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/congress_pack.rs"));

/// The nets of a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Net {
    /// Finds faces.
    Detector,
    /// Finds the 68 points of a face.
    Landmarks,
    /// Guesses age and gender.
    Attributes,
    /// Draws a face from a latent.
    Generator,
    /// Finds the latent for features.
    Inverter,
}

impl Net {
    /// All of them, in the order of the flow.
    pub const ALL: [Self; 5] = [Self::Detector, Self::Landmarks, Self::Attributes, Self::Inverter, Self::Generator];

    /// The name of its file inside a pack.
    pub fn file(self) -> &'static str {
        match self {
            Self::Detector => "detector.safetensors",
            Self::Landmarks => "landmarks.safetensors",
            Self::Attributes => "attributes.safetensors",
            Self::Generator => "generator.safetensors",
            Self::Inverter => "inverter.safetensors",
        }
    }
}

/// Why a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The folder has no manifest.
    #[error("{}: no {MANIFEST_FILE} in it\nhint: a pack is a folder; `narcissus pack seal FOLDER` writes its {MANIFEST_FILE}", .0.display())]
    NotAPack(PathBuf),
    /// A file that should be there is not.
    #[error("{pack}: \"{file}\" is missing")]
    Missing {
        /// The pack.
        pack: String,
        /// The file.
        file: String,
    },
    /// The manifest lists a file with a path, or one whose size is out of all bounds.
    #[error("{pack}: \"{file}\" cannot be a file of a pack: {why}")]
    BadEntry {
        /// The pack.
        pack: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file is shorter or longer than the manifest says.
    #[error(
        "{pack}: \"{file}\" is cut short or has grown: expected {expected} bytes, found {found}\nhint: copy the pack again"
    )]
    Size {
        /// The pack.
        pack: String,
        /// The file.
        file: String,
        /// Bytes that the manifest gives.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A file is not the one that was sealed.
    #[error(
        "{pack}: \"{file}\" is corrupt: expected sha256 {expected}, found {found}\nhint: copy the pack again, or, if you changed the file yourself, `narcissus pack seal` it"
    )]
    Corrupt {
        /// The pack.
        pack: String,
        /// The file.
        file: String,
        /// The hash that the manifest gives.
        expected: String,
        /// The hash of what is there.
        found: String,
    },
    /// The pack was made for a later program.
    #[error(
        "{pack}: made for pack format {found}, this program understands {FORMAT}\nhint: a newer narcissus opens it"
    )]
    Newer {
        /// The pack.
        pack: String,
        /// Its format.
        found: u32,
    },
    /// The manifest cannot be understood.
    #[error("{pack}: {MANIFEST_FILE}: {why}")]
    Manifest {
        /// The pack.
        pack: String,
        /// What is wrong with it.
        why: String,
    },
    /// A net does not fit its file.
    #[error("{pack}: \"{file}\": {source}")]
    Weights {
        /// The pack.
        pack: String,
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        source: nn::Error,
    },
    /// The generator does not draw at that size.
    #[error("{pack}: {source}")]
    NoLevel {
        /// The pack.
        pack: String,
        /// Which size, and why not.
        source: LevelError,
    },
    /// Two nets do not fit one another.
    #[error("{pack}: {why}\nhint: train the inverter again on this generator")]
    Mismatch {
        /// The pack.
        pack: String,
        /// What does not fit.
        why: String,
    },
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A pack in memory.
#[derive(Clone, Debug)]
pub struct Pack {
    origin: String,
    manifest: Manifest,
    files: BTreeMap<String, Cow<'static, [u8]>>,
    card: Option<String>,
}

impl Pack {
    /// The pack that came with the program, checked against its hashes like any other.
    ///
    /// # Errors
    /// If the program was built without one, or its parts do not agree.
    pub fn embedded() -> Result<Self, PackError> {
        let origin = "the built-in pack";
        let find = |name: &str| EMBEDDED.iter().find(|(n, _)| *n == name).map(|(_, bytes)| *bytes);
        let missing = |file: &str| PackError::Missing { pack: origin.to_owned(), file: file.to_owned() };
        let text = find(MANIFEST_FILE).ok_or_else(|| missing(MANIFEST_FILE))?;
        let manifest = Manifest::parse(&String::from_utf8_lossy(text), origin)?;
        let mut files = BTreeMap::new();
        for (name, entry) in &manifest.files {
            let bytes = find(name).ok_or_else(|| missing(name))?;
            entry.check(name, bytes, origin)?;
            files.insert(name.clone(), Cow::Borrowed(bytes));
        }
        let card = find(CARD_FILE).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        Ok(Self { origin: origin.to_owned(), manifest, files, card })
    }

    /// Reads a pack from its folder, and checks every file against its hash.
    ///
    /// # Errors
    /// If it is no pack, of a later format, incomplete or corrupt.
    pub fn load(folder: &Path) -> Result<Self, PackError> {
        let origin = folder.display().to_string();
        let manifest = Manifest::of_folder(folder)?;
        let mut files = BTreeMap::new();
        for (name, entry) in &manifest.files {
            let path = folder.join(name);
            let found = match std::fs::metadata(&path) {
                Ok(about) if about.is_file() => about.len(),
                _ => return Err(PackError::Missing { pack: origin, file: name.clone() }),
            };
            // Before reading it: a file that has grown beyond all bounds must not fill the memory.
            entry.check_size(name, found, &origin)?;
            let bytes = std::fs::read(&path).map_err(|source| PackError::Io { path, source })?;
            entry.check(name, &bytes, &origin)?;
            files.insert(name.clone(), Cow::Owned(bytes));
        }
        let card = std::fs::read_to_string(folder.join(CARD_FILE)).ok();
        Ok(Self { origin, manifest, files, card })
    }

    /// Takes whatever nets lie in a folder, sealed or not: for trainers, which fill a pack net by net.
    ///
    /// # Errors
    /// If the folder or a net in it cannot be read.
    pub fn gather(folder: &Path) -> Result<Self, PackError> {
        let manifest = match Manifest::of_folder(folder) {
            Ok(manifest) => manifest,
            Err(PackError::NotAPack(_)) if folder.is_dir() => Manifest::unnamed(folder),
            Err(error) => return Err(error),
        };
        let mut files = BTreeMap::new();
        for net in Net::ALL {
            let path = folder.join(net.file());
            if path.is_file() {
                let bytes = std::fs::read(&path).map_err(|source| PackError::Io { path, source })?;
                files.insert(net.file().to_owned(), Cow::Owned(bytes));
            }
        }
        Ok(Self { origin: folder.display().to_string(), manifest, files, card: None })
    }

    /// What the pack says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The text for people, if there is one.
    pub fn card(&self) -> Option<&str> {
        self.card.as_deref()
    }

    /// Where the pack came from, to be named in errors.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The bytes of a net's file.
    ///
    /// # Errors
    /// If the pack does not have it.
    pub fn weights(&self, net: Net) -> Result<&[u8], PackError> {
        let bytes = self.files.get(net.file()).map(|bytes| bytes.as_ref());
        bytes.ok_or_else(|| PackError::Missing { pack: self.origin.clone(), file: net.file().to_owned() })
    }

    /// Builds a net from its file with the net's own reader.
    ///
    /// # Errors
    /// If the pack does not have it, or the reader refuses it.
    pub fn open<T>(&self, net: Net, read: impl FnOnce(&[u8]) -> Result<T, nn::Error>) -> Result<T, PackError> {
        read(self.weights(net)?).map_err(|source| PackError::Weights {
            pack: self.origin.clone(),
            file: net.file(),
            source,
        })
    }
}

/// What is inside, whose it is and what it was made from, a line a fact.
pub fn describe(pack: &Pack) -> String {
    use std::fmt::Write;
    let m = &pack.manifest;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{label:<12} {value}");
        }
    };
    line("pack", &m.name);
    line("from", &pack.origin);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn net_bytes() -> Vec<u8> {
        let dense = nn::Dense::new("d", 4, 3, nn::Init::He, &mut nn::Rng::new(1));
        let metadata = BTreeMap::from([("taught".to_owned(), "by a test".to_owned())]);
        nn::io::write(&nn::io::collect(&nn::Layer::params(&dense), &metadata), nn::io::Dtype::F16)
    }

    fn sealed() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(Net::Generator.file()), net_bytes()).unwrap();
        seal(folder.path()).unwrap();
        folder
    }

    #[test]
    fn a_sealed_pack_loads_and_describes_itself() {
        let folder = sealed();
        let pack = Pack::load(folder.path()).unwrap();
        assert_eq!(pack.weights(Net::Generator).unwrap(), net_bytes());
        assert!(matches!(pack.weights(Net::Detector), Err(PackError::Missing { .. })));
        let text = describe(&pack);
        assert!(text.contains("generator.safetensors") && text.contains("taught = by a test"), "{text}");
    }

    #[test]
    fn sealing_again_keeps_what_the_maker_wrote() {
        let folder = sealed();
        let manifest = folder.path().join(MANIFEST_FILE);
        let text = fs::read_to_string(&manifest).unwrap().replace("licence = \"\"", "licence = \"CC0-1.0\"");
        fs::write(&manifest, text).unwrap();
        assert_eq!(seal(folder.path()).unwrap().licence, "CC0-1.0");
        assert_eq!(Pack::load(folder.path()).unwrap().manifest().licence, "CC0-1.0");
    }

    #[test]
    fn each_damage_has_its_own_error() {
        let folder = sealed();
        let file = folder.path().join(Net::Generator.file());
        let good = net_bytes();
        let error = || Pack::load(folder.path()).unwrap_err();

        fs::write(&file, &good[..good.len() - 5]).unwrap();
        assert!(matches!(error(), PackError::Size { .. }), "{}", error());
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        fs::write(&file, &bad).unwrap();
        assert!(matches!(error(), PackError::Corrupt { .. }), "{}", error());
        fs::remove_file(&file).unwrap();
        assert!(matches!(error(), PackError::Missing { .. }), "{}", error());
        fs::write(&file, &good).unwrap();
        assert!(Pack::load(folder.path()).is_ok());

        let manifest = folder.path().join(MANIFEST_FILE);
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(&manifest, text.replace("format = 1", "format = 99\nunheard_of = true")).unwrap();
        assert!(matches!(error(), PackError::Newer { found: 99, .. }), "{}", error());
        fs::write(&manifest, text.replace("generator.safetensors", "../generator.safetensors")).unwrap();
        assert!(matches!(error(), PackError::BadEntry { .. }), "{}", error());
        fs::write(&manifest, "format = ").unwrap();
        assert!(matches!(error(), PackError::Manifest { .. }), "{}", error());
        fs::remove_file(&manifest).unwrap();
        assert!(matches!(error(), PackError::NotAPack(_)), "{}", error());
    }

    #[test]
    fn sealed_but_truncated_weights_name_the_file() {
        let folder = sealed();
        let good = net_bytes();
        fs::write(folder.path().join(Net::Generator.file()), &good[..good.len() - 5]).unwrap();
        let pack = Pack::gather(folder.path()).unwrap();
        let error = pack.open(Net::Generator, nn::io::read).unwrap_err();
        assert!(matches!(&error, PackError::Weights { file: "generator.safetensors", .. }), "{error}");
        assert!(seal(folder.path()).is_err(), "a broken net must not be sealed");
    }
}
