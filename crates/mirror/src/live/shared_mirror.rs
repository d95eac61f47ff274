//! A mirror that another may take the place of while sessions use it.

use crate::engine::Mirror;
use frame::lock;
use std::sync::{Arc, Mutex};

/// The nets that all sessions use. When they are replaced, each session goes on with the new ones from its next frame on.
pub struct SharedMirror {
    current: Mutex<(Arc<Mirror>, u64)>,
}

impl SharedMirror {
    /// Of these nets.
    pub fn new(mirror: Arc<Mirror>) -> Self {
        Self { current: Mutex::new((mirror, 0)) }
    }

    /// The nets, and how often they were replaced.
    pub fn current(&self) -> (Arc<Mirror>, u64) {
        lock(&self.current).clone()
    }

    /// These nets from now on.
    pub fn replace(&self, mirror: Arc<Mirror>) {
        let mut current = lock(&self.current);
        let next = (mirror, current.1 + 1);
        // What nobody uses any more is freed when nobody waits for the lock.
        let before = std::mem::replace(&mut *current, next);
        drop((current, before));
    }

    /// The nets, if they were replaced more often than this.
    pub(super) fn newer_than(&self, replaced: u64) -> Option<(Arc<Mirror>, u64)> {
        let current = lock(&self.current);
        (current.1 > replaced).then(|| current.clone())
    }
}
