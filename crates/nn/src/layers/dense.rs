//! Fully connected layer.

use super::kernel::Kernel;
use crate::{Init, Initializer, Layer, Param, Step, Tensor};

/// `[n, h, w, c]` flattened to `[n, h*w*c]`, times the weight, plus the bias: `[n, 1, 1, out]`.
#[derive(Clone)]
pub struct Dense {
    /// `[in, out]`.
    kernel: Kernel,
    /// `[out]`.
    bias: Param,
}

impl Dense {
    /// A layer from `n_in` values to `n_out`.
    pub fn new(name: &str, n_in: usize, n_out: usize, init: Init, values: &mut impl Initializer) -> Self {
        let weight = Param::weight(name, vec![n_in, n_out], init, values);
        Self { kernel: Kernel::new(weight), bias: Param::bias(name, n_out) }
    }

    /// A dense layer is a 1x1 convolution of one pixel a picture.
    fn geometry(&self, x: &Tensor) -> kernels::ConvShape {
        let [n_in, n_out] = self.kernel.weight().shape[..] else { unreachable!("made by new") };
        assert_eq!(x.row_len(), n_in, "values into {}", self.kernel.weight().name);
        kernels::ConvShape::pointwise(x.n(), n_in, n_out)
    }
}

impl Layer for Dense {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.forward_then(x, &[])
    }

    fn takes_steps(&self) -> bool {
        true
    }

    fn forward_then(&self, x: &Tensor, steps: &[Step]) -> Tensor {
        let g = self.geometry(x);
        let mut y = Tensor::zeros([x.n(), 1, 1, g.c_out]);
        self.kernel.forward(g, x, &mut y, Step::epilogue(steps, &self.bias.value));
        y
    }

    fn backward(&self, x: &Tensor, _y: &Tensor, dy: &Tensor, grads: Option<&mut [Vec<f32>]>) -> Tensor {
        self.kernel.backward(self.geometry(x), x, dy, grads)
    }

    fn params(&self) -> Vec<&Param> {
        vec![self.kernel.weight(), &self.bias]
    }

    fn params_mut(&mut self) -> Vec<&mut Param> {
        vec![self.kernel.weight_mut(), &mut self.bias]
    }
}
