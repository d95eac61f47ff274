//! Packs that are sealed, damaged, or cut short.

use super::*;
use crate::archive::{Archive, Member, Source};
use crate::face::likeness::UNKNOWN;
use crate::features::{FEATURES, FeatureVector, TOLD};
use crate::latent::Latent;
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
    let error = seal(folder.path()).unwrap_err();
    assert!(matches!(&error, PackError::Weights { file: "generator.safetensors", .. }), "{error}");
}

#[test]
fn a_pack_of_files_in_memory_needs_its_manifest_and_no_more_nets_than_are_used() {
    let folder = sealed();
    let read = |name: &str| (name.to_owned(), fs::read(folder.path().join(name)).unwrap().into());
    let (manifest, net) = (read(MANIFEST_FILE), read(Net::Generator.file()));
    let pack = Pack::from_files("here", [manifest.clone()].into()).unwrap();
    assert!(matches!(pack.weights(Net::Generator), Err(PackError::Missing { .. })));
    let pack = Pack::from_files("here", [manifest.clone(), net.clone()].into()).unwrap();
    assert_eq!(pack.weights(Net::Generator).unwrap(), net_bytes());
    let damaged = (net.0.clone(), vec![0; net_bytes().len()].into());
    assert!(matches!(Pack::from_files("here", [manifest, damaged].into()), Err(PackError::Corrupt { .. })));
    assert!(matches!(Pack::from_files("here", [net].into()), Err(PackError::Missing { .. })));
}

/// A sealed folder with three files for eyes, which need not be real ones.
fn with_eyes() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    Net::EYES.iter().for_each(|net| fs::write(folder.path().join(net.file()), net_bytes()).unwrap());
    seal(folder.path()).unwrap();
    folder
}

fn archive() -> Archive {
    let member = Member { source: Source::Congress, year: Some(1987), gender: None, name: Some("Somebody".into()) };
    Archive::of(vec![(member, person(1.0), Latent::new(vec![1.0; 16]))])
}

/// A pack of eyes and something in place of an inverter, with a table of the archive.
fn with_archive() -> tempfile::TempDir {
    let folder = with_eyes();
    fs::write(folder.path().join(Net::Inverter.file()), net_bytes()).unwrap();
    seal(folder.path()).unwrap();
    let bytes = Pack::load(folder.path()).unwrap().archive_bytes(&archive()).unwrap();
    fs::write(folder.path().join(ARCHIVE_FILE), bytes).unwrap();
    seal(folder.path()).unwrap();
    folder
}

#[test]
fn the_members_of_the_archive_come_back_as_they_were_sealed() {
    let folder = with_eyes();
    assert!(Pack::load(folder.path()).unwrap().archive().unwrap().is_none());
    let folder = with_archive();
    let pack = Pack::load(folder.path()).unwrap();
    assert_eq!(pack.archive().unwrap().expect("a table").members(), archive().members());
    assert!(pack.has_archive_of_its_inverter());
}

#[test]
fn members_whom_other_eyes_measured_are_refused_and_another_inverter_is_told() {
    let (folder, mut other) = (with_archive(), net_bytes());
    *other.last_mut().unwrap() ^= 1;
    fs::write(folder.path().join(Net::Inverter.file()), &other).unwrap();
    seal(folder.path()).unwrap();
    let pack = Pack::load(folder.path()).unwrap();
    assert!(pack.archive().unwrap().is_some() && !pack.has_archive_of_its_inverter());
    fs::write(folder.path().join(Net::Landmarks.file()), &other).unwrap();
    seal(folder.path()).unwrap();
    let error = Pack::load(folder.path()).unwrap().archive().unwrap_err();
    assert!(matches!(error, PackError::ForeignArchive(_)), "{error}");
}

fn person(value: f32) -> FeatureVector {
    FeatureVector::new([value; FEATURES]).unwrap()
}

#[test]
fn people_come_back_as_they_were_sealed() {
    let folder = with_eyes();
    let pack = Pack::load(folder.path()).unwrap();
    assert!(matches!(pack.visitors(), Err(PackError::NoVisitors(_))));
    let (women, men, measured) = (vec![person(1.5), person(-2.0)], vec![person(0.25)], vec![]);
    let people = Visitors { women, men, measured };
    fs::write(folder.path().join(VISITORS_FILE), people.to_bytes(&pack).unwrap()).unwrap();
    let manifest = seal(folder.path()).unwrap();
    assert_eq!(manifest.files[VISITORS_FILE].metadata["people"], "2 women, 1 men; 0 to measure on");
    assert_eq!(Pack::load(folder.path()).unwrap().visitors().unwrap(), people);
}

#[test]
fn people_whom_other_eyes_measured_are_refused() {
    let folder = with_eyes();
    let bytes = Visitors::default().to_bytes(&Pack::load(folder.path()).unwrap()).unwrap();
    fs::write(folder.path().join(VISITORS_FILE), bytes).unwrap();
    let mut other = net_bytes();
    *other.last_mut().unwrap() ^= 1;
    fs::write(folder.path().join(Net::Landmarks.file()), other).unwrap();
    seal(folder.path()).unwrap();
    let error = Pack::load(folder.path()).unwrap().visitors().unwrap_err();
    assert!(matches!(error, PackError::OtherEyes(_)), "{error}");
}

#[test]
fn a_table_of_another_width_is_refused() {
    let folder = with_eyes();
    let pack = Pack::load(folder.path()).unwrap();
    let mut file = nn::io::read(&Visitors::default().to_bytes(&pack).unwrap()).unwrap();
    file.tensors.insert("men".to_owned(), (vec![1, 3], vec![0.0; 3]));
    fs::write(folder.path().join(VISITORS_FILE), nn::io::write(&file, nn::io::Dtype::F16)).unwrap();
    seal(folder.path()).unwrap();
    let error = Pack::load(folder.path()).unwrap().visitors().unwrap_err().to_string();
    let expected = format!("tensor \"men\": expected [1, {FEATURES}], file has [1, 3]");
    assert!(error.contains(&expected), "{error}");
}

#[test]
fn people_from_before_there_was_a_likeness_have_none() {
    let folder = with_eyes();
    let pack = Pack::load(folder.path()).unwrap();
    let mut file = nn::io::read(&Visitors::default().to_bytes(&pack).unwrap()).unwrap();
    file.tensors.insert("men".to_owned(), (vec![2, TOLD], [vec![0.5; TOLD], vec![2.0; TOLD]].concat()));
    fs::write(folder.path().join(VISITORS_FILE), nn::io::write(&file, nn::io::Dtype::F16)).unwrap();
    seal(folder.path()).unwrap();
    let men = Pack::load(folder.path()).unwrap().visitors().unwrap().men;
    assert_eq!(men.iter().map(|man| man.values()[0]).collect::<Vec<_>>(), [0.5, 2.0]);
    assert!(men.iter().all(|man| man.likeness() == UNKNOWN));
}
