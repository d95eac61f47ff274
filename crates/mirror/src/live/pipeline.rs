//! Runs the frames of many clients through three stages on three threads: analyse, draw, deliver.
//!
//! Each stage hands its result on through a [`Latest`], which holds one, so that frames are analysed while a picture is drawn and drawn while
//! another is delivered. [`Policy`] says what happens when the next stage is busy. With several clients, each stage serves them in the order
//! in which they came. What moves by itself ([`Job::moves`]) is drawn again where requests come seldom, so that it moves evenly.

use frame::{Latest, lock};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The first stage rests at most so many times as long as it analysed, and no longer than something is drawn. Without this rest, analysis used
/// most of two cores, and a generator of 512 pixels drew a third of the pictures.
const REST_FACTOR: u32 = 7;

/// Where requests come more seldom than this, pictures are drawn in between: about so often, evenly over the time from one request to the next.
const PACE: Duration = Duration::from_millis(30);
/// The longest time from one request to the next that is reckoned with.
const LONGEST_PERIOD: Duration = Duration::from_millis(500);
/// What is drawn in between waits while a frame is analysed, which comes first, but no longer than [`PACE`]; it looks so often whether that is done.
const LOOK_AGAIN: Duration = Duration::from_millis(3);
/// So many pictures are drawn in between where no other request comes.
const IN_BETWEEN: usize = 10;

/// What to do with a frame, request or picture when the next stage is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The newest takes its place, for cameras: no picture shows the past, and nothing queues up. The first stage rests while
    /// something is drawn.
    Newest,
    /// It waits, for films: every frame has its picture.
    Every,
}

/// What is done with the frames of one client. A panic ends the stage's thread; a job that must survive one catches it itself.
pub trait Job: Send + Sync + 'static {
    /// What the client hands in.
    type Frame: Send;
    /// What is to be drawn.
    type Request: Send;
    /// What was drawn.
    type Picture: Send;

    /// Analyses a frame; `None` if there is nothing to draw.
    fn analyse(&self, frame: Self::Frame) -> Option<Self::Request>;

    /// Draws; `None` if there is nothing to deliver.
    fn draw(&self, request: &mut Self::Request) -> Option<Self::Picture>;

    /// Whether what a request shows moves by itself, so that it is worth to draw it again while the next frame is analysed. Only of
    /// [`Policy::Newest`].
    fn moves(&self, _request: &Self::Request) -> bool {
        false
    }

    /// Delivers a picture.
    fn deliver(&self, picture: Self::Picture);

    /// Forgets everybody, between two frames; needed only for clients for whom [`Pipeline::forget`] is called.
    fn forget(&self) {}
}

/// A job, and what of it waits for each stage.
pub struct Client<J: Job> {
    job: J,
    frames: Latest<Work<J::Frame>>,
    requests: Latest<J::Request>,
    pictures: Latest<J::Picture>,
    rhythm: Mutex<Rhythm>,
}

/// How often something new is to be drawn.
#[derive(Default)]
struct Rhythm {
    last: Option<Instant>,
    /// From one request to the next, smoothed.
    period: Duration,
}

impl Rhythm {
    /// A request came.
    fn beat(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            self.period = (3 * self.period + (now - last).min(LONGEST_PERIOD)) / 4;
        }
    }

    /// From one picture to the next, where some are drawn in between.
    fn pace(&self) -> Option<Duration> {
        let pictures = (self.period.as_secs_f64() / PACE.as_secs_f64()).round();
        (pictures >= 2.0).then(|| self.period.div_f64(pictures))
    }
}

enum Work<F> {
    Analyse(F),
    Forget,
}

impl<J: Job> Client<J> {
    /// A client for whom nothing waits.
    pub fn new(job: J) -> Arc<Self> {
        Arc::new(Self {
            job,
            frames: Latest::new(),
            requests: Latest::new(),
            pictures: Latest::new(),
            rhythm: Mutex::default(),
        })
    }

    /// What is done with its frames.
    pub fn job(&self) -> &J {
        &self.job
    }

    /// The job, once the pipeline has finished.
    pub fn into_job(self) -> J {
        self.job
    }
}

/// The three threads. They end with it, after what they are doing.
pub struct Pipeline<J: Job> {
    analyse: Stage<J>,
    threads: Vec<JoinHandle<()>>,
}

impl<J: Job> Pipeline<J> {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(policy: Policy) -> std::io::Result<Self> {
        let (deliver, delivers) = Stage::start("deliver", policy, |client: Option<&Arc<Client<J>>>| {
            let Some(client) = client else { return Then::Wait(None) };
            if let Some(picture) = client.pictures.take(Duration::ZERO) {
                client.job.deliver(picture);
            }
            Then::Wait(None)
        })?;

        let gate = Arc::new(DrawGate::default());
        let drawing = gate.clone();
        let looking = Arc::new(Mutex::new(None::<Instant>));
        let looks = looking.clone();
        let mut moving: Vec<Moving<J>> = Vec::new();
        let (draw, draws) = Stage::start("draw", policy, move |client: Option<&Arc<Client<J>>>| {
            let is_looking = lock(&looks).is_some_and(|since| since.elapsed() < PACE);
            if client.is_none() && is_looking {
                return Then::Wait(Some(Instant::now() + LOOK_AGAIN));
            }
            if let Some(mut next) = Moving::next(&mut moving, client) {
                let _busy = drawing.close();
                let began = Instant::now();
                if let Some(picture) = next.client.job.draw(&mut next.request) {
                    // A picture that this one overtakes is too late.
                    drop(deliver.put(&next.client, |c| &c.pictures, picture));
                    let moves = policy == Policy::Newest && next.left > 0 && next.client.job.moves(&next.request);
                    let pace = lock(&next.client.rhythm).pace();
                    if let Some(pace) = pace.filter(|_| moves) {
                        // The eyes, too, need their time.
                        let due = began + pace.max(began.elapsed() * 5 / 4);
                        moving.push(Moving { due, left: next.left - 1, ..next });
                    }
                }
            }
            match deliver.is_running() {
                true => Then::Wait(moving.iter().map(|moving| moving.due).min()),
                false => Then::End,
            }
        })?;

        let (analyse, analyses) = Stage::start("analyse", policy, move |client: Option<&Arc<Client<J>>>| {
            let Some(client) = client else { return Then::Wait(None) };
            match client.frames.take(Duration::ZERO) {
                Some(Work::Analyse(frame)) => {
                    let began = Instant::now();
                    *lock(&looking) = Some(began);
                    let request = client.job.analyse(frame);
                    *lock(&looking) = None;
                    if let Some(request) = request {
                        // A request that this one overtakes will not be drawn.
                        drop(draw.put(client, |c| &c.requests, request));
                    }
                    if policy == Policy::Newest {
                        gate.wait(REST_FACTOR * began.elapsed());
                    }
                }
                Some(Work::Forget) => {
                    drop(client.requests.take(Duration::ZERO));
                    client.job.forget();
                }
                None => {}
            }
            if draw.is_running() { Then::Wait(None) } else { Then::End }
        })?;
        Ok(Self { analyse, threads: vec![analyses, draws, delivers] })
    }

    /// Hands a frame in. Returns a frame that will not be analysed: the one that this one replaced, or this one if the stage has ended.
    pub fn submit(&self, client: &Arc<Client<J>>, frame: J::Frame) -> Option<J::Frame> {
        match self.analyse.put(client, |c| &c.frames, Work::Analyse(frame)) {
            Some(Work::Analyse(frame)) => Some(frame),
            Some(Work::Forget) | None => None,
        }
    }

    /// Lets the client's job forget everybody, unless a frame waits.
    pub fn forget(&self, client: &Arc<Client<J>>) {
        if let Some(waiting @ Work::Analyse(_)) = self.analyse.put(client, |c| &c.frames, Work::Forget) {
            self.analyse.put(client, |c| &c.frames, waiting);
        }
    }

    /// Waits until everything that was handed in is delivered. A panic of a stage goes on here.
    pub fn finish(self) {
        drop(self.analyse);
        for thread in self.threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// What was drawn and moves by itself.
struct Moving<J: Job> {
    client: Arc<Client<J>>,
    request: J::Request,
    /// When it is to be drawn again.
    due: Instant,
    /// How often it is drawn again.
    left: usize,
}

impl<J: Job> Moving<J> {
    /// What is to be drawn now: what waits of a client, or what is due; of that client nothing else moves any more.
    fn next(moving: &mut Vec<Self>, client: Option<&Arc<Client<J>>>) -> Option<Self> {
        let now = Instant::now();
        let Some(client) = client else {
            let due = moving.iter().position(|moving| moving.due <= now)?;
            return Some(moving.swap_remove(due));
        };
        let request = client.requests.take(Duration::ZERO)?;
        lock(&client.rhythm).beat(now);
        moving.retain(|moving| !Arc::ptr_eq(&moving.client, client));
        Some(Self { client: client.clone(), request, due: now, left: IN_BETWEEN })
    }
}

/// What a stage does next.
enum Then {
    /// It waits for a client, but no longer than to this time, if there is one.
    Wait(Option<Instant>),
    /// There is no use in going on.
    End,
}

/// A thread that serves clients. The queue holds a client once while something of it waits.
struct Stage<J: Job> {
    queue: Sender<Arc<Client<J>>>,
    policy: Policy,
    /// The thread holds the other end.
    running: Weak<()>,
}

impl<J: Job> Stage<J> {
    /// Starts the thread. It ends with the stage, or when `serve` says so, which is called without a client when the time is over for which it
    /// wanted to wait.
    fn start(
        name: &str,
        policy: Policy,
        mut serve: impl FnMut(Option<&Arc<Client<J>>>) -> Then + Send + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, waiting) = mpsc::channel::<Arc<Client<J>>>();
        let alive = Arc::new(());
        let running = Arc::downgrade(&alive);
        let run = move || {
            let _alive = alive;
            let mut until: Option<Instant> = None;
            loop {
                let left = until.map(|at| at.saturating_duration_since(Instant::now()));
                let client = match left {
                    Some(left) => waiting.recv_timeout(left),
                    None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
                };
                let then = match client {
                    Ok(client) => serve(Some(&client)),
                    Err(RecvTimeoutError::Timeout) => serve(None),
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                match then {
                    Then::Wait(at) => until = at,
                    Then::End => break,
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.into()).spawn(run)?;
        Ok((Self { queue, policy, running }, thread))
    }

    /// Leaves something in a slot of the client; gives back what it overtook, or itself if the thread has ended.
    fn put<T>(&self, client: &Arc<Client<J>>, slot: impl Fn(&Client<J>) -> &Latest<T>, what: T) -> Option<T> {
        if !self.is_running() {
            return Some(what);
        }
        let back = match self.policy {
            Policy::Newest => slot(client).put(what),
            Policy::Every => slot(client).put_when_free(what, || !self.is_running()),
        };
        if back.is_none() {
            // Nobody receives this only if the thread has ended since.
            drop(self.queue.send(client.clone()));
        }
        back
    }

    fn is_running(&self) -> bool {
        self.running.strong_count() > 0
    }
}

/// Whether something is being drawn.
#[derive(Default)]
struct DrawGate {
    busy: Mutex<bool>,
    free: Condvar,
}

/// Drawing goes on until this is dropped.
struct Drawing<'a>(&'a DrawGate);

impl DrawGate {
    fn close(&self) -> Drawing<'_> {
        *lock(&self.busy) = true;
        Drawing(self)
    }

    /// Waits until nothing is drawn, but no longer than `at_most`.
    fn wait(&self, at_most: Duration) {
        let busy = lock(&self.busy);
        drop(self.free.wait_timeout_while(busy, at_most, |busy| *busy));
    }
}

impl Drop for Drawing<'_> {
    fn drop(&mut self) {
        *lock(&self.0.busy) = false;
        self.0.free.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long what must come may take on the busiest of computers.
    const PATIENCE: Duration = Duration::from_secs(120);

    /// Analyses and draws when it is let, and says what it did. Its frames are numbers; it panics when it draws 13.
    struct Slow {
        may_analyse: Mutex<mpsc::Receiver<()>>,
        may_draw: Mutex<mpsc::Receiver<()>>,
        events: Sender<Event>,
    }

    #[derive(Debug, PartialEq)]
    enum Event {
        Analysed(u32),
        Draws(u32),
        Delivered(u32),
        Forgotten,
    }
    use Event::{Analysed, Delivered, Draws, Forgotten};

    impl Job for Slow {
        type Frame = u32;
        type Request = u32;
        type Picture = u32;

        fn analyse(&self, frame: u32) -> Option<u32> {
            lock(&self.may_analyse).recv().ok()?;
            self.events.send(Analysed(frame)).unwrap();
            Some(frame)
        }

        fn draw(&self, request: &mut u32) -> Option<u32> {
            self.events.send(Draws(*request)).unwrap();
            assert_ne!(*request, 13, "an unlucky picture");
            lock(&self.may_draw).recv().ok()?;
            Some(*request)
        }

        /// From 100 on.
        fn moves(&self, request: &u32) -> bool {
            *request >= 100
        }

        fn deliver(&self, picture: u32) {
            self.events.send(Delivered(picture)).unwrap();
        }

        fn forget(&self) {
            self.events.send(Forgotten).unwrap();
        }
    }

    struct Bench {
        pipeline: Pipeline<Slow>,
        client: Arc<Client<Slow>>,
        analyse: Sender<()>,
        draw: Sender<()>,
        events: mpsc::Receiver<Event>,
    }

    fn bench(policy: Policy) -> Bench {
        let ((analyse, may_analyse), (draw, may_draw), (tell, events)) =
            (mpsc::channel(), mpsc::channel(), mpsc::channel());
        let client = Client::new(Slow { may_analyse: may_analyse.into(), may_draw: may_draw.into(), events: tell });
        Bench { pipeline: Pipeline::start(policy).unwrap(), client, analyse, draw, events }
    }

    impl Bench {
        fn submit(&self, frame: u32) -> Option<u32> {
            self.pipeline.submit(&self.client, frame)
        }

        fn event(&self) -> Event {
            self.events.recv_timeout(PATIENCE).unwrap()
        }
    }

    fn until(mut so: impl FnMut() -> bool) {
        let began = Instant::now();
        while !so() {
            assert!(began.elapsed() < PATIENCE, "it does not come");
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    #[test]
    fn of_the_frames_that_wait_the_newest_is_analysed_and_the_others_come_back() {
        let bench = bench(Policy::Newest);
        let overtaken: Vec<u32> = (1..=5).filter_map(|frame| bench.submit(frame)).collect();
        (0..2).for_each(|_| bench.analyse.send(()).unwrap());
        let mut analysed = Vec::new();
        while analysed.last() != Some(&5) {
            if let Analysed(frame) = bench.event() {
                analysed.push(frame);
            }
        }
        assert!(analysed.len() <= 2 && analysed.len() + overtaken.len() == 5, "{analysed:?}, {overtaken:?}");
        assert!(overtaken.iter().all(|frame| !analysed.contains(frame)));
    }

    #[test]
    fn while_a_picture_is_drawn_frames_are_analysed_and_the_next_is_of_the_newest() {
        let bench = bench(Policy::Newest);
        let mut delivered = Vec::new();
        for round in 0..3 {
            for frame in 5 * round + 1..=5 * round + 5 {
                bench.analyse.send(()).unwrap();
                bench.submit(frame);
                assert_eq!(bench.event(), Analysed(frame));
                // It draws the first before the second comes.
                if frame == 1 {
                    assert_eq!(bench.event(), Draws(1));
                }
            }
            // The event comes a little before the request.
            until(|| bench.client.requests.dropped() == 3 + 4 * u64::from(round));
            bench.draw.send(()).unwrap();
            // Then it draws the newest; which of the two events comes first is open.
            for _ in 0..2 {
                match bench.event() {
                    Delivered(picture) => delivered.push(picture),
                    event => assert_eq!(event, Draws(5 * round + 5)),
                }
            }
        }
        assert_eq!(delivered, [1, 5, 10]);
    }

    #[test]
    fn what_moves_is_drawn_again_until_there_is_something_newer_and_not_for_ever() {
        let bench = bench(Policy::Newest);
        (0..200).for_each(|_| bench.draw.send(()).unwrap());
        (0..3).for_each(|_| bench.analyse.send(()).unwrap());
        // Requests come seldom.
        *lock(&bench.client.rhythm) = Rhythm { last: None, period: LONGEST_PERIOD };
        let mut draws = Vec::new();
        let mut until_drawn = |frame: u32, times: usize| {
            while draws.iter().filter(|drawn| **drawn == frame).count() < times {
                if let Draws(drawn) = bench.event() {
                    draws.push(drawn);
                }
            }
            draws.clone()
        };
        bench.submit(100);
        until_drawn(100, 3);
        // It overtakes what moves.
        bench.submit(101);
        let draws = until_drawn(101, 1 + IN_BETWEEN);
        assert!(draws.is_sorted(), "{draws:?}");
        bench.submit(5);
        assert_eq!(until_drawn(5, 1).iter().filter(|drawn| **drawn == 101).count(), 1 + IN_BETWEEN);
    }

    #[test]
    fn where_requests_come_often_nothing_is_drawn_in_between() {
        let mut now = Instant::now();
        for (millis, pace) in [(33, None), (44, None), (60, Some(30)), (90, Some(30)), (3000, Some(30))] {
            let mut rhythm = Rhythm::default();
            for _ in 0..40 {
                rhythm.beat(now);
                now += Duration::from_millis(millis);
            }
            let found = rhythm.pace().map(|pace| pace.as_millis());
            assert!(
                found.is_some() == pace.is_some() && found.is_none_or(|ms| (28..32).contains(&ms)),
                "{millis}: {found:?}"
            );
        }
    }

    #[test]
    fn every_frame_of_a_film_has_its_picture() {
        let bench = bench(Policy::Every);
        for _ in 0..40 {
            bench.analyse.send(()).unwrap();
            bench.draw.send(()).unwrap();
        }
        assert!((14..54).all(|frame| bench.submit(frame).is_none()));
        bench.pipeline.finish();
        let delivered = |event| if let Delivered(picture) = event { Some(picture) } else { None };
        assert_eq!(bench.events.try_iter().filter_map(delivered).collect::<Vec<_>>(), (14..54).collect::<Vec<_>>());
    }

    #[test]
    fn a_stage_that_panics_ends_the_film_and_is_not_waited_for() {
        let bench = bench(Policy::Every);
        for _ in 0..40 {
            bench.analyse.send(()).unwrap();
            bench.draw.send(()).unwrap();
        }
        let refused = (1..40).find_map(|frame| bench.submit(frame)).expect("the stages end");
        assert!(refused > 13);
        let finished = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bench.pipeline.finish()));
        assert!(finished.is_err(), "the panic goes on");
    }

    #[test]
    fn analysis_rests_while_something_is_drawn_and_no_longer() {
        let gate = Arc::new(DrawGate::default());
        gate.wait(Duration::from_secs(600));
        let drawing = gate.close();
        gate.wait(Duration::from_millis(1));
        let resting = std::thread::spawn({
            let gate = gate.clone();
            move || gate.wait(Duration::from_secs(600))
        });
        drop(drawing);
        resting.join().unwrap();
    }

    #[test]
    fn what_waits_to_be_drawn_is_forgotten_with_everybody() {
        let bench = bench(Policy::Newest);
        for frame in [1, 2] {
            bench.analyse.send(()).unwrap();
            bench.submit(frame);
            assert_eq!(bench.event(), Analysed(frame));
            if frame == 1 {
                assert_eq!(bench.event(), Draws(1));
            }
        }
        bench.pipeline.forget(&bench.client);
        assert_eq!(bench.event(), Forgotten);
        bench.analyse.send(()).unwrap();
        bench.submit(3);
        assert_eq!(bench.event(), Analysed(3));
        bench.draw.send(()).unwrap();
        let mut events = vec![bench.event(), bench.event()];
        events.sort_by_key(|e| matches!(e, Draws(_)));
        assert_eq!(events, [Delivered(1), Draws(3)]);
    }

    #[test]
    fn the_threads_end_with_the_pipeline_and_keep_nothing_of_a_client() {
        let Bench { pipeline, client, events, .. } = bench(Policy::Newest);
        let known = Arc::downgrade(&client);
        drop((pipeline, client));
        assert!(events.recv_timeout(PATIENCE).is_err() && known.upgrade().is_none());
    }
}
