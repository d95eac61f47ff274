//! Finite-difference checks of gradients, for the tests of this crate and of every net built on it.

use crate::{Layer, Rng, Tensor, grads_like};

/// The largest relative difference between a layer's gradients (input and parameters) and central differences of
/// `sum(r * forward(x))` for random `r`, over up to 40 places a tensor. Below 1e-2 is right in f32.
pub fn worst_gradient_error(layer: &mut dyn Layer, x: &Tensor, rng: &mut Rng) -> f32 {
    let y = layer.forward(x);
    let r = Tensor::new(y.shape, rng.normals(y.len()));
    let loss = |layer: &dyn Layer, x: &Tensor| -> f64 {
        layer.forward(x).data.iter().zip(&r.data).map(|(y, r)| f64::from(*y) * f64::from(*r)).sum()
    };

    // What the layer says, and how it is compared.
    let mut grads = grads_like(&layer.params());
    let dx = layer.backward(x, &y, &r, Some(&mut grads));
    const STEP: f32 = 1e-2;
    let mut worst = 0.0f32;
    let mut compare = |got: f32, plus: f64, minus: f64, scale: f32| {
        let want = ((plus - minus) / f64::from(2.0 * STEP)) as f32;
        let error = (got - want).abs() / scale.max(1e-3);
        worst = if error.is_finite() { worst.max(error) } else { f32::INFINITY };
    };
    let rms = |v: &[f32]| (v.iter().map(|v| v * v).sum::<f32>() / v.len().max(1) as f32).sqrt();

    // The input.
    let scale = rms(&dx.data);
    for i in (0..x.len()).step_by(x.len().div_ceil(40)) {
        let mut moved = x.clone();
        moved.data[i] = x.data[i] + STEP;
        let plus = loss(layer, &moved);
        moved.data[i] = x.data[i] - STEP;
        compare(dx.data[i], plus, loss(layer, &moved), scale);
    }

    // The parameters.
    for (p, grad) in grads.iter().enumerate() {
        let scale = rms(grad);
        for i in (0..grad.len()).step_by(grad.len().div_ceil(40)) {
            let before = layer.params()[p].value[i];
            layer.params_mut()[p].value[i] = before + STEP;
            let plus = loss(layer, x);
            layer.params_mut()[p].value[i] = before - STEP;
            let minus = loss(layer, x);
            layer.params_mut()[p].value[i] = before;
            compare(grad[i], plus, minus, scale);
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::*;

    /// Values away from 0, where a leaky ReLU has a kink that finite differences would step over.
    fn input(shape: [usize; 4], rng: &mut Rng) -> Tensor {
        let draw = |_| {
            let v = rng.normal();
            v + 0.1 * v.signum()
        };
        Tensor::new(shape, (0..shape.iter().product()).map(draw).collect())
    }

    #[test]
    fn every_layer_has_the_gradient_of_its_forward_pass() {
        let mut rng = Rng::new(3);
        let equalized = Init::Equalized { gain: 2f32.sqrt() };
        let mut layers: Vec<(&str, Box<dyn Layer>, [usize; 4])> = vec![
            ("3x3", Box::new(Conv2d::new("c", 3, 5, 3, 1, Init::He, &mut rng)), [2, 5, 7, 3]),
            ("3x3 equalised", Box::new(Conv2d::new("c", 3, 5, 3, 1, equalized, &mut rng)), [2, 4, 4, 3]),
            ("1x1", Box::new(Conv2d::new("c", 4, 3, 1, 1, Init::He, &mut rng)), [2, 3, 5, 4]),
            ("stride 2", Box::new(Conv2d::new("c", 3, 4, 3, 2, Init::He, &mut rng)), [2, 7, 6, 3]),
            ("enlarged 3x3", Box::new(UpsampleConv2d::new("c", 3, 5, equalized, &mut rng)), [2, 5, 4, 3]),
            ("3x3 in Winograd's domain", Box::new(Conv2d::new("c", 9, 17, 3, 1, equalized, &mut rng)), [2, 11, 9, 9]),
            ("3x3 in small tiles", Box::new(Conv2d::new("c", 9, 17, 3, 1, equalized, &mut rng)), [2, 6, 5, 9]),
            ("enlarged 3x3 in tiles", Box::new(UpsampleConv2d::new("c", 9, 17, equalized, &mut rng)), [2, 6, 7, 9]),
            ("dense", Box::new(Dense::new("d", 24, 5, Init::He, &mut rng)), [3, 2, 3, 4]),
            ("dense equalised", Box::new(Dense::new("d", 24, 5, equalized, &mut rng)), [3, 2, 3, 4]),
            ("leaky relu", Box::new(LeakyRelu), [2, 3, 3, 4]),
            ("pixel norm", Box::new(PixelNorm), [2, 3, 3, 6]),
            ("nearest x2", Box::new(Upsample), [2, 3, 2, 4]),
            ("2x2 average", Box::new(AvgPool), [2, 4, 6, 3]),
            ("global average", Box::new(GlobalAvgPool), [2, 3, 5, 4]),
            ("minibatch stddev", Box::new(MinibatchStddev { group: 4 }), [8, 2, 3, 3]),
        ];
        layers.push((
            "a small net",
            Box::new(Sequential::new(vec![
                Box::new(Conv2d::new("a", 3, 6, 3, 2, Init::He, &mut rng)),
                Box::new(PixelNorm),
                Box::new(GlobalAvgPool),
                Box::new(Dense::new("b", 6, 2, Init::He, &mut rng)),
            ])),
            [2, 6, 6, 3],
        ));
        for (name, mut layer, shape) in layers {
            let x = input(shape, &mut rng);
            let error = worst_gradient_error(layer.as_mut(), &x, &mut rng);
            assert!(error < 1e-2, "{name}: relative error {error}");
        }
    }
}
