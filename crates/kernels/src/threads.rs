//! The threads that the kernels share their work among: rayon's current pool.

/// Starts the global pool: `threads` threads, by default one a core.
///
/// Where there is one a core, each is bound to its core. After a rest a system may wake two threads of a small net on one core
/// and leave the other asleep for longer than the whole picture takes: unbound, a picture of 128 pixels every 40 ms took
/// 15.2 ms with two threads, 17.4 with one; bound 9.6.
///
/// # Errors
/// If the pool was started before, or the system has no threads left.
pub fn start_threads(threads: Option<usize>) -> Result<(), rayon::ThreadPoolBuildError> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let bind = move |i: usize| {
        if rayon::current_num_threads() == cores.len() {
            // Where the system does not let us, it knows better.
            core_affinity::set_for_current(cores[i]);
        }
    };
    rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).start_handler(bind).build_global()
}

/// Runs `f`, which calls many kernels, on a thread of the pool. From any other thread each kernel would be handed over by
/// itself, and its caller be put to sleep and woken again.
pub fn on_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| f())
}
