//! Flags that say which portraits a generator learns from or is compared with.

use train::gan::{Filter, Shares};

/// How often portraits of some kinds are drawn, whatever their number.
#[derive(Debug, clap::Args)]
pub struct SharesArgs {
    /// Share of the portraits drawn that show women, from 0 to 1. The archive's own is about one in four, and a generator that learns
    /// that makes a man of nearly everybody
    #[arg(long, default_value_t = 0.5, value_parser = share)]
    women: f32,
    /// Share of the portraits drawn whose lips touch, from 0 to 1. The archive's own is about one in three, most of them men
    #[arg(long, default_value_t = 0.5, value_name = "SHARE", value_parser = share)]
    closed_mouths: f32,
}

impl SharesArgs {
    /// In the trainer's words.
    pub fn shares(&self) -> Shares {
        Shares { women: self.women, closed_mouths: self.closed_mouths }
    }
}

/// Which portraits are good enough to learn from. Toned prints and drawings never are: of their blue cheeks a GAN makes blue shadows for eyes.
#[derive(Debug, clap::Args)]
pub struct FilterArgs {
    /// Softest portraits of 160 pixels: aligned pixels a source pixel
    #[arg(long, default_value_t = 1.35)]
    max_upsampling: f32,
    /// Most turned portraits: nose offset over eye distance
    #[arg(long, default_value_t = 0.4)]
    max_yaw: f32,
    /// Least share of the crop inside the photograph
    #[arg(long, default_value_t = 0.9)]
    min_inside: f32,
    /// First year, where the table knows it: before about 1975 what has colours are toned prints and paintings, of which a GAN makes
    /// brown and blue ruins
    #[arg(long, default_value_t = 1975)]
    since: i32,
}

impl FilterArgs {
    /// In the trainer's words.
    pub fn filter(&self) -> Filter {
        let Self { max_upsampling, max_yaw, min_inside, since } = *self;
        Filter { max_upsampling, max_yaw, min_inside, since }
    }
}

fn share(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|s| (0.0..=1.0).contains(s)).ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// How many times as often as most something is drawn.
pub fn times(text: &str) -> Result<f32, String> {
    let times = text.parse().ok().filter(|t: &f32| *t > 0.0 && t.is_finite());
    times.ok_or_else(|| "expected a number above 0".to_owned())
}
