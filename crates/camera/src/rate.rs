//! How many frames a second a film has.

use std::fmt;

/// Rates that films have, as numerator and denominator; those of NTSC are no whole numbers.
const USUAL: [(u32, u32); 14] = [
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48_000, 1001),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (100, 1),
    (120_000, 1001),
    (120, 1),
    (15, 1),
];

/// Half of what lies between 30 and 29.97, relatively.
const TOLERANCE: f64 = 0.0005;

/// Frames a second, as a fraction: in ten minutes, a rounded decimal number would be a frame away from the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    numerator: u32,
    denominator: u32,
}

impl Rate {
    /// So many frames a second.
    pub const fn whole(frames: u32) -> Self {
        Self { numerator: frames, denominator: 1 }
    }

    /// The usual rate that a rounded number stands for, else thousandths; `None` below 1 and above 120.
    pub fn nearest(rounded: f64) -> Option<Self> {
        if !(1.0..=120.5).contains(&rounded) {
            return None;
        }
        let off = |(n, d): &(u32, u32)| (f64::from(*n) / f64::from(*d) / rounded - 1.0).abs();
        let usual = USUAL.into_iter().min_by(|a, b| off(a).total_cmp(&off(b))).filter(|r| off(r) < TOLERANCE);
        let (numerator, denominator) = usual.unwrap_or(((rounded * 1000.0).round() as u32, 1000));
        Some(Self { numerator, denominator })
    }

    /// Frames a second.
    pub fn per_second(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }
}

impl fmt::Display for Rate {
    /// As ffmpeg reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_numbers_stand_for_the_usual_rates() {
        let named = |rounded| Rate::nearest(rounded).map(|r| r.to_string());
        for (rounded, rate) in [
            (29.97, "30000/1001"),
            (30.0, "30/1"),
            (23.98, "24000/1001"),
            (59.94, "60000/1001"),
            (25.0, "25/1"),
            (12.5, "12500/1000"),
        ] {
            assert_eq!(named(rounded).as_deref(), Some(rate));
        }
        assert_eq!([named(0.2), named(90_000.0), named(f64::NAN)], [None, None, None]);
    }
}
