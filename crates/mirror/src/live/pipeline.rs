//! Runs the frames of many clients through three stages on three threads: analyse, draw, deliver.
//!
//! Each stage hands its result on through a [`Latest`], which holds one, so that frames are analysed while a picture is drawn and drawn while
//! another is delivered. [`Policy`] says what happens when the next stage is busy. With several clients, each stage serves them in the order
//! in which they came.

use frame::{Latest, lock};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The first stage rests at most so many times as long as it analysed, and no longer than something is drawn. Without this rest, analysis used
/// most of two cores, and a generator of 512 pixels drew a third of the pictures.
const REST_FACTOR: u32 = 7;

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
    fn draw(&self, request: Self::Request) -> Option<Self::Picture>;

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
}

enum Work<F> {
    Analyse(F),
    Forget,
}

impl<J: Job> Client<J> {
    /// A client for whom nothing waits.
    pub fn new(job: J) -> Arc<Self> {
        Arc::new(Self { job, frames: Latest::new(), requests: Latest::new(), pictures: Latest::new() })
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
        let (deliver, delivers) = Stage::start("deliver", policy, |client: &Arc<Client<J>>| {
            if let Some(picture) = client.pictures.take(Duration::ZERO) {
                client.job.deliver(picture);
            }
            true
        })?;

        let gate = Arc::new(DrawGate::default());
        let drawing = gate.clone();
        let (draw, draws) = Stage::start("draw", policy, move |client: &Arc<Client<J>>| {
            if let Some(request) = client.requests.take(Duration::ZERO) {
                let _busy = drawing.close();
                if let Some(picture) = client.job.draw(request) {
                    // A picture that this one overtakes is too late.
                    drop(deliver.put(client, |c| &c.pictures, picture));
                }
            }
            deliver.is_running()
        })?;

        let (analyse, analyses) = Stage::start("analyse", policy, move |client: &Arc<Client<J>>| {
            match client.frames.take(Duration::ZERO) {
                Some(Work::Analyse(frame)) => {
                    let began = Instant::now();
                    if let Some(request) = client.job.analyse(frame) {
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
            draw.is_running()
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

/// A thread that serves clients. The queue holds a client once while something of it waits.
struct Stage<J: Job> {
    queue: Sender<Arc<Client<J>>>,
    policy: Policy,
    /// The thread holds the other end.
    running: Weak<()>,
}

impl<J: Job> Stage<J> {
    /// Starts the thread. It ends with the stage, or when `serve` says that there is no use in going on.
    fn start(
        name: &str,
        policy: Policy,
        serve: impl Fn(&Arc<Client<J>>) -> bool + Send + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, waiting) = mpsc::channel::<Arc<Client<J>>>();
        let alive = Arc::new(());
        let running = Arc::downgrade(&alive);
        let run = move || {
            let _alive = alive;
            waiting.into_iter().all(|client| serve(&client));
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

        fn draw(&self, request: u32) -> Option<u32> {
            self.events.send(Draws(request)).unwrap();
            assert_ne!(request, 13, "an unlucky picture");
            lock(&self.may_draw).recv().ok()?;
            Some(request)
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
