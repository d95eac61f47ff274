//! From the net's output to faces: the cells that are sure enough, and one face where several cells see it.

use super::super::geometry::{Face, Rect};
use super::net::{OUTPUTS, box_unit};

/// Boxes that overlap by more (intersection over union) are one face.
const NMS_IOU: f32 = 0.35;

/// So are boxes of which one covers this share of the other.
const NMS_COVER: f32 = 0.7;

/// Candidates kept before overlapping ones are merged: bounds the time in a hall of mirrors.
const MAX_CANDIDATES: usize = 2000;

/// Boxes that overlap by less have another size: they do not move the edges of the face that they are merged into.
const SAME_SIZE_IOU: f32 = 0.5;

/// Logarithms of the least and the largest width or height that a cell may answer, in [`box_unit`]s: beyond any face of its level, so
/// that no answer becomes infinite.
const LOG_SIZES: [f32; 2] = [-4.0, 3.0];

/// Adds the cells of one level's output whose score reaches the threshold, as faces in net pixels.
pub fn candidates(output: &[f32], columns: usize, stride: usize, threshold: f32, faces: &mut Vec<Face>) {
    let (s, unit) = (stride as f32, box_unit(stride));
    let least = nn::loss::logit(threshold);
    for (i, cell) in output.chunks_exact(OUTPUTS).enumerate() {
        if cell[0].is_nan() || cell[0] < least {
            continue;
        }
        let score = nn::loss::sigmoid(cell[0]);
        let (x, y) = (((i % columns) as f32 + 0.5) * s, ((i / columns) as f32 + 0.5) * s);
        let (cx, cy) = (x + cell[1] * s, y + cell[2] * s);
        let [w, h] = [cell[3], cell[4]].map(|l| l.clamp(LOG_SIZES[0], LOG_SIZES[1]).exp() * unit);
        let points = std::array::from_fn(|k| [x + cell[5 + 2 * k] * unit, y + cell[6 + 2 * k] * unit]);
        faces.push(Face { rect: Rect { x: cx - w / 2.0, y: cy - h / 2.0, w, h }, points, score });
    }
}

/// Overlapping boxes become one: the best score, and the mean box and points weighted by the squared scores. Sorted by
/// score.
pub fn merge(mut faces: Vec<Face>) -> Vec<Face> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    faces.truncate(MAX_CANDIDATES);

    // The surest, the weighted sum of all (box, then points), and the weight.
    let mut groups: Vec<(Face, [f32; OUTPUTS], f32)> = Vec::new();
    for face in faces {
        let same = groups.iter().position(|(best, ..)| same_face(&best.rect, &face.rect));
        let group = same.unwrap_or_else(|| {
            groups.push((face, [0.0; OUTPUTS], 0.0));
            groups.len() - 1
        });
        let (best, sum, weight) = &mut groups[group];
        // A box that is merely covered, of quite another size, says nothing about the edges.
        if best.rect.iou(&face.rect) >= SAME_SIZE_IOU {
            let Rect { x, y, w, h } = face.rect;
            let share = face.score * face.score;
            let values = [x, y, w, h].into_iter().chain(face.points.into_iter().flatten());
            sum.iter_mut().zip(values).for_each(|(s, v)| *s += share * v);
            *weight += share;
        }
    }

    let mean = |(best, sum, weight): (Face, [f32; OUTPUTS], f32)| {
        if weight <= 0.0 {
            return best;
        }
        let v = sum.map(|s| s / weight);
        let points = std::array::from_fn(|k| [v[4 + 2 * k], v[5 + 2 * k]]);
        Face { rect: Rect { x: v[0], y: v[1], w: v[2], h: v[3] }, points, ..best }
    };
    groups.into_iter().map(mean).collect()
}

fn same_face(a: &Rect, b: &Rect) -> bool {
    let smaller = (a.w * a.h).min(b.w * b.h).max(1e-9);
    a.iou(b) > NMS_IOU || a.intersection(b) / smaller > NMS_COVER
}

#[cfg(test)]
mod tests {
    use super::super::super::geometry::KEY_POINTS;
    use super::*;

    fn face(x: f32, y: f32, s: f32, score: f32) -> Face {
        Face { rect: Rect { x, y, w: s, h: s }, points: [[x, y]; KEY_POINTS], score }
    }

    #[test]
    fn overlapping_boxes_become_one_and_the_surest_comes_first() {
        let merged = merge(vec![
            face(0.0, 0.0, 10.0, 0.5),
            face(50.0, 0.0, 10.0, 0.8),
            face(1.0, 0.0, 10.0, 0.5),
            face(3.0, 3.0, 4.0, 0.4),
        ]);
        assert_eq!(merged.len(), 2);
        assert!((merged[0].rect.x - 50.0).abs() < 1e-3);
        assert!((merged[1].rect.x - 0.5).abs() < 1e-3 && (merged[1].rect.w - 10.0).abs() < 1e-3);
        assert!((merged[1].points[4][0] - 0.5).abs() < 1e-3 && merged[1].points[4][1].abs() < 1e-3);
    }
}
