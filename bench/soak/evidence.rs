//! Looks for frames in files, and at the mirror's log.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// How every JPEG begins that browsers and the mirror write.
const JPEG: [u8; 10] = [0xff, 0xd8, 0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F'];

/// What was found in the files.
pub struct Evidence {
    home: PathBuf,
    log: PathBuf,
    /// Files that were read, how often a file was read, and those with a frame in them.
    pub looks: usize,
    pub frames: Vec<PathBuf>,
    /// Lines of the log, and those that are not JSON.
    pub lines: usize,
    pub torn: Vec<String>,
}

impl Evidence {
    /// Of an installation.
    pub fn new(home: PathBuf, log: PathBuf) -> Self {
        Self { home, log, looks: 0, frames: Vec::new(), lines: 0, torn: Vec::new() }
    }

    /// Reads every file that is there now.
    pub fn gather(&mut self) {
        let mut folders = vec![self.home.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(kind) if kind.is_file() => self.look(&entry.path()),
                    // Links, sockets and pipes hold nothing; what is gone meanwhile neither.
                    _ => {}
                }
            }
        }
        (self.lines, self.torn) = (0, Vec::new());
        for log in [self.log.with_extension("log.1"), self.log.clone()] {
            let Ok(file) = fs::File::open(log) else { continue };
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                self.lines += 1;
                if serde_json::from_str::<serde_json::Value>(&line).is_err() {
                    self.torn.push(line);
                }
            }
        }
    }

    fn look(&mut self, path: &Path) {
        let Ok(mut file) = fs::File::open(path) else { return };
        self.looks += 1;
        // A piece at a time, with the end of the one before: a frame's beginning may lie across.
        let (mut piece, mut kept) = (vec![0; 1 << 20], 0);
        while let Ok(n @ 1..) = file.read(&mut piece[kept..]) {
            let here = &piece[..kept + n];
            if here.windows(JPEG.len()).any(|bytes| bytes == JPEG) {
                self.frames.push(path.to_owned());
                return;
            }
            let end = (kept + n).saturating_sub(JPEG.len() - 1)..kept + n;
            kept = end.len();
            piece.copy_within(end, 0);
        }
    }
}
