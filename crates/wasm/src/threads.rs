//! The threads of an instance: workers of the page on the same memory.
#![expect(unsafe_code, reason = "a function that is called by its name from outside counts as unsafe")]

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

/// Threads of the pool that no worker runs yet.
static WAITING: Mutex<VecDeque<ThreadBuilder>> = Mutex::new(VecDeque::new());
static CAME: Condvar = Condvar::new();

/// Memory for the stack or the thread-local values of a worker, for good.
#[unsafe(no_mangle)]
extern "C" fn reserve(bytes: usize) -> *mut u128 {
    Vec::leak(vec![0u128; bytes.div_ceil(16)]).as_mut_ptr()
}

/// Runs one thread of the pool; never comes back while the instance is used.
#[unsafe(no_mangle)]
extern "C" fn work() {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    let thread = loop {
        match waiting.pop_front() {
            Some(thread) => break thread,
            None => waiting = CAME.wait(waiting).unwrap_or_else(PoisonError::into_inner),
        }
    };
    drop(waiting);
    thread.run();
}

/// Makes a pool of the calling worker and the `others` that called or will call `work`. 0: there is one already.
#[unsafe(no_mangle)]
extern "C" fn start_threads(others: usize) -> bool {
    let hand_over = |thread| {
        WAITING.lock().unwrap_or_else(PoisonError::into_inner).push_back(thread);
        CAME.notify_one();
        Ok(())
    };
    let pool = ThreadPoolBuilder::new().num_threads(others + 1).use_current_thread().spawn_handler(hand_over);
    pool.build_global().is_ok()
}
