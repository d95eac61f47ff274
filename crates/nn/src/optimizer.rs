//! Adam, and averages of the weights that it finds.

use crate::Param;

/// Adam (Kingma and Ba 2015, algorithm 1) with bias correction.
#[derive(Clone, Debug)]
pub struct Adam {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Steps taken.
    pub t: u64,
    /// First moments, a vector a parameter; empty before the first step. The vectors are empty where `beta1` is 0: the moment
    /// is then the gradient.
    pub m: Vec<Vec<f32>>,
    /// Second moments, likewise.
    pub v: Vec<Vec<f32>>,
}

impl Adam {
    /// An optimiser that has seen nothing; eps 1e-8.
    pub fn new(lr: f32, beta1: f32, beta2: f32) -> Self {
        Self { lr, beta1, beta2, eps: 1e-8, t: 0, m: Vec::new(), v: Vec::new() }
    }

    /// Decoupled weight decay (Loshchilov and Hutter 2019): shrinks all but the biases by `lr * rate`.
    pub fn decay(&self, params: Vec<&mut Param>, rate: f32) {
        let keep = 1.0 - self.lr * rate;
        for param in params.into_iter().filter(|p| p.shape.len() > 1) {
            param.value.iter_mut().for_each(|v| *v *= keep);
        }
    }

    /// Moves the parameters against their gradients.
    ///
    /// # Panics
    /// If the number or lengths of the gradients are not the parameters'.
    pub fn step(&mut self, params: Vec<&mut Param>, grads: &[Vec<f32>]) {
        assert_eq!(params.len(), grads.len());
        if self.v.is_empty() {
            self.v = grads.iter().map(|g| vec![0.0; g.len()]).collect();
            self.m = if self.beta1 == 0.0 { vec![Vec::new(); grads.len()] } else { self.v.clone() };
        }
        self.t += 1;
        let c1 = 1.0 - f64::from(self.beta1).powf(self.t as f64);
        let c2 = 1.0 - f64::from(self.beta2).powf(self.t as f64);
        let (lr, root_c2) = ((f64::from(self.lr) / c1) as f32, c2.sqrt() as f32);
        for (((p, g), m), v) in params.into_iter().zip(grads).zip(&mut self.m).zip(&mut self.v) {
            assert_eq!(p.value.len(), g.len(), "gradient of {}", p.name);
            if self.beta1 == 0.0 {
                for ((p, g), v) in p.value.iter_mut().zip(g).zip(v) {
                    *v = self.beta2 * *v + (1.0 - self.beta2) * g * g;
                    *p -= lr * g / (v.sqrt() / root_c2 + self.eps);
                }
                continue;
            }
            for (((p, g), m), v) in p.value.iter_mut().zip(g).zip(m).zip(v) {
                *m = self.beta1 * *m + (1.0 - self.beta1) * g;
                *v = self.beta2 * *v + (1.0 - self.beta2) * g * g;
                *p -= lr * *m / (v.sqrt() / root_c2 + self.eps);
            }
        }
    }
}

/// Moves averaged weights the share `t`, 0 to 1, of the way to the weights of now.
pub fn average_towards(averages: Vec<&mut Param>, now: &[&Param], t: f32) {
    for (average, param) in averages.into_iter().zip(now) {
        average.value.iter_mut().zip(&param.value).for_each(|(a, p)| *a += (p - *a) * t);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_memory_the_first_moment_is_the_gradient() {
        let param = || Param { name: "p".into(), shape: vec![2], value: vec![1.0, -2.0], scale: 1.0 };
        let (mut plain, mut tiny) = (Adam::new(0.1, 0.0, 0.9), Adam::new(0.1, 1e-30, 0.9));
        let (mut p, mut q) = (param(), param());
        for g in [[0.5, -3.0], [0.1, 2.0], [0.0, 1.0]] {
            plain.step(vec![&mut p], &[g.to_vec()]);
            tiny.step(vec![&mut q], &[g.to_vec()]);
        }
        assert_eq!(p.value, q.value);
        assert!(plain.m[0].is_empty() && tiny.m[0].len() == 2);
    }
}
