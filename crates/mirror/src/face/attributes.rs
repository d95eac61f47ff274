//! Guesses age and gender from an aligned face: one small trunk with two heads.
//!
//! What it calls gender is a binary guess from the looks of a face, learned from the portraits of one institution
//! and the first names of its members. It is a statement about that archive, never a fact about a person.
//!
//! The net sees lightness and colours freed of brightness, contrast and the light's own colour. Most portraits of the archive's first
//! 150 years are monochrome and show men: a third of what it learns from has its colours taken away, or it would learn the age of the photograph.

use super::align::{Similarity, crop_values, portrait_crop};
use super::geometry::Landmarks;
use crate::features::{Group, Measures};
use frame::Image;
use nn::{Conv2d, Dense, Dropout, Init, Initializer, Layer, LeakyRelu, Rng, Sequential, Tensor, Unset};

/// Width and height of the aligned crop that the net sees, pixels.
pub const CROP: usize = 96;
/// Numbers a pixel that the net sees (see [`input`]).
const INPUTS: usize = 3;
/// Middle of the youngest age bin, years.
pub const FIRST_AGE: f32 = 2.0;
/// Width of an age bin, years.
pub const AGE_STEP: f32 = 4.0;
/// Age bins: 2 to 94 years.
pub const AGE_BINS: usize = 24;
/// Numbers that the net gives: a logit an age bin, then the logit of "female".
pub const OUTPUTS: usize = AGE_BINS + 1;

/// The names under which the temperatures (see [`Calibration`]) are stored with the weights.
pub const AGE_TEMPERATURE_KEY: &str = "age_temperature";
/// See [`AGE_TEMPERATURE_KEY`].
pub const GENDER_TEMPERATURE_KEY: &str = "gender_temperature";

/// The net's opinion of an age, years.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Age {
    /// Expectation.
    pub mean: f32,
    /// One in ten is younger.
    pub low: f32,
    /// One in ten is older.
    pub high: f32,
}

/// The word for a face, as the archive's labels have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GenderLabel {
    /// "Female", with a probability of [`SURE`] or more.
    Female,
    /// "Male", likewise.
    Male,
    /// Neither.
    Unsure,
}

/// Probability from which on a gender is named.
pub const SURE: f32 = 0.75;

impl GenderLabel {
    /// The word itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Unsure => "unsure",
        }
    }

    /// The word for a probability of "female", if one is likely enough.
    pub fn of(female: f32) -> Self {
        match female {
            p if p >= SURE => Self::Female,
            p if p <= 1.0 - SURE => Self::Male,
            _ => Self::Unsure,
        }
    }
}

/// What the net says of a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attributes {
    /// Years.
    pub age: Age,
    /// Probability of "female"; that of "male" is the rest.
    pub female: f32,
}

impl Attributes {
    /// The word for the face, if one is likely enough.
    pub fn gender(&self) -> GenderLabel {
        GenderLabel::of(self.female)
    }
}

/// As much of [`Attributes`] as a mirror may say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Judged {
    /// Years.
    pub age: Option<Age>,
    /// Probability of "female".
    pub female: Option<f32>,
}

impl From<Attributes> for Judged {
    fn from(Attributes { age, female }: Attributes) -> Self {
        Self { age: Some(age), female: Some(female) }
    }
}

impl Judged {
    /// What of it is measured.
    #[must_use]
    pub fn only(self, measures: &Measures) -> Self {
        Self {
            age: self.age.filter(|_| measures.takes(Group::Age)),
            female: self.female.filter(|_| measures.takes(Group::Gender)),
        }
    }
}

/// Divisors of the logits, fitted on portraits that the net has not learned from, so that of the faces that it is
/// 80 % sure of, 80 % are right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// For the age bins.
    pub age_temperature: f32,
    /// For the gender.
    pub gender_temperature: f32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { age_temperature: 1.0, gender_temperature: 1.0 }
    }
}

/// The layers: 36 million multiply-adds for one crop, 0.60 million weights.
pub fn network(values: &mut impl Initializer) -> Sequential {
    layers(values, |_| None)
}

/// The same, of the same parameters, for learning: a share of each dense layer's inputs is left out.
pub fn network_with_dropout(share: f32, rng: &mut Rng) -> Sequential {
    layers(rng, |rng| (share > 0.0).then(|| Dropout::new(share, rng.next_u64())))
}

/// The layers, with what `dropout` gives before each dense one.
fn layers<V: Initializer>(values: &mut V, dropout: impl Fn(&mut V) -> Option<Dropout>) -> Sequential {
    let mut layers: Vec<Box<dyn Layer>> = Vec::new();
    let drop = |layers: &mut Vec<Box<dyn Layer>>, values: &mut V| {
        layers.extend(dropout(values).map(|dropout| Box::new(dropout) as Box<dyn Layer>));
    };

    // A trunk of convolutions, to a sixteenth of the crop.
    let trunk = [(INPUTS, 24, 2), (24, 48, 2), (48, 48, 1), (48, 80, 2), (80, 80, 1), (80, 112, 2)];
    for (i, (c_in, c_out, stride)) in trunk.into_iter().enumerate() {
        layers.push(Box::new(Conv2d::new(&format!("conv{i}"), c_in, c_out, 3, stride, Init::He, values)));
        layers.push(Box::new(LeakyRelu));
    }

    // One hidden layer, then both heads.
    let side = CROP / 16;
    drop(&mut layers, values);
    layers.push(Box::new(Dense::new("hidden", side * side * 112, 96, Init::He, values)));
    layers.push(Box::new(LeakyRelu));
    drop(&mut layers, values);
    layers.push(Box::new(Dense::new("heads", 96, OUTPUTS, Init::Gain(0.1), values)));
    Sequential::new(layers)
}

/// Added to the spread of a crop's brightness, 0 to 255, before dividing by it: keeps the noise of a black picture from being blown up.
const NOISE_FLOOR: f32 = 8.0;

/// What the net sees of crops, each [`CROP`] pixels wide: `[n, CROP, CROP, 3]`, luma, red less luma and blue less luma, all freed of
/// their means and divided by the spread of the luma: neither brightness, contrast nor the light's colour is left.
pub fn input<'a>(crops: impl IntoIterator<Item = &'a Image>) -> Tensor {
    let crops: Vec<&Image> = crops.into_iter().collect();
    input_of(crops.iter().map(|crop| crop.data.as_chunks().0.iter().map(|pixel: &[u8; 3]| pixel.map(f32::from))))
}

/// What the net sees of the crop of a picture and of its mirror picture. The crop is not rounded: see [`super::landmarks`].
pub(super) fn input_of_both(image: &Image, image_from_crop: &Similarity) -> Tensor {
    let values: Vec<f32> = crop_values(image, image_from_crop, CROP);
    let pixels = values.as_chunks::<3>().0;
    let mirrored = pixels.chunks_exact(CROP).flat_map(|row| row.iter().rev());
    let both: [Box<dyn Iterator<Item = &[f32; 3]>>; 2] = [Box::new(pixels.iter()), Box::new(mirrored)];
    input_of(both.map(Iterator::copied))
}

/// See [`input`]; a crop is its pixels.
fn input_of<P: Iterator<Item = [f32; 3]>>(crops: impl IntoIterator<Item = P>) -> Tensor {
    let mut data = Vec::new();
    let mut n = 0;
    for crop in crops {
        let start = data.len();
        data.extend(crop.flat_map(|p| {
            let luma = frame::luma_of(p);
            [luma, p[0] - luma, p[2] - luma]
        }));
        let pixels = &mut data[start..];
        let count = (pixels.len() / INPUTS).max(1) as f32;
        let mean = pixels.chunks_exact(INPUTS).fold([0.0; INPUTS], |sum, p| std::array::from_fn(|c| sum[c] + p[c]));
        let mean: [f32; INPUTS] = mean.map(|sum| sum / count);
        let variance = pixels.chunks_exact(INPUTS).map(|p| (p[0] - mean[0]).powi(2)).sum::<f32>() / count;
        let scale = 1.0 / (variance.sqrt() + NOISE_FLOOR);
        pixels.chunks_exact_mut(INPUTS).for_each(|p| p.iter_mut().zip(mean).for_each(|(v, m)| *v = (*v - m) * scale));
        n += 1;
    }
    Tensor::new([n, CROP, CROP, INPUTS], data)
}

/// Guesses age and gender.
pub struct AttributeNet {
    net: Sequential,
    calibration: Calibration,
}

impl AttributeNet {
    /// From the bytes of a safetensors file.
    ///
    /// # Errors
    /// If the bytes are no such file, a tensor is missing or has the wrong shape, or a temperature is missing or not positive.
    pub fn from_weights(bytes: &[u8]) -> Result<Self, nn::Error> {
        let mut net = network(&mut Unset);
        let metadata = nn::io::load_into(bytes, net.params_mut())?;
        let temperature = |key: &str| {
            let text = metadata.get(key).map_or("", String::as_str);
            let value = text.parse().ok().filter(|t: &f32| t.is_finite() && *t > 0.0);
            value.ok_or_else(|| nn::Error::Metadata(format!("\"{key}\": expected a positive number, found \"{text}\"")))
        };
        let calibration = Calibration {
            age_temperature: temperature(AGE_TEMPERATURE_KEY)?,
            gender_temperature: temperature(GENDER_TEMPERATURE_KEY)?,
        };
        Ok(Self { net, calibration })
    }

    /// A net in the making, as trainers hold it.
    pub fn from_parts(net: Sequential, calibration: Calibration) -> Self {
        Self { net, calibration }
    }

    /// Age and gender of the face with these landmarks. `None` if the landmarks do not span a face.
    pub fn estimate(&self, image: &Image, landmarks: &Landmarks) -> Option<Attributes> {
        Some(self.estimate_in(image, &portrait_crop(landmarks)?))
    }

    /// Age and gender of the face in a crop such as [`portrait_crop`] makes.
    pub fn estimate_in(&self, image: &Image, image_from_crop: &Similarity) -> Attributes {
        attributes_of(&mean_of_both(&self.net, &input_of_both(image, image_from_crop)), &self.calibration)
    }
}

/// The output of a net of [`network`]'s layers for a crop, averaged with its output for the mirrored crop: a face has no side.
pub fn logits(net: &Sequential, crop: &Image) -> [f32; OUTPUTS] {
    mean_of_both(net, &input([crop, &crop.flip_horizontal()]))
}

/// The mean output for a crop and its mirror picture.
fn mean_of_both(net: &Sequential, both: &Tensor) -> [f32; OUTPUTS] {
    let output = net.forward(both);
    std::array::from_fn(|i| 0.5 * (output.data[i] + output.data[OUTPUTS + i]))
}

/// What the net's output says.
pub fn attributes_of(logits: &[f32; OUTPUTS], calibration: &Calibration) -> Attributes {
    let scaled: [f32; AGE_BINS] = std::array::from_fn(|i| logits[i] / calibration.age_temperature);
    let mut p = [0.0; AGE_BINS];
    nn::loss::softmax(&scaled, &mut p);
    let mean = p.iter().enumerate().map(|(i, p)| p * bin_age(i)).sum();
    let age = Age { mean, low: quantile(&p, 0.1), high: quantile(&p, 0.9) };
    Attributes { age, female: nn::loss::sigmoid(logits[AGE_BINS] / calibration.gender_temperature) }
}

/// Middle of an age bin, years.
pub fn bin_age(bin: usize) -> f32 {
    FIRST_AGE + AGE_STEP * bin as f32
}

/// The age below which a share `q` of the probability lies, spread evenly within each bin.
fn quantile(p: &[f32; AGE_BINS], q: f32) -> f32 {
    let mut below = 0.0;
    for (i, p) in p.iter().enumerate() {
        if below + p >= q {
            return bin_age(i) + AGE_STEP * ((q - below) / p.max(1e-9) - 0.5);
        }
        below += p;
    }
    bin_age(AGE_BINS - 1) + 0.5 * AGE_STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sure_net_gives_a_narrow_interval_around_its_bin() {
        let mut logits = [0.0; OUTPUTS];
        logits[9] = 30.0;
        logits[AGE_BINS] = 2.0;
        let a = attributes_of(&logits, &Calibration::default());
        assert!((a.age.mean - bin_age(9)).abs() < 0.01 && a.female > 0.85);
        assert!(a.age.low > bin_age(8) && a.age.high < bin_age(10) && a.age.low < a.age.high);
        assert_eq!(a.gender(), GenderLabel::Female);
        logits[AGE_BINS] = -2.0;
        assert_eq!(attributes_of(&logits, &Calibration::default()).gender(), GenderLabel::Male);
        let flat = attributes_of(&[0.0; OUTPUTS], &Calibration { age_temperature: 2.0, gender_temperature: 2.0 });
        assert_eq!(flat.gender(), GenderLabel::Unsure);
        assert!((flat.age.high - flat.age.low - 0.8 * AGE_STEP * AGE_BINS as f32).abs() < 0.01);
    }

    #[test]
    fn a_face_and_its_mirror_picture_are_of_one_age() {
        let net = network(&mut Rng::new(3));
        let image =
            Image { width: CROP, height: CROP, data: (0..CROP * CROP * 3).map(|i| (i * i % 251) as u8).collect() };
        let mut mirrored = image.clone();
        for (x, y) in (0..CROP * CROP).map(|i| (i % CROP, i / CROP)) {
            let (to, from) = ((y * CROP + x) * 3, (y * CROP + CROP - 1 - x) * 3);
            mirrored.data[to..to + 3].copy_from_slice(&image.data[from..from + 3]);
        }
        let (a, b) = (logits(&net, &image), logits(&net, &mirrored));
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn the_net_sees_neither_the_brightness_nor_the_colour_of_the_light() {
        let image = |offset: [usize; 3]| {
            let value = |i: usize| (i / 3 * i % 151 + i / 3 % 40 + offset[i % 3]) as u8;
            Image { width: CROP, height: CROP, data: (0..CROP * CROP * 3).map(value).collect() }
        };
        let (neutral, tinted) = (image([0; 3]), image([40, 10, 0]));
        let both = input([&neutral, &tinted]);
        let (a, b) = both.data.split_at(CROP * CROP * INPUTS);
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3));
        assert!(a.chunks_exact(INPUTS).any(|p| p[1].abs() > 0.1 && p[2].abs() > 0.1));
        let grey = Image { data: neutral.data.iter().step_by(3).flat_map(|v| [*v; 3]).collect(), ..neutral };
        assert!(input([&grey]).data.chunks_exact(INPUTS).all(|p| p[1].abs() < 1e-5 && p[2].abs() < 1e-5));
    }

    #[test]
    fn the_net_that_learns_has_the_parameters_of_the_one_in_use() {
        let shapes =
            |net: Sequential| net.params().iter().map(|p| (p.name.clone(), p.shape.clone())).collect::<Vec<_>>();
        assert_eq!(shapes(network_with_dropout(0.4, &mut Rng::new(1))), shapes(network(&mut Rng::new(1))));
    }

    #[test]
    fn weights_without_temperatures_are_refused() {
        let net = network(&mut Rng::new(3));
        let bytes = nn::io::write(&nn::io::collect(&net.params(), &Default::default()), nn::io::Dtype::F16);
        let error = AttributeNet::from_weights(&bytes).err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some("metadata \"age_temperature\": expected a positive number, found \"\""));
    }
}
