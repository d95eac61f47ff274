//! 2-D convolution.

use super::kernel::Kernel;
use super::pool::Upsample;
use crate::{Init, Initializer, Layer, Param, Step, Tensor};

/// A correlation with zero padding `kernel / 2`, plus a bias: at stride 1 the size stays, at stride 2 it halves
/// (rounded up).
#[derive(Clone)]
pub struct Conv2d {
    /// `[k, k, in, out]`.
    kernel: Kernel,
    /// `[out]`.
    bias: Param,
    /// Step between output pixels.
    stride: usize,
}

impl Conv2d {
    /// A layer of `kernel` x `kernel` (odd) weights.
    pub fn new(
        name: &str,
        c_in: usize,
        c_out: usize,
        kernel: usize,
        stride: usize,
        init: Init,
        values: &mut impl Initializer,
    ) -> Self {
        assert!(kernel % 2 == 1, "the kernel size must be odd");
        let weight = Param::weight(name, vec![kernel, kernel, c_in, c_out], init, values);
        Self { kernel: Kernel::new(weight), bias: Param::bias(name, c_out), stride }
    }

    fn geometry(&self, x: [usize; 4]) -> kernels::ConvShape {
        let weight = self.kernel.weight();
        let [kernel, _, c_in, c_out] = weight.shape[..] else { unreachable!("made by new") };
        assert_eq!(x[3], c_in, "maps into {}", weight.name);
        kernels::ConvShape {
            n: x[0],
            h: x[1],
            w: x[2],
            c_in,
            c_out,
            kernel,
            stride: self.stride,
            pad: (kernel / 2, kernel / 2),
        }
    }
}

impl Layer for Conv2d {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.forward_then(x, &[])
    }

    fn takes_steps(&self) -> bool {
        true
    }

    fn forward_then(&self, x: &Tensor, steps: &[Step]) -> Tensor {
        let g = self.geometry(x.shape);
        let (h, w) = g.out_size();
        let mut y = Tensor::zeros([g.n, h, w, g.c_out]);
        self.kernel.forward(g, x, &mut y, Step::epilogue(steps, &self.bias.value));
        y
    }

    fn backward(&self, x: &Tensor, _y: &Tensor, dy: &Tensor, grads: Option<&mut [Vec<f32>]>) -> Tensor {
        self.kernel.backward(self.geometry(x.shape), x, dy, grads)
    }

    fn params(&self) -> Vec<&Param> {
        vec![self.kernel.weight(), &self.bias]
    }

    fn params_mut(&mut self) -> Vec<&mut Param> {
        vec![self.kernel.weight_mut(), &mut self.bias]
    }
}

/// [`Upsample`] followed by a 3x3 [`Conv2d`], for a quarter of the multiplications.
pub struct UpsampleConv2d {
    conv: Conv2d,
    laid_out: std::sync::OnceLock<kernels::UpsampleFilter>,
}

impl UpsampleConv2d {
    /// A layer of 3x3 weights, with the parameters of a [`Conv2d`].
    pub fn new(name: &str, c_in: usize, c_out: usize, init: Init, values: &mut impl Initializer) -> Self {
        Self { conv: Conv2d::new(name, c_in, c_out, 3, 1, init, values), laid_out: std::sync::OnceLock::new() }
    }
}

impl Layer for UpsampleConv2d {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.forward_then(x, &[])
    }

    fn takes_steps(&self) -> bool {
        true
    }

    fn forward_then(&self, x: &Tensor, steps: &[Step]) -> Tensor {
        let g = self.conv.geometry(x.shape);
        let mut y = Tensor::zeros([g.n, 2 * g.h, 2 * g.w, g.c_out]);
        let weight = self.conv.kernel.weight();
        let lay_out = || {
            kernels::UpsampleFilter::new(kernels::Isa::current(), (g.c_in, g.c_out), weight.effective().into_owned())
        };
        let filter = self.laid_out.get_or_init(lay_out);
        filter.forward((g.n, g.h, g.w), &x.data, &mut y.data, Step::epilogue(steps, &self.conv.bias.value));
        y
    }

    fn backward(&self, x: &Tensor, y: &Tensor, dy: &Tensor, grads: Option<&mut [Vec<f32>]>) -> Tensor {
        let enlarged = Tensor { shape: [x.n(), 2 * x.h(), 2 * x.w(), x.c()], data: Vec::new() };
        if let Some([dw, db]) = grads {
            let size = (x.n(), x.h(), x.w());
            let kernel = &self.conv.kernel;
            kernel.backward_weight(dw, |dw| kernels::upsample_backward_weight(size, &x.data, &dy.data, dw, db));
        }
        let g = self.conv.geometry(enlarged.shape);
        Upsample.backward(x, y, &self.conv.kernel.backward_data(g, &enlarged, dy), None)
    }

    fn params(&self) -> Vec<&Param> {
        self.conv.params()
    }

    fn params_mut(&mut self) -> Vec<&mut Param> {
        self.laid_out = std::sync::OnceLock::new();
        self.conv.params_mut()
    }
}
