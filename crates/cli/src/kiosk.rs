//! A browser that fills the screen with the mirror, and comes back when it is closed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// First and longest wait before a browser that ended is started again.
const BACK_OFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// A browser that ran for so long was well.
const WELL: Duration = Duration::from_secs(60);
const WATCH: Duration = Duration::from_millis(200);

/// The browser; it ends when this is dropped.
pub struct Kiosk {
    ended: Arc<AtomicBool>,
    keeper: Option<thread::JoinHandle<()>>,
}

impl Kiosk {
    /// Starts a browser with the page.
    pub fn open(browser: PathBuf, url: String) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let watched = ended.clone();
        let keep = move || keep(&browser, &url, &watched);
        let keeper = thread::Builder::new().name("kiosk".into()).spawn(keep);
        let keeper = keeper.inspect_err(|error| tracing::error!(%error, "no browser is started")).ok();
        Self { ended, keeper }
    }
}

impl Drop for Kiosk {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

fn keep(browser: &Path, url: &str, ended: &AtomicBool) {
    let mut wait = BACK_OFF[0];
    while !ended.load(Ordering::Relaxed) {
        let began = Instant::now();
        match start(browser, url) {
            Ok((mut child, _profile)) => {
                while !ended.load(Ordering::Relaxed) && matches!(child.try_wait(), Ok(None)) {
                    thread::sleep(WATCH);
                }
                // Where it has ended there is nothing to end.
                let _ = child.kill();
                let status = child.wait();
                if !ended.load(Ordering::Relaxed) {
                    tracing::warn!(?status, "the browser ended; it is started again");
                }
            }
            Err(error) => tracing::error!(browser = %browser.display(), %error, "the browser does not start"),
        }
        wait = if began.elapsed() >= WELL { BACK_OFF[0] } else { wait };
        let until = Instant::now() + wait;
        while Instant::now() < until && !ended.load(Ordering::Relaxed) {
            thread::sleep(WATCH);
        }
        wait = (2 * wait).min(BACK_OFF[1]);
    }
}

/// A browser with a profile of its own, which goes with it: no other window has a say in it, and nothing of it stays.
fn start(browser: &Path, url: &str) -> std::io::Result<(Child, tempfile::TempDir)> {
    let profile = tempfile::Builder::new().prefix("narcissus-kiosk-").tempdir()?;
    if is_firefox(browser) {
        std::fs::write(profile.path().join("user.js"), FIREFOX_PREFERENCES)?;
    }
    let child = Command::new(browser)
        .args(arguments(browser, profile.path(), url))
        // The service manager hears from the mirror only.
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok((child, profile))
}

/// The camera without a question, as nobody is there to answer it; nothing that asks, offers or calls home.
const FIREFOX_PREFERENCES: &str = r#"user_pref("media.navigator.permission.disabled", true);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.normandy.enabled", false);
user_pref("browser.sessionstore.resume_from_crash", false);
"#;

fn is_firefox(browser: &Path) -> bool {
    browser.file_stem().is_some_and(|name| name.to_string_lossy().to_lowercase().contains("firefox"))
}

fn arguments(browser: &Path, profile: &Path, url: &str) -> Vec<String> {
    let profile = profile.display();
    if is_firefox(browser) {
        return vec!["--no-remote".into(), "--profile".into(), profile.to_string(), "--kiosk".into(), url.into()];
    }
    let mut arguments: Vec<String> = [
        "--kiosk",
        // The camera without a question, as nobody is there to answer it; this profile opens no other page.
        "--auto-accept-camera-and-microphone-capture",
        "--no-first-run",
        "--no-default-browser-check",
        "--noerrdialogs",
        "--disable-session-crashed-bubble",
        "--disable-pinch",
        "--overscroll-history-navigation=0",
        "--password-store=basic",
        // Nothing that calls home.
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-breakpad",
        "--disable-features=Translate,MediaRouter,OptimizationHints",
    ]
    .map(String::from)
    .into();
    arguments.extend([format!("--user-data-dir={profile}"), url.into()]);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_browser_fills_the_screen_with_the_page_and_has_its_own_profile() {
        for name in ["chromium", "firefox-esr", "msedge.exe"] {
            let given = arguments(Path::new(name), Path::new("own"), "http://127.0.0.1:7860/#kiosk");
            assert_eq!(given.last().unwrap(), "http://127.0.0.1:7860/#kiosk");
            assert!(given.iter().any(|a| a == "--kiosk") && given.iter().any(|a| a.contains("own")), "{given:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_browser_that_ends_is_started_again_and_ends_with_the_mirror() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (browser, starts) = (dir.path().join("chromium"), dir.path().join("starts"));
        std::fs::write(&browser, format!("#!/bin/sh\necho started >> {}\n", starts.display())).unwrap();
        std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
        let kiosk = Kiosk::open(browser, "http://127.0.0.1/".into());
        let count = || std::fs::read_to_string(&starts).map_or(0, |text| text.lines().count());
        let until = Instant::now() + Duration::from_secs(60);
        while count() < 2 {
            assert!(Instant::now() < until, "it was not started again");
            thread::sleep(WATCH);
        }
        drop(kiosk);
        let before = count();
        thread::sleep(2 * BACK_OFF[0]);
        assert_eq!(count(), before);
    }
}
