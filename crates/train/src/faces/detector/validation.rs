//! Chooses the detector's threshold, on pictures that the net never learns from.

use crate::data::{Negative, Portrait};
use crate::faces::scenes::{Material, Scene};
use frame::Image;
use mirror::face::Face;
use mirror::face::detector::{Detector, DetectorNet};
use nn::Rng;
use rayon::prelude::*;

/// Scenes with held-out members, drawn once.
const SCENES: u64 = 240;

/// Score below which a find plays no part in the choice of the threshold.
const LEAST_SCORE: f32 = 0.1;

/// A face is found when a box overlaps the true one by this much (intersection over union).
const FOUND_IOU: f32 = 0.5;

/// A box of which more than this share lies on something unclear is neither right nor wrong.
const UNCLEAR_SHARE: f32 = 0.3;

/// How much more recall counts than precision in the choice of the threshold.
const RECALL_COUNTS: f32 = 3.0;

/// Scenes and pictures without faces, to choose the threshold by.
pub(super) struct ValidationSet {
    scenes: Vec<Scene>,
    empty: Vec<Image>,
}

impl ValidationSet {
    /// Scenes of held-out portraits and negatives, and those negatives as they are.
    pub fn new(side: usize, portraits: &[&Portrait], negatives: &[&Negative]) -> Self {
        if portraits.is_empty() {
            return Self { scenes: Vec::new(), empty: Vec::new() };
        }
        let material = Material::new(portraits.iter().copied(), negatives.iter().copied());
        let scene = |seed| material.scene(side, &[], &mut Rng::new(seed));
        let scenes = (0..SCENES).into_par_iter().map(scene).collect();
        Self { scenes, empty: negatives.iter().map(|n| n.image.clone()).collect() }
    }

    /// Recall and precision (the share of the finds that is right) at the threshold at which they are best together, and that
    /// threshold.
    pub fn measure(&self, net: &DetectorNet) -> [f32; 3] {
        // The detector owns its net: a copy, by way of the parameters.
        let mut copy = DetectorNet::new(&mut nn::Unset);
        for (to, from) in copy.params_mut().into_iter().zip(net.params()) {
            to.value.clone_from(&from.value);
        }
        let detector = Detector::from_net(copy, LEAST_SCORE);

        let faces = self.scenes.iter().map(|s| s.faces.len()).sum();
        let in_scenes = self.scenes.par_iter().flat_map_iter(|s| judge(s, &detector.detect(&s.image)));
        let in_empty =
            self.empty.par_iter().flat_map_iter(|i| detector.detect(i).into_iter().map(|f| (f.score, false)));
        best_threshold(in_scenes.chain(in_empty).collect(), faces)
    }
}

/// Recall, precision and threshold where the F measure is highest, from the scores of all finds and whether each is right. Recall
/// counts [`RECALL_COUNTS`] times as much as precision (van Rijsbergen, "Information Retrieval", 1979, chapter 7): the landmark
/// net denies most of the wrong finds, but cannot find a face that was missed.
fn best_threshold(mut finds: Vec<(f32, bool)>, faces: usize) -> [f32; 3] {
    finds.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut best, mut best_f) = ([0.0, 0.0, 0.5], 0.0);
    let mut right = 0.0;
    for (i, (score, is_right)) in finds.iter().enumerate() {
        right += f32::from(u8::from(*is_right));
        let (recall, precision) = (right / faces.max(1) as f32, right / (i + 1) as f32);
        let squared = RECALL_COUNTS * RECALL_COUNTS;
        let f = (1.0 + squared) * recall * precision / (recall + squared * precision).max(1e-9);
        if f > best_f {
            (best, best_f) = ([recall, precision, *score], f);
        }
    }
    best
}

/// The scores of the faces found in a scene, and whether they are right. A find on something unclear is left out, and so is a
/// second box on a face: neither helps nor harms the choice of a threshold.
fn judge(scene: &Scene, found: &[Face]) -> Vec<(f32, bool)> {
    let mut missing = scene.faces.clone();
    let mut judged = Vec::new();
    for face in found {
        let r = &face.rect;
        if let Some(i) = missing.iter().position(|m| m.rect.iou(r) >= FOUND_IOU) {
            missing.swap_remove(i);
            judged.push((face.score, true));
        } else if !scene.unclear.iter().any(|u| u.intersection(r) > UNCLEAR_SHARE * r.w * r.h)
            && !scene.faces.iter().any(|f| f.rect.iou(r) >= FOUND_IOU)
        {
            judged.push((face.score, false));
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::face::Rect;

    #[test]
    fn the_threshold_keeps_recall_at_the_price_of_precision() {
        // Two right finds, a wrong one, a third right one, then only wrong ones.
        let finds = [(0.9, true), (0.8, true), (0.7, false), (0.6, true), (0.3, false), (0.2, false)];
        assert_eq!(best_threshold(finds.to_vec(), 3), [1.0, 0.75, 0.6]);
        assert_eq!(best_threshold(Vec::new(), 3), [0.0, 0.0, 0.5]);
    }

    #[test]
    fn second_boxes_and_unclear_places_are_neither_right_nor_wrong() {
        let face = |x: f32, score: f32| Face {
            rect: Rect { x, y: 10.0, w: 20.0, h: 20.0 },
            points: [[x, 10.0]; mirror::face::KEY_POINTS],
            score,
        };
        let image = Image { width: 1, height: 1, data: vec![0; 3] };
        let unclear = vec![face(60.0, 1.0).rect];
        let scene = Scene { image, faces: vec![face(10.0, 1.0)], unclear, negative: None };
        let found = [face(11.0, 0.9), face(12.0, 0.8), face(61.0, 0.7), face(110.0, 0.6)];
        assert_eq!(judge(&scene, &found), [(0.9, true), (0.6, false)]);
    }
}
