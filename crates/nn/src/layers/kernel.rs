//! The weight of a convolution, together with its layouts for the kernels.

use crate::{Param, Tensor};
use kernels::{ConvFilter, ConvShape, Epilogue, Isa};
use std::sync::OnceLock;

/// The weight `[k, k, in, out]` of a convolution, or `[in, out]` of a dense layer, which is one. Laid out when first used, and
/// again after it has changed.
pub struct Kernel {
    weight: Param,
    forward: OnceLock<ConvFilter>,
    turned: OnceLock<ConvFilter>,
}

impl Clone for Kernel {
    fn clone(&self) -> Self {
        Self::new(self.weight.clone())
    }
}

impl Kernel {
    /// A kernel of this weight.
    pub fn new(weight: Param) -> Self {
        Self { weight, forward: OnceLock::new(), turned: OnceLock::new() }
    }

    /// What is learned.
    pub fn weight(&self) -> &Param {
        &self.weight
    }

    /// What is learned, to change it.
    pub fn weight_mut(&mut self) -> &mut Param {
        (self.forward, self.turned) = (OnceLock::new(), OnceLock::new());
        &mut self.weight
    }

    /// `epilogue(x * weight)`, the weight's scale included.
    ///
    /// # Panics
    /// If the input does not fit the geometry.
    pub fn forward(&self, g: ConvShape, x: &Tensor, y: &mut Tensor, epilogue: Epilogue) {
        let lay_out = || ConvFilter::new(Isa::current(), self.weight.effective().into_owned());
        self.forward.get_or_init(lay_out).forward(g, &x.data, &mut y.data, epilogue);
    }

    /// The gradient with respect to the input.
    pub fn backward_data(&self, g: ConvShape, x: &Tensor, dy: &Tensor) -> Tensor {
        let mut dx = Tensor::zeros(x.shape);
        if g.same() {
            let back = ConvShape { c_in: g.c_out, c_out: g.c_in, ..g };
            let lay_out = || ConvFilter::turned(Isa::current(), self.weight.effective().into_owned());
            let none = vec![0.0; g.c_in];
            self.turned.get_or_init(lay_out).forward(back, &dy.data, &mut dx.data, Epilogue::bias(&none));
        } else {
            kernels::conv2d_backward_data(g, &dy.data, &self.weight.effective(), &mut dx.data);
        }
        dx
    }

    /// Adds the gradient of the weight, as `add` adds that of the weight with its scale.
    pub fn backward_weight(&self, dw: &mut [f32], add: impl FnOnce(&mut [f32])) {
        if self.weight.scale == 1.0 {
            return add(dw);
        }
        let mut scaled = vec![0.0; dw.len()];
        add(&mut scaled);
        dw.iter_mut().zip(scaled).for_each(|(d, v)| *d += self.weight.scale * v);
    }

    /// What [`crate::Layer::backward`] asks of a layer that is one convolution.
    pub(super) fn backward(&self, g: ConvShape, x: &Tensor, dy: &Tensor, grads: Option<&mut [Vec<f32>]>) -> Tensor {
        if let Some([dw, db]) = grads {
            self.backward_weight(dw, |dw| kernels::conv2d_backward_weight(g, &x.data, &dy.data, dw, db));
        }
        self.backward_data(g, x, dy)
    }
}
