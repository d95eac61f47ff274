//! What a step takes at best on a card of which two numbers are known.

use crate::plan::Work;
use std::time::Duration;

/// A card by its two limits (Williams, Waterman and Patterson, "Roofline", CACM 2009).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofline {
    /// Multiplications and additions a second, in f32.
    pub flops: f64,
    /// Bytes a second between the card and its memory.
    pub bandwidth: f64,
}

impl Roofline {
    /// The least time for a step: that of its arithmetic or of its bytes, whichever is longer.
    pub fn least(self, work: Work) -> Duration {
        let arithmetic = 2.0 * work.multiplications as f64 / self.flops;
        let bytes = (work.weight_bytes + work.map_bytes) as f64 / self.bandwidth;
        Duration::from_secs_f64(arithmetic.max(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_arithmetic_and_memory_counts() {
        let card = Roofline { flops: 2e12, bandwidth: 1e11 };
        let work = Work { multiplications: 1_000_000_000, weight_bytes: 3_000_000, map_bytes: 7_000_000 };
        assert_eq!(card.least(work), Duration::from_millis(1));
        assert_eq!(card.least(Work { map_bytes: 397_000_000, ..work }), Duration::from_millis(4));
    }
}
