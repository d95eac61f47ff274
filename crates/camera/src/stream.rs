//! An endless source on a thread of its own: whoever asks gets its newest frame, and it comes back by itself.

use crate::{CameraError, FrameSource};
use frame::Image;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// A source that gives no frame for so long hangs.
const STALLED: Duration = Duration::from_secs(2);
/// So long it may take to the first frame: some cameras are slow to start.
const OPENING: Duration = Duration::from_secs(20);
/// First and longest wait before it is opened again; each is twice the one before.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(30)];
/// A source that gave frames for so long was well: the wait begins anew.
const WELL: Duration = Duration::from_secs(10);
/// Threads that may hang in a driver at a time.
const MAX_HANGING: usize = 3;
/// A source for whose frames nobody has asked for so long is let go, so that a camera's lamp burns only while somebody looks.
const UNASKED: Duration = Duration::from_secs(30);
/// From one look at the source to the next.
const WATCH: Duration = Duration::from_millis(100);

/// A source that runs. It ends when this is dropped.
pub struct Stream {
    shared: Arc<Shared>,
}

struct Shared {
    slot: Mutex<Slot>,
    ended: AtomicBool,
    /// After how long without a question the source is let go.
    unasked: Duration,
}

struct Slot {
    newest: Option<(Arc<Image>, Instant)>,
    /// When somebody asked for the newest frame last.
    asked: Instant,
    /// Which opening of the source may put frames here: one that hung and woke late may not.
    opening: u64,
}

impl Shared {
    /// Every change under the lock is complete before it can panic, so that poison means nothing here.
    fn lock(&self) -> MutexGuard<'_, Slot> {
        frame::lock(&self.slot)
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Whether somebody still asks for its frames.
    fn wanted(&self) -> bool {
        !self.ended() && self.lock().asked.elapsed() < self.unasked
    }
}

impl Stream {
    /// Opens the source on a thread of its own, and again whenever it ends, fails or hangs; each failure is said to `complain`, in words.
    /// When nobody has asked for a frame for half a minute, it is closed until somebody asks.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(
        open: impl Fn() -> Result<Box<dyn FrameSource>, CameraError> + Send + Sync + 'static,
        complain: impl Fn(&str) + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::start_within(UNASKED, open, complain)
    }

    fn start_within(
        unasked: Duration,
        open: impl Fn() -> Result<Box<dyn FrameSource>, CameraError> + Send + Sync + 'static,
        complain: impl Fn(&str) + Send + 'static,
    ) -> std::io::Result<Self> {
        let slot = Mutex::new(Slot { newest: None, asked: Instant::now(), opening: 0 });
        let shared = Arc::new(Shared { slot, ended: AtomicBool::new(false), unasked });
        let watched = shared.clone();
        thread::Builder::new()
            .name("camera watch".into())
            .spawn(move || watch(&watched, &Arc::new(open), &complain))?;
        Ok(Self { shared })
    }

    /// The newest frame; `None` before the first, when the source has stalled for two seconds, and when it was let go and must be opened
    /// first.
    pub fn newest(&self) -> Option<Arc<Image>> {
        let mut slot = self.shared.lock();
        slot.asked = Instant::now();
        slot.newest.as_ref().filter(|(_, at)| at.elapsed() < STALLED).map(|(frame, _)| frame.clone())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

type Opener = dyn Fn() -> Result<Box<dyn FrameSource>, CameraError> + Send + Sync;

fn watch(
    shared: &Arc<Shared>,
    open: &Arc<impl Fn() -> Result<Box<dyn FrameSource>, CameraError> + Send + Sync + 'static>,
    complain: &dyn Fn(&str),
) {
    let mut hanging: Vec<thread::JoinHandle<()>> = Vec::new();
    let mut wait = BACK_OFF[0];
    while !shared.ended() {
        if !shared.wanted() {
            // Nobody's picture stays in memory over night.
            shared.lock().newest = None;
            thread::sleep(WATCH);
            continue;
        }
        hanging.retain(|t| !t.is_finished());
        if hanging.len() < MAX_HANGING {
            // A thread opens the source and reads it.
            let began = Instant::now();
            let opening = {
                let mut slot = shared.lock();
                slot.opening += 1;
                slot.opening
            };
            let failure = Arc::new(Mutex::new(None));
            let (reading, told, open): (_, _, Arc<Opener>) = (shared.clone(), failure.clone(), open.clone());
            let run = move || {
                let result = read(&reading, open.as_ref(), opening);
                *frame::lock(&told) = result.err();
            };
            let Ok(reader) = thread::Builder::new().name("camera".into()).spawn(run) else {
                thread::sleep(wait);
                continue;
            };

            // It is watched until it ends or gives nothing any more.
            let stalled = || {
                let last = shared.lock().newest.as_ref().map(|(_, at)| *at).filter(|at| *at > began);
                last.map_or_else(|| began.elapsed() >= OPENING, |last| last.elapsed() >= STALLED)
            };
            while !reader.is_finished() && !stalled() && !shared.ended() {
                thread::sleep(WATCH);
            }
            if shared.ended() {
                return;
            }

            // What was wrong is said; a thread that hangs is left to itself.
            if reader.is_finished() {
                if let Some(error) = frame::lock(&failure).take() {
                    complain(&error.to_string());
                }
            } else {
                complain("the camera gives no pictures");
                hanging.push(reader);
            }
            wait = if began.elapsed() >= WELL { BACK_OFF[0] } else { wait };
        }

        // A pause before it is opened again, longer each time.
        let until = Instant::now() + wait;
        while Instant::now() < until && !shared.ended() {
            thread::sleep(WATCH.min(wait));
        }
        wait = (2 * wait).min(BACK_OFF[1]);
    }
}

/// Reads until the source ends, somebody else reads it, or nobody wants it.
fn read(shared: &Shared, open: &Opener, opening: u64) -> Result<(), CameraError> {
    let mut source = open()?;
    while let Some(frame) = source.next_frame()? {
        if !shared.wanted() {
            return Ok(());
        }
        let mut slot = shared.lock();
        if slot.opening != opening {
            return Ok(());
        }
        slot.newest = Some((Arc::new(frame), Instant::now()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    /// Gives a few frames, then does what it is told.
    struct Flaky {
        frames: u8,
        then: fn() -> Result<Option<Image>, CameraError>,
    }

    impl FrameSource for Flaky {
        fn next_frame(&mut self) -> Result<Option<Image>, CameraError> {
            self.frames += 1;
            match self.frames {
                1..=3 => Ok(Some(Image::flat(1, 1, [self.frames; 3]))),
                _ => (self.then)(),
            }
        }
    }

    /// Waits for `condition`, as long as a slow computer may take.
    fn eventually(condition: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !condition() {
            assert!(Instant::now() < until, "it never came to that");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn opened_again_after(then: fn() -> Result<Option<Image>, CameraError>, words: &'static str) {
        let (openings, complaints) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counted, told) = (openings.clone(), complaints.clone());
        let open = move || -> Result<Box<dyn FrameSource>, CameraError> {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(Box::new(Flaky { frames: 0, then }))
        };
        let stream = Stream::start(open, move |why| told.lock().unwrap().push(why.to_owned())).unwrap();
        eventually(|| stream.newest().is_some_and(|f| f.pixel(0, 0) == [3; 3]));
        eventually(|| openings.load(Ordering::SeqCst) >= 2);
        if !words.is_empty() {
            assert!(complaints.lock().unwrap()[0].contains(words));
        }
    }

    /// Gives frames for ever, and says when it is let go.
    struct Endless(Arc<AtomicU64>);

    impl FrameSource for Endless {
        fn next_frame(&mut self) -> Result<Option<Image>, CameraError> {
            thread::sleep(Duration::from_millis(5));
            Ok(Some(Image::flat(1, 1, [9; 3])))
        }
    }

    impl Drop for Endless {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_source_nobody_asks_is_let_go_until_somebody_asks() {
        let (let_go, complaints) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (counted, told) = (let_go.clone(), complaints.clone());
        let open = move || -> Result<Box<dyn FrameSource>, CameraError> { Ok(Box::new(Endless(counted.clone()))) };
        let complain = move |_: &str| {
            told.fetch_add(1, Ordering::SeqCst);
        };
        let stream = Stream::start_within(Duration::from_millis(300), open, complain).unwrap();
        eventually(|| stream.newest().is_some());
        eventually(|| let_go.load(Ordering::SeqCst) == 1);
        eventually(|| stream.shared.lock().newest.is_none());
        assert!(stream.newest().is_none(), "nothing is looked at meanwhile");
        eventually(|| stream.newest().is_some());
        assert_eq!(complaints.load(Ordering::SeqCst), 0, "that is no failure");
    }

    #[test]
    fn a_source_that_ends_is_opened_again() {
        opened_again_after(|| Ok(None), "");
    }

    #[test]
    fn a_source_that_fails_is_opened_again_and_named() {
        opened_again_after(|| Err(CameraError::NoFfmpeg(host::NoFfmpeg)), "ffmpeg");
    }

    #[test]
    fn a_source_that_hangs_is_noticed_its_frame_is_not_shown_on_and_it_is_opened_again() {
        let stuck = || -> Result<Option<Image>, CameraError> {
            thread::sleep(Duration::from_secs(600));
            Ok(None)
        };
        opened_again_after(stuck, "no pictures");
    }
}
