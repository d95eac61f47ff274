//! A mirror in its kiosk, as in a gallery, and what may happen to it there.

use crate::chromium::Page;
use crate::verdict::Sample;
use anyhow::{Context, ensure};
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the service manager waits before it starts a mirror again (`RestartSec` of the unit).
const RESTART: Duration = Duration::from_millis(500);
/// Between two looks at the canvas: pictures come faster than this.
const LOOK: Duration = Duration::from_millis(120);
/// So many looks that differ in a row are a picture that moves.
const MOVING: usize = 3;
/// The size of the log's disk.
const DISK: &str = "size=256k";

/// One column of pixels of a reflection; null where there is none.
const COLUMN: &str = "(() => {
  const canvas = document.querySelector('#views canvas'), shown = document.querySelector('#views.there');
  if (!canvas || !shown || globalThis.narcissus?.report?.state !== 'reflecting' || !narcissus.report.sizes.picture_bytes) return null;
  return canvas.getContext('2d').getImageData(canvas.width >> 1, 0, 1, canvas.height).data.join();
})()";

/// A mirror that runs, its browser, and the folder in which both may write.
pub struct Installation {
    home: tempfile::TempDir,
    port: u16,
    stderr: PathBuf,
    mirror: Child,
    page: Option<Page>,
    has_disk: bool,
    died: usize,
}

impl Installation {
    /// Starts it: the browser looks at `film`.
    pub fn start(chromium: &Path, film: &Path, stderr: &Path) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("narcissus-soak-").tempdir()?;
        for folder in ["bin", "tmp", "log"] {
            fs::create_dir(home.path().join(folder))?;
        }
        write_browser(&home.path().join("bin/chromium"), chromium, film)?;
        let log = home.path().join("log");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "narcissus-soak"]).arg(&log).output();
        let has_disk = mount.is_ok_and(|output| output.status.success());
        File::create(stderr).with_context(|| stderr.display().to_string())?;

        // Whoever had it lets it go at once; every start takes it again.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mirror = start_mirror(home.path(), port, stderr)?;
        Ok(Self { home, port, stderr: stderr.to_owned(), mirror, page: None, has_disk, died: 0 })
    }

    /// Where mirror and browser write all that they write.
    pub fn home(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// The mirror's log.
    pub fn log(&self) -> PathBuf {
        self.home.path().join("log/mirror.log")
    }

    /// The mirror's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How often the mirror ended without being killed.
    pub fn died(&self) -> usize {
        self.died
    }

    /// Whether the log has a disk of its own that can be filled.
    pub fn can_fill(&self) -> bool {
        self.has_disk
    }

    /// Waits until the reflection in the browser moves.
    pub fn wait_for_picture(&mut self, patience: Duration) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let (mut last, mut moved) = (None, 0);
        while moved < MOVING {
            ensure!(began.elapsed() < patience, "no picture after {} s", patience.as_secs());
            self.revive()?;
            let column = self.on_page(|page| page.evaluate(COLUMN)).ok().and_then(|c| c.as_str().map(str::to_owned));
            moved = if column.is_some() && last.is_some() && column != last { moved + 1 } else { 0 };
            last = column;
            std::thread::sleep(LOOK);
        }
        Ok(began.elapsed())
    }

    /// Starts a mirror again that ended by itself.
    fn revive(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.mirror.try_wait()? {
            eprintln!("the mirror ended by itself: {status}");
            self.died += 1;
            self.restart()?;
        }
        Ok(())
    }

    /// Does something with the page; finds the browser that shows it now, if need be.
    fn on_page<T>(&mut self, act: impl FnOnce(&mut Page) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut page = match self.page.take() {
            Some(page) => page,
            None => Page::of_profile(&self.profile()?, Duration::from_secs(2))?,
        };
        // After an error the page is found anew.
        let result = act(&mut page)?;
        self.page = Some(page);
        Ok(result)
    }

    /// The profile of the browser that was started last.
    fn profile(&self) -> anyhow::Result<PathBuf> {
        let folders = fs::read_dir(self.home.path().join("tmp"))?.flatten();
        let profiles = folders.filter(|f| f.file_name().to_string_lossy().starts_with("narcissus-kiosk-"));
        let newest = profiles.max_by_key(|f| f.metadata().and_then(|m| m.created()).ok());
        Ok(newest.context("there is no browser")?.path())
    }

    /// Ends the browser at once; the mirror starts another.
    pub fn kill_browser(&mut self) -> anyhow::Result<()> {
        self.page = None;
        let browser = children(self.mirror.id());
        ensure!(!browser.is_empty(), "the mirror has no browser");
        signal("KILL", &browser)
    }

    /// Ends the mirror at once and all that it started, as the service manager does, and starts it again.
    pub fn kill_mirror(&mut self) -> anyhow::Result<()> {
        let all = family(self.mirror.id());
        signal("KILL", &all)?;
        self.mirror.wait()?;
        self.restart()
    }

    fn restart(&mut self) -> anyhow::Result<()> {
        self.page = None;
        std::thread::sleep(RESTART);
        self.mirror = start_mirror(self.home.path(), self.port, &self.stderr)?;
        Ok(())
    }

    /// Stops the mirror for so long.
    pub fn hang(&mut self, long: Duration) -> anyhow::Result<()> {
        let mirror = [self.mirror.id()];
        signal("STOP", &mirror)?;
        std::thread::sleep(long);
        signal("CONT", &mirror)
    }

    /// Ends the camera's track, as pulling its plug does; gives it a second to be missed.
    pub fn end_camera(&mut self) -> anyhow::Result<()> {
        const END: &str = "function() {
          const tracks = this.flatMap(stream => stream.getTracks()).filter(track => track.readyState === 'live');
          for (const track of tracks) { track.stop(); track.dispatchEvent(new Event('ended')); }
          return tracks.length;
        }";
        self.on_page(|page| {
            let streams = page.ask("Runtime.evaluate", json!({"expression": "MediaStream.prototype"}))?;
            let streams =
                page.ask("Runtime.queryObjects", json!({"prototypeObjectId": streams["result"]["objectId"]}))?;
            let object = &streams["objects"]["objectId"];
            let ended = json!({"objectId": object, "functionDeclaration": END, "returnByValue": true});
            let ended = page.ask("Runtime.callFunctionOn", ended)?["result"]["value"].as_u64();
            page.ask("Runtime.releaseObject", json!({ "objectId": object }))?;
            ensure!(ended.is_some_and(|n| n > 0), "the page has no camera");
            Ok(())
        })?;
        std::thread::sleep(Duration::from_secs(1));
        Ok(())
    }

    /// Fills the disk of the log until the result is dropped; does nothing where it has none of its own.
    pub fn fill_disk(&self) -> anyhow::Result<FullDisk> {
        let path = self.home.path().join("log/filler");
        if self.has_disk {
            let mut file = File::create(&path)?;
            while file.write_all(&[b'x'; 512]).is_ok() {}
        }
        Ok(FullDisk(path))
    }

    /// What it uses now, and how fast it is.
    pub fn sample(&mut self) -> Sample {
        // What the page has let go of is no growth.
        let _ = self.on_page(|page| page.ask("HeapProfiler.collectGarbage", json!({})));
        let process = self.mirror.id();
        let browser = family(process).into_iter().skip(1);
        Sample {
            process,
            mirror_mb: kilobytes(process, "status", &["VmRSS:"]) / 1024.0,
            // Of what several processes share each has its part. Pages of files are left out: their part changes with other browsers
            // on the same computer.
            browser_mb: browser.map(|p| kilobytes(p, "smaps_rollup", &["Pss_Anon:", "Pss_Shmem:"])).sum::<f64>()
                / 1024.0,
            rate: self.rate().unwrap_or(0.0),
            ..Sample::default()
        }
    }

    fn rate(&self) -> Option<f64> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", self.port).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.lines().find_map(|line| line.strip_prefix("narcissus_pictures_per_second "))?.trim().parse().ok()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        // Whatever has ended already needs no ending.
        let _ = signal("KILL", &family(self.mirror.id()));
        let _ = self.mirror.wait();
        if self.has_disk {
            let _ = Command::new("umount").arg(self.home.path().join("log")).status();
        }
    }
}

/// A disk is full as long as this lives.
pub struct FullDisk(PathBuf);

impl Drop for FullDisk {
    fn drop(&mut self) {
        // It is not there where there is no disk to fill.
        let _ = fs::remove_file(&self.0);
    }
}

/// A program in the browser's place: the browser without a screen, with a film for a camera.
fn write_browser(path: &Path, chromium: &Path, film: &Path) -> anyhow::Result<()> {
    let script = format!(
        "#!/bin/sh\nexec {} --headless=new --no-sandbox --disable-gpu --disable-quic --remote-debugging-port=0 \\\n  \
         --use-fake-device-for-media-stream --use-file-for-fake-video-capture={} \\\n  \"$@\"\n",
        chromium.display(),
        film.display()
    );
    fs::write(path, script)?;
    // It runs on Linux only, and is checked by the compiler everywhere.
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(())
}

/// Starts a mirror that can write only into its home; gives it back when its page can be opened.
fn start_mirror(home: &Path, port: u16, stderr: &Path) -> anyhow::Result<Child> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(crate::narcissus());
    command.args(["mirror", "--kiosk", "--port", &port.to_string(), "--log"]).arg(home.join("log/mirror.log"));
    command.env_clear().env("PATH", format!("{}:{path}", home.join("bin").display())).env("TMPDIR", home.join("tmp"));
    // As in packaging/linux/narcissus.service.
    command.env("MALLOC_ARENA_MAX", "1");
    for name in ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
        command.env(name, home);
    }
    let stderr = OpenOptions::new().append(true).open(stderr)?;
    let mut mirror = command.current_dir(home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn()?;
    let mut line = String::new();
    BufReader::new(mirror.stdout.take().context("no output")?).read_line(&mut line)?;
    ensure!(line.starts_with("the mirror is at "), "the mirror did not start: {line}");
    Ok(mirror)
}

fn signal(name: &str, processes: &[u32]) -> anyhow::Result<()> {
    let numbers = processes.iter().map(u32::to_string);
    // Of those that are to end, some end with others before their turn.
    let status = Command::new("kill").arg(format!("-{name}")).args(numbers).stderr(Stdio::null()).status()?;
    ensure!(status.success() || name == "KILL", "kill -{name} failed");
    Ok(())
}

/// A process and all that it started, itself first.
fn family(process: u32) -> Vec<u32> {
    let below = children(process).into_iter().flat_map(family);
    std::iter::once(process).chain(below).collect()
}

/// What any thread of a process started.
fn children(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    texts.flat_map(|t| t.split_whitespace().filter_map(|c| c.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// A number that the kernel knows of a process.
fn kilobytes(process: u32, file: &str, keys: &[&str]) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let values = text.lines().filter_map(|line| keys.iter().find_map(|key| line.strip_prefix(key)));
    values.filter_map(|value| value.trim().trim_end_matches("kB").trim().parse::<f64>().ok()).sum()
}
