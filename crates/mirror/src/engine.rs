//! The mirror itself: from a picture of a viewer to a picture of a reflection.

use crate::archive::Atlas;
use crate::face::attributes::{AttributeNet, Judged};
use crate::face::detector::Detector;
use crate::face::landmarks::{LandmarkNet, Located};
use crate::face::likeness::{self, Likeness, LikenessNet};
use crate::face::{Face, Landmarks, Rect};
use crate::features::{self, FeatureVector, Group, Measures, Pose};
use crate::generator::{Generator, Painter};
use crate::inverter::{FeatureSelection, Inverter, InverterInput, Population};
use crate::latent::Latent;
use crate::pack::{Net, Pack, PackError};
use frame::Image;
use kernels::Precision;
use std::sync::Arc;

/// Why a picture cannot be looked at. That nobody is in it is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// The picture's data does not fit its size.
    #[error("a picture of {width} x {height} pixels needs {expected} bytes, it has {found}")]
    Picture {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes that the size asks for.
        expected: usize,
        /// Bytes that there are.
        found: usize,
    },
}

/// The nets that read faces: detector, landmarks, perhaps age and gender, perhaps likeness.
pub struct Eyes {
    detector: Detector,
    landmarks: LandmarkNet,
    attributes: Option<AttributeNet>,
    likeness: Option<LikenessNet>,
    measures: Measures,
}

/// A face and all that the eyes say of it. Places are pixels of the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Box and score.
    pub face: Face,
    /// Probability that it is a face, by the landmark net.
    pub confidence: f32,
    /// The 68 points.
    pub landmarks: Landmarks,
    /// Where it looks.
    pub pose: Pose,
    /// Age and gender, as far as they are measured.
    pub judged: Judged,
    /// All measurements; the inverter takes its features from them.
    pub features: FeatureVector,
}

/// What the viewer gets to see, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Reflection {
    /// The viewer.
    pub viewer: Observation,
    /// Where in the space of faces the mirror puts them.
    pub latent: Latent,
    /// The face that the generator draws there.
    pub image: Image,
}

/// The half of the flow that looks: from a picture of a viewer to their latent.
pub struct Reader {
    eyes: Eyes,
    inverter: Inverter,
    atlas: Option<Atlas>,
}

impl Reader {
    /// Of a pack, which need not have a generator.
    ///
    /// # Errors
    /// If one of its nets is missing or broken.
    pub fn new(pack: &Pack) -> Result<Self, PackError> {
        Self::measuring(pack, &Measures::default())
    }

    /// The same, which measures these groups only.
    ///
    /// # Errors
    /// If one of the nets that this takes is missing or broken.
    pub fn measuring(pack: &Pack, measures: &Measures) -> Result<Self, PackError> {
        let eyes = Eyes::measuring(pack, measures)?;
        let inverter = pack.open(Net::Inverter, Inverter::from_weights)?.without(&measures.off());
        if eyes.likeness.is_none() && inverter.order().iter().any(|number| number.group() == Group::Likeness) {
            let why = "the inverter takes likeness, which no net of the pack says".to_owned();
            return Err(PackError::Mismatch { pack: pack.origin().to_owned(), why });
        }
        Ok(Self::of(eyes, inverter))
    }

    /// Of these nets.
    pub fn of(eyes: Eyes, inverter: Inverter) -> Self {
        Self { eyes, inverter, atlas: None }
    }

    /// The same, which knows where somebody lies among the members of an archive.
    #[must_use]
    pub fn with_atlas(self, atlas: Option<Atlas>) -> Self {
        Self { atlas, ..self }
    }

    /// The nets that read faces.
    pub fn eyes(&self) -> &Eyes {
        &self.eyes
    }

    /// What finds latents for features.
    pub fn inverter(&self) -> &Inverter {
        &self.inverter
    }

    /// What knows where somebody lies among the members of the archive, if anything does.
    pub fn atlas(&self) -> Option<&Atlas> {
        self.atlas.as_ref()
    }
}

/// The whole flow. Its halves can be shared by threads, one of which looks while another draws.
pub struct Mirror {
    reader: Arc<Reader>,
    painter: Arc<Painter>,
}

impl Mirror {
    /// A mirror of a pack's nets.
    ///
    /// # Errors
    /// If a net is missing or broken, or the inverter was made for another generator.
    pub fn new(pack: &Pack) -> Result<Self, PackError> {
        Self::builder(pack).build()
    }

    /// A mirror of a pack's nets, to be told how it draws.
    pub fn builder(pack: &Pack) -> MirrorBuilder<'_> {
        MirrorBuilder {
            pack,
            precision: Precision::F32,
            max_resolution: None,
            measures: Measures::default(),
            atlas: None,
            accelerate: None,
        }
    }

    /// Looks once into the mirror. `None` when nobody stands there; of several viewers, the nearest is reflected.
    ///
    /// # Errors
    /// If the picture is not well formed.
    pub fn reflect(&self, image: &Image) -> Result<Option<Reflection>, MirrorError> {
        kernels::on_pool(|| {
            let viewers = self.eyes().analyse(image)?;
            Ok(nearest(viewers).map(|viewer| self.reflect_viewer(viewer, &FeatureSelection::default())))
        })
    }

    /// The reflection of somebody whom the eyes have seen, by what the selection lets count of them.
    pub fn reflect_viewer(&self, viewer: Observation, selection: &FeatureSelection) -> Reflection {
        kernels::on_pool(|| {
            let wanted = self.inverter().input(&viewer.features, Population::Visitors, selection);
            let latent = settle(&self.reader, &self.painter, &wanted, LOOKS);
            let image = self.painter.paint(&latent);
            Reflection { viewer, latent, image }
        })
    }

    /// The half that looks.
    pub fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// The nets that read faces.
    pub fn eyes(&self) -> &Eyes {
        self.reader.eyes()
    }

    /// What finds latents for features.
    pub fn inverter(&self) -> &Inverter {
        self.reader.inverter()
    }

    /// What draws.
    pub fn painter(&self) -> &Arc<Painter> {
        &self.painter
    }
}

/// Makes a mirror of a pack: says in which precision it draws, how large, and what it measures.
pub struct MirrorBuilder<'a> {
    pack: &'a Pack,
    precision: Precision,
    max_resolution: Option<usize>,
    measures: Measures,
    atlas: Option<Atlas>,
    accelerate: Option<&'a Accelerate>,
}

/// Gives a painter an accelerator, if it likes, or says why it cannot.
pub type Accelerate = dyn Fn(&Generator, Painter) -> Result<Painter, String>;

impl<'a> MirrorBuilder<'a> {
    /// Draws in a precision (see [`Painter::with_precision`]); [`Precision::F32`] unless told.
    #[must_use]
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Draws at most so many pixels: the finest level of the generator that is not larger. `None`, as it is unless told, draws all.
    #[must_use]
    pub fn max_resolution(self, max_resolution: Option<usize>) -> Self {
        Self { max_resolution, ..self }
    }

    /// Measures these groups only; all of them unless told.
    #[must_use]
    pub fn measures(self, measures: Measures) -> Self {
        Self { measures, ..self }
    }

    /// Knows where somebody lies among the members of an archive; nothing of it unless told.
    #[must_use]
    pub fn atlas(self, atlas: Option<Atlas>) -> Self {
        Self { atlas, ..self }
    }

    /// Draws with what this gives the painter; with the CPU unless told.
    #[must_use]
    pub fn accelerate(self, accelerate: Option<&'a Accelerate>) -> Self {
        Self { accelerate, ..self }
    }

    /// Reads the nets and lays them out.
    ///
    /// # Errors
    /// If a net is missing or broken, the generator has no level of that size, or the inverter was made for another generator.
    pub fn build(self) -> Result<Mirror, PackError> {
        let (reader, painter) = (Reader::measuring(self.pack, &self.measures)?, self.painter()?);
        let reader = reader.with_atlas(self.atlas);
        let (drawn, found) = (painter.latent_size(), reader.inverter.config().latent_size);
        if drawn != found {
            let why = format!("the generator takes latents of {drawn} numbers, the inverter finds {found}");
            return Err(PackError::Mismatch { pack: self.pack.origin().to_owned(), why });
        }
        Ok(Mirror { reader: reader.into(), painter: painter.into() })
    }

    /// Reads the generator alone and lays it out.
    ///
    /// # Errors
    /// If it is missing or broken, or has no level of that size.
    pub fn painter(&self) -> Result<Painter, PackError> {
        let mut generator = self.pack.open(Net::Generator, Generator::from_bytes)?;
        if let Some(pixels) = self.max_resolution {
            let no_level = |source| PackError::NoLevel { pack: self.pack.origin().to_owned(), source };
            generator = generator.at_most(pixels).map_err(no_level)?;
        }
        let painter = Painter::with_precision(&generator, self.precision);
        match self.accelerate {
            Some(accelerate) => accelerate(&generator, painter).map_err(PackError::Accelerator),
            None => Ok(painter),
        }
    }
}

/// Looks at a reflection after which another is drawn, see [`settle`].
pub const LOOKS: usize = 4;

/// By how much less a latent counts whose picture misses what is wanted by so much more (see [`Inverter::misfit`]), as a logarithm.
const MISFIT_SPREAD: f32 = 0.2;

/// The latent of what is wanted, after so many looks at what was drawn, each of which brings it nearer: the mean of all that were drawn, the more
/// of each the better it showed what is wanted. The last or the best alone would tremble with what the eyes find.
pub fn settle(reader: &Reader, painter: &Painter, wanted: &InverterInput, looks: usize) -> Latent {
    let (eyes, inverter) = (reader.eyes(), reader.inverter());
    let mut latent = inverter.invert_input(wanted, &inverter.noise(wanted));
    if looks == 0 {
        return latent;
    }

    let mut drawn: Vec<(Latent, f32)> = Vec::new();
    for look in 0..=looks {
        // A picture of the generator is well formed. One without a face says nothing.
        let Some(came) = eyes.analyse_reflection(&painter.paint(&latent)).ok().flatten() else { break };
        drawn.push((latent.clone(), inverter.missed(&came.features, wanted)));
        if look < looks {
            latent = inverter.improve(&latent, &came.features, wanted);
        }
    }

    let least = drawn.iter().map(|(_, missed)| *missed).fold(f32::INFINITY, f32::min);
    let mut mean = vec![0.0; latent.len()];
    for (latent, missed) in &drawn {
        let weight = ((least - missed) / MISFIT_SPREAD).exp();
        mean.iter_mut().zip(latent.as_slice()).for_each(|(sum, v)| *sum += weight * v);
    }
    if drawn.is_empty() { latent } else { Latent::new(mean).normalised() }
}

impl Eyes {
    /// The eyes of a pack, which need not be complete otherwise.
    ///
    /// # Errors
    /// If a net is missing or broken. The likeness net may be missing.
    pub fn new(pack: &Pack) -> Result<Self, PackError> {
        Self::measuring(pack, &Measures::default())
    }

    /// The same, which measure these groups only: a net that would say nothing else is not read.
    ///
    /// # Errors
    /// If a net that this takes is missing or broken.
    pub fn measuring(pack: &Pack, measures: &Measures) -> Result<Self, PackError> {
        let judges = measures.takes(Group::Age) || measures.takes(Group::Gender);
        let likeness = match measures.takes(Group::Likeness) {
            true => pack.open_if_there(Net::Likeness, LikenessNet::from_weights)?,
            false => None,
        };
        Ok(Self {
            detector: pack.open(Net::Detector, Detector::from_weights)?,
            landmarks: pack.open(Net::Landmarks, LandmarkNet::from_weights)?,
            attributes: judges.then(|| pack.open(Net::Attributes, AttributeNet::from_weights)).transpose()?,
            likeness,
            measures: *measures,
        })
    }

    /// Eyes of these nets.
    pub fn from_nets(
        detector: Detector,
        landmarks: LandmarkNet,
        attributes: AttributeNet,
        likeness: Option<LikenessNet>,
    ) -> Self {
        Self { detector, landmarks, attributes: Some(attributes), likeness, measures: Measures::default() }
    }

    /// All faces of a picture, the surest first. What the landmark net thinks no face, or what its points make none of, does not
    /// count.
    ///
    /// # Errors
    /// If the picture is not well formed.
    pub fn analyse(&self, image: &Image) -> Result<Vec<Observation>, MirrorError> {
        check(image)?;
        let describe = |face| self.describe(image, face);
        Ok(kernels::on_pool(|| self.detector.detect(image).into_iter().filter_map(describe).collect()))
    }

    fn describe(&self, image: &Image, face: Face) -> Option<Observation> {
        let Located { landmarks, confidence } = self.landmarks.locate(image, &face);
        if !is_face(face.score, confidence) {
            return None;
        }
        let pose = Pose::of(&landmarks)?;
        let judged = match &self.attributes {
            Some(net) => Judged::from(net.estimate(image, &landmarks)?).only(&self.measures),
            None => Judged::default(),
        };
        let likeness = match &self.likeness {
            Some(net) => net.embed(image, &landmarks)?,
            None => likeness::UNKNOWN,
        };
        let features = self.features(image, &landmarks, &judged, &likeness)?;
        Some(Observation { face, confidence, landmarks, pose, judged, features })
    }

    /// As many of the features as are measured; the others are 0.
    fn features(
        &self,
        image: &Image,
        landmarks: &Landmarks,
        judged: &Judged,
        likeness: &Likeness,
    ) -> Option<FeatureVector> {
        Some(features::extract(image, landmarks, judged, likeness).ok()?.without(&self.measures.off()))
    }

    /// The face in one of the generator's own pictures, which it fills: the picture is set in a wide margin, as the detector is used to
    /// faces with something around them, enlarged if it is small and looked at as a smaller one if it is large.
    ///
    /// # Errors
    /// If the picture is not well formed.
    pub fn analyse_reflection(&self, image: &Image) -> Result<Option<Observation>, MirrorError> {
        check(image)?;
        let side = image.width.max(image.height);
        if side == 0 {
            return Ok(None);
        }
        if side <= MOST_REFLECTION_PIXELS {
            return Ok(self.analyse_small_reflection(image, 1.0));
        }
        let small = |s: usize| (s * MOST_REFLECTION_PIXELS / side).max(1);
        let smaller = image.resized(small(image.width), small(image.height));
        Ok(self.analyse_small_reflection(&smaller, side as f32 / MOST_REFLECTION_PIXELS as f32))
    }

    /// What is seen, its places `enlarged` times as large.
    fn analyse_small_reflection(&self, image: &Image, enlarged: f32) -> Option<Observation> {
        let scale = (REFLECTION_PIXELS / image.width.max(image.height) as f32).max(1.0);
        let margin = REFLECTION_MARGIN * image.width.max(image.height) as f32;
        let side = |s: usize| ((s as f32 + 2.0 * margin) * scale).round() as usize;
        let (width, height) = (side(image.width), side(image.height));
        let mut framed = Image { width, height, data: vec![0; width * height * 3] };
        let shrink = 1.0 / scale;
        let m = [[shrink, 0.0, -margin], [0.0, shrink, -margin]];
        kernels::warp_affine(&image.data, (image.width, image.height), &mut framed.data, (width, height), m);
        // Back to the picture itself: the margin is not its background.
        let back = |v: f32| v * shrink - margin;
        let whole = |v: f32| v * enlarged;
        let describe = |face: Face| -> Option<Observation> {
            let seen = self.describe(&framed, face)?;
            let landmarks = Landmarks { points: seen.landmarks.points.map(|p| p.map(back)) };
            let features = self.features(image, &landmarks, &seen.judged, &seen.features.likeness())?;
            let Rect { x, y, w, h } = face.rect;
            let rect = Rect { x: whole(back(x)), y: whole(back(y)), w: whole(w * shrink), h: whole(h * shrink) };
            let points = face.points.map(|p| p.map(|v| whole(back(v))));
            let landmarks = Landmarks { points: landmarks.points.map(|p| p.map(whole)) };
            Some(Observation { face: Face { rect, points, ..face }, landmarks, features, ..seen })
        };
        self.detector.detect(&framed).into_iter().find_map(describe)
    }
}

/// Whether there is a face where the detector gives `score` and the landmark net `confidence`, by what speaks for it together (the
/// sum of the logarithms of the odds, the detector's counting [`DETECTOR_WEIGHT`] times, as its scores lie closer together).
/// Neither net can say it alone: the detector takes wheels for faces, the landmark net doubts some that are bent under a hat.
pub fn is_face(score: f32, confidence: f32) -> bool {
    let log_odds = |p: f32| nn::loss::logit(p).clamp(-MOST, MOST);
    confidence >= LEAST_CONFIDENCE && log_odds(confidence) + DETECTOR_WEIGHT * log_odds(score) >= LEAST_BELIEF
}

const DETECTOR_WEIGHT: f32 = 4.0;
/// Log-odds beyond which a net is not believed.
const MOST: f32 = 4.0;
/// Probability below which the landmark net's word is final.
const LEAST_CONFIDENCE: f32 = 0.3;
/// The log-odds from which on it is a face.
const LEAST_BELIEF: f32 = 0.7;

/// Long side, in pixels, to which a smaller picture of the generator is enlarged: nothing below the 64 pixels of the
/// smallest useful one. The detector enlarges small pictures itself.
const REFLECTION_PIXELS: f32 = 64.0;
/// Long side, in pixels, to which a larger picture of the generator is reduced: the face is then as large as that of a visitor who
/// stands near a camera of 640x480, and a picture of 1024 pixels takes no longer than one of 256.
const MOST_REFLECTION_PIXELS: usize = 256;
/// Width of the margin around a picture of the generator, as a share of its longer side. The detector is surest of faces
/// that take up a third of the picture: it finds 93 % of the first generator's with this margin, 60 % without.
const REFLECTION_MARGIN: f32 = 0.5;

/// Whoever has the largest face.
pub fn nearest(viewers: Vec<Observation>) -> Option<Observation> {
    let area = |s: &Observation| s.face.rect.w * s.face.rect.h;
    viewers.into_iter().max_by(|a, b| area(a).total_cmp(&area(b)))
}

fn check(image: &Image) -> Result<(), MirrorError> {
    let Image { width, height, .. } = *image;
    let (expected, found) = (width.saturating_mul(height).saturating_mul(3), image.data.len());
    if expected == found { Ok(()) } else { Err(MirrorError::Picture { width, height, expected, found }) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::face::attributes::{self, Calibration};
    use crate::face::detector::DetectorNet;
    use crate::face::landmarks;
    use crate::features::Measure;
    use crate::features::tests::{SOMEBODY, mean_face, smooth_picture};
    use crate::generator::Config;
    use crate::inverter::InverterConfig;
    use crate::pack::MANIFEST_FILE;
    use nn::{Layer, Rng};

    /// A mirror that has learned nothing; `threshold` 0 sees faces everywhere, 1 nowhere.
    pub(crate) fn untaught(threshold: f32) -> Mirror {
        untaught_with(threshold, None)
    }

    /// The same, which knows where somebody lies among the members of an archive.
    pub(crate) fn untaught_with(threshold: f32, atlas: Option<Atlas>) -> Mirror {
        let mut rng = Rng::new(2);
        let shape = landmarks::mean_shape(&[mean_face([0.0, 0.0], 1.0)]);
        let mut points = landmarks::network(&mut rng);
        // It answers with the mean shape and is sure of it, whatever it sees.
        let bias = points.params_mut().pop().expect("the last layer has a bias");
        bias.value = shape.iter().flatten().copied().chain([9.0]).collect();
        // What the detector sees it is sure of: its heads' last biases begin with that of the score.
        let mut detector = DetectorNet::new(&mut rng);
        let biases = detector.params_mut().into_iter().filter(|p| p.name.ends_with("out/bias"));
        biases.for_each(|p| p.value[0] = 4.0);
        let eyes = Eyes::from_nets(
            Detector::from_net(detector, threshold),
            LandmarkNet::from_parts(points, shape),
            AttributeNet::from_parts(attributes::network(&mut rng), Calibration::default()),
            None,
        );
        let config = Config { resolution: 8, fmap_base: 16, fmap_max: 4, fmap_min: 1, latent_size: 16 };
        let generator = Generator::new(config, &mut rng);
        let (hidden, forward_hidden) = (8, 8);
        let config = InverterConfig {
            order: crate::inverter::tests::order(),
            latent_size: 16,
            hidden,
            forward_hidden,
            individuality: 0.5,
            refine_steps: 2,
            quality_target: 0.0,
        };
        let reader = Reader::of(eyes, Inverter::new(config, &mut rng)).with_atlas(atlas);
        Mirror { reader: reader.into(), painter: Painter::new(&generator).into() }
    }

    /// Somebody with these features, in the middle of a picture of 256 pixels.
    pub(crate) fn somebody(features: FeatureVector) -> Observation {
        let landmarks = mean_face([128.0, 110.0], 40.0);
        let rect = Rect { x: 80.0, y: 70.0, w: 96.0, h: 120.0 };
        let pose = Pose::of(&landmarks).expect("a face");
        let face = Face { rect, points: [[128.0, 110.0]; 5], score: 0.9 };
        Observation { face, confidence: 0.9, landmarks, pose, judged: SOMEBODY, features }
    }

    #[test]
    fn a_face_needs_both_nets_but_one_may_make_up_for_the_other() {
        assert!(is_face(0.9, 0.9) && is_face(0.6, 0.5) && is_face(0.4, 0.99));
        assert!(!is_face(0.4, 0.5) && !is_face(0.99, 0.0) && !is_face(0.1, 1.0));
        assert!(is_face(1.0, 1.0) && !is_face(0.0, 0.0));
    }

    #[test]
    fn a_builder_is_asked_how_large_the_mirror_draws() {
        let pack = Pack::embedded().unwrap();
        let full = Mirror::new(&pack).unwrap().painter().resolution();
        for (pixels, drawn) in [(None, full), (Some(full / 2 + 1), full / 2), (Some(4 * full), full)] {
            let mirror = Mirror::builder(&pack).precision(Precision::F32).max_resolution(pixels).build().unwrap();
            assert_eq!(mirror.painter().resolution(), drawn, "{pixels:?}");
        }
        let error = Mirror::builder(&pack).max_resolution(Some(3)).build().err().expect("too small").to_string();
        assert_eq!(error, "the built-in pack: no level of at most 3 pixels: the coarsest has 4");
    }

    #[test]
    fn what_a_house_does_not_measure_no_net_is_loaded_for() {
        let pack = Pack::embedded().unwrap();
        let measures = [Group::Age, Group::Gender, Group::Likeness]
            .into_iter()
            .fold(Measures::default(), |measures, group| measures.with(group, Measure::Off));
        // The files of the nets that would say it are not even there.
        let unused = [Net::Attributes, Net::Likeness].map(Net::file);
        let names = [MANIFEST_FILE].into_iter().chain(Net::ALL.map(Net::file)).filter(|name| !unused.contains(name));
        let manifest = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../packs/office/pack.toml")).unwrap();
        let bytes = |name: &str| match name {
            MANIFEST_FILE => manifest.clone().into(),
            name => pack.file(name).unwrap().to_vec().into(),
        };
        let less = Pack::from_files("less", names.map(|name| (name.to_owned(), bytes(name))).collect()).unwrap();
        assert!(Mirror::new(&less).is_err());
        let mirror = Mirror::builder(&less).measures(measures).build().unwrap();
        let full = Mirror::new(&pack).unwrap();

        // A dream is seen all the same; of age, gender and likeness nothing is said, and the inverter takes nothing of them.
        let dream = mirror.painter().paint(&Latent::gaussian(mirror.painter().latent_size(), &mut Rng::new(11)));
        let seen = mirror.eyes().analyse_reflection(&dream).unwrap().expect("a face");
        let as_before = full.eyes().analyse_reflection(&dream).unwrap().expect("a face");
        assert_eq!(seen.judged, Judged::default());
        assert!(measures.off().iter().all(|group| seen.features.group(*group).iter().all(|value| *value == 0.0)));
        assert_eq!(seen.features, as_before.features.clone().without(&measures.off()));
        let taken: Vec<Group> = mirror.inverter().order().iter().map(|number| number.group()).collect();
        assert!(taken.len() < full.inverter().order().len() && taken.iter().all(|group| measures.takes(*group)));
        // One of two: the net runs, and what it says of the other goes no further.
        let age_only = Measures::default().with(Group::Gender, Measure::Off);
        let eyes = Eyes::measuring(&pack, &age_only).unwrap();
        let judged = eyes.analyse_reflection(&dream).unwrap().expect("a face").judged;
        assert_eq!(judged, Judged { female: None, ..as_before.judged });
    }

    #[test]
    fn where_nobody_stands_there_is_no_reflection() {
        let mirror = untaught(1.0);
        for side in [0, 1, 64] {
            assert_eq!(mirror.reflect(&smooth_picture(side)).unwrap(), None);
        }
    }

    #[test]
    fn the_same_picture_has_the_same_reflection() {
        let mirror = untaught(0.0);
        let image = smooth_picture(96);
        let reflection = mirror.reflect(&image).unwrap().expect("an untaught detector sees faces");
        assert_eq!((reflection.image.width, reflection.image.height), (8, 8));
        assert_eq!(mirror.reflect(&image).unwrap(), Some(reflection));
        assert!(!mirror.eyes().analyse(&image).unwrap().is_empty());
    }

    #[test]
    fn a_picture_that_lies_about_its_size_is_an_error() {
        let image = Image { width: 10, height: 10, data: vec![0; 7] };
        let error = untaught(0.0).reflect(&image).unwrap_err().to_string();
        assert_eq!(error, "a picture of 10 x 10 pixels needs 300 bytes, it has 7");
    }

    #[test]
    fn a_dreamt_picture_is_described_in_its_own_pixels() {
        let mirror = untaught(0.0);
        let seen = mirror.eyes().analyse_reflection(&smooth_picture(64)).unwrap().expect("faces everywhere");
        let centre = seen.landmarks.points[30];
        assert!(centre.iter().all(|v| (-64.0..128.0).contains(v)), "{centre:?}");
        let empty = Image { width: 0, height: 0, data: Vec::new() };
        assert_eq!(mirror.eyes().analyse_reflection(&empty).unwrap(), None);
        // A large one is seen as a smaller one is, at four times its size.
        let large = smooth_picture(4 * MOST_REFLECTION_PIXELS);
        let small = large.resized(MOST_REFLECTION_PIXELS, MOST_REFLECTION_PIXELS);
        let [large, small] =
            [large, small].map(|p| mirror.eyes().analyse_reflection(&p).unwrap().expect("faces everywhere"));
        assert_eq!((large.features, large.face.rect.w), (small.features, 4.0 * small.face.rect.w));
        assert_eq!(large.landmarks.points[8], small.landmarks.points[8].map(|v| 4.0 * v));
    }
}
