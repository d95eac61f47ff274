//! What the pipeline does with the frames of one page: decode and analyse, draw, encode, and answer each.

use super::metrics::{Metrics, Stage};
use super::outbox::Outbox;
use super::site::SessionFactory;
use crate::pictures::JPEG_QUALITY;
use axum::body::Bytes;
use frame::{Image, ImageError, lock};
use mirror::engine::MirrorError;
use mirror::live::protocol::{Answer, Controls, FrameHeader, PictureHeader, ProtocolError, State};
use mirror::live::{Analysed, Desk, Job, RenderedView, Session};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How a JPEG begins. No other decoder is open to pages: some spend memory before they know how large a picture is.
const JPEG: &[u8] = &[0xff, 0xd8, 0xff];
/// Longest side of a frame's picture, pixels.
const MAX_SIDE: usize = 2048;

/// A binary message of a page, and when it came.
pub struct IncomingFrame {
    pub message: Bytes,
    pub at: Instant,
}

/// A page: the mirror before which its visitors stand, and the way back to it.
pub struct PageJob {
    /// One that broke on a picture has forgotten everybody, so that its lock may be taken again.
    session: Mutex<Box<dyn Session>>,
    controls: Mutex<Controls>,
    /// The way to the page.
    outbox: Outbox,
    /// Whether somebody may agree there to be looked at: a page asks for that.
    asks: bool,
    metrics: Arc<Metrics>,
    desk: Option<Arc<Desk>>,
    /// The step of the desk that the page was told of.
    told: AtomicU64,
}

/// The frame of which something is drawn.
#[derive(Clone)]
struct Origin {
    header: FrameHeader,
    /// When it came.
    at: Instant,
    /// How long it took to analyse it.
    analyse: Duration,
}

/// What is to be drawn, perhaps several times.
pub struct PageRequest {
    of: Origin,
    draw: Box<dyn FnMut() -> Vec<RenderedView> + Send>,
    /// Whether somebody is reflected.
    reflects: bool,
    /// Whether it was drawn already.
    again: bool,
}

/// What was drawn and is to be encoded.
pub struct PagePicture {
    of: Origin,
    views: Vec<RenderedView>,
    draw: Duration,
    /// Whether there was one of the same frame before.
    again: bool,
}

/// Why a frame is refused.
#[derive(Debug, thiserror::Error)]
enum RefusedFrame {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Picture(#[from] ImageError),
    #[error("a frame's picture is a JPEG")]
    NoJpeg,
    #[error("{announced:?} pixels announced, {found:?} came")]
    Size { announced: [usize; 2], found: [usize; 2] },
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error("the mirror broke on this picture")]
    Broken,
}

impl PageJob {
    /// For one page.
    pub fn new(sessions: &dyn SessionFactory, outbox: Outbox, metrics: Arc<Metrics>) -> Self {
        let (session, desk) = (Mutex::new(sessions.open()), sessions.desk());
        Self { session, controls: Mutex::default(), outbox, asks: true, metrics, desk, told: AtomicU64::new(0) }
    }

    /// For nobody but those who watch beside the pages, with these controls.
    pub fn without_page(self, controls: Controls) -> Self {
        Self { controls: Mutex::new(controls), asks: false, ..self }
    }

    /// Tells the page how the desk wants it to look, whenever that may have changed.
    fn tell_look(&self) {
        let Some(desk) = &self.desk else { return };
        let step = desk.step();
        if self.told.swap(step, Ordering::Relaxed) != step {
            self.answer(&Answer::Look(&desk.look()));
        }
    }

    /// How the page's next frames are to be reflected. Controls that cannot be read are refused, and those before stay.
    pub fn set_controls(&self, message: &str) {
        match Controls::parse(message) {
            Ok(controls) => *lock(&self.controls) = controls,
            Err(error) => self.refuse(0, &error.to_string()),
        }
    }

    /// A newer frame overtook this one.
    pub fn skip(&self, frame: &IncomingFrame) {
        self.metrics.dropped();
        self.answer(&Answer::Skipped { seq: FrameHeader::lenient(&frame.message).seq });
    }

    fn refuse(&self, seq: u32, error: &str) {
        self.answer(&Answer::Refused { seq, error });
    }

    fn answer(&self, answer: &Answer) {
        match serde_json::to_string(answer) {
            Ok(text) => self.outbox.answer(text),
            Err(error) => tracing::error!(%error, "an answer cannot be written as JSON"),
        }
    }

    /// Decodes a frame and lets the session analyse it.
    fn decode_and_analyse(&self, message: &[u8], controls: &Controls) -> Result<Analysed, RefusedFrame> {
        // One picture that breaks the mirror must not end it for a season; the panic itself is on stderr already.
        let picture = catch_unwind(|| decode(message)).map_err(|_| RefusedFrame::Broken)??;
        let mut session = lock(&self.session);
        let analysed = catch_unwind(AssertUnwindSafe(|| session.analyse(picture.as_ref(), controls)));
        if analysed.is_err() {
            session.forget();
        }
        drop(session);

        if let Some(mut picture) = picture {
            // What the allocator keeps of it is blank.
            frame::blank(&mut picture.data);
        }
        Ok(analysed.map_err(|_| RefusedFrame::Broken)??)
    }
}

/// The picture of a frame; `None` of a frame without one.
fn decode(message: &[u8]) -> Result<Option<Image>, RefusedFrame> {
    let (header, jpeg) = FrameHeader::split(message)?;
    if !header.has_picture() && jpeg.is_empty() {
        return Ok(None);
    }
    if !jpeg.starts_with(JPEG) {
        return Err(RefusedFrame::NoJpeg);
    }
    let image = Image::decode_within(jpeg, MAX_SIDE)?;
    let (announced, found) = ([header.width, header.height].map(usize::from), [image.width, image.height]);
    if announced != found {
        return Err(RefusedFrame::Size { announced, found });
    }
    Ok(Some(image))
}

impl Job for PageJob {
    type Frame = IncomingFrame;
    type Request = PageRequest;
    type Picture = PagePicture;

    fn analyse(&self, frame: IncomingFrame) -> Option<PageRequest> {
        self.metrics.begin(Stage::Analyse);
        self.tell_look();
        let began = Instant::now();
        let controls = lock(&self.controls).clone();
        let result = self.decode_and_analyse(&frame.message, &controls);
        self.metrics.analysed(result.is_err());

        let header = FrameHeader::lenient(&frame.message);
        match result {
            Ok(Analysed { report, controls, draw }) => {
                if self.asks && !controls.waiting {
                    self.metrics.agreed();
                }
                let performance = self.metrics.performance();
                self.answer(&Answer::Analysed { seq: header.seq, report: &report, controls: &controls, performance });
                let of = Origin { header, at: frame.at, analyse: began.elapsed() };
                Some(PageRequest { of, draw, reflects: report.state == State::Reflecting, again: false })
            }
            Err(error) => {
                self.refuse(header.seq, &error.to_string());
                None
            }
        }
    }

    /// Whoever is reflected moves from picture to picture. What is dreamt of nobody does not: the page lets it dissolve, which costs less.
    fn moves(&self, request: &PageRequest) -> bool {
        request.reflects && !self.outbox.is_closed()
    }

    fn draw(&self, request: &mut PageRequest) -> Option<PagePicture> {
        let (of, again) = (request.of.clone(), std::mem::replace(&mut request.again, true));
        self.metrics.begin(Stage::Draw);
        let began = Instant::now();
        let views = catch_unwind(AssertUnwindSafe(&mut request.draw));
        self.metrics.drew();

        let Ok(views) = views else {
            lock(&self.session).forget();
            self.refuse(of.header.seq, "the mirror broke on this reflection");
            return None;
        };
        (!views.is_empty()).then(|| PagePicture { of, views, draw: began.elapsed(), again })
    }

    fn deliver(&self, PagePicture { of, views, draw, again }: PagePicture) {
        let began = Instant::now();
        let row = crate::layout::row_of(views.iter().map(|view| &view.picture));
        match crate::to_jpeg(&row, JPEG_QUALITY) {
            Ok(jpeg) => {
                let size = [row.width, row.height].map(|s| s as u16);
                let header = PictureHeader { frame: of.header, size, times: [of.analyse, draw, began.elapsed()] };
                self.outbox.show(header.join(&jpeg).into());
                let latency = (!again).then(|| of.at.elapsed());
                self.metrics.shown(views.iter().any(|v| v.viewer.is_some()), latency);
            }
            Err(error) => self.refuse(of.header.seq, &error.to_string()),
        }
    }

    fn forget(&self) {
        lock(&self.session).forget();
    }
}

#[cfg(test)]
mod tests {
    use super::super::outbox::{Outgoing, outbox};
    use super::*;
    use axum::extract::ws::Message;
    use futures_util::FutureExt;
    use mirror::inverter::Inverter;
    use mirror::live::protocol::{FrameReport, VERSION};
    use mirror::live::{Client, Pipeline, Policy};
    use mirror::pack::{Net, Pack};
    use serde_json::{Value, json};
    use std::sync::atomic::AtomicUsize;

    /// How long what must come may take on the busiest of computers.
    const PATIENCE: Duration = Duration::from_secs(120);

    struct Echoes {
        forgotten: Arc<AtomicUsize>,
        desk: Option<Arc<Desk>>,
    }

    impl SessionFactory for Echoes {
        fn open(&self) -> Box<dyn Session> {
            Box::new(Echo { forgotten: self.forgotten.clone() })
        }

        fn desk(&self) -> Option<Arc<Desk>> {
            self.desk.clone()
        }
    }

    /// Shows what it sees. Breaks when it analyses pictures of one pixel, and when it draws those of two.
    struct Echo {
        forgotten: Arc<AtomicUsize>,
    }

    impl Session for Echo {
        fn analyse(&mut self, picture: Option<&Image>, controls: &Controls) -> Result<Analysed, MirrorError> {
            let picture = picture.cloned();
            assert!(picture.as_ref().is_none_or(|p| p.width != 1), "a picture that breaks the analysis");
            let draw = move || {
                assert!(picture.as_ref().is_none_or(|p| p.width != 2), "a picture that breaks the drawing");
                let view = |image: Image| RenderedView {
                    viewer: Some(1),
                    progress: 1.0,
                    picture: Arc::new(image.into()),
                    at: 0.0,
                };
                picture.clone().map(view).into_iter().collect()
            };
            Ok(Analysed { report: FrameReport::default(), controls: controls.clone(), draw: Box::new(draw) })
        }

        fn forget(&mut self) {
            self.forgotten.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Bench {
        pipeline: Pipeline<PageJob>,
        client: Arc<Client<PageJob>>,
        answers: Outgoing,
        forgotten: Arc<AtomicUsize>,
    }

    fn bench() -> Bench {
        bench_with(None)
    }

    fn bench_with(desk: Option<Arc<Desk>>) -> Bench {
        let (send, answers) = outbox();
        let forgotten = Arc::new(AtomicUsize::new(0));
        let job = PageJob::new(&Echoes { forgotten: forgotten.clone(), desk }, send, Arc::default());
        Bench { pipeline: Pipeline::start(Policy::Newest).unwrap(), client: Client::new(job), answers, forgotten }
    }

    fn message(version: u8, seq: u8, side: u16, jpeg: &[u8]) -> Vec<u8> {
        let side = side.to_le_bytes();
        [b"MF", &[version, 0, seq, 0, 0, 0][..], &side, &side, &[9, 8, 7, 6], jpeg].concat()
    }

    fn jpeg(side: usize) -> Vec<u8> {
        crate::to_jpeg(&Image::flat(side, side, [90; 3]), 90).unwrap()
    }

    impl Bench {
        fn submit(&self, message: Vec<u8>) {
            let frame = IncomingFrame { message: message.into(), at: Instant::now() };
            if let Some(overtaken) = self.pipeline.submit(&self.client, frame) {
                self.client.job().skip(&overtaken);
            }
        }

        fn answer(&mut self) -> Message {
            let began = Instant::now();
            loop {
                match self.answers.next().now_or_never() {
                    None if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_micros(100)),
                    answer => return answer.flatten().expect("an answer"),
                }
            }
        }

        /// The next words.
        fn words(&mut self) -> Value {
            match self.answer() {
                Message::Text(text) => serde_json::from_str(&text).unwrap(),
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

    #[test]
    fn a_frame_is_answered_in_words_and_with_a_picture() {
        let mut bench = bench();
        bench.client.job().set_controls(r#"{"features":3}"#);
        bench.submit(message(VERSION, 1, 8, &jpeg(8)));
        let words = bench.words();
        assert_eq!((&words["type"], &words["seq"]), (&json!("analysed"), &json!(1)));
        assert_eq!(words["controls"]["features"], 3);
        assert_eq!((&words["report"]["state"], words["performance"].is_object()), (&json!("dreaming"), true));
        assert_eq!(bench.picture(), (1, 8));
        // A frame without a picture is no error.
        bench.submit(message(VERSION, 2, 0, b""));
        assert_eq!(bench.words()["seq"], 2);
    }

    #[test]
    fn a_page_is_told_how_the_desk_wants_it_to_look_once() {
        let pack = Pack::embedded().unwrap();
        let desk = Arc::new(Desk::new(&pack.open(Net::Inverter, Inverter::from_weights).unwrap(), &["en", "fr"]));
        let mut bench = bench_with(Some(desk.clone()));
        bench.submit(message(VERSION, 1, 0, b""));
        assert_eq!(bench.words()["type"], "analysed");
        desk.set_text("language", "fr").unwrap();
        desk.set_text("dim", "0.5").unwrap();
        bench.submit(message(VERSION, 2, 0, b""));
        let style = json!({"texts": {}, "colours": {}});
        let look = json!({"type": "look", "values": {"dim": 0.5, "language": "fr"}, "style": style, "scenes": [], "packs": 1, "recording": false, "closed": null});
        assert_eq!((bench.words(), bench.words()["seq"].clone()), (look, json!(2)));
        bench.submit(message(VERSION, 3, 0, b""));
        assert_eq!(bench.words()["seq"], 3);
    }

    #[test]
    fn what_is_no_frame_is_refused_with_the_reason() {
        let mut bench = bench();
        let (whole, large) = (jpeg(8), jpeg(2049));
        for (bytes, word) in [
            (message(VERSION, 5, 8, &whole[..60]), "JPEG"),
            (message(VERSION, 5, 8, b"Dear diary"), "is a JPEG"),
            (message(VERSION, 5, 8, &Image::flat(8, 8, [90; 3]).to_png()), "is a JPEG"),
            (message(VERSION, 5, 9, &whole), "[9, 9] pixels announced, [8, 8] came"),
            (message(VERSION, 5, 2049, &large), "at most 2048 a side"),
            (message(VERSION, 5, 0, &whole), "[0, 0] pixels announced"),
            (message(1, 5, 8, &whole), "version 1"),
        ] {
            bench.submit(bytes);
            let words = bench.words();
            assert_eq!((&words["type"], &words["seq"]), (&json!("refused"), &json!(5)));
            assert!(words["error"].as_str().unwrap().contains(word), "{words}");
        }
        bench.submit(Vec::new());
        assert!(bench.words()["error"].as_str().unwrap().contains("protocol"));
    }

    #[test]
    fn controls_that_cannot_be_read_are_refused_and_those_before_stay() {
        let mut bench = bench();
        bench.client.job().set_controls(r#"{"hold":true}"#);
        bench.client.job().set_controls(r#"{"hold":"me"}"#);
        let words = bench.words();
        assert_eq!((&words["type"], &words["seq"]), (&json!("refused"), &json!(0)));
        bench.submit(message(VERSION, 1, 0, b""));
        assert_eq!(bench.words()["controls"]["hold"], true);
    }

    #[test]
    fn a_picture_that_breaks_a_stage_is_refused_forgotten_and_the_next_is_reflected() {
        let mut bench = bench();
        bench.submit(message(VERSION, 1, 1, &jpeg(1)));
        assert!(bench.words()["error"].as_str().unwrap().contains("broke on this picture"));
        assert_eq!(bench.forgotten.load(Ordering::SeqCst), 1);
        bench.submit(message(VERSION, 2, 2, &jpeg(2)));
        assert_eq!(bench.words()["type"], "analysed");
        assert!(bench.words()["error"].as_str().unwrap().contains("broke on this reflection"));
        assert_eq!(bench.forgotten.load(Ordering::SeqCst), 2);
        bench.submit(message(VERSION, 3, 8, &jpeg(8)));
        assert_eq!((bench.words()["type"].clone(), bench.picture()), (json!("analysed"), (3, 8)));
    }

    #[test]
    fn every_frame_is_answered_though_newer_ones_overtake_it() {
        let mut bench = bench();
        let small = jpeg(8);
        (1..=20).for_each(|seq| bench.submit(message(VERSION, seq, 8, &small)));
        let (mut answered, mut last) = (Vec::new(), 0);
        while answered.len() < 20 || last != 20 {
            match bench.answer() {
                Message::Text(text) => {
                    answered.push(serde_json::from_str::<Value>(&text).unwrap()["seq"].as_u64().unwrap());
                }
                Message::Binary(bytes) => {
                    assert!(bytes[4] > last, "pictures come in order");
                    last = bytes[4];
                }
                other => panic!("{other:?}"),
            }
        }
        answered.sort_unstable();
        assert_eq!(answered, (1..=20).collect::<Vec<u64>>());
    }

    #[test]
    fn the_way_to_a_page_ends_with_the_pipeline() {
        let Bench { pipeline, client, mut answers, .. } = bench();
        drop((pipeline, client));
        assert_eq!(answers.next().now_or_never(), Some(None));
    }
}
