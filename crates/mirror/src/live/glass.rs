//! The half of the mirror that draws: one reflection on the wall, over time, and how it comes to show somebody else.

use super::{MELT_SECS, lock};
use crate::engine::Mirror;
use crate::generator::Painter;
use crate::latent::{Latent, smoothstep};
use crate::motion::Eased;
use frame::Image;
use std::sync::{Arc, Mutex};

/// The reflections before one camera. One thread draws while another looks.
pub struct Glasses {
    mirror: Arc<Mirror>,
    /// Held while they are drawn.
    hung: Mutex<Hung>,
    /// What was drawn last.
    shown: Mutex<Vec<Shown>>,
}

/// The glasses of one audience.
#[derive(Clone, Debug, PartialEq)]
struct Hung {
    epoch: u64,
    glasses: Vec<Glass>,
}

/// What the glasses are to show, as of one look.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// How often everybody had been forgotten.
    pub(super) epoch: u64,
    pub(super) wanted: Vec<Wanted>,
}

/// What one glass is to show.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// Whose reflection; `None` of nobody.
    pub viewer: Option<u64>,
    pub latent: Latent,
}

/// A drawn reflection.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Whom it shows; `None` where the mirror gazes at itself.
    pub viewer: Option<u64>,
    /// How much of the change from whatever was shown before is done, 0 to 1.
    pub arrived: f32,
    /// The reflection.
    pub image: Arc<Image>,
    /// When it was drawn, seconds.
    pub at: f64,
}

impl Glasses {
    pub(super) fn new(mirror: Arc<Mirror>, count: usize) -> Self {
        let hung = Mutex::new(Hung::blank(&mirror, count, 0));
        Self { mirror, hung, shown: Mutex::default() }
    }

    /// Draws what a look came to, at `at` seconds. Scenes must come in the order of their looks; those in between may be left out.
    /// Nothing is drawn of a scene from before everybody was forgotten.
    pub fn draw(&self, scene: &Scene, at: f64) -> Vec<Shown> {
        let mut hung = lock(&self.hung);
        if scene.epoch != hung.epoch {
            return Vec::new();
        }
        let painter = self.mirror.painter();
        let glasses = hung.glasses.iter_mut().zip(&scene.wanted);
        let shown: Vec<Shown> = kernels::on_pool(|| glasses.map(|(g, wanted)| g.draw(painter, wanted, at)).collect());
        lock(&self.shown).clone_from(&shown);
        shown
    }

    /// What hangs there now, from left to right; nothing before the first was drawn.
    pub fn shown(&self) -> Vec<Shown> {
        lock(&self.shown).clone()
    }

    /// Takes all of it down, after the one that is being drawn.
    pub(super) fn forget(&self, epoch: u64) {
        let mut hung = lock(&self.hung);
        *hung = Hung::blank(&self.mirror, hung.glasses.len(), epoch);
        lock(&self.shown).clear();
    }
}

impl Hung {
    fn blank(mirror: &Mirror, count: usize, epoch: u64) -> Self {
        let size = mirror.painter().latent_size();
        Self { epoch, glasses: (1..=count as u64).map(|seed| Glass::new(size, seed)).collect() }
    }
}

/// One reflection.
#[derive(Clone, Debug, PartialEq)]
struct Glass {
    viewer: Option<u64>,
    latent: Eased,
    melt: Option<Melt>,
    shown: Latent,
}

/// A change from one reflection to another.
#[derive(Clone, Debug, PartialEq)]
struct Melt {
    from: Latent,
    began: f64,
}

impl Glass {
    fn new(latent_size: usize, seed: u64) -> Self {
        let shown = Latent::gaussian(latent_size, &mut nn::Rng::new(seed)).normalised();
        Self { viewer: None, latent: Eased::default(), melt: None, shown }
    }

    fn draw(&mut self, painter: &Painter, wanted: &Wanted, at: f64) -> Shown {
        if wanted.viewer != self.viewer {
            self.melt = Some(Melt { from: self.shown.clone(), began: at });
            (self.viewer, self.latent) = (wanted.viewer, Eased::default());
        }
        let there = self.latent.towards(&wanted.latent, at);
        let progress = self.melt.as_ref().map_or(1.0, |m| ((at - m.began) / MELT_SECS).clamp(0.0, 1.0)) as f32;
        let arrived = smoothstep(progress);
        self.melt.take_if(|_| progress >= 1.0);
        self.shown = self.melt.as_ref().map_or_else(|| there.clone(), |m| m.from.slerp(&there, arrived));
        Shown { viewer: self.viewer, arrived, image: Arc::new(painter.paint(&self.shown)), at }
    }
}

#[cfg(test)]
impl Glasses {
    /// All that is kept from one picture to the next.
    pub(super) fn memory(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        (lock(&self.hung).glasses.clone(), self.shown())
    }

    /// Where the first glass's reflection is.
    pub(super) fn place(&self) -> Latent {
        lock(&self.hung).glasses[0].shown.clone()
    }
}
