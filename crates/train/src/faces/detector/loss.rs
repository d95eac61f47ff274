//! Which cells of the detector's levels should see a face, and how wrong the net is about it.

use crate::faces::scenes::Scene;
use mirror::face::Face;
use mirror::face::detector::{LEVEL_LIMITS, OUTPUTS, STRIDES, box_unit};
use nn::Tensor;
use nn::loss::{focal_with_logits, smooth_l1};

/// Cells this close to the face's centre (in face sizes) are to find it, and the nearest one in any case.
const CENTRE: f32 = 0.2;

/// Cells further than that, but within this, may do as they like.
const AROUND: f32 = 0.42;

/// A face also belongs to a level whose limits it misses by this factor, ...
const SHARED: f32 = 1.15;

/// ... and by this one it is left open.
const OPEN: f32 = 1.6;

/// Weights of a box's four numbers and of a point's two against the faces.
const BOX_WEIGHT: f32 = 2.0;
const POINT_WEIGHT: f32 = 0.5;

/// What one cell should say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Label {
    /// No face here.
    Nothing,
    /// Not counted.
    Open,
    /// This face.
    Face(Face),
}

/// The labels of one level's cells for one scene.
pub struct Labels {
    stride: f32,
    columns: usize,
    cells: Vec<Label>,
}

impl Labels {
    /// For the level `level` of `columns` x `rows` cells.
    pub fn new(scene: &Scene, level: usize, columns: usize, rows: usize) -> Self {
        let stride = STRIDES[level] as f32;
        let low = if level == 0 { 0.0 } else { LEVEL_LIMITS[level - 1] };
        let high = LEVEL_LIMITS.get(level).copied().unwrap_or(f32::INFINITY);
        let mut cells = vec![Label::Nothing; columns * rows];
        let centre = |i: usize| [((i % columns) as f32 + 0.5) * stride, ((i / columns) as f32 + 0.5) * stride];

        // Nothing is claimed about what is unclear.
        for r in &scene.unclear {
            for (i, cell) in cells.iter_mut().enumerate() {
                let [x, y] = centre(i);
                if x >= r.x && y >= r.y && x < r.x + r.w && y < r.y + r.h {
                    *cell = Label::Open;
                }
            }
        }

        // Around every face of about this level's size: the middle shall find it, the surroundings may.
        for face in &scene.faces {
            let r = &face.rect;
            let size = (r.w * r.h).sqrt();
            if size < low / OPEN || size > high * OPEN {
                continue;
            }
            let mine = size >= low / SHARED && size < high * SHARED;
            let [cx, cy] = [r.x + r.w / 2.0, r.y + r.h / 2.0];
            let nearest = |v: f32, end: usize| ((v / stride).max(0.0) as usize).min(end.saturating_sub(1));
            let nearest = nearest(cy, rows) * columns + nearest(cx, columns);
            for (i, cell) in cells.iter_mut().enumerate() {
                let [x, y] = centre(i);
                let distance = (x - cx).hypot(y - cy) / size;
                if mine && (distance <= CENTRE || i == nearest) {
                    *cell = Label::Face(*face);
                } else if distance <= AROUND && *cell == Label::Nothing {
                    *cell = Label::Open;
                }
            }
        }
        Self { stride, columns, cells }
    }
}

/// Mean loss a face cell (in all, of the faces, of the boxes and points) and its gradient with respect to the outputs.
pub fn loss(outputs: [&Tensor; 3], labels: &[[Labels; 3]]) -> ([f32; 3], [Tensor; 3]) {
    let is_face = |l: &&Label| matches!(l, Label::Face(_));
    let faces = labels.iter().flatten().flat_map(|l| &l.cells).filter(is_face).count();
    // A batch without faces would blow its few mistakes up.
    let scale = 1.0 / faces.max(labels.len()) as f32;

    // Cell by cell of every level and scene.
    let mut gradients = outputs.map(|o| Tensor::zeros(o.shape));
    let (mut of_faces, mut of_boxes) = (0.0, 0.0);
    for (level, gradient) in gradients.iter_mut().enumerate() {
        let row = outputs[level].row_len();
        for (scene, labels) in labels.iter().enumerate() {
            let labels = &labels[level];
            let cells = outputs[level].data[scene * row..].chunks_exact(OUTPUTS);
            let targets = gradient.data[scene * row..(scene + 1) * row].chunks_exact_mut(OUTPUTS);
            for (i, ((label, cell), d)) in labels.cells.iter().zip(cells).zip(targets).enumerate() {
                if *label == Label::Open {
                    continue;
                }
                let (value, slope) = focal_with_logits(cell[0], *label != Label::Nothing);
                of_faces += scale * value;
                d[0] = scale * slope;
                let Label::Face(face) = label else { continue };
                for (k, (target, unit)) in targets_of(face, labels, i).into_iter().enumerate() {
                    let weight = scale * if k < 4 { BOX_WEIGHT } else { POINT_WEIGHT };
                    let (value, slope) = smooth_l1((cell[1 + k] - target) * unit, 0.05);
                    of_boxes += weight * value;
                    d[1 + k] = weight * slope * unit;
                }
            }
        }
    }
    ([of_faces + of_boxes, of_faces, of_boxes], gradients)
}

/// What a cell's outputs after the logit should be, and what one of their units is worth in sizes of the face.
fn targets_of(face: &Face, labels: &Labels, cell: usize) -> [(f32, f32); OUTPUTS - 1] {
    let (r, s, unit) = (&face.rect, labels.stride, box_unit(labels.stride as usize));
    let size = (r.w * r.h).sqrt();
    let (x, y) = (((cell % labels.columns) as f32 + 0.5) * s, ((cell / labels.columns) as f32 + 0.5) * s);
    let mut targets = [(0.0, unit / size); OUTPUTS - 1];
    targets[..4].copy_from_slice(&[
        ((r.x + r.w / 2.0 - x) / s, s / size),
        ((r.y + r.h / 2.0 - y) / s, s / size),
        ((r.w / unit).ln(), 1.0),
        ((r.h / unit).ln(), 1.0),
    ]);
    for (target, [px, py]) in targets[4..].chunks_exact_mut(2).zip(face.points) {
        (target[0].0, target[1].0) = ((px - x) / unit, (py - y) / unit);
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use frame::Image;
    use mirror::face::Rect;
    use mirror::face::detector::candidates;

    fn face(x: f32, y: f32, w: f32, h: f32) -> Face {
        let points = [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.3, 0.8], [0.6, 0.8]];
        Face { rect: Rect { x, y, w, h }, points: points.map(|[u, v]| [x + u * w, y + v * h]), score: 1.0 }
    }

    fn scene(faces: Vec<Face>) -> Scene {
        let image = Image { width: 192, height: 192, data: vec![0; 192 * 192 * 3] };
        Scene { image, faces, unclear: Vec::new(), negative: None }
    }

    #[test]
    fn every_face_has_a_cell_and_its_targets_decode_to_the_face() {
        for (w, h) in [(10.0, 13.0), (30.0, 40.0), (80.0, 100.0), (140.0, 190.0)] {
            let face = face(17.3, 5.9, w, h);
            let scene = scene(vec![face]);
            let mut cells = 0;
            for (level, stride) in STRIDES.into_iter().enumerate() {
                let n = 192 / stride;
                let labels = Labels::new(&scene, level, n, n);
                for (i, label) in labels.cells.iter().enumerate() {
                    let Label::Face(f) = label else { continue };
                    let mut output = vec![-9.0; n * n * OUTPUTS];
                    output[i * OUTPUTS] = 9.0;
                    for (k, (t, _)) in targets_of(f, &labels, i).into_iter().enumerate() {
                        output[i * OUTPUTS + 1 + k] = t;
                    }
                    let mut found = Vec::new();
                    candidates(&output, n, stride, 0.5, &mut found);
                    assert!(found.len() == 1 && found[0].rect.iou(&face.rect) > 0.999, "{found:?} against {face:?}");
                    let off = |(a, b): ([f32; 2], [f32; 2])| (a[0] - b[0]).hypot(a[1] - b[1]);
                    assert!(found[0].points.into_iter().zip(face.points).all(|pair| off(pair) < 1e-2));
                    cells += 1;
                }
            }
            assert!(cells > 0, "no cell for {w} x {h}");
        }
    }

    #[test]
    fn gradient_equals_finite_differences() {
        let scene = scene(vec![face(40.0, 60.0, 26.0, 34.0)]);
        let mut rng = nn::Rng::new(2);
        let mut outputs = STRIDES.map(|s| {
            let n = 192 / s;
            Tensor::new([1, n, n, OUTPUTS], rng.normals(n * n * OUTPUTS))
        });
        let labels = [std::array::from_fn(|l| Labels::new(&scene, l, 192 / STRIDES[l], 192 / STRIDES[l]))];
        let (_, gradients) = loss(outputs.each_ref(), &labels);
        for (level, stride) in STRIDES.into_iter().enumerate() {
            let near = (77 / stride * (192 / stride) + 53 / stride) * OUTPUTS;
            for i in (near..near + OUTPUTS).chain([0, 7]) {
                let old = outputs[level].data[i];
                let mut at = |v: f32| {
                    outputs[level].data[i] = v;
                    f64::from(loss(outputs.each_ref(), &labels).0[0])
                };
                let slope = (at(old + 1e-2) - at(old - 1e-2)) / 2e-2;
                at(old);
                let found = f64::from(gradients[level].data[i]);
                assert!((slope - found).abs() < 1e-2 + 2e-2 * slope.abs(), "{level} {i}: {slope} against {found}");
            }
        }
    }
}
