//! The thread that looks into the mirror, for all pages in turn.

use super::metrics::Metrics;
use super::wire::{self, Reply};
use super::{Answer, Reflector};
use axum::body::Bytes;
use frame::Latest;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Quality of the reflection's JPEG.
const JPEG_QUALITY: u8 = 90;

/// A message of a page, and when it came.
pub struct Letter {
    /// The message.
    pub bytes: Bytes,
    /// When it came.
    pub at: Instant,
}

/// Where a page's newest frame waits, and where its answer goes. Holds one frame, so that at most that one and the one
/// that is looked at have an answer to come.
pub struct Counter {
    newest: Latest<Letter>,
    replies: UnboundedSender<(Letter, Reply)>,
}

impl Counter {
    /// For one page.
    pub fn new(replies: UnboundedSender<(Letter, Reply)>) -> Self {
        Self { newest: Latest::new(), replies }
    }
}

/// Where pages hand their frames in.
pub struct Desk {
    /// A counter is in it once for the frame that waits there: pages are served in the order in which they came.
    waiting: Sender<Arc<Counter>>,
    metrics: Arc<Metrics>,
}

impl Desk {
    /// Starts the thread; it ends with the desk.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn open(reflector: Arc<dyn Reflector>, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (waiting, next) = mpsc::channel::<Arc<Counter>>();
        let counted = metrics.clone();
        std::thread::Builder::new().name("reflector".into()).spawn(move || {
            for counter in next {
                let Some(letter) = counter.newest.take(Duration::ZERO) else { continue };
                counted.begin();
                let reply = answer(reflector.as_ref(), &letter.bytes);
                let (reflected, refused) = (reply.as_ref().is_ok_and(|r| !r.jpeg.is_empty()), reply.is_err());
                counted.end(reflected, refused, letter.at.elapsed());
                // A page that is gone needs no answer.
                let _ = counter.replies.send((letter, reply.unwrap_or_else(|why| Reply::refused(&why))));
            }
        })?;
        Ok(Self { waiting, metrics })
    }

    /// Hands a frame in; gives back the one that it overtook.
    pub fn hand_in(&self, counter: &Arc<Counter>, letter: Letter) -> Option<Letter> {
        let overtaken = counter.newest.put(letter);
        match overtaken {
            Some(_) => self.metrics.dropped(),
            // The thread ends after the desk only.
            None => drop(self.waiting.send(counter.clone())),
        }
        overtaken
    }
}

fn answer(reflector: &dyn Reflector, message: &[u8]) -> Result<Reply, String> {
    let began = Instant::now();
    let picture = wire::open(message)?;
    let opened = Instant::now();
    // One picture that breaks the mirror must not end it for a season; the panic itself is on stderr already.
    let answer = catch_unwind(AssertUnwindSafe(|| reflector.reflect(&picture)));
    let Answer { reflection, seen } = answer.map_err(|_| "the mirror broke on this picture")??;
    let looked = Instant::now();
    let jpeg = reflection.as_ref().map(|r| crate::to_jpeg(r, JPEG_QUALITY)).transpose();
    let jpeg = jpeg.map_err(|e| e.to_string())?.unwrap_or_default();
    let times_us = [opened - began, looked - opened, looked.elapsed()].map(|t| t.as_micros() as u32);
    let size = reflection.map_or((0, 0), |r| (r.width as u16, r.height as u16));
    Ok(Reply { seen, size, times_us, jpeg })
}

#[cfg(test)]
mod tests {
    use super::*;
    use frame::Image;
    use std::sync::Mutex;

    /// Gives back what it sees, when it is let; breaks on pictures of one pixel.
    struct Slow(Mutex<mpsc::Receiver<()>>);

    impl Reflector for Slow {
        fn reflect(&self, picture: &Image) -> Result<Answer, String> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv().map_err(|e| e.to_string())?;
            assert!(picture.width > 1, "a picture that breaks the mirror");
            Ok(Answer { reflection: Some(picture.clone()), seen: "{}".into() })
        }
    }

    fn letter(seq: u8, side: u8) -> Letter {
        let jpeg = crate::to_jpeg(&Image::flat(side.into(), side.into(), [90; 3]), 90).unwrap();
        let bytes = [b"MF\x01\x00", &[seq, 0, 0, 0, side, 0, side, 0, 0, 0, 0, 0][..], &jpeg].concat();
        Letter { bytes: bytes.into(), at: Instant::now() }
    }

    #[test]
    fn the_newest_frame_of_a_page_wins_and_each_has_one_answer() {
        let (let_go, held) = mpsc::channel();
        let desk = Desk::open(Arc::new(Slow(Mutex::new(held))), Arc::default()).unwrap();
        let (replies, mut answered) = tokio::sync::mpsc::unbounded_channel();
        let counter = Arc::new(Counter::new(replies));
        let overtaken: Vec<u8> =
            (1..=4).filter_map(|seq| desk.hand_in(&counter, letter(seq, 8))).map(|l| l.bytes[4]).collect();
        (0..2).for_each(|_| let_go.send(()).unwrap());
        let mut seqs = Vec::new();
        while seqs.last() != Some(&4) {
            let (letter, reply) = answered.blocking_recv().unwrap();
            assert_eq!((reply.size, reply.seen.as_str()), ((8, 8), "{}"));
            seqs.push(letter.bytes[4]);
        }
        let mut all = [overtaken, seqs].concat();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4]);
    }

    #[test]
    fn a_picture_that_breaks_the_mirror_is_answered_and_the_next_is_reflected() {
        let (let_go, held) = mpsc::channel();
        let desk = Desk::open(Arc::new(Slow(Mutex::new(held))), Arc::default()).unwrap();
        let (replies, mut answered) = tokio::sync::mpsc::unbounded_channel();
        let counter = Arc::new(Counter::new(replies));
        (0..2).for_each(|_| let_go.send(()).unwrap());
        desk.hand_in(&counter, letter(1, 1));
        assert!(answered.blocking_recv().unwrap().1.seen.contains("broke"));
        desk.hand_in(&counter, letter(2, 8));
        assert_eq!(answered.blocking_recv().unwrap().1.size, (8, 8));
    }
}
