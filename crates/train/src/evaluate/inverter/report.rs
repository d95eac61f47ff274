//! The figures of an inverter as people and programs read them.

use super::fidelity::{MouthFidelity, SkinFidelity};
use super::figures::{KeptShare, ModelFigures};
use super::retrieval::Retrieval;
use mirror::features::Group;
use serde::Serialize;
use std::fmt;

/// All figures.
#[derive(Debug, Serialize)]
pub struct InverterReport {
    /// Pictures of the generator.
    pub samples: PopulationReport,
    /// People.
    pub visitors: PopulationReport,
    /// Mean distance of two free samples, for comparison with the populations' diversity.
    pub diversity_of_free_samples: f32,
    /// Time of one inversion, the median.
    pub invert_median_ms: f32,
    /// What samples keep by the first few numbers; empty where it was not asked for.
    pub curve: Vec<CurvePoint>,
}

/// Of one population.
#[derive(Debug, Serialize)]
pub struct PopulationReport {
    /// Where it comes from.
    pub who: &'static str,
    /// Pictures, or rows of the pack's table.
    pub looked_at: usize,
    /// Those of them in which a face was seen.
    pub with_a_face: usize,
    /// Median of [`Inverter::distance_from_archive`](mirror::inverter::Inverter::distance_from_archive).
    pub distance_from_archive: f32,
    /// The mirror's first.
    pub models: Vec<ModelFigures>,
}

/// What samples keep by the first few numbers.
#[derive(Debug, Serialize)]
pub struct CurvePoint {
    /// How many numbers.
    pub numbers: usize,
    /// What a model keeps by them.
    pub figures: ModelFigures,
}

impl fmt::Display for InverterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.samples.write(f, "samples")?;
        self.visitors.write(f, "visitors")?;
        write!(
            f,
            "distance of two free samples {:.1}; one inversion {:.2} ms",
            self.diversity_of_free_samples, self.invert_median_ms
        )?;
        if !self.curve.is_empty() {
            write!(f, "\nmean correlation by the numbers taken of each face (samples):")?;
        }
        for CurvePoint { numbers, figures } in &self.curve {
            write!(f, "\n  {numbers:>4} {:<24} {:.2}", figures.model, figures.mean_correlation)?;
        }
        Ok(())
    }
}

impl PopulationReport {
    fn write(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let Self { who, looked_at, with_a_face, distance_from_archive, models } = self;
        writeln!(
            f,
            "{name} ({who}): {with_a_face} of {looked_at} with a face, distance from the archive {distance_from_archive:.2}"
        )?;

        // The mirror's own in detail.
        let mirror = &models[0];
        writeln!(f, "  share of variance kept (95 % interval), and correlation of what came with what was asked")?;
        let groups = || Group::ALL.map(Group::name).into_iter().filter(|group| mirror.kept.contains_key(group));
        for group in groups() {
            let kept = &mirror.kept[group];
            let (low, high) = kept.interval;
            let r = mirror.correlation[group];
            writeln!(f, "  {group:<10} {:5.2} ({low:.2} to {high:.2})   r {r:.2}", kept.value)?;
        }

        if let Some(Retrieval { features, nearest_fifth: KeptShare { value, interval: (low, high) }, nearer }) =
            &mirror.retrieval
        {
            let [value, low, high, nearer] = [value, low, high, nearer].map(|share| 100.0 * share);
            writeln!(
                f,
                "  own reflection in the nearest fifth, by {features} features that were not given: {value:.0} % ({low:.0} to {high:.0}; by chance 20); {nearer:.0} % are nearer in the mean (50)"
            )?;
        }

        for SkinFidelity { name, viewers, lighter: KeptShare { value, interval: (low, high) } } in &mirror.fidelity.skin
        {
            writeln!(f, "  {name} skin ({viewers}): comes back lighter by {value:.1} L* ({low:.1} to {high:.1})")?;
        }
        for (name, mouths) in [("closed", &mirror.fidelity.closed_mouths), ("open", &mirror.fidelity.open_mouths)] {
            if let Some(MouthFidelity { viewers, kept: KeptShare { value, interval: (low, high) } }) = mouths {
                let [value, low, high] = [value, low, high].map(|share| 100.0 * share);
                writeln!(f, "  {name} mouths ({viewers}): {value:.0} % come back {name} ({low:.0} to {high:.0})")?;
            }
        }

        // All of them in a row each.
        write!(f, "  {:<24}", "kept | r by model")?;
        groups().try_for_each(|group| write!(f, "{group:>14}"))?;
        writeln!(f, "{:>8}{:>8}{:>10}", "faces", "mean r", "distance")?;
        for m in models {
            write!(f, "  {:<24}", m.model)?;
            for group in groups() {
                write!(f, "{:>7.2} |{:5.2}", m.kept[group].value, m.correlation[group])?;
            }
            let faces = 100.0 * m.reflections_with_a_face;
            writeln!(f, "{faces:>6.0} %{:>8.2}{:>10.1}", m.mean_correlation, m.diversity)?;
        }
        Ok(())
    }
}
