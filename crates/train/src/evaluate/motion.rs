//! Measures how a reflection moves: does it follow its viewer, is it calm when they are, does the place in the picture matter.

use crate::faces::turn::{Relief, Turn};
use crate::statistics::{correlation, root_mean_square};
use anyhow::{Result, ensure};
use frame::Image;
use mirror::engine::{Mirror, Observation, nearest};
use mirror::features::{FEATURES, FeatureVector, Group};
use mirror::inverter::FeatureSelection;
use mirror::live::protocol::Controls;
use mirror::live::{LiveMirror, LiveSettings, Renderer};
use mirror::pack::Pack;
use nn::Rng;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Frames that the still face stands there.
const STILL: usize = 90;
/// Standard deviation of the camera's noise on it, of 255.
const NOISE: f32 = 2.0;
/// Frames a second of the still face.
const RATE: f64 = 30.0;
/// Turns of its head: from so many degrees to one side to as many to the other, in steps.
const MOST_TURN: i32 = 24;
const TURN_STEP: usize = 2;

/// How a reflection moves.
#[derive(Debug, Serialize)]
pub struct MotionReport {
    /// Frames of the video.
    pub frames: usize,
    /// Those of them in which a face was seen.
    pub seen: usize,
    /// As the live path draws them.
    pub smoothed: FollowingFigures,
    /// As if each frame were a picture by itself.
    pub frame_by_frame: FollowingFigures,
    /// A still face under a camera's noise, smoothed.
    pub still_smoothed: StillFigures,
    /// The same, frame by frame.
    pub still_frame_by_frame: StillFigures,
    /// The clip's own yaw may vary too little to tell.
    pub turned: TurnFigures,
    /// Standard deviation of a group's features over places in the frame, over their spread among the generator's samples;
    /// root mean square over the group.
    pub drift_over_places: BTreeMap<&'static str, f32>,
}

/// Viewer and reflection over a clip.
#[derive(Debug, Serialize)]
pub struct FollowingFigures {
    /// Frames whose reflection is seen as a face.
    pub faces: usize,
    /// Correlation of the yaws.
    pub yaw: Option<f32>,
    /// Correlation of the openings of the mouth.
    pub mouth: Option<f32>,
    /// Root mean square change of the picture from frame to frame, of 255.
    pub change: f32,
    /// The same of the change's change: flicker.
    pub flicker: f32,
}

/// The still face with its head turned as a relief ([`crate::faces::turn`]), each turn a picture by itself.
#[derive(Debug, Serialize)]
pub struct TurnFigures {
    /// Turns whose viewer and reflection are both seen as faces.
    pub faces: usize,
    /// Correlation of their yaws.
    pub yaw: Option<f32>,
    /// Degrees that the reflection turns by for one of the viewer's (least squares).
    pub gain: Option<f32>,
}

/// How calm the reflection of a face that stands still is.
#[derive(Debug, Serialize)]
pub struct StillFigures {
    /// Root mean square change of the picture from frame to frame, of 255.
    pub change: f32,
    /// Of the reflection's landmarks from frame to frame, inter-ocular distances.
    pub landmarks: Option<f32>,
}

/// A viewer followed as the live mirror follows visitors.
struct Followed {
    live: LiveMirror,
    renderer: Renderer,
}

impl Followed {
    fn new(mirror: &Mirror) -> Self {
        let settings = LiveSettings::film();
        let renderer = Renderer::new(mirror.painter().clone(), &settings);
        Self { live: LiveMirror::new(mirror.reader().clone(), settings), renderer }
    }

    /// The viewer in a frame at `at` seconds, and their reflection.
    fn reflect(&mut self, frame: &Image, at: f64) -> Result<Option<(Observation, Image)>> {
        let result = self.live.process(Some(frame), &self.renderer.rendered(), &Controls::default(), at)?;
        let Some(view) = self.renderer.render(&result.request, at).into_iter().next() else { return Ok(None) };
        // Who is hidden for a moment keeps the reflection, but there is nothing to compare it with.
        let viewer = result.faces.into_iter().find(|face| face.id.is_some() && face.id == view.viewer);
        Ok(viewer.map(|face| (face.observation, view.picture.pixels().clone())))
    }
}

/// What there is to see of the reflections of some frames.
#[derive(Default)]
struct Film {
    pictures: Vec<Image>,
    reflections: Vec<Option<Observation>>,
}

impl Film {
    fn add(&mut self, mirror: &Mirror, picture: Image) -> Result<()> {
        self.reflections.push(mirror.eyes().analyse_reflection(&picture)?);
        self.pictures.push(picture);
        Ok(())
    }

    /// Root mean square of the first or second differences over time.
    fn differences(&self, order: usize) -> f32 {
        let values = |p: &Image| p.data.iter().map(|v| f32::from(*v)).collect::<Vec<_>>();
        let mut rows: Vec<Vec<f32>> = self.pictures.iter().map(values).collect();
        for _ in 0..order {
            rows = rows.windows(2).map(|w| w[0].iter().zip(&w[1]).map(|(a, b)| b - a).collect()).collect();
        }
        root_mean_square(rows.iter().flatten().copied())
    }
}

/// How far the mouth is open: between the inner lips, inter-ocular distances.
fn mouth(features: &FeatureVector) -> f32 {
    let shape = features.group(Group::Shape);
    shape[66 * 2 + 1] - shape[62 * 2 + 1]
}

fn yaw(features: &FeatureVector) -> f32 {
    features.group(Group::Pose)[0]
}

/// Measures the mirror of a pack; `frames` are the clip's, `seconds` from one to the next.
///
/// # Errors
/// If the nets or a frame cannot be read, or hardly a frame shows a face.
pub fn run(pack: &Pack, seconds: f64, frames: impl Iterator<Item = Result<Image>>) -> Result<MotionReport> {
    let mirror = Mirror::new(pack)?;

    // The clip, followed smoothly and frame by frame.
    let (mut viewers, mut smoothed, mut single) = (Vec::new(), Film::default(), Film::default());
    let (mut followed, mut count, mut still) = (Followed::new(&mirror), 0, None);
    for frame in frames {
        let frame = frame?;
        let at = count as f64 * seconds;
        count += 1;
        let Some((viewer, reflection)) = followed.reflect(&frame, at)? else { continue };
        viewers.push(viewer.features.clone());
        smoothed.add(&mirror, reflection)?;
        single.add(&mirror, mirror.reflect_viewer(viewer, &FeatureSelection::default()).image)?;
        still.get_or_insert(frame);
    }

    // The first frame with a face, standing still, turned, and moved about.
    ensure!(viewers.len() > 2, "a face in {} of the video's {count} frames: too few", viewers.len());
    let still = still.expect("there were frames");
    let (still_smoothed, still_frame_by_frame) = stand_still(&mirror, &still)?;
    Ok(MotionReport {
        frames: count,
        seen: viewers.len(),
        smoothed: following(&viewers, &smoothed),
        frame_by_frame: following(&viewers, &single),
        still_smoothed,
        still_frame_by_frame,
        turned: turn_head(&mirror, &still)?,
        drift_over_places: drift(&mirror, &still)?,
    })
}

impl fmt::Display for MotionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |v: Option<f32>| v.map_or("-".into(), |v| format!("{v:.3}"));
        let percent = |v: Option<f32>| v.map_or("-".into(), |v| format!("{:.2}", 100.0 * v));
        writeln!(f, "{} frames, a face in {}", self.frames, self.seen)?;
        let mut row = |what: &str, a: String, b: String| writeln!(f, "{what:44} {a:>10} {b:>16}");
        row("", "smoothed".into(), "frame by frame".into())?;

        // The clip.
        let (a, b) = (&self.smoothed, &self.frame_by_frame);
        row("reflections that are seen as a face", a.faces.to_string(), b.faces.to_string())?;
        row("correlation of yaw, viewer and reflection", number(a.yaw), number(b.yaw))?;
        row("correlation of the opening of the mouth", number(a.mouth), number(b.mouth))?;
        row("change from frame to frame, of 255", format!("{:.2}", a.change), format!("{:.2}", b.change))?;
        row("flicker (change of the change)", format!("{:.2}", a.flicker), format!("{:.2}", b.flicker))?;

        // The still face, its turned head, its places.
        let (a, b) = (&self.still_smoothed, &self.still_frame_by_frame);
        row("still face: change from frame to frame", format!("{:.2}", a.change), format!("{:.2}", b.change))?;
        row("still face: landmarks, % of the eyes' distance", percent(a.landmarks), percent(b.landmarks))?;
        let TurnFigures { faces, yaw, gain } = &self.turned;
        writeln!(
            f,
            "its head turned by {MOST_TURN} degrees to either side: {faces} faces, correlation of yaw {}, degrees for a degree {}",
            number(*yaw),
            number(*gain)
        )?;
        write!(f, "the same face elsewhere in the frame: features drift by, % of their spread")?;
        for (group, share) in &self.drift_over_places {
            write!(f, "\n    {group:40} {:>10.1}", 100.0 * share)?;
        }
        Ok(())
    }
}

fn following(viewers: &[FeatureVector], film: &Film) -> FollowingFigures {
    let seen = || viewers.iter().zip(&film.reflections).filter_map(|(v, r)| Some((v, &r.as_ref()?.features)));
    let of =
        |what: fn(&FeatureVector) -> f32| correlation(&seen().map(|(v, r)| (what(v), what(r))).collect::<Vec<_>>());
    FollowingFigures {
        faces: seen().count(),
        yaw: of(yaw),
        mouth: of(mouth),
        change: film.differences(1),
        flicker: film.differences(2),
    }
}

/// A face that does not move, with new noise in every frame, followed and frame by frame.
fn stand_still(mirror: &Mirror, picture: &Image) -> Result<(StillFigures, StillFigures)> {
    let (mut rng, mut followed) = (Rng::new(1), Followed::new(mirror));
    let mut films = [Film::default(), Film::default()];
    for i in 0..STILL {
        let noisy = |v: &u8| (f32::from(*v) + NOISE * rng.normal()).round().clamp(0.0, 255.0) as u8;
        let frame = Image { data: picture.data.iter().map(noisy).collect(), ..*picture };
        let Some((viewer, reflection)) = followed.reflect(&frame, i as f64 / RATE)? else { continue };
        films[0].add(mirror, reflection)?;
        films[1].add(mirror, mirror.reflect_viewer(viewer, &FeatureSelection::default()).image)?;
    }
    let still = |film: &Film| {
        let shape = |seen: &Option<Observation>| Some(seen.as_ref()?.features.group(Group::Shape).to_vec());
        let steps = film.reflections.windows(2).filter_map(|w| Some((shape(&w[0])?, shape(&w[1])?)));
        let moves: Vec<f32> =
            steps.flat_map(|(a, b)| a.into_iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>()).collect();
        // Of a point, not of a coordinate.
        let landmarks = (!moves.is_empty()).then(|| root_mean_square(moves.into_iter()) * 2f32.sqrt());
        StillFigures { change: film.differences(1), landmarks }
    };
    Ok((still(&films[0]), still(&films[1])))
}

fn turn_head(mirror: &Mirror, picture: &Image) -> Result<TurnFigures> {
    let mut yaws = Vec::new();
    if let Some(viewer) = nearest(mirror.eyes().analyse(picture)?)
        && let Some(relief) = Relief::of_face(picture, &viewer.landmarks, &viewer.face.rect)
    {
        for degrees in (-MOST_TURN..=MOST_TURN).step_by(TURN_STEP) {
            let turn = Turn { yaw: (degrees as f32).to_radians(), pitch: 0.0 };
            let Some(viewer) = nearest(mirror.eyes().analyse(&relief.turn(turn).image)?) else { continue };
            let wanted = yaw(&viewer.features);
            let reflection = mirror.reflect_viewer(viewer, &FeatureSelection::default());
            let seen = mirror.eyes().analyse_reflection(&reflection.image)?;
            yaws.extend(seen.map(|seen| (wanted, yaw(&seen.features))));
        }
    }
    let spread = |of: fn(&(f32, f32)) -> f32| {
        let mean = yaws.iter().map(of).sum::<f32>() / yaws.len() as f32;
        root_mean_square(yaws.iter().map(|pair| of(pair) - mean))
    };
    let correlation = correlation(&yaws);
    Ok(TurnFigures {
        faces: yaws.len(),
        yaw: correlation,
        gain: correlation.map(|r| r * spread(|p| p.1) / spread(|p| p.0)),
    })
}

/// The frame moved across a wider one of its own mean colour, pixel by pixel and by much.
fn drift(mirror: &Mirror, picture: &Image) -> Result<BTreeMap<&'static str, f32>> {
    let (width, height) = (picture.width * 3 / 2, picture.height * 3 / 2);
    let mean = |c: usize| {
        let sum: u64 = picture.data.iter().skip(c).step_by(3).map(|v| u64::from(*v)).sum();
        (sum / (picture.data.len() as u64 / 3).max(1)) as u8
    };
    let places = [(0, 0), (1, 0), (0, 1), (3, 2), (7, 5), (40, 13), (111, 30), (63, 97), (17, 151), (150, 150)];
    let mut rows = Vec::new();
    for (dx, dy) in places {
        let mut wide = Image::flat(width, height, [mean(0), mean(1), mean(2)]);
        let (dx, dy) = (dx.min(width - picture.width), dy.min(height - picture.height));
        wide.paste(picture, dx, dy);
        rows.extend(nearest(mirror.eyes().analyse(&wide)?).map(|s| *s.features.values()));
    }
    let n = rows.len().max(1) as f32;
    let mut squares = [0.0f32; FEATURES];
    for (i, square) in squares.iter_mut().enumerate() {
        let mean = rows.iter().map(|r| r[i]).sum::<f32>() / n;
        let samples = &mirror.inverter().samples;
        *square =
            rows.iter().map(|r| (samples.deviation(i, r[i]) - samples.deviation(i, mean)).powi(2)).sum::<f32>() / n;
    }
    let of = |group: Group| (group.name(), root_mean_square(squares[group.range()].iter().map(|s| s.sqrt())));
    Ok(mirror.inverter().groups().into_iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flicker_is_what_a_steady_change_does_not_have() {
        let film = |values: &[u8]| Film {
            pictures: values.iter().map(|v| Image::flat(2, 2, [*v; 3])).collect(),
            reflections: Vec::new(),
        };
        let (steady, flickering) = (film(&[10, 12, 14, 16]), film(&[10, 12, 10, 12]));
        assert_eq!((steady.differences(1), steady.differences(2)), (2.0, 0.0));
        assert_eq!((flickering.differences(1), flickering.differences(2)), (2.0, 4.0));
    }
}
