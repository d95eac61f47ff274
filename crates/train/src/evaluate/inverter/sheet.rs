//! Pictures of an evaluation: what was reflected, and how much is kept by how many numbers.

use super::figures::Judge;
use super::{CurvePoint, with_own};
use crate::inverter::models::Model;
use frame::Image;
use frame::draw::Chart;
use mirror::features::FeatureVector;
use mirror::generator::grid;
use mirror::inverter::{FeatureSelection, Population};
use mirror::latent::Latent;

/// What every model keeps against the number of features.
pub(super) fn draw_curve(curve: &[CurvePoint]) -> Image {
    let mut series: Vec<(String, Vec<[f32; 2]>)> = Vec::new();
    for CurvePoint { numbers, figures } in curve {
        let point = [*numbers as f32, figures.mean_correlation];
        match series.iter_mut().find(|s| s.0 == figures.model) {
            Some((_, points)) => points.push(point),
            None => series.push((figures.model.clone(), vec![point])),
        }
    }
    let title = "what came against what was asked: correlation, mean over the groups";
    let x_label = "numbers taken of each face";
    Chart { title, x_label, y_range: [0.0, 1.0], series }.draw(760, 420)
}

/// Side of a picture of the sheet, pixels.
const SIDE: usize = 128;

/// A picture as small as the sheet shows it, black beside it where it is no square.
pub(super) fn fit(image: &Image) -> Image {
    let mut square = Image { width: SIDE, height: SIDE, data: vec![0; SIDE * SIDE * 3] };
    let scale = image.width.max(image.height) as f32 / SIDE as f32;
    let offset = |s: usize| (s as f32 - SIDE as f32 * scale) / 2.0;
    let m = [[scale, 0.0, offset(image.width)], [0.0, scale, offset(image.height)]];
    kernels::warp_affine(&image.data, (image.width, image.height), &mut square.data, (SIDE, SIDE), m);
    square
}

/// Rows of ten: visitors, as [`fit`] has them, then each model's reflections of them.
pub(super) fn sheet(
    judge: &Judge,
    models: &[Box<dyn Model + '_>],
    shown: &[Image],
    visitors: &[FeatureVector],
    selection: &FeatureSelection,
) -> Image {
    // A list of pictures for the visitors and for each model.
    let mut rows: Vec<Vec<Image>> = vec![shown.to_vec()];
    for model in with_own(judge, models) {
        let latents: Vec<Latent> = visitors.iter().map(|f| model.invert(f, Population::Visitors, selection)).collect();
        rows.push(judge.painter.paint_all(&latents).iter().map(fit).collect());
    }

    // Ten columns at a time, each list below the other.
    let black = Image { width: SIDE, height: SIDE, data: vec![0; SIDE * SIDE * 3] };
    let mut cells = Vec::new();
    for start in (0..shown.len()).step_by(10) {
        for row in &rows {
            cells.extend((start..start + 10).map(|i| row.get(i).unwrap_or(&black).clone()));
        }
    }
    grid(&cells, 10)
}
