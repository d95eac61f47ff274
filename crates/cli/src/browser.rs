//! Finds a browser on this computer.

use std::path::{Path, PathBuf};

/// The first browser that shows a page on the whole screen with `--kiosk URL`.
pub fn find() -> Option<PathBuf> {
    if cfg!(windows) {
        let folders = ["ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA"].into_iter().filter_map(std::env::var_os);
        let programs = [
            r"Microsoft\Edge\Application\msedge.exe",
            r"Google\Chrome\Application\chrome.exe",
            r"Mozilla Firefox\firefox.exe",
        ];
        folders.flat_map(|folder| programs.map(|p| Path::new(&folder).join(p))).find(|p| p.is_file())
    } else if cfg!(target_os = "macos") {
        let programs = ["Google Chrome", "Microsoft Edge", "Chromium", "Firefox"].into_iter();
        programs
            .map(|name| {
                let binary = if name == "Firefox" { "firefox" } else { name };
                PathBuf::from(format!("/Applications/{name}.app/Contents/MacOS/{binary}"))
            })
            .find(|p| p.is_file())
    } else {
        let names = [
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
            "microsoft-edge",
            "brave-browser",
            "firefox",
            "firefox-esr",
        ];
        names.into_iter().find_map(host::find_program)
    }
}
