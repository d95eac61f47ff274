//! Losses of one number; callers average. Each gives the value and its derivative.

/// `log(1 + e^x)` and its derivative, without overflow.
pub fn softplus(x: f32) -> (f32, f32) {
    (x.max(0.0) + (-x.abs()).exp().ln_1p(), sigmoid(x))
}

/// `1 / (1 + e^-x)`.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `log(p / (1 - p))`, the inverse of [`sigmoid`]; infinite at 0 and 1.
pub fn logit(p: f32) -> f32 {
    (p / (1.0 - p)).ln()
}

/// Cross-entropy of a logit and a probability.
pub fn bce_with_logits(logit: f32, target: f32) -> (f32, f32) {
    let (value, slope) = softplus(logit);
    (value - target * logit, slope - target)
}

/// Focal loss (Lin et al. 2017) with gamma 2 of a logit and a label of 0 or 1.
pub fn focal_with_logits(logit: f32, target: bool) -> (f32, f32) {
    let sign = if target { 1.0 } else { -1.0 };
    let p = sigmoid(sign * logit);
    let log_p = -softplus(-sign * logit).0;
    let q = 1.0 - p;
    (-q * q * log_p, sign * q * q * (2.0 * p * log_p - q))
}

/// Half the square within `beta`, straight beyond.
pub fn smooth_l1(error: f32, beta: f32) -> (f32, f32) {
    let a = error.abs();
    if a < beta { (0.5 * error * error / beta, error / beta) } else { (a - 0.5 * beta, error.signum()) }
}

/// Wing loss (Feng et al. 2018): logarithmic within `w`, straight beyond.
pub fn wing(error: f32, w: f32, epsilon: f32) -> (f32, f32) {
    let a = error.abs();
    if a < w {
        (w * (a / epsilon).ln_1p(), error.signum() * w / (epsilon + a))
    } else {
        (a - w + w * (w / epsilon).ln_1p(), error.signum())
    }
}

/// Cross-entropy of logits and target probabilities; writes the gradient.
pub fn softmax_cross_entropy(logits: &[f32], target: &[f32], gradient: &mut [f32]) -> f32 {
    softmax(logits, gradient);
    let mut value = 0.0;
    for (g, t) in gradient.iter_mut().zip(target) {
        value -= t * g.max(1e-30).ln();
        *g -= t;
    }
    value
}

/// Probabilities of logits.
pub fn softmax(logits: &[f32], probabilities: &mut [f32]) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (p, l) in probabilities.iter_mut().zip(logits) {
        *p = (l - max).exp();
        sum += *p;
    }
    probabilities.iter_mut().for_each(|p| *p /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_equal_finite_differences() {
        type Loss = fn(f32) -> (f32, f32);
        let losses: [(&str, Loss); 6] = [
            ("softplus", softplus),
            ("bce", |x| bce_with_logits(x, 0.3)),
            ("focal, a face", |x| focal_with_logits(x, true)),
            ("focal, no face", |x| focal_with_logits(x, false)),
            ("smooth l1", |x| smooth_l1(x, 0.7)),
            ("wing", |x| wing(x, 1.5, 0.4)),
        ];
        for (name, f) in losses {
            for x in [-3.1f32, -0.9, -0.2, 0.3, 0.8, 2.6] {
                let h = 1e-3;
                let slope = (f(x + h).0 - f(x - h).0) / (2.0 * h);
                assert!((slope - f(x).1).abs() < 3e-3, "{name} at {x}: {slope} against {}", f(x).1);
            }
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        for x in [-1e4f32, 1e4] {
            let (v, d) = bce_with_logits(x, 1.0);
            assert!(v.is_finite() && d.is_finite());
            let (v, d) = focal_with_logits(x, true);
            assert!(v.is_finite() && d.is_finite());
        }
    }

    #[test]
    fn softmax_gradient_sums_to_zero() {
        let mut g = [0.0; 3];
        let value = softmax_cross_entropy(&[1.0, 2.0, -1.0], &[0.2, 0.5, 0.3], &mut g);
        assert!(value > 0.0 && g.iter().sum::<f32>().abs() < 1e-6);
    }
}
