//! Pictures of the numbers that a generator draws.

use frame::Image;
use nn::Tensor;

/// 8-bit pictures of a batch.
pub fn images(pictures: &Tensor) -> Vec<Image> {
    pictures.rows().map(|x| image(x, pictures.w(), pictures.h())).collect()
}

/// The 8-bit picture of values about -1 to 1: `round(127.5 x + 127.5)`, saturated.
pub(super) fn image(x: &[f32], width: usize, height: usize) -> Image {
    let byte = |v: &f32| (v * 127.5 + 127.5).round().clamp(0.0, 255.0) as u8;
    Image { width, height, data: x.iter().map(byte).collect() }
}
