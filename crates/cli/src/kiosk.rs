//! A browser that fills the screen with the mirror, and comes back when it is closed.

#[cfg(unix)]
mod pipe;

use crate::browser::is_firefox;
use crate::watchdog::Watchdog;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// First and longest wait before a browser that ended is started again.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(30)];
/// A browser that ran for so long was well.
const WELL: Duration = Duration::from_secs(10);
/// A browser whose page is well asks for pictures all the time. One that has asked for none for so long shows nothing.
const SILENCE: Duration = Duration::from_secs(45);
const WATCH: Duration = Duration::from_millis(200);
/// How a profile's folder begins, and the file in it that is locked as long as its mirror lives.
const PROFILE: &str = "narcissus-kiosk-";
const LOCK: &str = "narcissus.lock";
/// A browser's last processes may write into its profile while it is deleted: so often it is tried.
const DELETIONS: usize = 20;

/// The browser; it ends when this is dropped.
pub struct Kiosk {
    ended: Arc<AtomicBool>,
    keeper: Option<thread::JoinHandle<()>>,
}

impl Kiosk {
    /// Starts a browser with the page; `watchdog` knows when a picture was last drawn.
    pub fn open(browser: PathBuf, url: String, watchdog: Arc<Watchdog>) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let watched = ended.clone();
        let keep = move || keep(&browser, &url, &watchdog, &watched);
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

fn keep(browser: &Path, url: &str, watchdog: &Watchdog, ended: &AtomicBool) {
    sweep(&std::env::temp_dir());
    let mut wait = BACK_OFF[0];
    while !ended.load(Ordering::Relaxed) {
        let began = Instant::now();
        match start(browser, url) {
            Ok((mut child, _profile)) => {
                while !ended.load(Ordering::Relaxed) && matches!(child.try_wait(), Ok(None)) {
                    if began.elapsed().min(watchdog.silence()) > SILENCE {
                        tracing::warn!("the browser shows no mirror");
                        break;
                    }
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

/// A profile of a browser, new, so that no other window has a say in it and no earlier one is to be restored. It goes with this.
struct Profile {
    path: PathBuf,
    /// Open, and locked, as long as the mirror lives.
    lock: Option<File>,
}

impl Profile {
    fn new(folder: &Path) -> io::Result<Self> {
        let path = tempfile::Builder::new().prefix(PROFILE).tempdir_in(folder)?.keep();
        let mut profile = Self { path, lock: None };
        let lock = File::create_new(profile.path.join(LOCK))?;
        lock.try_lock()?;
        profile.lock = Some(lock);
        Ok(profile)
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // Some systems delete no file that is open.
        self.lock = None;
        for _ in 0..DELETIONS {
            if fs::remove_dir_all(&self.path).is_ok() || !self.path.exists() {
                return;
            }
            thread::sleep(WATCH);
        }
        tracing::warn!(profile = %self.path.display(), "the browser's profile cannot be deleted");
    }
}

/// Deletes the profiles of mirrors that ended without doing so, as in a power cut: nobody holds their locks any more.
fn sweep(folder: &Path) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let is_profile = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PROFILE));
        let is_free = || File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_profile && is_free() {
            drop(Profile { path, lock: None });
        }
    }
}

fn start(browser: &Path, url: &str) -> io::Result<(Child, Profile)> {
    let profile = Profile::new(&std::env::temp_dir())?;
    if is_firefox(browser) {
        fs::write(profile.path.join("user.js"), FIREFOX_PREFERENCES)?;
    }
    let child = command(browser)
        .args(arguments(browser, &profile.path, url))
        // What it leaves beside its profile when it is killed goes with the profile.
        .env("TMPDIR", &profile.path)
        // The service manager hears from the mirror only, and secrets are for it alone.
        .env_remove("NOTIFY_SOCKET")
        .env_remove("NARCISSUS_TOKEN")
        .env_remove("NARCISSUS_STAFF_TOKEN")
        .env_remove(crate::commands::mirror::STAFF_CERTIFICATE)
        .stderr(Stdio::null())
        .spawn()?;
    #[cfg(unix)]
    let child = pipe::hold(child)?;
    Ok((child, profile))
}

fn command(browser: &Path) -> Command {
    #[cfg(unix)]
    if !is_firefox(browser) {
        return pipe::command(browser.as_os_str());
    }
    let mut command = Command::new(browser);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// The camera without a question, as nobody is there to answer it; nothing that asks, offers or calls home.
const FIREFOX_PREFERENCES: &str = r#"user_pref("media.navigator.permission.disabled", true);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.normandy.enabled", false);
user_pref("browser.sessionstore.resume_from_crash", false);
user_pref("browser.translations.enable", false);
user_pref("network.manage-offline-status", false);
"#;

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
        "--hide-crash-restore-bubble",
        "--disable-pinch",
        "--overscroll-history-navigation=0",
        "--password-store=basic",
        // Nothing that calls home.
        "--disable-background-networking",
        "--disable-component-update",
        "--check-for-update-interval=31536000",
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

    #[test]
    fn profiles_that_a_power_cut_left_are_deleted_and_those_in_use_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let (left, used, foreign) =
            (Profile::new(dir.path()).unwrap(), Profile::new(dir.path()).unwrap(), "narcissus-kiosk-0");
        fs::create_dir(dir.path().join(foreign)).unwrap();
        fs::write(left.path.join("Cookies"), "crumbs").unwrap();
        // The lock goes with the process; the folder stays.
        let path = left.path.clone();
        drop(std::mem::ManuallyDrop::new(left).lock.take());
        sweep(dir.path());
        assert!(!path.exists() && used.path.exists() && dir.path().join(foreign).exists());
        let path = used.path.clone();
        drop(used);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_browser_that_ends_is_started_again_and_ends_with_the_mirror() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (browser, starts) = (dir.path().join("chromium"), dir.path().join("starts"));
        std::fs::write(&browser, format!("#!/bin/sh\necho started >> {}\n", starts.display())).unwrap();
        std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
        let kiosk = Kiosk::open(browser, "http://127.0.0.1/".into(), Arc::new(Watchdog::from_environment()));
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
