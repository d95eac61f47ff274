//! What `--source` means.

use crate::options::MountingArgs;
use anyhow::Context;
use camera::{CameraError, FrameSource, Input, Mounted, Show, Stream, expand};
use frame::{Image, Mounting};
use std::path::PathBuf;
use std::sync::Arc;

/// Where frames come from.
pub struct FrameInput {
    /// Of the server; `None` where the page's browser has the camera.
    pub stream: Option<Stream>,
    is_show: bool,
}

impl FrameInput {
    /// Whether people stand before it; pictures that stand in for them never move.
    pub fn is_living(&self) -> bool {
        !self.is_show
    }

    /// The newest frame of the server's own source.
    pub fn newest(&self) -> Option<Arc<Image>> {
        self.stream.as_ref()?.newest()
    }
}

/// Opens what a name stands for.
pub fn open(name: &str, mounting: MountingArgs) -> anyhow::Result<FrameInput> {
    if name == "browser" {
        return Ok(FrameInput { stream: None, is_show: false });
    }
    if let Some(camera) = name.strip_prefix("camera:") {
        return Ok(FrameInput { stream: Some(open_camera(camera, mounting.mounting(true))?), is_show: false });
    }
    let path = PathBuf::from(name);
    anyhow::ensure!(path.exists(), "{name}: no such file or folder");
    let inputs = expand(&[path]).into_iter().collect::<Result<Vec<Input>, _>>()?;
    if inputs.iter().any(Input::needs_ffmpeg) {
        host::ffmpeg()?;
    }
    let mounting = mounting.mounting(false);
    let open = move || -> Result<Box<dyn FrameSource>, CameraError> {
        Ok(Box::new(Mounted::new(Show::new(inputs.clone()), mounting)))
    };
    let stream = Stream::start(open, complain);
    Ok(FrameInput { stream: Some(stream.context("cannot start a thread")?), is_show: true })
}

#[cfg(feature = "camera")]
fn open_camera(name: &str, mounting: Mounting) -> anyhow::Result<Stream> {
    let name = name.to_owned();
    let open = move || -> Result<Box<dyn FrameSource>, CameraError> {
        Ok(Box::new(Mounted::new(camera::Native::open(&name)?, mounting)))
    };
    Stream::start(open, complain).context("cannot start a thread")
}

#[cfg(not(feature = "camera"))]
fn open_camera(name: &str, _: Mounting) -> anyhow::Result<Stream> {
    anyhow::bail!(
        "camera:{name}: this build reads no camera itself; hint: `--source browser` uses the browser's, or build with \
         `--features camera`"
    )
}

fn complain(why: &str) {
    tracing::warn!(why, "the source broke off; it is opened again");
}
