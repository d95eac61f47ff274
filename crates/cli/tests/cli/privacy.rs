//! No frame is written or sent: the mirror is watched while frames flow.
#![cfg(target_os = "linux")]

use super::page::{Page, RunningMirror};
use super::setting::{jpeg, viewer};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use tungstenite::Message;

/// Frames that are looked at.
const FRAMES: usize = 60;

/// A mirror that has nowhere to go but a folder of its own.
struct Watched {
    mirror: RunningMirror,
    home: tempfile::TempDir,
}

impl Watched {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_narcissus"));
        command.args(["mirror", "--port", "0"]).current_dir(home.path());
        command.env_clear();
        for name in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
            command.env(name, home.path());
        }
        Self { mirror: RunningMirror::of(command), home }
    }

    /// What the process has open: for each descriptor what it leads to.
    fn open(&self) -> BTreeMap<String, String> {
        let folder = format!("/proc/{}/fd", self.mirror.process.id());
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        let name = |p: &Path| p.file_name().unwrap().to_string_lossy().into_owned();
        entries
            .filter_map(|e| Some((name(&e.path()), std::fs::read_link(e.path()).ok()?.to_string_lossy().into_owned())))
            .collect()
    }

    /// Bytes that it has caused to be written to a disk.
    fn bytes_written(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/io", self.mirror.process.id())).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix("write_bytes: ")).unwrap();
        line.parse().unwrap()
    }

    /// Remote ends of its TCP and UDP sockets, as the kernel writes them.
    fn remote_ends(&self) -> BTreeSet<String> {
        let sockets: BTreeSet<String> = self
            .open()
            .values()
            .filter_map(|to| Some(to.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        let mut ends = BTreeSet::new();
        for table in ["tcp", "tcp6", "udp", "udp6"] {
            let text =
                std::fs::read_to_string(format!("/proc/{}/net/{table}", self.mirror.process.id())).unwrap_or_default();
            let rows = text.lines().skip(1).map(|l| l.split_whitespace().collect::<Vec<_>>());
            ends.extend(rows.filter(|r| sockets.contains(r[9])).map(|r| format!("{table} {}", r[2])));
        }
        ends
    }
}

#[test]
fn no_frame_is_written_or_sent() {
    let mirror = Watched::start();
    let mut page = Page::open(&mirror.mirror.address);
    let pictures = [0, 3].map(|i| jpeg(&viewer(i)));
    let (before, written) = (mirror.open(), mirror.bytes_written());
    let mut reflected = 0;
    for seq in 0..FRAMES {
        page.show(&pictures[seq / 30]);
        // Every frame is answered, and has a picture; others are drawn in between.
        let (mut seen, mut picture) = (None, None);
        while seen.is_none() || picture.is_none() {
            match page.read() {
                Message::Text(text) => seen = Some(text),
                Message::Binary(bytes) if bytes[4..8] == (seq as u32).to_le_bytes() => picture = Some(bytes),
                _ => {}
            }
        }
        reflected += usize::from(seen.is_some_and(|text| text.contains("\"reflecting\"")));
        assert!(picture.is_some_and(|bytes| bytes.len() > 500));
        if seq % 10 != 5 {
            continue;
        }
        let home: Vec<_> = std::fs::read_dir(mirror.home.path()).unwrap().flatten().map(|e| e.path()).collect();
        assert!(home.is_empty(), "it made files: {home:?}");
        for (descriptor, to) in mirror.open() {
            let harmless = ["socket:", "pipe:", "anon_inode:", "/dev/null", "/dev/pts", "/dev/urandom"];
            let known = before.get(&descriptor) == Some(&to) || harmless.iter().any(|h| to.starts_with(h));
            assert!(known, "it opened {to}");
        }
        for end in mirror.remote_ends() {
            // Nobody, or 127.0.0.1, its bytes in the kernel's order.
            let (_, address) = end.split_once(' ').unwrap();
            assert!(address.starts_with("00000000:") || address.starts_with("0100007F:"), "it talks to {end}");
        }
    }
    assert!(reflected > FRAMES / 2, "only {reflected} were reflected");
    assert_eq!(mirror.bytes_written(), written, "bytes went to a disk");
}
