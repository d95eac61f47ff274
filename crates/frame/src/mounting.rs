//! How a camera hangs.

use crate::Image;

/// What is done to a camera's picture so that people stand upright in it, and see themselves as in a mirror.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mounting {
    /// Quarters of a circle by which the picture is turned, clockwise.
    pub quarters: u8,
    /// Whether left and right are exchanged, after that.
    pub mirror: bool,
}

impl Mounting {
    /// The picture, upright.
    pub fn apply(self, picture: Image) -> Image {
        let upright = if self.quarters.is_multiple_of(4) { picture } else { picture.turned(self.quarters) };
        if self.mirror { upright.flip_horizontal() } else { upright }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_turned_first_and_mirrored_then() {
        // 0 1    2 0    0 2
        // 2 3    3 1    1 3
        let picture = Image { width: 2, height: 2, data: [0, 1, 2, 3].into_iter().flat_map(|i| [i; 3]).collect() };
        assert_eq!(Mounting::default().apply(picture.clone()), picture);
        let both = Mounting { quarters: 1, mirror: true }.apply(picture);
        let greys: Vec<u8> = both.data.chunks(3).map(|p| p[0]).collect();
        assert_eq!(greys, [0, 2, 1, 3]);
    }
}
