//! `--device`: what draws.

use clap::Args;
#[cfg(not(feature = "gpu"))]
use mirror::engine::Accelerate;
use mirror::engine::Mirror;
use mirror::generator::Painter;
use mirror::pack::Pack;

/// What draws.
#[derive(Args, Clone, Copy, Debug)]
pub struct DeviceArgs {
    /// What draws: the CPU, a graphics card, or whichever is faster, which is measured for a second. A card that breaks gives way to the
    /// CPU
    #[arg(
        long,
        value_enum,
        default_value_t,
        hide_short_help = true,
        hide_possible_values = true,
        value_name = "cpu|gpu|auto"
    )]
    device: Device,
    /// Number format of weights and maps in the card's memory: with f16 values of a picture move by at most 2/255
    #[arg(
        long,
        value_enum,
        default_value_t,
        hide_short_help = true,
        hide_possible_values = true,
        value_name = "f32|f16"
    )]
    gpu_storage: Storage,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
pub enum Device {
    /// The CPU.
    #[default]
    Cpu,
    /// The graphics card.
    Gpu,
    /// Whichever is faster.
    Auto,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
enum Storage {
    #[default]
    F32,
    F16,
}

impl DeviceArgs {
    /// The generator of a pack, laid out.
    pub fn painter(self, pack: &Pack) -> anyhow::Result<Painter> {
        let accelerate = self.accelerate()?;
        Ok(Mirror::builder(pack).accelerate(accelerate.as_deref()).painter()?)
    }
}

#[cfg(not(feature = "gpu"))]
impl DeviceArgs {
    /// What gives a painter the card; `None`: the CPU draws.
    ///
    /// # Errors
    /// If a card is asked for.
    pub fn accelerate(self) -> anyhow::Result<Option<Box<Accelerate>>> {
        match self.device {
            Device::Cpu | Device::Auto => Ok(None),
            Device::Gpu => anyhow::bail!(
                "--device gpu: this program was built without graphics cards\nhint: cargo build --release --features gpu"
            ),
        }
    }
}

/// Words about the graphics cards of this computer, for each, where the program can use them.
#[cfg(not(feature = "gpu"))]
pub fn cards() -> Option<Vec<String>> {
    None
}

/// Waits until the card is idle, before the program ends.
#[cfg(not(feature = "gpu"))]
pub fn finish() {}

/// What fills a window in place of the CPU: the card that draws.
#[cfg(all(feature = "window", not(feature = "gpu")))]
pub fn presenter() -> Option<display::window::OpenPresenter> {
    None
}

#[cfg(all(feature = "window", feature = "gpu"))]
pub use with_cards::presenter;
#[cfg(feature = "gpu")]
pub use with_cards::{cards, finish};

#[cfg(feature = "gpu")]
mod with_cards {
    use super::{Device, DeviceArgs, Storage};
    use ::gpu::{Adapter, Card, CardError, CardPainter, faster, proven};
    use anyhow::Context;
    use mirror::engine::Accelerate;
    use mirror::generator::{Generator, Painter};
    use std::sync::{Mutex, OnceLock};
    use std::time::Duration;

    /// For how long each is measured.
    const MEASURED: Duration = Duration::from_millis(500);

    /// The card that was opened: one for all packs.
    static CARD: Mutex<Option<Card>> = Mutex::new(None);
    /// A card has drawn.
    static HAS_DRAWN: OnceLock<()> = OnceLock::new();
    /// Whether it was faster than the CPU when that was measured.
    static IS_FASTER: OnceLock<bool> = OnceLock::new();

    impl DeviceArgs {
        /// What gives a painter the card; `None`: the CPU draws.
        ///
        /// # Errors
        /// If a card is asked for, and there is none that opens.
        pub fn accelerate(self) -> anyhow::Result<Option<Box<Accelerate>>> {
            let storage = match self.gpu_storage {
                Storage::F32 => ::gpu::Storage::F32,
                Storage::F16 => ::gpu::Storage::F16,
            };
            match self.device {
                Device::Cpu => Ok(None),
                Device::Gpu => {
                    open(|_| true).context("--device gpu")?;
                    Ok(Some(Box::new(move |generator: &Generator, painter: Painter| {
                        let on_card = open(|_| true).and_then(|card| CardPainter::new(card, generator, storage));
                        let (painter, found) = or_cpu(painter, on_card);
                        // A mirror that runs goes on.
                        if found.is_ok() {
                            let _ = HAS_DRAWN.set(());
                        }
                        match found {
                            Err(error) if HAS_DRAWN.get().is_none() => Err(error.to_string()),
                            _ => Ok(painter),
                        }
                    })))
                }
                Device::Auto => Ok(Some(Box::new(move |generator: &Generator, painter: Painter| {
                    Ok(fastest(generator, painter, storage))
                }))),
            }
        }
    }

    /// The painter with a card, if that is faster.
    fn fastest(generator: &Generator, painter: Painter, storage: ::gpu::Storage) -> Painter {
        if IS_FASTER.get() == Some(&false) {
            return painter;
        }
        // A software renderer need not be tried: it runs on the CPU.
        let on_card = open(|adapter| !adapter.is_cpu()).and_then(|card| CardPainter::new(card, generator, storage));
        if IS_FASTER.get() == Some(&true) {
            return or_cpu(painter, on_card).0;
        }
        match on_card {
            Ok(on_card) => {
                let (painter, is_faster, words) = faster(painter, on_card, MEASURED);
                eprintln!("device: {words}");
                let _ = IS_FASTER.set(is_faster);
                painter
            }
            Err(error) => {
                eprintln!("device: the CPU draws: {error}");
                painter
            }
        }
    }

    /// The painter with a card that has shown that it draws the same; otherwise the CPU draws, and the reason is told.
    fn or_cpu(painter: Painter, on_card: Result<CardPainter, CardError>) -> (Painter, Result<(), CardError>) {
        let (painter, found) = match on_card {
            Ok(on_card) => proven(painter, on_card),
            Err(error) => (painter, Err(error)),
        };
        if let Err(error) = &found {
            tracing::warn!("{error}; the CPU draws");
        }
        (painter, found)
    }

    /// The card that was opened before, or the first of those that will do.
    fn open(will_do: fn(&Adapter) -> bool) -> Result<Card, CardError> {
        let mut card = frame::lock(&CARD);
        if let Some(card) = card.as_ref().filter(|card| card.trouble().is_none()) {
            return Ok(card.clone());
        }
        let opened = Card::open(Adapter::all().iter().find(|adapter| will_do(adapter)).ok_or(CardError::None)?)?;
        Ok(card.insert(opened).clone())
    }

    /// A screen of the card's.
    #[cfg(feature = "window")]
    struct Screen(::gpu::Screen);

    #[cfg(feature = "window")]
    impl display::window::Presenter for Screen {
        fn show(&mut self, row: &[std::sync::Arc<mirror::generator::Picture>], share: f32) {
            self.0.show(row, share);
        }

        fn present(&mut self, size: (u32, u32), share: f32, dim: f32) -> Result<bool, String> {
            self.0.present(size, share, dim).map_err(|error| error.to_string())
        }
    }

    /// What fills a window in place of the CPU: the card that draws.
    #[cfg(feature = "window")]
    pub fn presenter() -> Option<display::window::OpenPresenter> {
        let card = frame::lock(&CARD).clone().filter(|_| IS_FASTER.get() != Some(&false))?;
        Some(Box::new(move |window| {
            let screen = ::gpu::Screen::new(&card, window).map_err(|error| error.to_string())?;
            Ok(Box::new(Screen(screen)))
        }))
    }

    /// Waits until the card is idle, before the program ends: one that took too long for a picture may still be at it.
    pub fn finish() {
        if let Some(card) = frame::lock(&CARD).as_ref() {
            card.finish(Duration::from_secs(10));
        }
    }

    /// Words about the graphics cards of this computer, for each, where the program can use them.
    pub fn cards() -> Option<Vec<String>> {
        Some(Adapter::all().iter().map(ToString::to_string).collect())
    }
}
