//! Every layer against PyTorch; `reference/make_layer_goldens.py` made the file.

use nn::{
    Adam, AvgPool, Conv2d, Dense, GlobalAvgPool, Init, Layer, LeakyRelu, MinibatchStddev, PixelNorm, Rng, Tensor,
    Upsample, grads_like, io,
};
use std::collections::BTreeMap;

/// Sums of some tens of products, in another order.
const TOLERANCE: f32 = 2e-5;

fn goldens() -> io::Weights {
    let path = testing::testdata().join("layers.safetensors");
    io::read(&std::fs::read(path).expect("the golden is in the repository")).expect("and readable")
}

fn assert_close(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= TOLERANCE * w.abs().max(1.0), "{what}[{i}]: {g}, PyTorch has {w}");
    }
}

fn tensor(goldens: &io::Weights, name: &str) -> Tensor {
    let (shape, values) = &goldens.tensors[name];
    Tensor::new(shape[..].try_into().expect("NHWC"), values.clone())
}

#[test]
fn every_layer_equals_pytorch_forward_and_backward() {
    let goldens = goldens();
    let rng = &mut Rng::new(1);
    let layers: Vec<(&str, Box<dyn Layer>)> = vec![
        ("conv3x3", Box::new(Conv2d::new("conv3x3", 3, 4, 3, 1, Init::He, rng))),
        ("conv1x1", Box::new(Conv2d::new("conv1x1", 4, 3, 1, 1, Init::He, rng))),
        ("conv_stride2", Box::new(Conv2d::new("conv_stride2", 3, 5, 3, 2, Init::Equalized { gain: 0.7 }, rng))),
        ("dense", Box::new(Dense::new("dense", 24, 5, Init::He, rng))),
        ("leaky_relu", Box::new(LeakyRelu)),
        ("pixel_norm", Box::new(PixelNorm)),
        ("upsample", Box::new(Upsample)),
        ("avg_pool", Box::new(AvgPool)),
        ("global_avg_pool", Box::new(GlobalAvgPool)),
        ("minibatch_stddev", Box::new(MinibatchStddev { group: 4 })),
    ];
    for (name, mut layer) in layers {
        let own = |suffix: &str| goldens.tensors.get(&format!("{name}/{suffix}")).cloned();
        if let (Some(weight), Some(bias)) = (own("weight"), own("bias")) {
            let tensors = BTreeMap::from([(format!("{name}/weight"), weight), (format!("{name}/bias"), bias)]);
            let file = io::write(&io::Weights { tensors, ..Default::default() }, io::Dtype::F32);
            io::load_into(&file, layer.params_mut()).expect("the golden's weights fit");
        }
        let (x, dy) = (tensor(&goldens, &format!("{name}/x")), tensor(&goldens, &format!("{name}/dy")));
        let y = layer.forward(&x);
        assert_close(&format!("{name}/y"), &y.data, &tensor(&goldens, &format!("{name}/y")).data);
        let mut grads = grads_like(&layer.params());
        let dx = layer.backward(&x, &y, &dy, Some(&mut grads));
        assert_close(&format!("{name}/dx"), &dx.data, &tensor(&goldens, &format!("{name}/dx")).data);
        // A weight w = scale * v has dv = scale * dw, and `collect` multiplies by the scale once more.
        for (p, g) in layer.params_mut().into_iter().zip(grads) {
            p.value = g.into_iter().map(|v| v / (p.scale * p.scale)).collect();
        }
        for (name, (_, got)) in io::collect(&layer.params(), &BTreeMap::new()).tensors {
            let golden = name.replace("/weight", "/dweight").replace("/bias", "/dbias");
            assert_close(&golden, &got, &goldens.tensors[&golden].1);
        }
    }
}

#[test]
fn adam_takes_the_steps_of_pytorch() {
    let goldens = goldens();
    let mut dense = Dense::new("p", 6, 1, Init::He, &mut Rng::new(1));
    dense.params_mut()[0].value = goldens.tensors["adam/start"].1.clone();
    let mut adam = Adam::new(0.01, 0.5, 0.99);
    let (grads, steps) = (&goldens.tensors["adam/grads"].1, &goldens.tensors["adam/steps"].1);
    for (g, want) in grads.chunks(6).zip(steps.chunks(6)) {
        adam.step(vec![dense.params_mut().swap_remove(0)], &[g.to_vec()]);
        assert_close("parameters", &dense.params()[0].value, want);
    }
}
