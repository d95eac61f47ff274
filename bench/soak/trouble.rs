//! Which trouble comes when.

use std::time::Duration;

/// What is done to the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    KillBrowser,
    KillMirror,
    /// The camera's track ends; the page opens it again.
    EndCamera,
    /// The log cannot be written for a while.
    FillDisk,
    /// The mirror is stopped for a while, as by a computer that swaps.
    Hang,
    /// Many pages and half-sent requests for a while.
    Flood,
}
use Trouble::{EndCamera, FillDisk, Flood, Hang, KillBrowser, KillMirror};

impl Trouble {
    /// Whether it is a kill.
    pub fn is_kill(self) -> bool {
        matches!(self, KillBrowser | KillMirror)
    }

    /// How long the picture may take to come back.
    pub fn bound(self) -> Duration {
        Duration::from_secs(if self.is_kill() { 5 } else { 15 })
    }
}

/// Trouble, and when it comes.
pub struct Next {
    pub at: Duration,
    pub trouble: Trouble,
}

/// A run's trouble: the same for the same seed, as far as the mirror takes the same time.
pub struct Plan {
    random: u64,
    whole: Duration,
}

/// Processes are killed in the first part of a run: one in so many. Memory is judged over the rest.
const KILLS: u32 = 4;

impl Plan {
    /// Trouble for so long.
    pub fn new(seed: u64, whole: Duration) -> Self {
        Self { random: seed, whole }
    }

    /// What comes next.
    pub fn next(&mut self, now: Duration) -> Next {
        let at = now + Duration::from_secs(15 + self.number(25));
        let calm = [EndCamera, FillDisk, Hang, Flood];
        let all = [KillBrowser, KillMirror, KillBrowser, KillMirror, EndCamera, FillDisk, Hang, Flood];
        let kinds = if self.is_calm(at) { &calm[..] } else { &all[..] };
        Next { at, trouble: kinds[self.number(kinds.len() as u64) as usize] }
    }

    /// Whether no process is killed at that time.
    pub fn is_calm(&self, at: Duration) -> bool {
        at >= self.whole / KILLS
    }

    /// A random number below a bound (SplitMix64).
    fn number(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}
