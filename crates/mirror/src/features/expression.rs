//! What a face does, in a few numbers: they are differences of landmarks too, but what people notice first.

use crate::face::Landmarks;

/// What the numbers are called.
pub const NAMES: [&str; 5] = ["mouth_open", "mouth_wide", "smile", "eyes_open", "brows_raised"];

/// The numbers of a face in its own frame (inter-ocular distances, y down): the gap between the lips, the width of the mouth, by how much
/// its corners lie above the middle of the lips, the gap between the lids and the height of the brows above the eyes, both sides' mean.
pub fn measure(shape: &Landmarks) -> [f32; NAMES.len()] {
    let p = &shape.points;
    let y = |points: &[usize]| points.iter().map(|i| p[*i][1]).sum::<f32>() / points.len() as f32;
    [
        y(&[65, 66, 67]) - y(&[61, 62, 63]),
        p[54][0] - p[48][0],
        y(&[51, 57, 62, 66]) - y(&[48, 54]),
        y(&[40, 41, 46, 47]) - y(&[37, 38, 43, 44]),
        y(&[36, 39, 42, 45]) - y(&[18, 19, 20, 23, 24, 25]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_movement_raises_its_number() {
        let neutral = Landmarks::schematic();
        let before = measure(&neutral);
        let moved = |points: &[usize], by: [f32; 2]| {
            let mut face = neutral.clone();
            points.iter().for_each(|i| face.points[*i] = [face.points[*i][0] + by[0], face.points[*i][1] + by[1]]);
            measure(&face)
        };
        let movements: [(&[usize], [f32; 2]); 5] = [
            (&[55, 56, 57, 58, 59, 65, 66, 67], [0.0, 0.2]),
            (&[54], [0.1, 0.0]),
            (&[48, 54], [0.0, -0.1]),
            (&[37, 38, 43, 44], [0.0, -0.05]),
            (&[17, 18, 19, 20, 21, 22, 23, 24, 25, 26], [0.0, -0.1]),
        ];
        for (i, (points, by)) in movements.into_iter().enumerate() {
            let after = moved(points, by);
            assert!(after[i] > before[i] + 0.04, "{}: {} became {}", NAMES[i], before[i], after[i]);
        }
    }
}
