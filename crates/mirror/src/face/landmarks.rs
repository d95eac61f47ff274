//! Finds the 68 landmarks of a face, and says how sure it is that there is one: one small net that looks four times.
//!
//! The net regresses all points directly from a square crop, and the logit that a face fills it. First it sees the crop
//! that the detector's five points tell; by the points it finds there, the crop is re-centred, scaled and turned
//! upright, and the same net looks again (a cascade). Two looks are as accurate as more; but each look halves by how much the
//! points depend on where the detector began, so that a face that moves across the picture keeps its shape.

use super::align::{MIRROR, Similarity, crop_values};
use super::geometry::{Face, KEY_POINTS, LANDMARKS, Landmarks, Rect};
use frame::Image;
use nn::{Conv2d, Dense, Init, Initializer, Layer, LeakyRelu, Sequential, Tensor, Unset};
use std::collections::BTreeMap;

/// Width and height of the crop that the net sees, pixels.
pub const CROP: usize = 80;

/// Root mean square distance of the mean shape's points from their centre, crop units. At 0.46 the face fills 0.6 of
/// the crop's height, so that a box 12 % off and 20 % too small still holds every point.
pub const SHAPE_RMS: f32 = 0.46;

/// Height of the mean shape's centre above the crop's; puts the brows and the chin equally far from the border.
pub const SHAPE_LIFT: f32 = 0.067;

/// Medians over 4,541 portraits, measured between detector boxes (width w, height h) and landmarks: the points'
/// centre lies this many h below the box's, and their root mean square distance is this many sqrt(w h).
const BOX_TO_CENTRE: f32 = 0.092;
const BOX_TO_RMS: f32 = 0.332;
/// Width over height of a detector's box, median over the same portraits.
const BOX_ASPECT: f32 = 0.738;

/// The name under which the mean shape (68 x, y in crop units, separated by spaces) is stored with the weights.
pub const MEAN_SHAPE_KEY: &str = "mean_shape";

/// How often the net looks at a face. After one look the same face at ten places of a picture has shape features that differ by 34 % of their
/// spread among faces, after two by 11, three 4.6, four 2.4, six 0.9 %; a look takes half a millisecond (Zen 4).
pub const LOOKS: usize = 4;

/// The net's outputs: x and y of the points, crop units, and the logit of a face.
pub const OUTPUTS: usize = 2 * LANDMARKS + 1;

/// The layers: 23 million multiply-adds for one crop, 0.9 million weights.
pub fn network(values: &mut impl Initializer) -> Sequential {
    let mut layers: Vec<Box<dyn Layer>> = Vec::new();
    let trunk = [(3, 16, 2), (16, 32, 2), (32, 48, 1), (48, 64, 2), (64, 96, 1), (96, 128, 2), (128, 128, 1)];
    for (i, (c_in, c_out, stride)) in trunk.into_iter().enumerate() {
        layers.push(Box::new(Conv2d::new(&format!("conv{i}"), c_in, c_out, 3, stride, Init::He, values)));
        layers.push(Box::new(LeakyRelu));
    }
    let side = CROP / 16;
    layers.push(Box::new(Dense::new("hidden", side * side * 128, 160, Init::He, values)));
    layers.push(Box::new(LeakyRelu));
    layers.push(Box::new(Dense::new("points", 160, OUTPUTS, Init::Gain(0.1), values)));
    Sequential::new(layers)
}

/// Added to the spread of a crop's brightness, 0 to 255, before dividing by it: keeps the noise of a black picture from being blown up.
const NOISE_FLOOR: f32 = 8.0;

/// What the net sees of some crops, all [`CROP`] pixels wide: `[n, CROP, CROP, 3]`, each freed of its brightness and contrast.
pub fn input<'a>(crops: impl IntoIterator<Item = &'a Image>) -> Tensor {
    let mut data: Vec<f32> = crops.into_iter().flat_map(|crop| crop.data.iter().map(|&v| f32::from(v))).collect();
    data.chunks_exact_mut(CROP_VALUES).for_each(standardise);
    Tensor::new([data.len() / CROP_VALUES, CROP, CROP, 3], data)
}

const CROP_VALUES: usize = CROP * CROP * 3;

/// Frees a crop of its brightness and contrast.
fn standardise(values: &mut [f32]) {
    // Many sums side by side, in an order that no compiler changes.
    let mut sums = [[0.0f32; 16]; 2];
    let (chunks, rest) = values.as_chunks::<16>();
    for (i, v) in chunks.iter().flat_map(|chunk| chunk.iter().enumerate()).chain(rest.iter().enumerate()) {
        sums[0][i] += v;
        sums[1][i] += v * v;
    }
    let count = values.len().max(1) as f64;
    let [mean, squares] = sums.map(|lanes| lanes.iter().map(|v| f64::from(*v)).sum::<f64>() / count);
    let scale = 1.0 / ((squares - mean * mean).max(0.0).sqrt() as f32 + NOISE_FLOOR);
    let mean = mean as f32;
    values.iter_mut().for_each(|v| *v = (*v - mean) * scale);
}

/// The crop around a detector's box.
pub fn crop_of_box(rect: &Rect) -> Similarity {
    let size = (rect.w * rect.h).max(1.0).sqrt();
    let scale = BOX_TO_RMS * size / SHAPE_RMS;
    let centre_y = rect.y + rect.h * (0.5 + BOX_TO_CENTRE) + SHAPE_LIFT * scale;
    Similarity::new(scale, 0.0, [rect.x + rect.w * 0.5, centre_y])
}

/// The crop that a detector's five points tell, given the mean shape of faces.
pub fn crop_of_face(mean_shape: &[[f32; 2]; LANDMARKS], face: &Face) -> Similarity {
    Similarity::fit(&key_points(mean_shape), &face.points).unwrap_or_else(|| crop_of_box(&face.rect))
}

/// The box that a detector gives, on average, for a face whose crop is known: undoes [`crop_of_box`].
pub fn box_of_crop(image_from_crop: &Similarity) -> Rect {
    let size = image_from_crop.scale() * SHAPE_RMS / BOX_TO_RMS;
    let (w, h) = (size * BOX_ASPECT.sqrt(), size / BOX_ASPECT.sqrt());
    let [x, y] = image_from_crop.apply([0.0, -SHAPE_LIFT]);
    Rect { x: x - 0.5 * w, y: y - h * (0.5 + BOX_TO_CENTRE), w, h }
}

/// What the net says of one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// The points, if it is a face.
    pub landmarks: Landmarks,
    /// Probability that it is one, 0 to 1.
    pub confidence: f32,
}

/// Finds the landmarks of faces.
pub struct LandmarkNet {
    net: Sequential,
    mean_shape: [[f32; 2]; LANDMARKS],
    looks: usize,
}

impl LandmarkNet {
    /// From the bytes of a safetensors file.
    ///
    /// # Errors
    /// If the bytes are no such file, a tensor is missing or has the wrong shape, or the mean shape is missing.
    pub fn from_weights(bytes: &[u8]) -> Result<Self, nn::Error> {
        let mut net = network(&mut Unset);
        let metadata = nn::io::load_into(bytes, net.params_mut())?;
        let mean_shape = mean_shape_from(&metadata)?;
        Ok(Self { net, mean_shape, looks: LOOKS })
    }

    /// A net in the making, as trainers hold it.
    pub fn from_parts(net: Sequential, mean_shape: [[f32; 2]; LANDMARKS]) -> Self {
        Self { net, mean_shape, looks: LOOKS }
    }

    /// The same net with another number of looks; [`LOOKS`] unless told.
    pub fn with_looks(mut self, looks: usize) -> Self {
        self.looks = looks.max(1);
        self
    }

    /// The 68 points of a face that the detector found: its five points tell how the crop is turned and how large it is.
    pub fn locate(&self, image: &Image, face: &Face) -> Located {
        self.locate_from(image, crop_of_face(&self.mean_shape, face))
    }

    /// The face that a detector would give, on average, for an upright head in this box.
    pub fn face_of_box(&self, rect: Rect) -> Face {
        let image_from_crop = crop_of_box(&rect);
        Face { rect, points: key_points(&self.mean_shape).map(|p| image_from_crop.apply(p)), score: 1.0 }
    }

    /// The 68 points of the face that fills a crop about as [`crop_of_box`] makes it: also from the frame before.
    pub fn locate_from(&self, image: &Image, mut image_from_crop: Similarity) -> Located {
        // What is no face may be made to look like one by a crop that is fitted to it again and again: it must look like one in
        // every upright crop.
        let mut confidence = 1.0f32;
        for look in 1.. {
            // Not rounded: where that of one instruction set rounds up and of another down, the points would differ by a
            // hundred times as much as what they begin with.
            let mut values = crop_values(image, &image_from_crop, CROP);
            standardise(&mut values);
            let output = self.net.forward(&Tensor::new([1, CROP, CROP, 3], values));
            let landmarks = points_of(&output.data).map(&image_from_crop);
            let last = look >= self.looks;
            if look > 1 || last {
                confidence = confidence.min(confidence_of(&output.data));
            }
            match self.crop_of(&landmarks) {
                Some(next) if !last => image_from_crop = next,
                Some(_) => return Located { landmarks, confidence },
                None => return Located { landmarks, confidence: 0.0 },
            }
        }
        unreachable!("the loop ends at the last look")
    }

    /// The upright crop around known points. `None` if they do not span a face.
    pub fn crop_of(&self, landmarks: &Landmarks) -> Option<Similarity> {
        Similarity::fit(&self.mean_shape, &landmarks.points)
    }
}

/// The detector's points, of the 68: the eyes' middles, the tip of the nose, the corners of the mouth.
pub fn key_points(points: &[[f32; 2]; LANDMARKS]) -> [[f32; 2]; KEY_POINTS] {
    let middle = |eye: std::ops::Range<usize>| {
        let n = eye.len() as f32;
        points[eye].iter().fold([0.0; 2], |s, p| [s[0] + p[0] / n, s[1] + p[1] / n])
    };
    [middle(36..42), middle(42..48), points[30], points[48], points[54]]
}

/// The points that one row of the net's output stands for, crop units.
pub fn points_of(row: &[f32]) -> Landmarks {
    Landmarks { points: std::array::from_fn(|i| [row[2 * i], row[2 * i + 1]]) }
}

/// The probability of a face that one row of the net's output stands for.
pub fn confidence_of(row: &[f32]) -> f32 {
    nn::loss::sigmoid(row[2 * LANDMARKS])
}

/// The mean shape of faces, in crop units: each one moved, scaled and turned to fit the others (Procrustes),
/// together with its mirror picture.
pub fn mean_shape(faces: &[Landmarks]) -> [[f32; 2]; LANDMARKS] {
    let Some(first) = faces.first() else { return [[0.0; 2]; LANDMARKS] };
    let mut mean = normalised(first.points);
    for _ in 0..4 {
        let mut sum = [[0.0f32; 2]; LANDMARKS];
        for face in faces {
            let Some(fit) = Similarity::fit(&face.points, &mean) else { continue };
            for (s, p) in sum.iter_mut().zip(face.points) {
                let [x, y] = fit.apply(p);
                *s = [s[0] + x, s[1] + y];
            }
        }
        mean = normalised(std::array::from_fn(|i| {
            let opposite = sum[MIRROR[i]];
            [sum[i][0] - opposite[0], sum[i][1] + opposite[1]]
        }));
    }
    mean.map(|[x, y]| [x, y - SHAPE_LIFT])
}

/// Upright enough to start from, centred, with the size of the mean shape.
fn normalised(points: [[f32; 2]; LANDMARKS]) -> [[f32; 2]; LANDMARKS] {
    let n = LANDMARKS as f32;
    let centre = points.iter().fold([0.0; 2], |s, p| [s[0] + p[0] / n, s[1] + p[1] / n]);
    let moved = points.map(|p| [p[0] - centre[0], p[1] - centre[1]]);
    let rms = (moved.iter().map(|p| p[0] * p[0] + p[1] * p[1]).sum::<f32>() / n).sqrt().max(1e-9);
    moved.map(|p| p.map(|v| v * SHAPE_RMS / rms))
}

/// The mean shape as metadata of a weights file.
pub fn mean_shape_text(shape: &[[f32; 2]; LANDMARKS]) -> String {
    shape.as_flattened().iter().map(|v| format!("{v:.5}")).collect::<Vec<_>>().join(" ")
}

fn mean_shape_from(metadata: &BTreeMap<String, String>) -> Result<[[f32; 2]; LANDMARKS], nn::Error> {
    let text = metadata.get(MEAN_SHAPE_KEY).map_or("", String::as_str);
    let numbers: Vec<f32> =
        text.split_whitespace().filter_map(|v| v.parse().ok()).filter(|v: &f32| v.is_finite()).collect();
    if numbers.len() != 2 * LANDMARKS {
        let message = format!("\"{MEAN_SHAPE_KEY}\": expected {} numbers, found {}", 2 * LANDMARKS, numbers.len());
        return Err(nn::Error::Metadata(message));
    }
    Ok(points_of(&numbers).points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    fn shape() -> [[f32; 2]; LANDMARKS] {
        let ring = std::array::from_fn(|i| [(i as f32).cos() * 3.0, (i as f32 * 0.7).sin() * 4.0]);
        mean_shape(&[Landmarks { points: ring }, Landmarks { points: ring.map(|p| [p[0] * 2.0 + 5.0, p[1] * 2.0]) }])
    }

    #[test]
    fn box_of_a_crop_leads_back_to_it() {
        let crop = Similarity::new(40.0, 0.0, [100.0, 80.0]);
        let back = crop_of_box(&box_of_crop(&crop));
        assert!((back.scale() - 40.0).abs() < 1e-3 && (back.tx - 100.0).abs() < 1e-3 && (back.ty - 80.0).abs() < 1e-3);
    }

    #[test]
    fn mean_shape_is_symmetric_and_has_its_size() {
        let shape = shape();
        for (i, p) in shape.iter().enumerate() {
            let q = shape[MIRROR[i]];
            assert!((p[0] + q[0]).abs() < 1e-4 && (p[1] - q[1]).abs() < 1e-4);
        }
        let square = shape.iter().map(|p| p[0].powi(2) + (p[1] + SHAPE_LIFT).powi(2)).sum::<f32>() / LANDMARKS as f32;
        assert!((square.sqrt() - SHAPE_RMS).abs() < 1e-4);
    }

    #[test]
    fn weights_come_back_from_their_file_and_give_the_same_points() {
        let net = network(&mut Rng::new(5));
        let metadata = BTreeMap::from([(MEAN_SHAPE_KEY.to_owned(), mean_shape_text(&shape()))]);
        let bytes = nn::io::write(&nn::io::collect(&net.params(), &metadata), nn::io::Dtype::F32);
        let stored = LandmarkNet::from_weights(&bytes).unwrap();
        let made = LandmarkNet::from_parts(net, shape());
        let image = Image { width: 60, height: 50, data: (0..60 * 50 * 3).map(|i| (i % 253) as u8).collect() };
        let face = made.face_of_box(Rect { x: 10.0, y: 5.0, w: 30.0, h: 36.0 });
        let (a, b) = (stored.locate(&image, &face), made.locate(&image, &face));
        assert!((a.confidence - b.confidence).abs() < 1e-3 && (0.0..=1.0).contains(&a.confidence));
        let (a, b) = (a.landmarks, b.landmarks);
        assert!(a.points.iter().zip(b.points).all(|(p, q)| (p[0] - q[0]).abs() < 0.05 && (p[1] - q[1]).abs() < 0.05));
    }

    #[test]
    fn weights_without_a_mean_shape_are_refused() {
        let net = network(&mut Rng::new(5));
        let bytes = nn::io::write(&nn::io::collect(&net.params(), &BTreeMap::new()), nn::io::Dtype::F16);
        let error = LandmarkNet::from_weights(&bytes).err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some("metadata \"mean_shape\": expected 136 numbers, found 0"));
    }
}
