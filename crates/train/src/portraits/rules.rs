//! Which portraits are good enough to learn from.

use super::look::Candidate;
use super::report::Rule;

/// What is asked of a portrait.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Of several faces the largest counts if it is so many times as large (wide and high) as the next.
    pub main_face: f32,
    /// Least pixels of the photograph along a side of the crop.
    pub min_pixels: f32,
    /// Least share of the crop inside the photograph.
    pub min_inside: f32,
    /// Most turned: nose offset over eye distance.
    pub max_yaw: f32,
    /// Least sharp: variance of the Laplacian of the crop at 256 pixels.
    pub min_sharpness: f32,
    /// Palest cheeks: chroma in CIE L*a*b*.
    pub min_chroma: f32,
    /// Least spread of colours among pixels of one lightness, in CIE L*a*b*: toned prints have one hue.
    pub min_colours: f32,
    /// Crops whose thumbnails correlate so much are one photograph.
    pub same: f32,
}

impl Default for Rules {
    /// Measured on our archive: 141 pixels are what its smallest crops have. Black and white pictures and sepia prints have a spread of
    /// colours below 2.7, 98 of 100 portraits since 1960 one above 3.8. Crops of different people correlate up to 0.92, nearly all of the
    /// same photograph above 0.99.
    fn default() -> Self {
        Self {
            main_face: 2.0,
            min_pixels: 141.0,
            min_inside: 0.9,
            max_yaw: 0.4,
            min_sharpness: 20.0,
            min_chroma: 8.0,
            min_colours: 3.0,
            same: 0.95,
        }
    }
}

/// Hues of skin in the a*b* plane, degrees: between pink and brown.
const SKIN: std::ops::Range<f32> = 0.0..74.0;

impl Rules {
    /// Whether a face is good enough.
    ///
    /// # Errors
    /// Says by which rule it is not.
    pub(super) fn check(&self, seen: &Candidate) -> Result<(), (Rule, String)> {
        let &Candidate { source_pixels, inside, yaw_cue, sharpness, colours, complexion, .. } = seen;
        let (hue, chroma) = (complexion.hue, complexion.chroma);
        let (least, most) = (|least: f32| format!("at least {least}"), |most: f32| format!("at most {most}"));
        let checks = [
            (
                source_pixels >= self.min_pixels,
                Rule::Small,
                format!("{source_pixels:.0} pixels across the crop, {}", least(self.min_pixels)),
            ),
            (
                inside >= self.min_inside,
                Rule::CutOff,
                format!("share inside the photograph {inside:.2}, {}", least(self.min_inside)),
            ),
            (
                yaw_cue.abs() <= self.max_yaw,
                Rule::Turned,
                format!("nose offset {:.2}, {}", yaw_cue.abs(), most(self.max_yaw)),
            ),
            (
                colours >= self.min_colours,
                Rule::Toned,
                format!("spread of colours {colours:.1}, {}", least(self.min_colours)),
            ),
            (
                chroma >= self.min_chroma,
                Rule::Toned,
                format!("chroma of the cheeks {chroma:.1}, {}", least(self.min_chroma)),
            ),
            (
                SKIN.contains(&hue),
                Rule::Toned,
                format!("hue of the cheeks {hue:.0} degrees, from {:.0} to {:.0}", SKIN.start, SKIN.end),
            ),
            (
                sharpness >= self.min_sharpness,
                Rule::Blurred,
                format!("sharpness {sharpness:.1}, {}", least(self.min_sharpness)),
            ),
        ];
        // What is no number passes no comparison.
        match checks.into_iter().find(|(good, ..)| !good) {
            None => Ok(()),
            Some((_, rule, why)) => Err((rule, why)),
        }
    }
}
