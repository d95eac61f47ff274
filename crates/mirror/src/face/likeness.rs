//! Twenty-four numbers that tell faces apart: who looks alike lies near.
//!
//! They are for comparing a viewer with their own reflection, nothing else. Nobody is recognised by them: they are not stored, and
//! no name belongs to any. The net learns from the archive alone (`train::faces::likeness`), and sees what the age and gender net sees: neither
//! brightness, contrast nor the colour of the light.

use super::align::{Similarity, portrait_crop};
use super::attributes;
use super::geometry::Landmarks;
use frame::Image;
use nn::{Conv2d, Dense, Init, Initializer, Layer, LeakyRelu, Sequential, Tensor, Unset};

/// Width and height of the aligned crop that the net sees, pixels: that of [`attributes::CROP`].
pub const CROP: usize = attributes::CROP;
/// Numbers that say what a face is like.
pub const LIKENESS: usize = 24;

/// A point on the unit sphere. The cosine of the angle between two faces says how much they are alike.
pub type Likeness = [f32; LIKENESS];

/// What eyes without this net say.
pub const UNKNOWN: Likeness = [0.0; LIKENESS];

/// The layers: 14 million multiply-adds for one crop, 0.59 million weights.
pub fn network(values: &mut impl Initializer) -> Sequential {
    let mut layers: Vec<Box<dyn Layer>> = Vec::new();
    let trunk = [(3, 16, 2), (16, 32, 2), (32, 64, 2), (64, 64, 1), (64, 96, 2)];
    for (i, (c_in, c_out, stride)) in trunk.into_iter().enumerate() {
        layers.push(Box::new(Conv2d::new(&format!("conv{i}"), c_in, c_out, 3, stride, Init::He, values)));
        layers.push(Box::new(LeakyRelu));
    }
    let side = CROP / 16;
    layers.push(Box::new(Dense::new("hidden", side * side * 96, 128, Init::He, values)));
    layers.push(Box::new(LeakyRelu));
    layers.push(Box::new(Dense::new("likeness", 128, LIKENESS, Init::He, values)));
    Sequential::new(layers)
}

/// What the net sees of crops: `[n, CROP, CROP, 3]`, see [`attributes::input`].
pub fn input<'a>(crops: impl IntoIterator<Item = &'a Image>) -> Tensor {
    attributes::input(crops)
}

/// Says what faces are like.
pub struct LikenessNet(Sequential);

impl LikenessNet {
    /// From the bytes of a safetensors file.
    ///
    /// # Errors
    /// If the bytes are no such file, or a tensor is missing or has the wrong shape.
    pub fn from_weights(bytes: &[u8]) -> Result<Self, nn::Error> {
        let mut net = network(&mut Unset);
        nn::io::load_into(bytes, net.params_mut())?;
        Ok(Self(net))
    }

    /// What the face with these landmarks is like. `None` if they do not span a face.
    pub fn embed(&self, image: &Image, landmarks: &Landmarks) -> Option<Likeness> {
        Some(self.embed_in(image, &portrait_crop(landmarks)?))
    }

    /// What the face in a crop such as [`portrait_crop`] makes is like.
    pub fn embed_in(&self, image: &Image, image_from_crop: &Similarity) -> Likeness {
        together(&self.0, &attributes::input_of_both(image, image_from_crop))
    }
}

/// What a net of [`network`]'s layers says of a crop and its mirror picture together: a face has no side.
pub fn likeness_of(net: &Sequential, crop: &Image) -> Likeness {
    together(net, &input([crop, &crop.flip_horizontal()]))
}

fn together(net: &Sequential, both: &Tensor) -> Likeness {
    let output = net.forward(both);
    unit(std::array::from_fn(|i| output.data[i] + output.data[LIKENESS + i]))
}

/// The point of the sphere in this direction; the first axis where there is none.
fn unit(v: Likeness) -> Likeness {
    let length = v.iter().map(|v| v * v).sum::<f32>().sqrt();
    if length > 1e-12 { v.map(|v| v / length) } else { std::array::from_fn(|i| f32::from(u8::from(i == 0))) }
}

/// Cosine of the angle between two faces, -1 to 1.
pub fn alikeness(a: &Likeness, b: &Likeness) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    fn picture(seed: u64) -> Image {
        let mut rng = Rng::new(seed);
        Image { width: CROP, height: CROP, data: (0..CROP * CROP * 3).map(|_| (rng.uniform() * 255.0) as u8).collect() }
    }

    #[test]
    fn a_face_is_like_its_mirror_picture_and_itself_in_other_light() {
        let net = network(&mut Rng::new(2));
        let face = picture(1);
        let same = likeness_of(&net, &face);
        assert!((alikeness(&same, &same) - 1.0).abs() < 1e-5);
        assert!(alikeness(&same, &likeness_of(&net, &face.flip_horizontal())) > 0.9999);
        let darker = Image { data: face.data.iter().map(|v| v / 2).collect(), ..face };
        assert!(alikeness(&same, &likeness_of(&net, &darker)) > 0.99);
    }

    #[test]
    fn a_net_that_says_nothing_still_gives_a_point_on_the_sphere() {
        let mut net = network(&mut Rng::new(2));
        net.params_mut().into_iter().for_each(|p| p.value.fill(0.0));
        let nothing = likeness_of(&net, &picture(1));
        assert_eq!(alikeness(&nothing, &nothing), 1.0);
    }

    #[test]
    fn weights_of_another_net_are_refused() {
        let net = attributes::network(&mut Rng::new(3));
        let bytes = nn::io::write(&nn::io::collect(&net.params(), &Default::default()), nn::io::Dtype::F16);
        assert!(LikenessNet::from_weights(&bytes).is_err());
    }
}
