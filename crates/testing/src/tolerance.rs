//! How far two computations of the same thing may lie apart, by name and with the reason.

/// The same sums in another order: f32 rounding over some thousand terms.
pub const REORDERED: f32 = 1e-5;

/// A layer or a small net against PyTorch in f32: another order of sums, other vector instructions.
pub const LAYER: f32 = 2e-5;

/// A generator against its PyTorch twin: a dozen layers on top of each other (the figure).
pub const GENERATOR: f32 = 1e-4;

/// A gradient against finite differences in f32: the difference quotient itself has three good digits.
pub const FINITE_DIFFERENCE: f32 = 1e-2;

/// Values that went through an f16 file: eleven bits of mantissa.
pub const HALF_PRECISION: f32 = 1e-3;

/// The largest absolute difference, and where it is. (0, 0) for empty slices.
///
/// # Panics
/// If the lengths differ.
pub fn largest_difference(actual: &[f32], expected: &[f32]) -> (f32, usize) {
    assert_eq!(actual.len(), expected.len(), "different lengths");
    let differences = actual.iter().zip(expected).map(|(a, e)| (a - e).abs()).enumerate();
    // A NaN must win, not vanish: `max` on floats would ignore it.
    differences.fold((0.0, 0), |worst, (i, d)| if d.is_nan() || d > worst.0 { (d, i) } else { worst })
}

/// Asserts that all values agree within `tolerance`, relative to the largest expected value (or to 1, if that is less).
///
/// # Panics
/// If they do not, or the lengths differ, or a value is NaN.
#[track_caller]
pub fn assert_close(actual: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}: {} values, expected {}", actual.len(), expected.len());
    let (difference, at) = largest_difference(actual, expected);
    let scale = expected.iter().fold(1.0_f32, |m, e| m.max(e.abs()));
    assert!(
        difference <= tolerance * scale,
        "{what}: value {at} is {}, expected {} (apart by {difference}, allowed {})",
        actual[at],
        expected[at],
        tolerance * scale
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_difference_passes() {
        assert_close(&[100.0, 2.0], &[100.0005, 2.0], LAYER, "numbers");
    }

    #[test]
    #[should_panic(expected = "value 1 is 2.1, expected 2")]
    fn a_large_difference_says_where() {
        assert_close(&[1.0, 2.1], &[1.0, 2.0], LAYER, "numbers");
    }

    #[test]
    #[should_panic(expected = "value 0 is NaN")]
    fn nan_never_passes() {
        assert_close(&[f32::NAN, 1.0], &[1.0, 1.0], LAYER, "numbers");
    }
}
