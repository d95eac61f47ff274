//! A film of viewers beside their reflections.

use super::Reflector;
use crate::output::OutputDir;
use camera::{FrameSource, Mounted, VideoReader};
use display::{Sound, VideoWriter, side_by_side};
use frame::{Image, lock};
use mirror::engine::Mirror;
use mirror::live::protocol::Controls;
use mirror::live::{Client, DrawRequest, Job, LiveMirror, LiveSettings, Pipeline, Policy, Renderer};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use train::runs::Progress;

/// Rows of a film at least.
const LEAST_HEIGHT: usize = 480;

/// Rows of a film: as many as its reflections have, and no fewer than 480.
pub fn height(mirror: &Mirror) -> usize {
    mirror.painter().resolution().max(LEAST_HEIGHT)
}

/// What the pipeline does with the frames of a film.
struct FilmJob {
    live: Mutex<LiveMirror>,
    renderer: Renderer,
    controls: Controls,
    /// Columns and rows of the viewer's half.
    size: [usize; 2],
    out: Mutex<Output>,
}

/// What was written, and why no more is.
struct Output {
    writer: VideoWriter,
    frames: usize,
    failure: Option<anyhow::Error>,
}

/// A frame and its time, seconds.
struct FilmFrame {
    image: Image,
    at: f64,
}

impl FilmJob {
    fn fail(&self, error: anyhow::Error) {
        self.out().failure.get_or_insert(error);
    }

    fn out(&self) -> MutexGuard<'_, Output> {
        lock(&self.out)
    }
}

impl Job for FilmJob {
    type Frame = FilmFrame;
    type Request = (FilmFrame, DrawRequest);
    type Picture = Image;

    fn analyse(&self, frame: FilmFrame) -> Option<Self::Request> {
        let mut live = lock(&self.live);
        match live.process(Some(&frame.image), &self.renderer.rendered(), &self.controls, frame.at) {
            Ok(result) => Some((frame, result.request)),
            Err(error) => {
                self.fail(error.into());
                None
            }
        }
    }

    fn draw(&self, (frame, request): &mut Self::Request) -> Option<Image> {
        let views = self.renderer.render(request, frame.at);
        // Where nobody is, the film stays black.
        let reflection = views.iter().find(|view| view.viewer.is_some()).map(|view| view.picture.pixels());

        let [width, height] = self.size;
        let is_fitting = (frame.image.width, frame.image.height) == (width, height);
        let resized = (!is_fitting).then(|| frame.image.resized(width, height));
        Some(side_by_side(resized.as_ref().unwrap_or(&frame.image), reflection))
    }

    fn deliver(&self, picture: Image) {
        let mut out = self.out();
        if out.failure.is_some() {
            return;
        }
        match out.writer.write(&picture) {
            Ok(()) => out.frames += 1,
            Err(error) => out.failure = Some(error.into()),
        }
    }
}

/// Writes `NAME.reflection.mp4`, viewer and reflection side by side; gives back its name. Its frames are steps of the bar.
pub fn write(
    Reflector { mirror, selection, mounting }: &Reflector,
    path: &Path,
    out: &mut OutputDir,
    progress: &Progress,
) -> anyhow::Result<String> {
    let source = VideoReader::open(path)?;
    let info = source.info().clone();
    if let Some(caveat) = info.caveat {
        progress.say(format!("{}: {caveat}", path.display()));
    }
    progress.inc_length(info.frames.unwrap_or(0) as u64);
    let name = out.name_for(path, "reflection.mp4");
    let height = height(mirror);
    let is_turned = mounting.quarters % 2 == 1;
    let (w, h) = if is_turned { (info.height, info.width) } else { (info.width, info.height) };
    let width = (w * height / h).max(1);
    let sound = info.sound.as_deref().map(|codec| Sound { film: path, codec });
    let writer =
        VideoWriter::create(&out.file(&name), [width + height, height], &info.rate.to_string(), sound.as_ref())?;

    let settings = LiveSettings::film();
    let client = Client::new(FilmJob {
        renderer: Renderer::new(mirror.painter().clone(), &settings),
        live: Mutex::new(LiveMirror::new(mirror.reader().clone(), settings)),
        controls: Controls { features: selection.features, without: selection.without.clone(), ..Controls::default() },
        size: [width, height],
        out: Mutex::new(Output { writer, frames: 0, failure: None }),
    });

    // The next frame is analysed while a reflection is drawn and another encoded.
    let pipeline = Pipeline::start(Policy::Every)?;
    let submitted = submit_all(Mounted::new(source, *mounting), info.seconds_a_frame(), &pipeline, &client, progress);
    // Also after an error: what was begun beside the film is taken away with its writer, when the threads have ended.
    pipeline.finish();
    submitted?;

    let job = Arc::into_inner(client).expect("the pipeline's threads have ended").into_job();
    let Output { writer, frames, failure } = job.out.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = failure {
        return Err(failure);
    }
    anyhow::ensure!(frames > 0, "{}: no frame in it", path.display());
    writer.finish()?;
    Ok(name)
}

/// Hands in every frame of a video, until the film fails.
fn submit_all(
    mut source: impl FrameSource,
    seconds_a_frame: f64,
    pipeline: &Pipeline<FilmJob>,
    client: &Arc<Client<FilmJob>>,
    progress: &Progress,
) -> anyhow::Result<()> {
    let mut at = 0.0;
    while let Some(image) = source.next_frame()? {
        let is_over = pipeline.submit(client, FilmFrame { image, at }).is_some();
        if is_over || client.job().out().failure.is_some() {
            break;
        }
        at += seconds_a_frame;
        progress.inc(1);
    }
    Ok(())
}
