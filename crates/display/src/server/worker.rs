//! The thread that looks into the mirror, for all pages in turn.

use super::controls::Controls;
use super::metrics::Metrics;
use super::wire::{self, Reply};
use super::{Answer, Glimpse, Session};
use axum::body::Bytes;
use frame::Latest;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Quality of the reflections' JPEG.
const JPEG_QUALITY: u8 = 90;

/// A message of a page, and when it came.
pub struct Letter {
    /// The message.
    pub bytes: Bytes,
    /// When it came.
    pub at: Instant,
}

/// Where a page's newest frame waits, and where its answer goes. Holds one frame, so that at most that one and the one
/// that is looked at have an answer to come. What the mirror knows of the page's viewers goes with it.
pub struct Counter {
    newest: Latest<Work>,
    replies: UnboundedSender<(Letter, Reply)>,
    session: Mutex<Box<dyn Session>>,
    controls: Mutex<Controls>,
}

enum Work {
    Look(Letter),
    Forget,
}

impl Counter {
    /// For one page.
    pub fn new(session: Box<dyn Session>, replies: UnboundedSender<(Letter, Reply)>) -> Self {
        let (newest, session, controls) = (Latest::new(), Mutex::new(session), Mutex::default());
        Self { newest, replies, session, controls }
    }

    /// How the page's next frames are to be looked at.
    pub fn set_controls(&self, controls: Controls) {
        *lock(&self.controls) = controls;
    }
}

/// A session that broke on a picture has forgotten everybody; all else is whole under its lock.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where pages hand their frames in.
pub struct Desk {
    /// A counter is in it once for what waits there: pages are served in the order in which they came.
    waiting: Sender<Arc<Counter>>,
    metrics: Arc<Metrics>,
}

impl Desk {
    /// Starts the thread; it ends with the desk.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn open(metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (waiting, next) = mpsc::channel::<Arc<Counter>>();
        let counted = metrics.clone();
        std::thread::Builder::new().name("reflector".into()).spawn(move || {
            for counter in next {
                match counter.newest.take(Duration::ZERO) {
                    Some(Work::Look(letter)) => look(&counter, letter, &counted),
                    Some(Work::Forget) => lock(&counter.session).forget(),
                    None => {}
                }
            }
        })?;
        Ok(Self { waiting, metrics })
    }

    /// Hands a frame in; gives back the one that it overtook.
    pub fn hand_in(&self, counter: &Arc<Counter>, letter: Letter) -> Option<Letter> {
        let overtaken = self.put(counter, Work::Look(letter));
        overtaken.inspect(|_| self.metrics.dropped())
    }

    /// Lets the mirror forget the page's viewers, unless a frame waits there.
    pub fn forget(&self, counter: &Arc<Counter>) {
        if let Some(letter) = self.put(counter, Work::Forget) {
            self.put(counter, Work::Look(letter));
        }
    }

    fn put(&self, counter: &Arc<Counter>, work: Work) -> Option<Letter> {
        let overtaken = counter.newest.put(work);
        if overtaken.is_none() {
            // The thread ends after the desk only.
            drop(self.waiting.send(counter.clone()));
        }
        match overtaken {
            Some(Work::Look(letter)) => Some(letter),
            Some(Work::Forget) | None => None,
        }
    }
}

fn look(counter: &Counter, letter: Letter, metrics: &Metrics) {
    metrics.begin();
    let reply = answer(counter, &letter.bytes, metrics);
    let (reflected, refused) = (reply.as_ref().is_ok_and(|r| r.1), reply.is_err());
    metrics.end(reflected, refused, letter.at.elapsed());
    let reply = reply.map_or_else(|why| Reply::refused(&why), |r| r.0);
    // A page that is gone needs no answer.
    let _ = counter.replies.send((letter, reply));
}

/// The answer, and whether it reflects somebody.
fn answer(counter: &Counter, message: &[u8], metrics: &Metrics) -> Result<(Reply, bool), String> {
    let began = Instant::now();
    let picture = wire::open(message)?;
    let opened = Instant::now();
    let controls = lock(&counter.controls).clone();
    let glimpse = Glimpse { picture: picture.as_ref(), controls: &controls, pulse: metrics.pulse() };
    let mut session = lock(&counter.session);
    // One picture that breaks the mirror must not end it for a season; the panic itself is on stderr already.
    let answer = catch_unwind(AssertUnwindSafe(|| session.reflect(&glimpse))).unwrap_or_else(|_| {
        session.forget();
        Err("the mirror broke on this picture".into())
    });
    drop(session);
    if let Some(mut picture) = picture {
        // What the allocator keeps of it is blank.
        picture.data.fill(0);
        black_box(&picture.data);
    }
    let Answer { pictures, reflects, seen } = answer?;
    let looked = Instant::now();
    let row = (!pictures.is_empty()).then(|| crate::row(&pictures));
    let jpeg = row.as_ref().map(|r| crate::to_jpeg(r, JPEG_QUALITY)).transpose();
    let jpeg = jpeg.map_err(|e| e.to_string())?.unwrap_or_default();
    let times_us = [opened - began, looked - opened, looked.elapsed()].map(|t| t.as_micros() as u32);
    let size = row.map_or((0, 0), |r| (r.width as u16, r.height as u16));
    Ok((Reply { seen, size, times_us, jpeg }, reflects))
}

#[cfg(test)]
mod tests {
    use super::*;
    use frame::Image;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Gives back what it sees, when it is let; breaks on pictures of one pixel.
    struct Slow {
        let_go: mpsc::Receiver<()>,
        forgotten: Arc<AtomicUsize>,
    }

    impl Session for Slow {
        fn reflect(&mut self, glimpse: &Glimpse) -> Result<Answer, String> {
            self.let_go.recv().map_err(|e| e.to_string())?;
            let picture: Option<Image> = glimpse.picture.cloned();
            assert!(picture.as_ref().is_none_or(|p| p.width > 1), "a picture that breaks the mirror");
            let seen = serde_json::json!({ "given": glimpse.controls.given }).to_string();
            Ok(Answer { reflects: picture.is_some(), pictures: picture.into_iter().collect(), seen })
        }

        fn forget(&mut self) {
            self.forgotten.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Bench {
        desk: Desk,
        counter: Arc<Counter>,
        let_go: Sender<()>,
        answered: tokio::sync::mpsc::UnboundedReceiver<(Letter, Reply)>,
        forgotten: Arc<AtomicUsize>,
    }

    fn bench() -> Bench {
        let (let_go, held) = mpsc::channel();
        let (replies, answered) = tokio::sync::mpsc::unbounded_channel();
        let forgotten = Arc::new(AtomicUsize::new(0));
        let session = Slow { let_go: held, forgotten: forgotten.clone() };
        let counter = Arc::new(Counter::new(Box::new(session), replies));
        Bench { desk: Desk::open(Arc::default()).unwrap(), counter, let_go, answered, forgotten }
    }

    fn letter(seq: u8, side: u8) -> Letter {
        let jpeg = match side {
            0 => Vec::new(),
            _ => crate::to_jpeg(&Image::flat(side.into(), side.into(), [90; 3]), 90).unwrap(),
        };
        let bytes = [b"MF\x01\x00", &[seq, 0, 0, 0, side, 0, side, 0, 0, 0, 0, 0][..], &jpeg].concat();
        Letter { bytes: bytes.into(), at: Instant::now() }
    }

    #[test]
    fn the_newest_frame_of_a_page_wins_and_each_has_one_answer() {
        let Bench { desk, counter, let_go, mut answered, .. } = bench();
        let overtaken: Vec<u8> =
            (1..=4).filter_map(|seq| desk.hand_in(&counter, letter(seq, 8))).map(|l| l.bytes[4]).collect();
        (0..2).for_each(|_| let_go.send(()).unwrap());
        let mut seqs = Vec::new();
        while seqs.last() != Some(&4) {
            let (letter, reply) = answered.blocking_recv().unwrap();
            assert_eq!((reply.size, reply.seen.as_str()), ((8, 8), r#"{"given":null}"#));
            seqs.push(letter.bytes[4]);
        }
        let mut all = [overtaken, seqs].concat();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4]);
    }

    #[test]
    fn a_picture_that_breaks_the_mirror_is_answered_forgotten_and_the_next_is_reflected() {
        let Bench { desk, counter, let_go, mut answered, forgotten } = bench();
        (0..2).for_each(|_| let_go.send(()).unwrap());
        desk.hand_in(&counter, letter(1, 1));
        assert!(answered.blocking_recv().unwrap().1.seen.contains("broke"));
        assert_eq!(forgotten.load(Ordering::SeqCst), 1);
        desk.hand_in(&counter, letter(2, 8));
        assert_eq!(answered.blocking_recv().unwrap().1.size, (8, 8));
    }

    #[test]
    fn a_look_with_closed_eyes_is_answered_and_wishes_reach_the_mirror() {
        let Bench { desk, counter, let_go, mut answered, .. } = bench();
        let_go.send(()).unwrap();
        counter.set_controls(Controls { given: Some(3), ..Controls::default() });
        desk.hand_in(&counter, letter(1, 0));
        let reply = answered.blocking_recv().unwrap().1;
        assert_eq!((reply.size, reply.seen.as_str()), ((0, 0), r#"{"given":3}"#));
    }

    #[test]
    fn a_page_that_is_silent_is_forgotten() {
        let Bench { desk, counter, let_go, mut answered, forgotten } = bench();
        desk.forget(&counter);
        let_go.send(()).unwrap();
        // Served in turn: whatever is answered now came after it was forgotten.
        desk.hand_in(&counter, letter(1, 8));
        answered.blocking_recv().unwrap();
        assert!(forgotten.load(Ordering::SeqCst) <= 1);
        desk.forget(&counter);
        while forgotten.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
    }
}
