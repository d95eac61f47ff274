//! What a net learns, and how it begins.

use crate::Rng;

/// One learned tensor. In memory a convolution's weight is `[k, k, in, out]`, a dense one's `[in, out]`.
#[derive(Clone, Debug)]
pub struct Param {
    /// `layer/weight` or `layer/bias`.
    pub name: String,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// The values.
    pub value: Vec<f32>,
    /// Factor applied at run time (equalised learning rate, PG-GAN section 4.1); 1 for ordinary layers.
    pub scale: f32,
}

impl Param {
    pub(crate) fn weight(name: &str, shape: Vec<usize>, init: Init, values: &mut impl Initializer) -> Self {
        let fan_in: usize = shape[..shape.len() - 1].iter().product();
        let per_input = 1.0 / (fan_in as f32).sqrt();
        let (std, scale) = match init {
            Init::He => (2f32.sqrt() * per_input, 1.0),
            Init::Gain(gain) => (gain * per_input, 1.0),
            Init::Equalized { gain } => (1.0, gain * per_input),
            Init::Zero => (0.0, 1.0),
        };
        let len = shape.iter().product();
        let value = if std == 0.0 { vec![0.0; len] } else { values.draw(len, std) };
        Self { name: format!("{name}/weight"), shape, value, scale }
    }

    pub(crate) fn bias(name: &str, len: usize) -> Self {
        Self { name: format!("{name}/bias"), shape: vec![len], value: vec![0.0; len], scale: 1.0 }
    }

    /// The values that the layer computes with.
    pub fn effective(&self) -> std::borrow::Cow<'_, [f32]> {
        if self.scale == 1.0 { (&self.value).into() } else { self.value.iter().map(|v| v * self.scale).collect() }
    }
}

/// The distribution from which the weights of a new layer are drawn. Biases begin at 0.
#[derive(Clone, Copy, Debug)]
pub enum Init {
    /// N(0, 2 / fan_in), for leaky ReLU.
    He,
    /// N(0, gain^2 / fan_in).
    Gain(f32),
    /// N(0, 1) stored, multiplied by gain / sqrt(fan_in) at run time.
    Equalized {
        /// sqrt(2) before a leaky ReLU, 1 before nothing.
        gain: f32,
    },
    /// All 0.
    Zero,
}

/// Gives the weights of a new layer their first values.
pub trait Initializer {
    /// `count` values of mean 0 and standard deviation `std`.
    fn draw(&mut self, count: usize, std: f32) -> Vec<f32>;
}

/// Normal values.
impl Initializer for Rng {
    fn draw(&mut self, count: usize, std: f32) -> Vec<f32> {
        (0..count).map(|_| std * self.normal()).collect()
    }
}

/// Draws nothing and leaves all weights 0: for nets that a file or another net is about to fill.
#[derive(Clone, Copy, Debug)]
pub struct Unset;

impl Initializer for Unset {
    fn draw(&mut self, count: usize, _std: f32) -> Vec<f32> {
        vec![0.0; count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_weights_have_the_shape_and_the_scale_of_drawn_ones_and_are_0() {
        let mut rng = Rng::new(1);
        for init in [Init::He, Init::Gain(0.5), Init::Equalized { gain: 2.0 }, Init::Zero] {
            let drawn = Param::weight("w", vec![3, 3, 4, 5], init, &mut rng);
            let unset = Param::weight("w", vec![3, 3, 4, 5], init, &mut Unset);
            assert_eq!((&unset.name, &unset.shape, unset.scale), (&drawn.name, &drawn.shape, drawn.scale));
            assert!(unset.value.len() == drawn.value.len() && unset.value.iter().all(|v| *v == 0.0));
            assert_eq!(drawn.value.iter().all(|v| *v == 0.0), matches!(init, Init::Zero));
        }
    }
}
