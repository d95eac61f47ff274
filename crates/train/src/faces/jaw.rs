//! The contour of the jaw as the 300-W mark-up defines it: 17 points evenly from ear to ear, the first at the height of the
//! eyes, the ninth the chin. The teacher's are vertices of a mesh, crowded where the mesh is fine, and begin at the temples.
//!
//! Source: C. Sagonas, G. Tzimiropoulos, S. Zafeiriou, M. Pantic, "300 Faces in-the-Wild Challenge", ICCV Workshops 2013, figure 1.

use mirror::face::Landmarks;

/// Index of the chin; the sides of the jaw have as many points each.
const CHIN: usize = 8;
/// Pieces of the smooth contour between two of the points.
const PIECES: usize = 32;

/// The same face with its jaw's points moved along their contour.
pub fn with_even_jaw(face: &Landmarks) -> Landmarks {
    let mut even = face.clone();
    for from_ear in [(|i| i) as fn(usize) -> usize, |i| 2 * CHIN - i] {
        let contour = side(face, from_ear);
        let mut lengths = vec![0.0];
        for (a, b) in contour.iter().zip(&contour[1..]) {
            lengths.push(lengths[lengths.len() - 1] + (a[0] - b[0]).hypot(a[1] - b[1]));
        }
        let whole = lengths[contour.len() - 1];
        for i in 0..CHIN {
            let reached = whole * i as f32 / CHIN as f32;
            even.points[from_ear(i)] = contour[lengths.partition_point(|l| *l < reached)];
        }
    }
    even
}

/// A smooth curve through one side's points, from the height of the eyes (if it reaches that high) to the chin.
fn side(face: &Landmarks, from_ear: fn(usize) -> usize) -> Vec<[f32; 2]> {
    let point = |i: usize| face.points[from_ear(i.min(2 * CHIN))];
    let mut contour: Vec<[f32; 2]> = (0..CHIN * PIECES)
        .map(|piece| {
            let (i, t) = (piece / PIECES, (piece % PIECES) as f32 / PIECES as f32);
            catmull_rom([point(i.saturating_sub(1)), point(i), point(i + 1), point(i + 2)], t)
        })
        .collect();
    contour.push(point(CHIN));
    let [a, b] = [face.points[36], face.points[45]];
    let below_the_eyes = |p: &[f32; 2]| (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) >= 0.0;
    contour.split_off(contour.iter().position(below_the_eyes).unwrap_or(0))
}

/// The smooth curve from the second of four points to the third, at `t` from 0 to 1.
fn catmull_rom(p: [[f32; 2]; 4], t: f32) -> [f32; 2] {
    std::array::from_fn(|i| {
        let [a, b, c, d] = p.map(|p| p[i]);
        0.5 * (2.0 * b + t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::face::LANDMARKS;
    use mirror::face::align::Similarity;

    /// A face whose jaw is half a circle around the point between the eyes, gone along by uneven steps from above the eyes.
    fn face() -> Landmarks {
        let mut points = [[0.0; 2]; LANDMARKS];
        (points[36], points[45]) = ([-0.7, 0.0], [0.7, 0.0]);
        for (i, point) in points[..17].iter_mut().enumerate() {
            let t = i as f32 / 8.0 - 1.0;
            let angle = 1.9 * t * (0.6 + 0.4 * t.abs());
            *point = [angle.sin(), angle.cos()];
        }
        Landmarks { points }
    }

    #[test]
    fn the_points_lie_evenly_on_the_contour_from_the_height_of_the_eyes() {
        let even = with_even_jaw(&face());
        for (i, p) in even.points[..17].iter().enumerate() {
            let angle = (i as f32 / 8.0 - 1.0) * std::f32::consts::FRAC_PI_2;
            let error = (p[0] - angle.sin()).hypot(p[1] - angle.cos());
            assert!(error < 0.02, "{i}: {p:?}");
        }
        assert_eq!(even.points[17..], face().points[17..]);
        assert_eq!(even.points[8], face().points[8]);
    }

    #[test]
    fn a_face_elsewhere_and_turned_has_the_same_jaw_there() {
        let there = Similarity::new(40.0, 0.6, [300.0, 200.0]);
        let (a, b) = (with_even_jaw(&face()).map(&there), with_even_jaw(&face().map(&there)));
        assert!(a.mean_distance(&b) < 0.3, "{}", a.mean_distance(&b));
    }

    #[test]
    fn a_jaw_that_begins_below_the_eyes_keeps_its_ends_and_one_without_length_its_place() {
        let mut low = face();
        low.points[..17].iter_mut().for_each(|p| p[1] += 2.0);
        let even = with_even_jaw(&low);
        assert_eq!([even.points[0], even.points[16]], [low.points[0], low.points[16]]);
        let nowhere = Landmarks { points: [[3.0, 4.0]; LANDMARKS] };
        assert_eq!(with_even_jaw(&nowhere), nowhere);
    }
}
