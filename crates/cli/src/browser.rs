//! Finds a browser on this computer.

use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// A browser that prints pages without a window.
pub fn printer() -> Option<PathBuf> {
    // Firefox, which cannot, is looked for last.
    find().filter(|browser| !is_firefox(browser))
}

/// Whether it takes Firefox's arguments.
pub fn is_firefox(browser: &Path) -> bool {
    browser.file_stem().is_some_and(|name| name.to_string_lossy().to_lowercase().contains("firefox"))
}

/// The PDF of a page of ours, which the browser makes in a folder of its own.
///
/// # Errors
/// If the browser does not start, or prints nothing.
pub fn print_to_pdf(browser: &Path, page: &Path, folder: &Path) -> anyhow::Result<Vec<u8>> {
    let page = std::path::absolute(page).with_context(|| page.display().to_string())?;
    let address = format!("file://{}{}", if cfg!(windows) { "/" } else { "" }, page.display());
    let address =
        address.replace('\\', "/").replace('%', "%25").replace(' ', "%20").replace('#', "%23").replace('?', "%3F");
    let pdf = folder.join("page.pdf");

    // In containers, and for the super-user, it has no sandbox: the page has no script, so it does without.
    let mut said = String::new();
    for sandbox in [None, Some("--no-sandbox")] {
        let mut command = Command::new(browser);
        command.args(["--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer"]).args(sandbox);
        command.arg(format!("--user-data-dir={}", folder.join("profile").display()));
        command.arg(format!("--print-to-pdf={}", pdf.display())).arg(&address).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("{} does not start", browser.display()))?;
        if let Ok(bytes) = std::fs::read(&pdf) {
            return Ok(bytes);
        }
        said = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    }
    anyhow::bail!("{} printed no page: {said}", browser.display())
}
