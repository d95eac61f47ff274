//! Memory that a thread keeps between calls, so that nothing is allocated per picture.

use crate::blocked::Line;
use std::cell::RefCell;

/// Bytes of scratch of one task that shall stay in the second-level cache.
pub(crate) const TASK_BYTES: usize = 384 << 10;

/// Bytes of scratch that all threads share in the last-level cache.
pub(crate) const SHARED_BYTES: usize = 6 << 20;

thread_local! {
    static KEPT: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with `n` lines of any content. `f` may come here again on the same thread (a task that waits may be given
/// another one): the inner call has memory of its own.
pub(crate) fn with_lines<R>(n: usize, f: impl FnOnce(&mut [Line]) -> R) -> R {
    let mut lines = KEPT.with_borrow_mut(|kept| kept.pop()).unwrap_or_default();
    if lines.len() < n {
        lines.resize(n, Line::ZERO);
    }
    let result = f(&mut lines[..n]);
    KEPT.with_borrow_mut(|kept| kept.push(lines));
    result
}

/// A slice that several tasks write at once, each its own places.
#[derive(Clone, Copy)]
pub(crate) struct Shared<T> {
    start: *mut T,
    len: usize,
}

// SAFETY: it is only a pointer; every access is unsafe and promises that no two tasks touch the same place.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn new(slice: &mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len() }
    }

    /// A pointer to element `i`, from which at least `n` may be reached.
    ///
    /// # Safety
    /// The slice must still be borrowed, and no other task may touch what is reached through this pointer.
    #[inline(always)]
    pub unsafe fn at(self, i: usize, n: usize) -> *mut T {
        debug_assert!(i + n <= self.len, "{i} + {n} of {}", self.len);
        // SAFETY: within the slice, by the caller's promise (checked in debug builds).
        unsafe { self.start.add(i) }
    }

    /// Elements `i` to `i + n`.
    ///
    /// # Safety
    /// As for [`Shared::at`].
    pub unsafe fn slice<'a>(&self, i: usize, n: usize) -> &'a mut [T] {
        assert!(i + n <= self.len);
        // SAFETY: within the slice; nobody else touches it, by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(i), n) }
    }
}
