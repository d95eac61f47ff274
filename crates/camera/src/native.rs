//! A camera of this computer: V4L2, Media Foundation or AVFoundation, by nokhwa.

use crate::{CameraError, FrameSource};
use frame::Image;
use nokhwa::Camera;
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType, Resolution, nv12_to_rgb,
    yuyv422_to_rgb,
};

/// What is asked for; the nearest that the camera has is taken.
const SIZE: Resolution = Resolution { width_x: 640, height_y: 480 };
const RATE: u32 = 30;
/// Formats that are understood, JPEG first: more pictures a second fit through the cable.
const FORMATS: [FrameFormat; 4] = [FrameFormat::MJPEG, FrameFormat::YUYV, FrameFormat::NV12, FrameFormat::RAWRGB];
/// Longest side of a picture, pixels.
const MAX_SIDE: usize = 4096;

/// An open camera. Left and right are exchanged, as a mirror does.
pub struct Native {
    camera: Camera,
    name: String,
}

impl Native {
    /// Opens a camera by its number, counted from 0, or by a part of the name that the system gives it.
    ///
    /// # Errors
    /// If there is none of that name, or it cannot be had.
    pub fn open(name: &str) -> Result<Self, CameraError> {
        let failed = |why: String| CameraError::Native { name: name.to_owned(), why };
        let index = match name.parse() {
            Ok(number) => CameraIndex::Index(number),
            Err(_) => {
                let all = nokhwa::query(ApiBackend::Auto).map_err(|e| failed(e.to_string()))?;
                let named = all.iter().find(|c| c.human_name().to_lowercase().contains(&name.to_lowercase()));
                let there = || all.iter().map(|c| c.human_name()).collect::<Vec<_>>().join(", ");
                named.ok_or_else(|| failed(format!("no such camera; there are: {}", there())))?.index().clone()
            }
        };
        let wanted = RequestedFormatType::Closest(CameraFormat::new(SIZE, FORMATS[0], RATE));
        let any = RequestedFormatType::AbsoluteHighestFrameRate;
        let open = |wanted| Camera::new(index.clone(), RequestedFormat::with_formats(wanted, &FORMATS));
        let mut camera = open(wanted).or_else(|_| open(any)).map_err(|e| failed(e.to_string()))?;
        camera.open_stream().map_err(|e| failed(e.to_string()))?;
        Ok(Self { camera, name: name.to_owned() })
    }

    fn take(&mut self) -> Result<Image, String> {
        let buffer = self.camera.frame().map_err(|e| e.to_string())?;
        let (size, bytes) = (buffer.resolution(), buffer.buffer());
        let rgb = match buffer.source_frame_format() {
            FrameFormat::MJPEG => return Image::decode_within(bytes, MAX_SIDE).map_err(|e| e.to_string()),
            FrameFormat::YUYV => yuyv422_to_rgb(bytes, false).map_err(|e| e.to_string())?,
            FrameFormat::NV12 => nv12_to_rgb(size, bytes, false).map_err(|e| e.to_string())?,
            FrameFormat::RAWRGB => bytes.to_vec(),
            other => return Err(format!("gives pictures in the format {other}, which is not understood")),
        };
        let (width, height) = (size.width() as usize, size.height() as usize);
        Image::new(width, height, rgb).ok_or_else(|| format!("gave a picture that is not {width} x {height}"))
    }
}

impl FrameSource for Native {
    fn next_frame(&mut self) -> Result<Option<Image>, CameraError> {
        self.take().map(Some).map_err(|why| CameraError::Native { name: self.name.clone(), why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_is_not_there_is_an_error_that_names_it() {
        let error = Native::open("no camera is called so").err().expect("there is none").to_string();
        assert!(error.starts_with("camera no camera is called so: "), "{error}");
    }
}
