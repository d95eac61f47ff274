//! Measures whom the mirror says somebody lies nearest to: members by their own portraits, members by other photographs of theirs, and dreams.

use crate::archive::{MeasuredPerson, PortraitFile, features_in, measured_people};
use crate::data::read_most;
use crate::faces::augment::jpeg;
use crate::inverter::pairs::random_latents;
use crate::runs::data_root;
use crate::statistics::{Share, mean, median, quantile};
use anyhow::{Context, Result, ensure};
use frame::Image;
use mirror::archive::Atlas;
use mirror::engine::{Eyes, Mirror};
use mirror::features::{FeatureVector, Measures};
use mirror::latent::Latent;
use mirror::pack::{ARCHIVE_FILE, Pack};
use nn::Rng;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

/// What of its size a portrait is reduced to, and in which quality it is then stored, so that nobody is compared with the very picture that was measured.
const SMALLER: (usize, usize) = (7, 10);
const QUALITY: u8 = 60;
/// Looks into the archive that are timed.
const LOOKS: usize = 200;

/// On what it is measured.
#[derive(Clone, Debug)]
pub struct ArchiveEvaluation {
    /// Folder with `congress` and `office`; `None`: see [`data_root`].
    pub data: Option<PathBuf>,
    /// Faces of nobody.
    pub dreams: usize,
    /// Start of the random numbers.
    pub seed: u64,
}

/// Whom pictures lie nearest to.
#[derive(Clone, Debug, Serialize)]
pub struct NearestFigures {
    /// The nearest member is the same person.
    pub first: Share,
    /// The same person is among the three nearest.
    pub among_three: Share,
    /// Somebody is near.
    pub near: Share,
    /// Somebody else than the same person is near.
    pub other_near: Share,
}

/// All figures of an archive.
#[derive(Clone, Debug, Serialize)]
pub struct ArchiveReport {
    /// People in the table.
    pub members: usize,
    /// Bytes of the table's file.
    pub bytes: usize,
    /// The distance below which somebody is near.
    pub near_distance: f32,
    /// How far away a member's nearest other is: the least, of one in a hundred, of one in two.
    pub others: [f32; 3],
    /// Members to whom another member is near.
    pub members_near_others: Share,
    /// The same portraits, measured again.
    pub again: NearestFigures,
    /// The same, smaller and compressed once more.
    pub smaller: NearestFigures,
    /// Other photographs of the same people.
    pub other_photographs: NearestFigures,
    /// Dreams to which somebody is near.
    pub dreams_near: Share,
    /// How far away a dream's nearest member is: the least, of one in a hundred, of one in two.
    pub dreams: [f32; 3],
    /// Mean cosine of the latents of the table and those that the pack's inverter finds now.
    pub latents: f32,
    /// A look into the archive, milliseconds, median.
    pub look_ms: f32,
}

/// Measures the archive of a pack.
///
/// # Errors
/// If the pack has none, the portraits are not those that it was made of, or too many cannot be read.
pub fn run(pack: &Pack, options: &ArchiveEvaluation) -> Result<ArchiveReport> {
    let root = data_root(options.data.as_deref())?;
    let archive = pack.archive()?.with_context(|| format!("{}: no \"{ARCHIVE_FILE}\" in it", pack.origin()))?;
    let bytes = pack.file(ARCHIVE_FILE).map_or(0, <[u8]>::len);
    let (mirror, atlas) = (Mirror::new(pack)?, Atlas::new(archive, &Measures::default(), false));
    let people = measured_people(&root, mirror.eyes())?;
    ensure!(
        people.len() == atlas.len(),
        "{}: {} people with a portrait, {} in the table\nhint: `narcissus pack archive` makes the table of these portraits",
        root.display(),
        people.len(),
        atlas.len()
    );

    // Members among members.
    let to_others: Vec<f32> = people
        .iter()
        .enumerate()
        .filter_map(|(i, person)| {
            let nearest = atlas.nearest(&atlas.scores(&person.features));
            nearest.into_iter().find(|(member, _)| *member != i).map(|(_, distance)| distance)
        })
        .collect();
    let near = |distances: &[f32]| {
        Share::new(distances.iter().filter(|d| **d < atlas.near_distance()).count(), distances.len())
    };

    // Portraits, and other photographs.
    let again: Vec<(usize, FeatureVector)> = people.iter().map(|p| p.features.clone()).enumerate().collect();
    let smaller = look(&people, mirror.eyes(), |person| vec![(&person.person.portraits[person.portrait], true)])?;
    let other_photographs = look(&people, mirror.eyes(), |MeasuredPerson { person, portrait, .. }| {
        let others = person.portraits.iter().enumerate().filter(|(i, _)| i != portrait);
        others.map(|(_, file)| (file, false)).collect()
    })?;

    let dreams = dreams(&mirror, &atlas, options)?;
    let quantiles = |distances: &[f32]| [0.0, 0.01, 0.5].map(|share| quantile(distances, share));
    Ok(ArchiveReport {
        members: atlas.len(),
        bytes,
        near_distance: atlas.near_distance(),
        others: quantiles(&to_others),
        members_near_others: near(&to_others),
        again: figures(&atlas, &again),
        smaller: figures(&atlas, &smaller),
        other_photographs: figures(&atlas, &other_photographs),
        dreams_near: near(&dreams),
        dreams: quantiles(&dreams),
        latents: latents(&mirror, &atlas, &people),
        look_ms: time(&atlas, &people[0].features),
    })
}

/// What the eyes find in some pictures of each person, smaller ones where that is asked, beside the person's number.
fn look<'a>(
    people: &'a [MeasuredPerson],
    eyes: &Eyes,
    pictures: impl Fn(&'a MeasuredPerson) -> Vec<(&'a PortraitFile, bool)>,
) -> Result<Vec<(usize, FeatureVector)>> {
    let of = |(i, person)| pictures(person).into_iter().map(move |picture| (i, picture));
    let all = people.iter().enumerate().flat_map(of).collect();
    let seen = read_most("pictures", all, |(i, (file, is_smaller)): (usize, (&PortraitFile, bool))| {
        let mut image = Image::load(&file.path)?;
        if is_smaller {
            let side = |side: usize| (side * SMALLER.0 / SMALLER.1).max(1);
            image = image.resized(side(image.width), side(image.height));
            jpeg(&mut image, QUALITY);
        }
        Ok(features_in(&image, file.framing, eyes)?.map(|features| (i, features)))
    })?;
    Ok(seen.into_iter().flatten().collect())
}

/// Whom these people lie nearest to.
fn figures(atlas: &Atlas, people: &[(usize, FeatureVector)]) -> NearestFigures {
    let near = atlas.near_distance();
    let found: Vec<Found> = people
        .iter()
        .map(|(person, features)| {
            let nearest = atlas.nearest(&atlas.scores(features));
            let place = nearest.iter().position(|(member, _)| member == person);
            let near: Vec<usize> = nearest.into_iter().filter(|(_, d)| *d < near).map(|(member, _)| member).collect();
            Found { place, near: !near.is_empty(), other_near: near.iter().any(|member| member != person) }
        })
        .collect();
    let share = |holds: fn(&Found) -> bool| Share::new(found.iter().filter(|one| holds(one)).count(), found.len());
    NearestFigures {
        first: share(|one| one.place == Some(0)),
        among_three: share(|one| one.place.is_some()),
        near: share(|one| one.near),
        other_near: share(|one| one.other_near),
    }
}

/// What was found of one person.
struct Found {
    /// Their place among the nearest members.
    place: Option<usize>,
    /// Whether somebody is near.
    near: bool,
    /// Whether somebody else is.
    other_near: bool,
}

/// How far away the nearest member of each dream is that shows a face.
fn dreams(mirror: &Mirror, atlas: &Atlas, options: &ArchiveEvaluation) -> Result<Vec<f32>> {
    let size = mirror.painter().latent_size();
    let latents = random_latents(options.dreams, size, &mut Rng::new(options.seed));
    let latents = latents.chunks_exact(size).map(|latent| Latent::new(latent.to_vec())).collect();
    let seen = read_most("dreams", latents, |latent| {
        let seen = mirror.eyes().analyse_reflection(&mirror.painter().paint(&latent))?;
        Ok(seen.and_then(|seen| atlas.nearest(&atlas.scores(&seen.features)).first().map(|(_, distance)| *distance)))
    })?;
    Ok(seen.into_iter().flatten().collect())
}

/// Mean cosine of the table's latents and those that the inverter finds now, of one person in ten.
fn latents(mirror: &Mirror, atlas: &Atlas, people: &[MeasuredPerson]) -> f32 {
    let some = people.iter().enumerate().step_by(10);
    let cosine = |(i, person): (usize, &MeasuredPerson)| {
        let found = mirror.inverter().invert(&person.features, &Default::default());
        let kept = atlas.archive().latent(i);
        found.as_slice().iter().zip(kept.as_slice()).map(|(a, b)| a * b).sum::<f32>() / kept.len() as f32
    };
    let cosines: Vec<f32> = some.map(cosine).collect();
    mean(&cosines)
}

/// How long a look into the archive takes, milliseconds, median.
fn time(atlas: &Atlas, features: &FeatureVector) -> f32 {
    let look = |_| {
        let began = Instant::now();
        std::hint::black_box(atlas.locate(&atlas.scores(features)));
        1000.0 * began.elapsed().as_secs_f32()
    };
    median(&(0..LOOKS).map(look).collect::<Vec<f32>>())
}

impl fmt::Display for ArchiveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let distances = |[least, hundredth, half]: [f32; 3]| format!("{least:.3} | {hundredth:.3} | {half:.3}");
        writeln!(f, "{} members in {} bytes; near: below {:.3}", self.members, self.bytes, self.near_distance)?;
        writeln!(f, "distance to the nearest other member: least | one in a hundred | one in two")?;
        writeln!(f, "  members  {}", distances(self.others))?;
        writeln!(f, "  dreams   {}", distances(self.dreams))?;
        writeln!(f, "somebody else is near")?;
        writeln!(f, "  members  {}", self.members_near_others)?;
        writeln!(f, "  dreams   {}", self.dreams_near)?;
        for (name, figures) in [
            ("portraits, measured again", &self.again),
            ("the same, smaller and compressed", &self.smaller),
            ("other photographs of the same people", &self.other_photographs),
        ] {
            writeln!(f, "{name}")?;
            writeln!(f, "  the nearest is the same person  {}", figures.first)?;
            writeln!(f, "  among the three nearest         {}", figures.among_three)?;
            writeln!(f, "  somebody is near                {}", figures.near)?;
            writeln!(f, "  somebody else is near           {}", figures.other_near)?;
        }
        writeln!(f, "latents of the table and of the pack's inverter: cosine {:.3}", self.latents)?;
        write!(f, "a look into the archive: {:.2} ms", self.look_ms)
    }
}
