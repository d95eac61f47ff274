//! How hot the computer is.

use std::path::Path;

/// Degrees Celsius beyond which a sensor is broken.
const HOTTEST: f32 = 130.0;

/// The hottest part that the system tells of, degrees Celsius; `None` where it tells of none.
pub fn temperature() -> Option<f32> {
    hottest(Path::new("/sys/class/thermal"), "thermal_zone", "temp")
}

/// Of files in the folders of a folder, in thousandths of a degree.
fn hottest(folder: &Path, prefix: &str, file: &str) -> Option<f32> {
    let zones = std::fs::read_dir(folder).ok()?.flatten();
    let zones = zones.filter(|zone| zone.file_name().to_string_lossy().starts_with(prefix));
    let read =
        |zone: std::fs::DirEntry| std::fs::read_to_string(zone.path().join(file)).ok()?.trim().parse::<f32>().ok();
    zones.filter_map(read).map(|thousandths| thousandths / 1e3).filter(|t| *t > 0.0 && *t < HOTTEST).reduce(f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_sensor_that_is_not_broken_counts() {
        let dir = tempfile::tempdir().unwrap();
        for (zone, text) in [
            ("thermal_zone0", "41000\n"),
            ("thermal_zone1", "67500\n"),
            ("thermal_zone2", "255000\n"),
            ("thermal_zone3", "?"),
            ("cooling0", "90000"),
        ] {
            std::fs::create_dir(dir.path().join(zone)).unwrap();
            std::fs::write(dir.path().join(zone).join("temp"), text).unwrap();
        }
        assert_eq!(hottest(dir.path(), "thermal_zone", "temp"), Some(67.5));
        assert_eq!(hottest(&dir.path().join("nowhere"), "thermal_zone", "temp"), None);
        assert!(temperature().is_none_or(|t| (0.0..HOTTEST).contains(&t)));
    }
}
