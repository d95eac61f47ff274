//! The threads that serve all pages in turn: the eyes look at frames, the brush draws what was seen, the press makes JPEGs of that.
//!
//! Each hands on through a slot that holds the newest only, and goes on at once. So a picture is always of the newest look that there
//! was when it was begun, looks go on while it is drawn, and nothing queues up, whoever is the slowest. They share the computer: while
//! something is drawn the eyes rest [`REST`] times as long as they look.

use super::controls::Controls;
use super::metrics::{Metrics, Who};
use super::wire::{self, Stamp};
use super::{Drawn, Glimpse, Look, Session};
use axum::body::Bytes;
use axum::extract::ws::Message;
use frame::Latest;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Quality of the reflections' JPEG.
const JPEG_QUALITY: u8 = 90;

/// How much longer than a look the eyes rest while something is drawn. Without that they took most of two busy cores from a generator of
/// 512 pixels, which then drew a third as many pictures.
const REST: u32 = 7;

/// A message of a page, and when it came.
pub struct Letter {
    /// The message.
    pub bytes: Bytes,
    /// When it came.
    pub at: Instant,
}

/// What waits for a page's turn: of each stage the newest. What the mirror knows of the page's viewers goes with it.
pub struct Counter {
    frames: Latest<Work>,
    scenes: Latest<Scene>,
    pictures: Latest<Picture>,
    answers: UnboundedSender<Message>,
    session: Mutex<Box<dyn Session>>,
    controls: Mutex<Controls>,
}

enum Work {
    Look(Letter),
    Forget,
}

/// Of which frame something was made.
struct Origin {
    stamp: Stamp,
    /// When it came.
    at: Instant,
    look: Duration,
}

/// What was seen and is to be drawn.
struct Scene {
    of: Origin,
    draw: Box<dyn FnOnce() -> Drawn + Send>,
}

/// What was drawn and is to be sent.
struct Picture {
    of: Origin,
    drawn: Drawn,
    draw: Duration,
}

impl Counter {
    /// For one page. `answers` are on their way to it.
    pub fn new(session: Box<dyn Session>, answers: UnboundedSender<Message>) -> Self {
        Self {
            frames: Latest::new(),
            scenes: Latest::new(),
            pictures: Latest::new(),
            answers,
            session: Mutex::new(session),
            controls: Mutex::default(),
        }
    }

    /// How the page's next frames are to be looked at.
    pub fn set_controls(&self, controls: Controls) {
        *lock(&self.controls) = controls;
    }

    /// A page that is gone needs no answer.
    fn answer(&self, message: Message) {
        let _ = self.answers.send(message);
    }

    fn say(&self, stamp: Stamp, seen: Option<&str>) {
        self.answer(Message::Text(wire::words(stamp, seen).into()));
    }

    fn refuse(&self, stamp: Stamp, why: &str) {
        self.say(stamp, Some(&serde_json::json!({ "error": why }).to_string()));
    }
}

/// A session that broke on a picture has forgotten everybody; all else is whole under its lock.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the brush is at work.
#[derive(Default)]
struct Easel {
    busy: Mutex<bool>,
    free: Condvar,
}

impl Easel {
    fn set_busy(&self, busy: bool) {
        *lock(&self.busy) = busy;
        if !busy {
            self.free.notify_all();
        }
    }

    /// Waits until nothing is drawn, but no longer than `at_most`.
    fn wait(&self, at_most: Duration) {
        let busy = lock(&self.busy);
        drop(self.free.wait_timeout_while(busy, at_most, |busy| *busy));
    }
}

/// A thread that serves counters. One is in its queue once for what waits there, so that pages are served in the order in which they
/// came.
struct Stage(Sender<Arc<Counter>>);

impl Stage {
    /// Starts the thread; it ends with the stage.
    fn start(name: &str, serve: impl Fn(&Arc<Counter>) + Send + 'static) -> std::io::Result<Self> {
        let (waiting, next) = mpsc::channel::<Arc<Counter>>();
        let run = move || next.into_iter().for_each(|counter| serve(&counter));
        std::thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Self(waiting))
    }

    /// Leaves something for it at one of the counter's slots; gives back what that overtook.
    fn put<T>(&self, counter: &Arc<Counter>, slot: impl Fn(&Counter) -> &Latest<T>, what: T) -> Option<T> {
        let overtaken = slot(counter).put(what);
        if overtaken.is_none() {
            // The thread ends after this only.
            drop(self.0.send(counter.clone()));
        }
        overtaken
    }
}

/// Where pages hand their frames in.
pub struct Desk {
    eyes: Stage,
    metrics: Arc<Metrics>,
}

impl Desk {
    /// Starts the threads; they end with the desk.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn open(metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let counted = metrics.clone();
        let press = Stage::start("press", move |counter| {
            if let Some(picture) = counter.pictures.take(Duration::ZERO) {
                print(counter, picture, &counted);
            }
        })?;
        let counted = metrics.clone();
        let easel = Arc::new(Easel::default());
        let at_work = easel.clone();
        let brush = Stage::start("brush", move |counter| {
            if let Some(scene) = counter.scenes.take(Duration::ZERO) {
                at_work.set_busy(true);
                draw(counter, scene, &press, &counted);
                at_work.set_busy(false);
            }
        })?;
        let counted = metrics.clone();
        let eyes = Stage::start("eyes", move |counter| match counter.frames.take(Duration::ZERO) {
            Some(Work::Look(letter)) => {
                let began = Instant::now();
                look(counter, &letter, &brush, &counted);
                easel.wait(REST * began.elapsed());
            }
            Some(Work::Forget) => {
                drop(counter.scenes.take(Duration::ZERO));
                lock(&counter.session).forget();
            }
            None => {}
        })?;
        Ok(Self { eyes, metrics })
    }

    /// Hands a frame in. The one that it overtakes is answered at once.
    pub fn hand_in(&self, counter: &Arc<Counter>, letter: Letter) {
        if let Some(Work::Look(overtaken)) = self.eyes.put(counter, |c| &c.frames, Work::Look(letter)) {
            self.metrics.dropped();
            counter.say(Stamp::of(&overtaken.bytes), None);
        }
    }

    /// Lets the mirror forget the page's viewers, unless a frame waits there.
    pub fn forget(&self, counter: &Arc<Counter>) {
        if let Some(waiting @ Work::Look(_)) = self.eyes.put(counter, |c| &c.frames, Work::Forget) {
            self.eyes.put(counter, |c| &c.frames, waiting);
        }
    }
}

fn look(counter: &Arc<Counter>, letter: &Letter, brush: &Stage, metrics: &Metrics) {
    metrics.begin(Who::Eyes);
    let began = Instant::now();
    let (stamp, seen) = (Stamp::of(&letter.bytes), see(counter, &letter.bytes, metrics));
    metrics.looked(seen.is_err());
    match seen {
        Ok(Look { seen, draw }) => {
            counter.say(stamp, Some(&seen));
            let of = Origin { stamp, at: letter.at, look: began.elapsed() };
            // What it overtakes will not be drawn.
            drop(brush.put(counter, |c| &c.scenes, Scene { of, draw }));
        }
        Err(why) => counter.refuse(stamp, &why),
    }
}

fn see(counter: &Counter, message: &[u8], metrics: &Metrics) -> Result<Look, String> {
    let picture = wire::open(message)?;
    let controls = lock(&counter.controls).clone();
    let glimpse = Glimpse { picture: picture.as_ref(), controls: &controls, pulse: metrics.pulse() };
    let mut session = lock(&counter.session);
    // One picture that breaks the mirror must not end it for a season; the panic itself is on stderr already.
    let seen = catch_unwind(AssertUnwindSafe(|| session.look(&glimpse))).unwrap_or_else(|_| {
        session.forget();
        Err("the mirror broke on this picture".into())
    });
    drop(session);
    if let Some(mut picture) = picture {
        // What the allocator keeps of it is blank.
        picture.data.fill(0);
        black_box(&picture.data);
    }
    seen
}

fn draw(counter: &Arc<Counter>, Scene { of, draw }: Scene, press: &Stage, metrics: &Metrics) {
    metrics.begin(Who::Brush);
    let began = Instant::now();
    let drawn = catch_unwind(AssertUnwindSafe(draw));
    metrics.drew();
    match drawn {
        Ok(drawn) if drawn.pictures.is_empty() => {}
        // One that it overtakes came too late.
        Ok(drawn) => drop(press.put(counter, |c| &c.pictures, Picture { of, drawn, draw: began.elapsed() })),
        Err(_) => {
            lock(&counter.session).forget();
            counter.refuse(of.stamp, "the mirror broke on this reflection");
        }
    }
}

fn print(counter: &Counter, Picture { of, drawn, draw }: Picture, metrics: &Metrics) {
    let began = Instant::now();
    let row = crate::row(&drawn.pictures);
    match crate::to_jpeg(&row, JPEG_QUALITY) {
        Ok(jpeg) => {
            let size = [row.width, row.height].map(|s| s as u16);
            let times = [of.look, draw, began.elapsed()];
            counter.answer(Message::Binary(wire::picture(of.stamp, size, times, &jpeg).into()));
            metrics.shown(drawn.reflects, of.at.elapsed());
        }
        Err(why) => counter.refuse(of.stamp, &why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frame::Image;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::mpsc::error::TryRecvError;

    /// How long what must come may take on the busiest of computers.
    const PATIENCE: Duration = Duration::from_secs(120);

    /// Shows what it sees; looks and draws when it is let. Breaks when it looks at pictures of one pixel, and when it draws those of two.
    struct Slow {
        may_look: mpsc::Receiver<()>,
        draws: Sender<()>,
        may_draw: Arc<Mutex<mpsc::Receiver<()>>>,
        forgotten: Arc<AtomicUsize>,
    }

    impl Session for Slow {
        fn look(&mut self, glimpse: &Glimpse) -> Result<Look, String> {
            self.may_look.recv().map_err(|e| e.to_string())?;
            let picture: Option<Image> = glimpse.picture.cloned();
            assert!(picture.as_ref().is_none_or(|p| p.width > 1), "a picture that breaks the eyes");
            let seen = serde_json::json!({ "given": glimpse.controls.given }).to_string();
            let (draws, may_draw) = (self.draws.clone(), self.may_draw.clone());
            let draw = move || {
                draws.send(()).unwrap();
                let let_go = lock(&may_draw).recv();
                assert!(
                    let_go.is_ok() && picture.as_ref().is_none_or(|p| p.width > 2),
                    "a picture that breaks the brush"
                );
                Drawn { reflects: picture.is_some(), pictures: picture.into_iter().map(Arc::new).collect() }
            };
            Ok(Look { seen, draw: Box::new(draw) })
        }

        fn forget(&mut self) {
            self.forgotten.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Bench {
        desk: Desk,
        counter: Arc<Counter>,
        look: Sender<()>,
        /// Says when the brush begins.
        draws: mpsc::Receiver<()>,
        draw: Sender<()>,
        answers: tokio::sync::mpsc::UnboundedReceiver<Message>,
        forgotten: Arc<AtomicUsize>,
    }

    fn bench() -> Bench {
        let ((look, may_look), (draw, may_draw), (begins, draws)) = (mpsc::channel(), mpsc::channel(), mpsc::channel());
        let (send, answers) = tokio::sync::mpsc::unbounded_channel();
        let forgotten = Arc::new(AtomicUsize::new(0));
        let may_draw = Arc::new(Mutex::new(may_draw));
        let session = Slow { may_look, draws: begins, may_draw, forgotten: forgotten.clone() };
        let counter = Arc::new(Counter::new(Box::new(session), send));
        Bench { desk: Desk::open(Arc::default()).unwrap(), counter, look, draws, draw, answers, forgotten }
    }

    impl Bench {
        fn hand_in(&self, seq: u8, side: u8) {
            let jpeg = match side {
                0 => Vec::new(),
                _ => crate::to_jpeg(&Image::flat(side.into(), side.into(), [90; 3]), 90).unwrap(),
            };
            let bytes = [b"MF\x01\x00", &[seq, 0, 0, 0, side, 0, side, 0, 0, 0, 0, 0][..], &jpeg].concat();
            self.desk.hand_in(&self.counter, Letter { bytes: bytes.into(), at: Instant::now() });
        }

        fn answer(&mut self) -> Message {
            let mut answer = self.answers.try_recv();
            until(|| {
                if answer == Err(TryRecvError::Empty) {
                    answer = self.answers.try_recv();
                }
                answer != Err(TryRecvError::Empty)
            });
            answer.unwrap()
        }

        /// Waits until the brush begins.
        fn begun(&self) {
            self.draws.recv_timeout(PATIENCE).unwrap();
        }

        /// The next words.
        fn words(&mut self) -> String {
            match self.answer() {
                Message::Text(text) => text.to_string(),
                other => panic!("words were expected, this came: {other:?}"),
            }
        }

        /// Of which frame the next picture is, and its width.
        fn picture(&mut self) -> (u8, u8) {
            match self.answer() {
                Message::Binary(bytes) => (bytes[4], bytes[8]),
                other => panic!("a picture was expected, this came: {other:?}"),
            }
        }
    }

    fn until(mut so: impl FnMut() -> bool) {
        let began = Instant::now();
        while !so() {
            assert!(began.elapsed() < PATIENCE, "it does not come");
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    fn seen(seq: u8) -> String {
        format!(r#"{{"seq":{seq},"seen":{{"given":null}}}}"#)
    }

    #[test]
    fn of_the_frames_that_wait_the_newest_is_looked_at_and_each_is_answered() {
        let mut bench = bench();
        (1..=5).for_each(|seq| bench.hand_in(seq, 8));
        (0..2).for_each(|_| bench.look.send(()).unwrap());
        let mut answers = Vec::new();
        while answers.last() != Some(&seen(5)) {
            answers.push(bench.words());
        }
        let looked: Vec<u8> = (1..=5).filter(|seq| answers.contains(&seen(*seq))).collect();
        let overtaken = (1..=5).filter(|seq| answers.contains(&format!(r#"{{"seq":{seq}}}"#))).count();
        assert!(looked.len() <= 2 && looked.len() + overtaken == 5 && answers.len() == 5, "{answers:?}");
    }

    #[test]
    fn while_a_picture_is_drawn_the_eyes_go_on_and_the_next_is_of_the_newest_look() {
        let mut bench = bench();
        let mut pictures = Vec::new();
        for round in 0..3 {
            for seq in 5 * round + 1..=5 * round + 5 {
                bench.look.send(()).unwrap();
                bench.hand_in(seq, 8);
                assert_eq!(bench.words(), seen(seq));
                // It is busy with the first before the second comes.
                if seq == 1 {
                    bench.begun();
                }
            }
            // Words come a little before there is something to draw.
            until(|| bench.counter.scenes.dropped() == 3 + 4 * u64::from(round));
            bench.draw.send(()).unwrap();
            pictures.push(bench.picture().0);
            // Then it is busy with the newest.
            bench.begun();
        }
        assert_eq!(pictures, [1, 5, 10]);
    }

    #[test]
    fn the_eyes_rest_while_something_is_drawn_and_no_longer() {
        let easel = Arc::new(Easel::default());
        easel.wait(Duration::from_secs(600));
        easel.set_busy(true);
        easel.wait(Duration::from_millis(1));
        let resting = std::thread::spawn({
            let easel = easel.clone();
            move || easel.wait(Duration::from_secs(600))
        });
        easel.set_busy(false);
        resting.join().unwrap();
    }

    #[test]
    fn a_picture_that_breaks_eyes_or_brush_is_answered_forgotten_and_the_next_is_reflected() {
        let mut bench = bench();
        (0..3).for_each(|_| bench.look.send(()).unwrap());
        (0..2).for_each(|_| bench.draw.send(()).unwrap());
        bench.hand_in(1, 1);
        assert!(bench.words().contains("broke on this picture"));
        assert_eq!(bench.forgotten.load(Ordering::SeqCst), 1);
        bench.hand_in(2, 2);
        assert_eq!(bench.words(), seen(2));
        assert!(bench.words().contains("broke on this reflection"));
        assert_eq!(bench.forgotten.load(Ordering::SeqCst), 2);
        bench.hand_in(3, 8);
        assert_eq!((bench.words(), bench.picture()), (seen(3), (3, 8)));
    }

    #[test]
    fn a_look_with_closed_eyes_is_answered_and_wishes_reach_the_mirror() {
        let mut bench = bench();
        bench.look.send(()).unwrap();
        bench.draw.send(()).unwrap();
        bench.counter.set_controls(Controls { given: Some(3), ..Controls::default() });
        bench.hand_in(1, 0);
        assert_eq!(bench.words(), r#"{"seq":1,"seen":{"given":3}}"#);
    }

    #[test]
    fn a_page_that_is_silent_is_forgotten_with_what_was_to_be_drawn() {
        let mut bench = bench();
        bench.desk.forget(&bench.counter);
        bench.look.send(()).unwrap();
        // Served in turn: whatever is answered now came after it was forgotten.
        bench.hand_in(1, 8);
        assert_eq!(bench.words(), seen(1));
        assert!(bench.forgotten.load(Ordering::SeqCst) <= 1);
        // The brush is busy with that; the next waits, and is forgotten there.
        bench.begun();
        bench.look.send(()).unwrap();
        bench.hand_in(2, 8);
        assert_eq!(bench.words(), seen(2));
        let before = bench.forgotten.load(Ordering::SeqCst);
        bench.desk.forget(&bench.counter);
        until(|| bench.forgotten.load(Ordering::SeqCst) > before);
        bench.look.send(()).unwrap();
        bench.hand_in(3, 8);
        assert_eq!(bench.words(), seen(3));
        // One by one: a picture that is not printed yet is overtaken by the next.
        for seq in [1, 3] {
            bench.draw.send(()).unwrap();
            assert_eq!(bench.picture(), (seq, 8));
        }
    }

    #[test]
    fn the_threads_end_with_the_desk_and_what_they_know_of_a_page_with_it() {
        let Bench { desk, counter, mut answers, .. } = bench();
        let known = Arc::downgrade(&counter);
        drop((desk, counter));
        assert!(answers.blocking_recv().is_none());
        assert!(known.upgrade().is_none());
    }
}
