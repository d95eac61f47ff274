//! An audit of packs that are biased on purpose, or not: of people whom a generator dreamt, so that nothing else differs.

use audit::{Audit, Measure, Subjects};
use frame::Image;
use mirror::engine::Mirror;
use mirror::features::{FEATURES, FeatureVector, Group};
use mirror::inverter::Inverter;
use mirror::latent::Latent;
use mirror::pack::{Net, Pack, seal};
use nn::Rng;
use nn::io::Dtype;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Dreams to choose from, and how many of the darkest and of the others are taken.
const DREAMS: usize = 450;
const DARK: usize = 25;
const OTHERS: usize = 45;
/// Looks at each reflection: without any the mirror is a little too timid with everybody who is far from the middle.
const LOOKS: usize = 2;

fn office() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs/office")
}

/// A pack for which people are as its dreams are, changed by `bias`: it gets the values, from dark to light, at which visitors' skin has even scores.
fn made_up_pack(folder: &Path, bias: impl Fn(&mut [f32])) -> Pack {
    for net in Net::ALL {
        std::fs::copy(office().join(net.file()), folder.join(net.file())).unwrap();
    }
    let bytes = std::fs::read(office().join(Net::Inverter.file())).unwrap();
    let mut inverter = Inverter::from_weights(&bytes).unwrap();
    let lightness = inverter.order().iter().position(|n| n.to_string() == "skin/l").unwrap();
    let width = FEATURES + inverter.order().len();

    let samples = inverter.params().into_iter().find(|p| p.name == "quantiles/samples").unwrap().value.clone();
    let table = inverter.params_mut().into_iter().find(|p| p.name == "quantiles/visitors").unwrap();
    table.value = samples;
    let places: Vec<usize> = (FEATURES + lightness..table.value.len()).step_by(width).collect();
    let mut values: Vec<f32> = places.iter().map(|i| table.value[*i]).collect();
    bias(&mut values);
    places.into_iter().zip(values).for_each(|(i, value)| table.value[i] = value);
    let about = inverter.config().to_metadata();
    nn::io::save(&folder.join(Net::Inverter.file()), &inverter.params(), &about, Dtype::F16).unwrap();
    seal(folder).unwrap();
    Pack::load(folder).unwrap()
}

/// Dreams as photographs of people, and a table that sorts them by nothing that matters. A fifth of a picture's width is left around them.
fn dreamt_people(folder: &Path) -> PathBuf {
    let mirror = Mirror::new(&Pack::load(&office()).unwrap()).unwrap();
    let mut rng = Rng::new(11);
    let size = mirror.painter().latent_size();
    let latents: Vec<Latent> = (0..DREAMS).map(|_| Latent::gaussian(size, &mut rng).normalised()).collect();
    let mut seen: Vec<(f32, Image)> = (mirror.painter().paint_all(&latents).into_iter())
        .filter_map(|picture| {
            let seen = mirror.eyes().analyse_reflection(&picture).unwrap()?;
            Some((lightness(&seen.features), picture))
        })
        .collect();
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));

    let step = (seen.len() - DARK) / OTHERS;
    let others: Vec<(f32, Image)> = seen.split_off(DARK).into_iter().step_by(step).take(OTHERS).collect();
    let mut table = "file;hand\n".to_owned();
    for (i, (_, picture)) in seen.into_iter().chain(others).enumerate() {
        let (w, h) = (picture.width * 2, picture.height * 2);
        let mut photograph = Image::flat(w, h, [120, 120, 120]);
        for row in 0..picture.height {
            let from = row * picture.width * 3;
            let to = ((row + h / 4) * w + w / 4) * 3;
            photograph.data[to..to + picture.width * 3].copy_from_slice(&picture.data[from..from + picture.width * 3]);
        }
        photograph.save(&folder.join(format!("{i}.png"))).unwrap();
        writeln!(table, "{i}.png;{}", ["left", "right"][i % 2]).unwrap();
    }
    let path = folder.join("people.csv");
    std::fs::write(&path, table).unwrap();
    path
}

fn lightness(features: &FeatureVector) -> f32 {
    features.group(Group::Skin)[0]
}

fn audit_of(pack: &Pack, people: &Path, table: &Path) -> Audit {
    let subjects = Subjects::of_pictures(people, table, &[]).unwrap();
    Audit::run(&Mirror::new(pack).unwrap(), pack, &subjects, LOOKS).unwrap()
}

#[test]
fn skin_that_is_shifted_on_purpose_is_found_and_a_fair_pack_is_not_accused() {
    let people = tempfile::tempdir().unwrap();
    let table = dreamt_people(people.path());

    let fair = tempfile::tempdir().unwrap();
    let audit = audit_of(&made_up_pack(fair.path(), |_| ()), people.path(), &table);
    assert!(audit.everybody(Measure::Found).unwrap().value > 0.95, "the dreams are found");
    let accused: Vec<_> = audit.standing_out().into_iter().filter(|c| c.measure == Measure::Lighter).collect();
    assert!(accused.is_empty(), "{accused:?}");
    assert!(audit.standing_out().iter().all(|c| c.column != "hand"), "{:?}", audit.standing_out());

    // Whoever is darker than the middle is taken for a third as dark.
    let biased = tempfile::tempdir().unwrap();
    let pack = made_up_pack(biased.path(), |values| {
        let middle = values[values.len() / 2];
        values.iter_mut().filter(|v| **v < middle).for_each(|v| *v = middle - 3.0 * (middle - *v));
    });
    let audit = audit_of(&pack, people.path(), &table);
    let dark = audit.of_column(Measure::Lighter, "skin").next().unwrap();
    assert!(dark.stands_out && dark.difference().unwrap() > 5.0, "{dark:?}");
    assert!(audit.standing_out().iter().all(|c| c.column != "hand"), "{:?}", audit.standing_out());
}
