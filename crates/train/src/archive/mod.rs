//! The members of the archive as numbers, for the pack whose nets learned from their portraits.
//!
//! One portrait stands for a person: the sharpest in colour that shows a face, as monochrome ones say nothing of skin and hair. Names are those
//! of the archive's own table.

mod names;
mod people;

pub use people::{Framing, Person, PortraitFile, people};

use crate::data::read_most;
use anyhow::{Result, ensure};
use frame::Image;
use mirror::archive::Archive;
use mirror::engine::{Eyes, nearest};
use mirror::features::FeatureVector;
use mirror::inverter::{FeatureSelection, Inverter};
use mirror::pack::{Net, Pack};
use std::path::Path;

/// Fewest members that say how near members lie to each other.
const LEAST_MEMBERS: usize = 20;
/// Least difference of a pixel's channels, in the mean, of a picture in colour.
const LEAST_COLOUR: f32 = 8.0;

/// A person, and what the eyes find in the portrait that stands for them.
pub struct MeasuredPerson {
    /// Who it is.
    pub person: Person,
    /// Which of their portraits it is.
    pub portrait: usize,
    /// What the eyes find in it.
    pub features: FeatureVector,
}

/// The archive's members, for the pack that these nets belong to.
///
/// # Errors
/// If the archive's tables cannot be read, more than a tenth of its portraits, or there are too few of them.
pub fn of_portraits(root: &Path, pack: &Pack) -> Result<Archive> {
    let inverter = pack.open(Net::Inverter, Inverter::from_weights)?;
    let measured = measured_people(root, &Eyes::new(pack)?)?;
    let all = read_most("latents", measured, |MeasuredPerson { person, portrait, features }| {
        let latent = inverter.invert(&features, &FeatureSelection::default());
        Ok((person.member(portrait), features, latent))
    })?;
    Ok(Archive::of(all))
}

/// The archive's people, each by the sharpest portrait in colour that shows a face, always in the same order.
///
/// # Errors
/// As [`of_portraits`].
pub fn measured_people(root: &Path, eyes: &Eyes) -> Result<Vec<MeasuredPerson>> {
    let measured = read_most("people", people(root)?, |person: Person| {
        for (portrait, file) in person.portraits.iter().enumerate() {
            let image = Image::load(&file.path)?;
            if let Some(features) = features_in(&image, file.framing, eyes)?.filter(|_| has_colours(&image)) {
                return Ok(Some(MeasuredPerson { person, portrait, features }));
            }
        }
        Ok(None)
    })?;
    let measured: Vec<MeasuredPerson> = measured.into_iter().flatten().collect();
    ensure!(
        measured.len() >= LEAST_MEMBERS,
        "{}: a face in the colour portraits of {} people: expected {LEAST_MEMBERS} or more",
        root.display(),
        measured.len()
    );
    Ok(measured)
}

/// What the eyes find in a portrait.
///
/// # Errors
/// If the picture is not well formed.
pub fn features_in(image: &Image, framing: Framing, eyes: &Eyes) -> Result<Option<FeatureVector>> {
    let seen = match framing {
        Framing::Photograph => nearest(eyes.analyse(image)?),
        Framing::Aligned => eyes.analyse_reflection(image)?,
    };
    Ok(seen.map(|seen| seen.features))
}

/// Whether a picture is more than black and white.
fn has_colours(image: &Image) -> bool {
    let pixels = image.data.as_chunks::<3>().0;
    let spread = |pixel: &[u8; 3]| u64::from(pixel.iter().max().unwrap_or(&0) - pixel.iter().min().unwrap_or(&0));
    pixels.iter().map(spread).sum::<u64>() as f32 >= LEAST_COLOUR * pixels.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grey_picture_has_no_colours() {
        assert!(!has_colours(&Image::flat(8, 8, [90, 90, 92])) && has_colours(&Image::flat(8, 8, [120, 100, 90])));
    }
}
