//! What a card has to show before it draws: that it draws the same as the CPU, and perhaps that it is faster.

use crate::card::CardError;
use crate::painter::CardPainter;
use mirror::generator::{Accelerator, Painter};
use mirror::latent::Latent;
use nn::Rng;
use std::time::{Duration, Instant};

/// Pictures that are drawn before any is timed.
const WARM_UP: usize = 3;

/// Of the values of a picture, this share at most may differ by more than this much from the CPU's.
const MAX_WRONG_SHARE: f64 = 0.01;
const ROUNDING: u8 = 4;

/// The painter, with the card if that draws the same; or why it does not draw. Some drivers compute what is wrong and say nothing.
pub fn proven(painter: Painter, card: CardPainter) -> (Painter, Result<(), CardError>) {
    match prove(&painter, &card) {
        Ok(()) => (painter.with_accelerator(Box::new(card)), Ok(())),
        Err(error) => (painter, Err(error)),
    }
}

fn prove(painter: &Painter, card: &CardPainter) -> Result<(), CardError> {
    let latent = Latent::gaussian(painter.latent_size(), &mut Rng::new(1)).normalised();
    let (ours, theirs) = (painter.paint(&latent), card.try_paint(&latent, painter.resolution())?);
    let wrong = ours.data.iter().zip(&theirs.data).filter(|(a, b)| a.abs_diff(**b) > ROUNDING).count();
    let share = wrong as f64 / ours.data.len() as f64;
    if share > MAX_WRONG_SHARE {
        return Err(card.card().refused(format!("{:.0} % of what it draws is wrong", 100.0 * share)));
    }
    Ok(())
}

/// The painter, with the card if that draws the same faster; whether it does; and what was measured, in words. Each draws for as long as is given.
pub fn faster(painter: Painter, card: CardPainter, each: Duration) -> (Painter, bool, String) {
    let side = painter.resolution();
    let latent = Latent::gaussian(painter.latent_size(), &mut Rng::new(1)).normalised();
    let name = card.name().to_owned();
    let timed = prove(&painter, &card).and_then(|()| median(each, || card.try_paint(&latent, side).map(drop)));
    let on_card = match timed {
        Ok(time) => time,
        Err(why) => return (painter, false, format!("the CPU draws, since {why}")),
    };
    let draw = || {
        painter.paint(&latent);
        Ok(())
    };
    let on_cpu = median(each, draw).expect("the CPU always draws");
    let [card_ms, cpu_ms] = [on_card, on_cpu].map(|time| time.as_secs_f64() * 1e3);
    let found = format!("a picture of {side}x{side} takes {card_ms:.1} ms there and {cpu_ms:.1} ms on the CPU");
    match on_card < on_cpu {
        true => (painter.with_accelerator(Box::new(card)), true, format!("{name} draws: {found}")),
        false => (painter, false, format!("the CPU draws, not {name}: {found}")),
    }
}

fn median(whole: Duration, mut draw: impl FnMut() -> Result<(), CardError>) -> Result<Duration, CardError> {
    (0..WARM_UP).try_for_each(|_| draw())?;
    let (began, mut times) = (Instant::now(), Vec::new());
    while times.is_empty() || began.elapsed() < whole {
        let one = Instant::now();
        draw()?;
        times.push(one.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Card, Storage};
    use mirror::generator::{Config, Device, Generator};

    #[test]
    fn a_card_that_draws_something_else_is_refused() {
        let Some(card) = Card::of_a_test() else { return };
        let config = Config { resolution: 16, fmap_base: 64, fmap_max: 8, fmap_min: 1, latent_size: 4 };
        let [ours, other] = [1, 2].map(|seed| Generator::new(config, &mut Rng::new(seed)));
        let on_card = |generator| {
            let painter = CardPainter::new(card.clone(), generator, Storage::F32).unwrap();
            painter.with_patience(Duration::from_secs(300))
        };
        let (painter, found) = proven(Painter::new(&ours), on_card(&ours));
        assert_eq!(found, Ok(()));
        assert_eq!(painter.device(), Device::Accelerator(card.name().to_owned()));

        let (painter, found) = proven(Painter::new(&ours), on_card(&other));
        assert!(found.unwrap_err().to_string().contains("of what it draws is wrong"));
        assert_eq!(painter.device(), Device::Cpu);
        let (painter, is_faster, words) = faster(Painter::new(&ours), on_card(&other), Duration::ZERO);
        assert!(!is_faster && words.contains("is wrong"), "{words}");
        assert_eq!(painter.device(), Device::Cpu);
        let (_, _, words) = faster(Painter::new(&ours), on_card(&ours), Duration::ZERO);
        assert!(words.contains("a picture of 16x16 takes"), "{words}");
    }
}
