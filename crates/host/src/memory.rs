//! How much memory this process needs.

/// The most memory that this process has held at a time, in bytes; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn peak_memory() -> Option<u64> {
    line_of_status("VmHWM:")
}

/// The most memory that this process has held at a time, in bytes; `None` where the system does not tell.
#[cfg(windows)]
pub fn peak_memory() -> Option<u64> {
    let counters = winsafe::HPROCESS::GetCurrentProcess().GetProcessMemoryInfo().ok()?;
    Some(counters.PeakWorkingSetSize as u64)
}

/// The most memory that this process has held at a time, in bytes; `None` where the system does not tell.
#[cfg(not(any(target_os = "linux", windows)))]
pub fn peak_memory() -> Option<u64> {
    None
}

/// The memory that this process holds now, in bytes; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn memory() -> Option<u64> {
    line_of_status("VmRSS:")
}

/// The memory that this process holds now, in bytes; `None` where the system does not tell.
#[cfg(windows)]
pub fn memory() -> Option<u64> {
    let counters = winsafe::HPROCESS::GetCurrentProcess().GetProcessMemoryInfo().ok()?;
    Some(counters.WorkingSetSize as u64)
}

/// The memory that this process holds now, in bytes; `None` where the system does not tell.
#[cfg(not(any(target_os = "linux", windows)))]
pub fn memory() -> Option<u64> {
    None
}

/// A line of the kernel's words about this process, in bytes.
#[cfg(target_os = "linux")]
fn line_of_status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_covers_what_was_held_and_is_no_nonsense() {
        const HELD: usize = 64 << 20;
        let held = std::hint::black_box(vec![1_u8; HELD]);
        let tells = cfg!(any(target_os = "linux", windows));
        assert_eq!(peak_memory().is_some(), tells);
        // A test holds no gigabytes.
        assert!(peak_memory().is_none_or(|bytes| (HELD as u64..4 << 30).contains(&bytes)), "{:?}", peak_memory());
        assert!(memory() <= peak_memory() && memory().is_none_or(|bytes| bytes >= HELD as u64), "{:?}", memory());
        drop(held);
    }
}
