//! 2-D convolution.

use super::{Init, Layer, Param, conv_backward};
use crate::{Rng, Tensor};

/// A correlation with zero padding `kernel / 2`, plus a bias: at stride 1 the size stays, at stride 2 it halves
/// (rounded up).
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// `[k, k, in, out]`.
    pub weight: Param,
    /// `[out]`.
    pub bias: Param,
    /// Step between output pixels.
    pub stride: usize,
}

impl Conv2d {
    /// A layer of `kernel` x `kernel` (odd) weights.
    pub fn new(name: &str, c_in: usize, c_out: usize, kernel: usize, stride: usize, init: Init, rng: &mut Rng) -> Self {
        assert!(kernel % 2 == 1, "the kernel size must be odd");
        let weight = Param::weight(name, vec![kernel, kernel, c_in, c_out], init, rng);
        Self { weight, bias: Param::bias(name, c_out), stride }
    }

    fn geometry(&self, x: [usize; 4]) -> kernels::Conv2d {
        let [kernel, _, c_in, c_out] = self.weight.shape[..] else { unreachable!("made by new") };
        assert_eq!(x[3], c_in, "maps into {}", self.weight.name);
        kernels::Conv2d { n: x[0], h: x[1], w: x[2], c_in, c_out, kernel, stride: self.stride, pad: kernel / 2 }
    }
}

impl Layer for Conv2d {
    fn forward(&self, x: &Tensor) -> Tensor {
        let g = self.geometry(x.shape);
        let (h, w) = g.out_size();
        let mut y = Tensor::zeros([g.n, h, w, g.c_out]);
        kernels::conv2d(g, &x.data, &self.weight.effective(), &self.bias.value, &mut y.data);
        y
    }

    fn backward(&self, x: &Tensor, _y: &Tensor, dy: &Tensor, grads: Option<&mut [Vec<f32>]>) -> Tensor {
        conv_backward(self.geometry(x.shape), &self.weight, x, dy, grads)
    }

    fn params(&self) -> Vec<&Param> {
        vec![&self.weight, &self.bias]
    }

    fn params_mut(&mut self) -> Vec<&mut Param> {
        vec![&mut self.weight, &mut self.bias]
    }
}
