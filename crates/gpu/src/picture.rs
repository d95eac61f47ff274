//! Pictures in the memory of a card.

use crate::card::{Card, CardError};
use crate::painter::PATIENCE;
use frame::{Image, lock};
use mirror::generator::RemotePicture;
use std::fmt;
use std::sync::Arc;

/// Buffers that nobody uses are kept for the next pictures; more than so many are of sizes that are no longer drawn.
const KEPT: usize = 8;

/// A picture in the memory of a card: red, green, blue and 255 of each pixel, row by row.
pub struct CardPicture {
    card: Card,
    /// `None` only while it is dropped.
    buffer: Option<wgpu::Buffer>,
    size: (usize, usize),
}

impl CardPicture {
    /// One of this size, to be drawn to.
    pub(crate) fn blank(card: &Card, size: (usize, usize)) -> Arc<Self> {
        let bytes = (4 * size.0 * size.1) as u64;
        let kept = {
            let mut kept = lock(&card.pictures);
            kept.iter().position(|buffer| buffer.size() == bytes).map(|i| kept.swap_remove(i))
        };
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let buffer = kept.unwrap_or_else(|| card.buffer(bytes, usage));
        Arc::new(Self { card: card.clone(), buffer: Some(buffer), size })
    }

    /// The pixels of a picture, brought to the card.
    pub(crate) fn of(card: &Card, picture: &Image) -> Arc<Self> {
        let there = Self::blank(card, (picture.width, picture.height));
        let pixels = picture.data.as_chunks::<3>().0;
        let rgba: Vec<u8> = pixels.iter().flat_map(|[r, g, b]| [*r, *g, *b, u8::MAX]).collect();
        card.queue.write_buffer(there.buffer(), 0, &rgba);
        there
    }

    /// Pictures of one width, one below the other.
    pub(crate) fn stacked(card: &Card, pictures: &[Arc<Self>]) -> Arc<Self> {
        let stacked = Self::blank(card, (pictures[0].size.0, pictures.iter().map(|p| p.size.1).sum()));
        let mut encoder = card.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut end = 0;
        for picture in pictures.iter().map(|picture| picture.buffer()) {
            encoder.copy_buffer_to_buffer(picture, 0, stacked.buffer(), end, picture.size());
            end += picture.size();
        }
        card.queue.submit([encoder.finish()]);
        stacked
    }

    pub(crate) fn size(&self) -> (usize, usize) {
        self.size
    }

    pub(crate) fn is_on(&self, card: &Card) -> bool {
        self.card.device == card.device
    }

    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        self.buffer.as_ref().expect("it is there until it is dropped")
    }

    pub(crate) fn binding(&self) -> wgpu::BindingResource<'_> {
        self.buffer().as_entire_binding()
    }

    fn try_read(&self) -> Result<Image, CardError> {
        let reading = self.card.reading(self.buffer().size());
        let mut encoder = self.card.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(self.buffer(), 0, &reading, 0, reading.size());
        self.card.queue.submit([encoder.finish()]);
        self.card.read_picture(&reading, self.size, PATIENCE)
    }
}

impl RemotePicture for CardPicture {
    fn read(&self) -> Result<Image, String> {
        self.card.check().and_then(|()| self.try_read()).map_err(|error| error.to_string())
    }
}

impl Drop for CardPicture {
    fn drop(&mut self) {
        let mut kept = lock(&self.card.pictures);
        if let Some(buffer) = self.buffer.take().filter(|_| kept.len() < KEPT) {
            kept.push(buffer);
        }
    }
}

impl fmt::Debug for CardPicture {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a picture of {} x {} on {}", self.size.0, self.size.1, self.card.name())
    }
}
