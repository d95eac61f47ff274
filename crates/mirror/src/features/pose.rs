//! Which way a head is turned, from its landmarks alone.

use crate::face::Landmarks;

/// Where a face looks, degrees; all zero for the mean frontal portrait.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Pose {
    /// Turned towards the right edge of the picture.
    pub yaw: f32,
    /// Chin up.
    pub pitch: f32,
    /// Tilted clockwise as seen on the screen.
    pub roll: f32,
}

/// A mean rigid face: landmark, then x to the right, y down and z away from the viewer, in inter-ocular distances
/// from the point between the eyes. x and y are the means over the near-frontal congress portraits, made
/// symmetric; z is ours, from common head measures. Points that talking moves are few: both corners and the
/// middle of the upper lip, which hold the pitch.
const MEAN_FACE: [(usize, [f64; 3]); 16] = [
    (19, [-0.633, -0.331, -0.22]),
    (21, [-0.218, -0.297, -0.33]),
    (22, [0.218, -0.297, -0.33]),
    (24, [0.633, -0.331, -0.22]),
    (27, [0.0, -0.051, -0.28]),
    (30, [0.0, 0.539, -0.72]),
    (31, [-0.221, 0.653, -0.38]),
    (33, [0.0, 0.729, -0.50]),
    (35, [0.221, 0.653, -0.38]),
    (36, [-0.71, 0.0, 0.0]),
    (39, [-0.275, 0.022, -0.12]),
    (42, [0.275, 0.022, -0.12]),
    (45, [0.71, 0.0, 0.0]),
    (48, [-0.475, 0.988, -0.28]),
    (51, [0.0, 0.925, -0.50]),
    (54, [0.475, 0.988, -0.28]),
];

impl Pose {
    /// The pose under which the mean face, seen from afar (scaled orthographic projection), fits the landmarks best.
    ///
    /// The least-squares affine map from the mean face to the picture is brought to the nearest pair of orthonormal
    /// rows; the third follows. Then `R = roll * yaw * pitch`, so that tilting the picture changes the roll alone.
    /// `None` if the points have no extent.
    pub fn of(landmarks: &Landmarks) -> Option<Self> {
        let [m0, m1] = affine_fit(landmarks)?;
        let [r0, r1] = orthonormal(m0, m1)?;
        let r2 = cross(r0, r1);
        let degrees = |v: f64| v.to_degrees() as f32;
        let pose = Self {
            yaw: degrees(r2[0].clamp(-1.0, 1.0).asin()),
            pitch: degrees((-r2[1]).atan2(r2[2])),
            roll: degrees(r1[0].atan2(r0[0])),
        };
        [pose.yaw, pose.pitch, pose.roll].iter().all(|v| v.is_finite()).then_some(pose)
    }
}

/// The two rows of the affine map, without its shift.
fn affine_fit(landmarks: &Landmarks) -> Option<[[f64; 3]; 2]> {
    let n = MEAN_FACE.len() as f64;
    let (mut model_mean, mut seen_mean) = ([0.0; 3], [0.0; 2]);
    for (i, p) in MEAN_FACE {
        (0..3).for_each(|k| model_mean[k] += p[k] / n);
        (0..2).for_each(|k| seen_mean[k] += f64::from(landmarks.points[i][k]) / n);
    }
    let (mut model, mut mixed) = ([[0.0; 3]; 3], [[0.0; 3]; 2]);
    for (i, p) in MEAN_FACE {
        let q: [f64; 3] = std::array::from_fn(|k| p[k] - model_mean[k]);
        for a in 0..3 {
            (0..3).for_each(|b| model[a][b] += q[a] * q[b]);
            (0..2).for_each(|k| mixed[k][a] += (f64::from(landmarks.points[i][k]) - seen_mean[k]) * q[a]);
        }
    }
    let [a, b, c] = model;
    let determinant = dot(a, cross(b, c));
    // The matrix is symmetric, so these rows are the columns of its adjugate too.
    let adjugate = [cross(b, c), cross(c, a), cross(a, b)];
    (determinant > 0.0).then(|| mixed.map(|row| std::array::from_fn(|k| dot(row, adjugate[k]) / determinant)))
}

/// The nearest orthonormal pair: (M M^T)^(-1/2) M, the polar factor.
fn orthonormal(m0: [f64; 3], m1: [f64; 3]) -> Option<[[f64; 3]; 2]> {
    let (a, b, d) = (dot(m0, m0), dot(m0, m1), dot(m1, m1));
    let root_det = (a * d - b * b).max(0.0).sqrt();
    if !root_det.is_finite() || root_det < 1e-9 * (a + d) || a + d == 0.0 {
        return None;
    }
    // Square root of a 2x2 matrix S: (S + sqrt(det) I) / sqrt(trace + 2 sqrt(det)); its determinant is sqrt(det S).
    let t = (a + d + 2.0 * root_det).sqrt() * root_det;
    let inverse = [[(d + root_det) / t, -b / t], [-b / t, (a + root_det) / t]];
    Some(inverse.map(|[x, y]| std::array::from_fn(|k| x * m0[k] + y * m1[k])))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::LANDMARKS;

    /// The mean face as a far camera sees it.
    fn seen(yaw: f64, pitch: f64, roll: f64) -> Landmarks {
        let mut points = [[0.0; 2]; LANDMARKS];
        for (i, [x, y, z]) in MEAN_FACE {
            // Chin up: what lies towards the viewer (negative z) rises.
            let (s, c) = pitch.to_radians().sin_cos();
            let (y, z) = (c * y + s * z, -s * y + c * z);
            let (s, c) = yaw.to_radians().sin_cos();
            let (x, _) = (c * x - s * z, s * x + c * z);
            let (s, c) = roll.to_radians().sin_cos();
            let (x, y) = (c * x - s * y, s * x + c * y);
            points[i] = [(200.0 + 50.0 * x) as f32, (100.0 + 50.0 * y) as f32];
        }
        Landmarks { points }
    }

    #[test]
    fn a_turned_mean_face_gives_its_angles_back() {
        for (yaw, pitch, roll) in [(0.0, 0.0, 0.0), (30.0, 0.0, 0.0), (-20.0, 15.0, 10.0), (5.0, -25.0, -40.0)] {
            let pose = Pose::of(&seen(yaw, pitch, roll)).unwrap();
            let errors = [f64::from(pose.yaw) - yaw, f64::from(pose.pitch) - pitch, f64::from(pose.roll) - roll];
            assert!(errors.iter().all(|e| e.abs() < 0.01), "{yaw} {pitch} {roll} became {pose:?}");
        }
    }

    #[test]
    fn points_without_extent_have_no_pose() {
        assert_eq!(Pose::of(&Landmarks { points: [[3.0, 4.0]; LANDMARKS] }), None);
        assert_eq!(Pose::of(&Landmarks { points: std::array::from_fn(|i| [i as f32, 0.0]) }), None);
    }
}
