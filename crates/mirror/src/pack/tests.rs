//! Packs that are sealed, damaged, or cut short.

use super::*;
use std::collections::BTreeMap;
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
