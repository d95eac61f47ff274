//! The engine behind the page.

use super::source::Source;
use crate::watchdog::Watchdog;
use display::server::{Controls, Drawn, Glimpse, Look, Pulse, Reflector, Session};
use mirror::engine::Mirror;
use mirror::features::Group;
use mirror::inverter::Dial;
use mirror::live::{Direction, Live, LiveReport, Settings};
use mirror::wish::Wish;
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// Quality of the JPEG of what the server's own camera sees.
const JPEG_QUALITY: u8 = 85;

/// The mirror on its wall.
pub struct Wall {
    /// The nets.
    pub mirror: Arc<Mirror>,
    /// How many it reflects.
    pub settings: Settings,
    /// Where frames come from that the page does not bring.
    pub source: Arc<Source>,
    /// Who wants to know that it lives.
    pub watchdog: Arc<Watchdog>,
}

impl Reflector for Wall {
    fn session(&self) -> Box<dyn Session> {
        let live = Live::new(self.mirror.clone(), self.settings);
        let (source, watchdog) = (self.source.clone(), self.watchdog.clone());
        Box::new(Viewing { live, source, watchdog, began: Instant::now() })
    }

    fn viewer(&self) -> Option<Vec<u8>> {
        let frame = self.source.stream.as_ref()?.newest()?;
        display::to_jpeg(&frame, JPEG_QUALITY).ok()
    }
}

/// One page's view of it.
struct Viewing {
    live: Live,
    source: Arc<Source>,
    watchdog: Arc<Watchdog>,
    began: Instant,
}

/// The JSON message of a frame.
#[derive(Serialize)]
struct Message<'a> {
    #[serde(flatten)]
    report: LiveReport,
    pulse: Pulse,
    controls: &'a Controls,
}

impl Session for Viewing {
    fn look(&mut self, glimpse: &Glimpse) -> Result<Look, String> {
        let Glimpse { picture, controls, pulse } = *glimpse;
        let own = self.source.stream.as_ref().and_then(|s| s.newest());
        let picture = own.as_deref().or(picture);
        let direction = direction(controls);
        let at = self.began.elapsed().as_secs_f64();
        let glance = self.live.look(picture, &direction, !controls.waiting, at).map_err(|e| e.to_string())?;
        let mut report = LiveReport::new(&glance, picture, &direction.wish, self.live.mirror());
        if controls.waiting {
            // Nobody has agreed to be measured: closed eyes are all that is said.
            report.faces.clear();
        }
        let seen = serde_json::to_string(&Message { report, pulse, controls }).map_err(|e| e.to_string())?;
        let (glasses, watchdog, began) = (self.live.glasses().clone(), self.watchdog.clone(), self.began);
        let scene = glance.scene;
        let draw = move || {
            let shown = glasses.draw(&scene, began.elapsed().as_secs_f64());
            watchdog.ping();
            let reflects = shown.iter().any(|s| s.viewer.is_some());
            Drawn { pictures: shown.into_iter().map(|s| s.image).collect(), reflects }
        };
        Ok(Look { seen, draw: Box::new(draw) })
    }

    fn forget(&mut self) {
        self.live.forget();
    }
}

/// What a page wishes, in the engine's words. Groups that there are not are passed over.
fn direction(controls: &Controls) -> Direction {
    let without = Group::ALL.into_iter().filter(|g| controls.withheld.iter().any(|name| name == g.name())).collect();
    let wish = Wish {
        dial: Dial { numbers: controls.given, without },
        age: controls.age,
        female: controls.female,
        breathes: !controls.calm,
    };
    Direction { wish, hold: controls.hold, measure: controls.measure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_does_not_ask_for_stays_as_it_is() {
        assert_eq!(direction(&Controls::default()), Direction::default());
        let withheld = vec!["hair".into(), "shoes".into()];
        let direction = direction(&Controls { withheld, given: Some(9), calm: true, ..Controls::default() });
        assert_eq!(direction.wish.dial, Dial { numbers: Some(9), without: vec![Group::Hair] });
        assert!(!direction.wish.breathes);
    }
}
