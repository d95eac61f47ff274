//! Pictures and how they travel: [`Image`], [`Frame`], sources, sinks, and [`Latest`] (the newest wins).

/// An 8-bit RGB picture, rows from the top, no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height * width * 3` bytes.
    pub data: Vec<u8>,
}
