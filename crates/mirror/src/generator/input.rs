//! The generator's first layer: from a latent to maps of 4x4 pixels.

use kernels::Epilogue;
use nn::{Init, Initializer, Kernel, Layer, Param, Tensor};

/// `[n, 1, 1, latent]` times the weight: `[n, 4, 4, maps]`, plus one bias a map, as the paper has it; or one a value, as a
/// dense layer has and some other programs' generators do.
pub struct LatentToMaps {
    /// `[latent, 16 * maps]`, the maps of a pixel side by side.
    kernel: Kernel,
    /// `[maps]` or `[16 * maps]`.
    bias: Param,
}

const PIXELS: usize = 16;

impl LatentToMaps {
    pub fn new(name: &str, latent: usize, maps: usize, init: Init, values: &mut impl Initializer) -> Self {
        let weight = nn::Dense::new(name, latent, PIXELS * maps, init, values).params()[0].clone();
        let bias = Param { name: format!("{name}/bias"), shape: vec![maps], value: vec![0.0; maps], scale: 1.0 };
        Self { kernel: Kernel::new(weight), bias }
    }

    /// The same with one bias a value.
    pub fn with_pixel_biases(mut self) -> Self {
        let values = self.bias.value.repeat(PIXELS);
        self.bias = Param { shape: vec![values.len()], value: values, ..self.bias };
        self
    }

    fn maps(&self) -> usize {
        self.kernel.weight().shape[1] / PIXELS
    }

    fn latent(&self) -> usize {
        self.kernel.weight().shape[0]
    }

    fn geometry(&self, n: usize) -> kernels::ConvShape {
        kernels::ConvShape::pointwise(n, self.latent(), self.kernel.weight().shape[1])
    }
}

impl Layer for LatentToMaps {
    fn forward(&self, x: &Tensor) -> Tensor {
        assert_eq!(x.row_len(), self.latent(), "coordinates of a latent");
        let mut y = Tensor::zeros([x.n(), 4, 4, self.maps()]);
        let bias = self.bias.value.repeat(PIXELS * self.maps() / self.bias.value.len());
        self.kernel.forward(self.geometry(x.n()), x, &mut y, Epilogue::bias(&bias));
        y
    }

    fn backward(&self, x: &Tensor, _y: &Tensor, dy: &Tensor, grads: Option<&mut [Vec<f32>]>) -> Tensor {
        let g = self.geometry(x.n());
        if let Some([dw, db]) = grads {
            let mut per_value = vec![0.0; g.c_out];
            let add = |dw: &mut [f32]| kernels::conv2d_backward_weight(g, &x.data, &dy.data, dw, &mut per_value);
            self.kernel.backward_weight(dw, add);
            for pixel in per_value.chunks_exact(db.len()) {
                db.iter_mut().zip(pixel).for_each(|(d, v)| *d += v);
            }
        }
        self.kernel.backward_data(g, x, dy)
    }

    fn params(&self) -> Vec<&Param> {
        vec![self.kernel.weight(), &self.bias]
    }

    fn params_mut(&mut self) -> Vec<&mut Param> {
        vec![self.kernel.weight_mut(), &mut self.bias]
    }
}

/// Turns the outputs of a weight `[in, maps * 16]`, or biases `[maps * 16]`, from (map, pixel) order, as files have them, to
/// (pixel, map) order.
pub fn pixels_first(weight: &mut Param) {
    reorder(weight, |pixel, map, maps| (map * PIXELS + pixel, pixel * maps + map));
}

/// The inverse of [`pixels_first`].
pub fn maps_first(weight: &mut Param) {
    reorder(weight, |pixel, map, maps| (pixel * maps + map, map * PIXELS + pixel));
}

fn reorder(weight: &mut Param, from_to: impl Fn(usize, usize, usize) -> (usize, usize)) {
    let columns = weight.shape.last().copied().unwrap_or(0);
    let maps = columns / PIXELS;
    for row in weight.value.chunks_exact_mut(columns) {
        let old = row.to_vec();
        for (pixel, map) in (0..PIXELS).flat_map(|p| (0..maps).map(move |m| (p, m))) {
            let (from, to) = from_to(pixel, map, maps);
            row[to] = old[from];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    #[test]
    fn gradient_is_that_of_the_forward_pass() {
        let mut rng = Rng::new(6);
        let layer = |rng: &mut Rng| LatentToMaps::new("d", 7, 3, Init::Equalized { gain: 0.5 }, rng);
        for mut layer in [layer(&mut rng), layer(&mut rng).with_pixel_biases()] {
            let x = Tensor::new([2, 1, 1, 7], rng.normals(14));
            let error = nn::check::worst_gradient_error(&mut layer, &x, &mut rng);
            assert!(error < 1e-2, "relative error {error}");
        }
    }

    #[test]
    fn the_orders_are_inverse() {
        let mut rng = Rng::new(6);
        let weight = LatentToMaps::new("d", 2, 3, Init::He, &mut rng).kernel.weight().clone();
        let mut turned = weight.clone();
        pixels_first(&mut turned);
        assert_ne!(turned.value, weight.value);
        assert_eq!(turned.value[1], weight.value[PIXELS], "map 1 of pixel 0");
        maps_first(&mut turned);
        assert_eq!(turned.value, weight.value);
    }
}
