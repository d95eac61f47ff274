//! Builds the pack around an imported generator.

use crate::{ImportError, ImportOptions, read_generator};
use mirror::generator::Generator;
use mirror::pack::{CARD_FILE, FORMAT, MANIFEST_FILE, Manifest, Net, Pack, VISITORS_FILE, seal};
use nn::io::Dtype;
use std::collections::BTreeMap;
use std::path::Path;

/// What came of an import.
pub struct Imported {
    /// The generator, as the pack has it.
    pub generator: Generator,
    /// What the pack still lacks before it can reflect.
    pub missing: Vec<Net>,
}

/// Makes a pack in the folder `out` of the generator in `file` and of another pack's face nets, with the people whom they measured.
///
/// The inverter stays behind: it knows one generator, and with another, even of the same latent size, it would answer
/// with faces that have nothing to do with the viewer. The pack can dream at once, and reflect after
/// `narcissus train inverter`.
///
/// # Errors
/// If the file is refused (see [`read_generator`]), `out` exists, or cannot be written; then nothing is left behind.
pub fn import(file: &Path, options: ImportOptions, face_nets: &Pack, out: &Path) -> Result<Imported, ImportError> {
    if out.exists() {
        return Err(ImportError::Exists(out.to_owned()));
    }
    let generator = read_generator(file, options)?;
    let io = |source| ImportError::Io { path: out.to_owned(), source };
    let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(io)?;

    // Filled beside its place and then renamed, so that nobody finds half a pack.
    let folder = tempfile::Builder::new().prefix(".import-").tempdir_in(parent).map_err(io)?;
    let write = |name: &str, bytes: &[u8]| -> Result<(), ImportError> {
        Ok(host::write_atomically(&folder.path().join(name), bytes)?)
    };

    // The nets, and the people to train an inverter with.
    write(Net::Generator.file(), &generator.to_bytes(generator.metadata(), dtype_for(&generator, options.half)))?;
    let mut missing = vec![Net::Inverter];
    for net in Net::EYES {
        match face_nets.weights(net) {
            Ok(bytes) => write(net.file(), bytes)?,
            Err(_) if net.is_optional() => {}
            Err(_) => missing.push(net),
        }
    }
    if let Some(bytes) = face_nets.file(VISITORS_FILE) {
        write(VISITORS_FILE, bytes)?;
    }

    // What the pack says of itself.
    let manifest = manifest(&generator, face_nets, out);
    let text = toml::to_string(&manifest).expect("a manifest is a plain table");
    write(MANIFEST_FILE, text.as_bytes())?;
    write(CARD_FILE, card(&manifest, generator.metadata()).as_bytes())?;
    seal(folder.path())?;
    open_to_readers(folder.path()).map_err(io)?;
    std::fs::rename(folder.path(), out).map_err(io)?;
    Ok(Imported { generator, missing })
}

/// Puts an inverter into an imported pack, with what its training and its measuring say, and gives it its name.
///
/// # Errors
/// If the inverter cannot be read, or the pack not be written.
pub fn complete(folder: &Path, name: &str, inverter: &Path, figures: &str) -> Result<(), ImportError> {
    let io = |source| ImportError::Io { path: inverter.to_owned(), source };
    let bytes = std::fs::read(inverter).map_err(io)?;
    let trained =
        nn::io::read(&bytes).map_err(|source| ImportError::Weights { path: inverter.to_owned(), source })?.metadata;
    let pack = Pack::load(folder)?;
    let generator = pack.open(Net::Generator, Generator::from_bytes)?;
    let size = generator.config().resolution;
    let about = format!("an imported generator of {size}x{size} pixels, with an inverter taught by narcissus adopt");
    let manifest = Manifest { name: name.to_owned(), about, ..pack.manifest().clone() };
    let mut text = card_head(&manifest, generator.metadata());
    text += "\n## What the inverter's training says\n\n";
    trained.iter().for_each(|(key, value)| text += &format!("- {key}: {value}\n"));
    text += &format!("\n## Measured\n\n{figures}");
    text +=
        "\n## Limits\n\nWhom the generator draws, and whom it does not, is what its data was: see above, and ask.\n";
    let write = |name: &str, bytes: &[u8]| -> Result<(), ImportError> {
        Ok(host::write_atomically(&folder.join(name), bytes)?)
    };
    write(Net::Inverter.file(), &bytes)?;
    write(CARD_FILE, text.as_bytes())?;
    write(MANIFEST_FILE, toml::to_string(&manifest).expect("a manifest is a plain table").as_bytes())?;
    seal(folder)?;
    Ok(())
}

/// As exact as the file, unless half precision is asked for and no weight is too large for it.
fn dtype_for(generator: &Generator, half: bool) -> Dtype {
    if !half {
        return Dtype::F32;
    }
    let largest = |p: &&nn::Param| p.value.iter().fold(0.0_f32, |m, v| m.max((v * p.scale).abs()));
    if generator.params().iter().map(largest).all(|v| v < 65_000.0) { Dtype::F16 } else { Dtype::F32 }
}

fn manifest(generator: &Generator, face_nets: &Pack, out: &Path) -> Manifest {
    let name = out.file_name().map_or("imported".into(), |n| n.to_string_lossy().into_owned());
    let dataset = generator.metadata().get("dataset").map_or("not named in its file", String::as_str);
    let mut data = vec![format!("generator: {dataset}")];
    data.extend(
        face_nets.manifest().data.iter().map(|d| format!("face nets, from {}: {d}", face_nets.manifest().name)),
    );
    let size = generator.config().resolution;
    Manifest {
        format: FORMAT,
        name,
        about: format!("an imported generator of {size}x{size} pixels; no inverter yet"),
        licence: String::new(),
        data,
        files: BTreeMap::new(),
    }
}

/// The card of a pack that does not reflect yet.
fn card(manifest: &Manifest, metadata: &BTreeMap<String, String>) -> String {
    card_head(manifest, metadata)
        + "\n## Limits\n\nNothing has been measured. Without an inverter it dreams and does not reflect; `narcissus train \
           inverter` makes one, and `narcissus adopt` does all of it.\n"
}

/// What a card says of the generator and where it comes from.
fn card_head(manifest: &Manifest, metadata: &BTreeMap<String, String>) -> String {
    let mut text = format!("# {}\n\n{}.\n\n## Data\n\n", manifest.name, manifest.about);
    manifest.data.iter().for_each(|d| text += &format!("- {d}\n"));
    text += "\n## Licence\n\nNot known: ask whoever made the generator, then write it into pack.toml.\n";
    text += "\n## What the generator's file says\n\n";
    metadata.iter().for_each(|(key, value)| text += &format!("- {key}: {value}\n"));
    text
}

/// Temporary folders are private; a pack is not.
#[cfg(unix)]
fn open_to_readers(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn open_to_readers(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::features::{FEATURES, FeatureVector};
    use mirror::generator::{Config, Painter};
    use mirror::latent::Latent;
    use mirror::pack::{PackError, Visitors};
    use nn::{Layer, Rng};

    const TINY: Config = Config { resolution: 8, fmap_base: 16, fmap_max: 4, fmap_min: 1, latent_size: 3 };

    /// A folder with a generator and a pack of one face net, which need not be a real one.
    fn setting() -> (tempfile::TempDir, Pack) {
        let dir = tempfile::tempdir().unwrap();
        let donor = dir.path().join("donor");
        std::fs::create_dir(&donor).unwrap();
        let net = nn::Dense::new("d", 2, 2, nn::Init::He, &mut Rng::new(1));
        nn::io::save(&donor.join(Net::Detector.file()), &net.params(), &BTreeMap::new(), Dtype::F32).unwrap();
        seal(&donor).unwrap();
        let about = BTreeMap::from([("dataset".to_owned(), "a test".to_owned())]);
        Generator::new(TINY, &mut Rng::new(2)).save(&dir.path().join("gs.safetensors"), &about, Dtype::F32).unwrap();
        let pack = Pack::load(&donor).unwrap();
        (dir, pack)
    }

    #[test]
    fn an_imported_pack_draws_what_the_file_drew_and_says_what_it_lacks() {
        let (dir, donor) = setting();
        let (file, out) = (dir.path().join("gs.safetensors"), dir.path().join("new"));
        let imported = import(&file, ImportOptions::default(), &donor, &out).unwrap();
        assert_eq!(imported.missing, [Net::Inverter, Net::Landmarks, Net::Attributes]);
        let pack = Pack::load(&out).unwrap();
        assert_eq!(pack.manifest().name, "new");
        assert_eq!(pack.manifest().data[0], "generator: a test");
        assert_eq!(pack.weights(Net::Detector).unwrap(), donor.weights(Net::Detector).unwrap());
        assert!(pack.card().unwrap().contains("Not known"));
        let latent = Latent::gaussian(3, &mut Rng::new(3));
        let drawn = Painter::new(&pack.open(Net::Generator, Generator::from_bytes).unwrap()).paint(&latent);
        let wanted = Painter::new(&Generator::load(&file).unwrap()).paint(&latent);
        assert!(drawn.data.iter().zip(&wanted.data).all(|(a, b)| a.abs_diff(*b) <= 1));
    }

    #[test]
    fn people_come_with_the_face_nets_that_measured_them() {
        let (dir, donor) = setting();
        let file = dir.path().join("gs.safetensors");
        let plain = dir.path().join("plain");
        import(&file, ImportOptions::default(), &donor, &plain).unwrap();
        assert!(matches!(Pack::load(&plain).unwrap().visitors(), Err(PackError::NoVisitors(_))));

        let folder = dir.path().join("donor");
        for net in [Net::Landmarks, Net::Attributes] {
            std::fs::copy(folder.join(Net::Detector.file()), folder.join(net.file())).unwrap();
        }
        seal(&folder).unwrap();
        let people = Visitors { men: vec![FeatureVector::new([0.5; FEATURES]).unwrap()], ..Visitors::default() };
        let bytes = people.to_bytes(&Pack::load(&folder).unwrap()).unwrap();
        std::fs::write(folder.join(VISITORS_FILE), bytes).unwrap();
        seal(&folder).unwrap();
        let peopled = dir.path().join("peopled");
        import(&file, ImportOptions::default(), &Pack::load(&folder).unwrap(), &peopled).unwrap();
        assert_eq!(Pack::load(&peopled).unwrap().visitors().unwrap(), people);
    }

    #[test]
    fn an_inverter_completes_a_pack_and_its_card_says_how_good_it_is() {
        let (dir, donor) = setting();
        let out = dir.path().join("new");
        import(&dir.path().join("gs.safetensors"), ImportOptions::default(), &donor, &out).unwrap();
        let inverter = dir.path().join("inverter.safetensors");
        let net = nn::Dense::new("i", 2, 2, nn::Init::He, &mut Rng::new(1));
        let about = BTreeMap::from([("pairs".to_owned(), "77".to_owned())]);
        nn::io::save(&inverter, &net.params(), &about, Dtype::F32).unwrap();
        complete(&out, "mine", &inverter, "half of the hair\n").unwrap();
        let pack = Pack::load(&out).unwrap();
        assert_eq!(pack.weights(Net::Inverter).unwrap(), std::fs::read(&inverter).unwrap());
        assert_eq!(pack.manifest().name, "mine");
        assert!(pack.manifest().about.contains("with an inverter") && pack.manifest().licence.is_empty());
        let card = pack.card().unwrap();
        assert!(["pairs: 77", "half of the hair", "Not known", "a test"].iter().all(|w| card.contains(w)), "{card}");
    }

    #[test]
    fn a_refused_file_leaves_nothing_behind() {
        let (dir, donor) = setting();
        std::fs::write(dir.path().join("gs.safetensors"), b"nonsense").unwrap();
        assert!(
            import(&dir.path().join("gs.safetensors"), ImportOptions::default(), &donor, &dir.path().join("new"))
                .is_err()
        );
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 2, "only the donor and the file");
    }

    #[test]
    fn an_existing_folder_is_not_replaced() {
        let (dir, donor) = setting();
        let file = dir.path().join("gs.safetensors");
        assert!(matches!(import(&file, ImportOptions::default(), &donor, dir.path()), Err(ImportError::Exists(_))));
    }
}
