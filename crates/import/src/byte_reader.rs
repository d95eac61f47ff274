//! A foreign file, read piece by piece: no size that it claims is believed before it is compared with what is there.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

trait Bytes: Read + Seek {}
impl<T: Read + Seek> Bytes for T {}

/// The bytes of a file, with a place where reading goes on.
pub struct ByteReader {
    bytes: BufReader<Box<dyn Bytes>>,
    len: u64,
    at: u64,
    /// Somebody else has moved the place.
    displaced: bool,
}

/// A run of bytes in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub at: u64,
    /// How many bytes.
    pub len: u64,
}

/// The file ends too early, or the system cannot read it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Something is said to be longer than what is left.
    #[error("byte {at}: {wanted} bytes are said to follow, the file has {left} more")]
    Short {
        /// Where in the file.
        at: u64,
        /// What was promised.
        wanted: u64,
        /// What there is.
        left: u64,
    },
    /// The system says no.
    #[error("byte {at}: {source}")]
    Io {
        /// Where in the file.
        at: u64,
        /// Why.
        source: std::io::Error,
    },
}

impl ByteReader {
    /// Opens a file.
    ///
    /// # Errors
    /// If the system says no.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(std::io::ErrorKind::IsADirectory.into());
        }
        let len = about.len();
        Ok(Self { bytes: BufReader::new(Box::new(file)), len, at: 0, displaced: false })
    }

    /// Bytes in memory as a file.
    pub fn of(bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Self { bytes: BufReader::new(Box::new(Cursor::new(bytes))), len, at: 0, displaced: false }
    }

    /// Size of the file.
    pub fn size(&self) -> u64 {
        self.len
    }

    /// Where reading goes on.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        self.check(N as u64)?;
        let mut bytes = [0; N];
        self.bytes.read_exact(&mut bytes).map_err(|source| ReadError::Io { at: self.at, source })?;
        self.at += N as u64;
        Ok(bytes)
    }

    /// The next `len` bytes. Takes no memory before it is sure that they are there.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn take(&mut self, len: u64) -> Result<Vec<u8>, ReadError> {
        self.check(len)?;
        let mut bytes = vec![0; len as usize];
        self.bytes.read_exact(&mut bytes).map_err(|source| ReadError::Io { at: self.at, source })?;
        self.at += len;
        Ok(bytes)
    }

    /// Goes past the next `len` bytes, and gives back where they are.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn skip(&mut self, len: u64) -> Result<Span, ReadError> {
        self.check(len)?;
        let span = Span { at: self.at, len };
        self.go_to(self.at + len)?;
        Ok(span)
    }

    /// Reading goes on at byte `at`.
    ///
    /// # Errors
    /// If that is behind the end.
    pub fn go_to(&mut self, at: u64) -> Result<(), ReadError> {
        if at > self.len {
            return Err(ReadError::Short { at, wanted: 0, left: 0 });
        }
        // Within the buffer where possible: a pickle skips often and little.
        let moved = match i64::try_from(i128::from(at) - i128::from(self.at)) {
            Ok(step) if !self.displaced => self.bytes.seek_relative(step),
            _ => self.bytes.seek(SeekFrom::Start(at)).map(|_| ()),
        };
        moved.map_err(|source| ReadError::Io { at, source })?;
        (self.at, self.displaced) = (at, false);
        Ok(())
    }

    /// The file from its beginning, for those who read containers; reading goes on at byte 0.
    pub fn reader(&mut self) -> impl Read + Seek + '_ {
        self.at = 0;
        // Whoever reads a container seeks before anything else, and so does `go_to` afterwards.
        self.displaced = true;
        &mut self.bytes
    }

    fn check(&self, wanted: u64) -> Result<(), ReadError> {
        let left = self.len - self.at;
        if wanted > left { Err(ReadError::Short { at: self.at, wanted, left }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_skips_and_returns() {
        let mut source = ByteReader::of((0..=99).collect());
        assert_eq!(source.array::<2>().unwrap(), [0, 1]);
        assert_eq!(source.skip(10).unwrap(), Span { at: 2, len: 10 });
        assert_eq!(source.take(3).unwrap(), [12, 13, 14]);
        source.go_to(5).unwrap();
        assert_eq!(source.array::<1>().unwrap(), [5]);
        assert_eq!(source.at(), 6);
    }

    #[test]
    fn promises_are_checked_before_memory_is_taken() {
        let mut source = ByteReader::of(vec![0; 10]);
        source.skip(4).unwrap();
        let error = source.take(u64::MAX).unwrap_err().to_string();
        assert_eq!(error, format!("byte 4: {} bytes are said to follow, the file has 6 more", u64::MAX));
        assert!(source.skip(7).is_err() && source.go_to(11).is_err());
        assert!(source.take(6).is_ok() && source.array::<1>().is_err());
    }
}
