//! Draws the reflections, each over time: how one follows its viewer, and how it changes from one viewer to another.

use super::settings::LiveSettings;
use crate::generator::{Painter, Picture};
use crate::latent::{Latent, smoothstep};
use crate::motion::LatentFollower;
use frame::lock;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};

/// Draws the reflections of one [`super::LiveMirror`]. One thread may draw while another analyses the next frame.
pub struct Renderer {
    painter: Arc<Painter>,
    /// Seconds in which a reflection becomes another.
    transition_secs: f64,
    /// See [`LiveSettings::pictures_stay`].
    pictures_stay: bool,
    views: Mutex<Views>,
    /// What was drawn last.
    rendered: Mutex<Vec<RenderedView>>,
}

/// All that is kept from one picture to the next.
#[derive(Clone, Debug, PartialEq)]
struct Views {
    epoch: u64,
    views: Vec<ReflectionView>,
    takeover: Option<Takeover>,
}

/// The last pictures of another renderer, which give way to the first ones of this.
#[derive(Clone, Debug, PartialEq)]
struct Takeover {
    from: Vec<Arc<Picture>>,
    /// When the first picture was drawn.
    began: Option<f64>,
}

/// What the reflections are to show, as of one frame. It may travel as JSON to a [`Renderer`] elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawRequest {
    /// The epoch of its frame, see `LiveMirror`.
    pub(super) epoch: u64,
    pub(super) targets: Vec<Target>,
    /// Pixels a side at most; all that the generator draws without it.
    #[serde(default)]
    pub(super) resolution: Option<usize>,
}

/// What one reflection is to show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Target {
    /// Whom it shows; `None` for nobody.
    pub viewer: Option<u64>,
    pub latent: Latent,
}

/// A reflection that was drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedView {
    /// Whom it shows; `None` where the mirror dreams.
    pub viewer: Option<u64>,
    /// How much of the transition from whatever was shown before is done, 0 to 1.
    pub progress: f32,
    /// The picture.
    pub picture: Arc<Picture>,
    /// When it was drawn, seconds.
    pub at: f64,
}

/// What is to be drawn for a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct DueViews {
    epoch: u64,
    at: f64,
    /// From left to right; nothing if everybody was forgotten since the request.
    pub views: Vec<DueView>,
}

/// A reflection that is to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct DueView {
    viewer: Option<u64>,
    progress: f32,
    /// What the generator draws.
    pub latent: Latent,
    /// Pixels a side.
    pub side: usize,
}

impl Renderer {
    /// For a [`super::LiveMirror`] of the same settings.
    pub fn new(painter: Arc<Painter>, settings: &LiveSettings) -> Self {
        let views = Views::blank(&painter, settings.views, 0);
        Self::showing(views, painter, settings)
    }

    /// The same in place of another renderer: its last pictures dissolve into the first ones of this. `epoch` is the one that now begins.
    pub(super) fn replacing(before: &Self, painter: Arc<Painter>, settings: &LiveSettings, epoch: u64) -> Self {
        let from = before.rendered().into_iter().map(|view| view.picture).collect();
        let takeover = Some(Takeover { from, began: None });
        let views = Views { takeover, ..Views::blank(&painter, settings.views, epoch) };
        Self::showing(views, painter, settings)
    }

    fn showing(views: Views, painter: Arc<Painter>, settings: &LiveSettings) -> Self {
        let LiveSettings { transition_secs, pictures_stay, .. } = *settings;
        Self { painter, transition_secs, pictures_stay, views: Mutex::new(views), rendered: Mutex::default() }
    }

    /// Draws what a frame came to, at `at` seconds. Requests must come in the order of their frames; those in between may be left out.
    /// Nothing is drawn of a request from before everybody was forgotten.
    pub fn render(&self, request: &DrawRequest, at: f64) -> Vec<RenderedView> {
        self.paint(self.due(request, at))
    }

    /// What is to be drawn of a frame, at `at` seconds, for whoever draws it elsewhere: the first half of [`Renderer::render`].
    pub fn due(&self, request: &DrawRequest, at: f64) -> DueViews {
        let mut views = lock(&self.views);
        let epoch = request.epoch;
        if epoch != views.epoch {
            return DueViews { epoch, at, views: Vec::new() };
        }

        let Views { views, takeover, .. } = &mut *views;
        if takeover.as_ref().is_some_and(|takeover| takeover.began.is_none()) {
            // Whoever is there was there before.
            views.iter_mut().zip(&request.targets).for_each(|(view, target)| view.viewer = target.viewer);
        }
        let side = self.painter.side(request.resolution.unwrap_or(usize::MAX));
        let pairs = views.iter_mut().zip(&request.targets);
        let views = pairs.map(|(view, target)| view.step(target, side, self.transition_secs, at)).collect();
        DueViews { epoch, at, views }
    }

    /// The second half: draws what is due.
    pub fn paint(&self, due: DueViews) -> Vec<RenderedView> {
        let paint = |DueView { latent, side, .. }: &DueView| match self.pictures_stay {
            true => self.painter.paint_there(latent, *side),
            false => self.painter.paint_at(latent, *side).into(),
        };
        let pictures = due.views.iter().map(paint).collect();
        self.finish(due, pictures)
    }

    /// The same, where somebody else drew: what comes of the pictures of all views. Nothing, if everybody was forgotten since.
    ///
    /// # Panics
    /// If there are fewer pictures than views, or of other sizes.
    pub fn finish(&self, due: DueViews, pictures: Vec<Picture>) -> Vec<RenderedView> {
        assert_eq!(due.views.len(), pictures.len(), "a picture of each view");
        let mut views = lock(&self.views);
        if due.epoch != views.epoch {
            return Vec::new();
        }

        let mut rendered: Vec<RenderedView> = (due.views.into_iter().zip(pictures))
            .map(|(DueView { viewer, progress, side, .. }, picture)| {
                assert_eq!(picture.size(), (side, side), "a picture as large as was asked for");
                RenderedView { viewer, progress, picture: Arc::new(picture), at: due.at }
            })
            .collect();
        let transition_secs = self.transition_secs;
        views.takeover.take_if(|takeover| takeover.dissolve(&mut rendered, transition_secs, due.at));

        lock(&self.rendered).clone_from(&rendered);
        rendered
    }

    /// What was drawn last, from left to right; nothing before the first picture.
    pub fn rendered(&self) -> Vec<RenderedView> {
        lock(&self.rendered).clone()
    }

    /// Forgets everything; nothing comes of a picture that is being drawn. `epoch` is what [`super::LiveMirror::forget`] gave.
    pub fn forget(&self, epoch: u64) {
        let mut views = lock(&self.views);
        *views = Views::blank(&self.painter, views.views.len(), epoch);
        lock(&self.rendered).clear();
    }
}

impl Views {
    fn blank(painter: &Painter, count: usize, epoch: u64) -> Self {
        let size = painter.latent_size();
        let views = (1..=count as u64).map(|seed| ReflectionView::new(size, seed)).collect();
        Self { epoch, views, takeover: None }
    }
}

impl Takeover {
    /// Lays so much of the pictures from before over these as is not done yet; whether all of it is.
    fn dissolve(&mut self, rendered: &mut [RenderedView], transition_secs: f64, at: f64) -> bool {
        let began = *self.began.get_or_insert(at);
        if at - began >= transition_secs {
            return true;
        }

        let share = smoothstep(((at - began) / transition_secs) as f32);
        for (view, from) in rendered.iter_mut().zip(&mut self.from) {
            let mut after = view.picture.pixels().clone();
            if from.size() != view.picture.size() {
                *from = Arc::new(from.pixels().resized(after.width, after.height).into());
            }
            after.dissolve_from(from.pixels(), share);
            view.picture = Arc::new(after.into());
        }
        false
    }
}

/// One reflection over time.
#[derive(Clone, Debug, PartialEq)]
struct ReflectionView {
    viewer: Option<u64>,
    follower: LatentFollower,
    transition: Option<Transition>,
    /// The latent that was drawn last.
    shown: Latent,
}

/// A change from one reflection to another.
#[derive(Clone, Debug, PartialEq)]
struct Transition {
    from: Latent,
    began: f64,
}

impl ReflectionView {
    fn new(latent_size: usize, seed: u64) -> Self {
        let shown = Latent::gaussian(latent_size, &mut nn::Rng::new(seed)).normalised();
        Self { viewer: None, follower: LatentFollower::default(), transition: None, shown }
    }

    /// Goes on to `at` seconds; what is to be drawn then.
    fn step(&mut self, target: &Target, side: usize, transition_secs: f64, at: f64) -> DueView {
        // Somebody else begins a transition, and is followed from their own first latent.
        if target.viewer != self.viewer {
            self.transition = Some(Transition { from: self.shown.clone(), began: at });
            (self.viewer, self.follower) = (target.viewer, LatentFollower::default());
        }
        let followed = self.follower.step(&target.latent, at);

        // Eased at both ends.
        let linear = match &self.transition {
            Some(transition) if transition_secs > 0.0 => ((at - transition.began) / transition_secs).clamp(0.0, 1.0),
            _ => 1.0,
        } as f32;
        let progress = smoothstep(linear);
        self.transition.take_if(|_| linear >= 1.0);

        self.shown = match &self.transition {
            Some(transition) => transition.from.slerp(&followed, progress),
            None => followed,
        };
        DueView { viewer: self.viewer, progress, latent: self.shown.clone(), side }
    }
}

#[cfg(test)]
impl Renderer {
    /// All that is kept from one picture to the next.
    pub(super) fn memory(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        (lock(&self.views).views.clone(), self.rendered())
    }

    /// The latent of the first reflection.
    pub(super) fn latent(&self) -> Latent {
        lock(&self.views).views[0].shown.clone()
    }
}
