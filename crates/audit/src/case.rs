//! What the mirror makes of one person.

use crate::columns::{hue, of_face};
use crate::measure::Measure;
use crate::subjects::{Known, Subject, Subjects};
use anyhow::Result;
use frame::Image;
use mirror::engine::{Mirror, Observation, nearest, settle};
use mirror::face::attributes::GenderLabel;
use mirror::face::likeness;
use mirror::features::{FEATURES, FeatureVector, Group};
use mirror::inverter::{FeatureSelection, Population, Verdict};
use std::collections::BTreeMap;
use train::data::{Gender, read_most};
use train::evaluate::inverter::{is_in_nearest_fifth, not_given, share_nearer};

/// Somebody, as an audit counts them.
pub struct Case {
    /// The group in each column: those of the table, then the measured ones.
    pub groups: Vec<Option<usize>>,
    /// What was measured.
    pub values: BTreeMap<Measure, f32>,
}

/// Somebody who was looked at, before they are compared with everybody.
struct Looked {
    case: Case,
    /// Scores of the viewer's features, and of their reflection's if that has a face; `None` of somebody in whom no face was found.
    scores: Option<([f32; FEATURES], Option<[f32; FEATURES]>)>,
}

/// Looks at everybody, and draws their reflections, at which the mirror looks so many times.
///
/// # Errors
/// If more than a tenth of the pictures cannot be read.
pub fn look_at(mirror: &Mirror, subjects: &Subjects, looks: usize) -> Result<Vec<Case>> {
    let people: Vec<&Subject> = subjects.people.iter().collect();
    let looked = read_most("people", people, |subject| look(mirror, subject, looks))?;

    // Whose reflection is nearest to whom.
    let seen: Vec<usize> = (0..looked.len()).filter(|i| looked[*i].scores.is_some()).collect();
    let (wanted, came): (Vec<_>, Vec<_>) = looked.iter().filter_map(|l| l.scores).unzip();
    let order = mirror.inverter().order();
    let mut features = not_given(order, &vec![true; order.len()]);
    features.retain(|i| mirror.inverter().samples.varies(*i));
    let nearer = share_nearer(&wanted, &came, &features).unwrap_or_default();

    let mut cases: Vec<Case> = looked.into_iter().map(|l| l.case).collect();
    for (i, nearer) in seen.into_iter().zip(nearer) {
        cases[i].values.insert(Measure::Nearest, yes(is_in_nearest_fifth(nearer)));
    }
    Ok(cases)
}

fn yes(is: bool) -> f32 {
    f32::from(u8::from(is))
}

fn look(mirror: &Mirror, subject: &Subject, looks: usize) -> Result<Looked> {
    let mut values = BTreeMap::new();
    let features = match &subject.known {
        Known::Features(features) => Some(features.as_ref().clone()),
        Known::Picture(path) => {
            let seen = nearest(mirror.eyes().analyse(&Image::load(path)?)?);
            values.insert(Measure::Found, yes(seen.is_some()));
            seen.map(|seen| {
                values.insert(Measure::Doubt, 1.0 - seen.confidence);
                seen.features
            })
        }
    };

    // What the eyes say of the viewer, beside what is on record.
    let mut groups = subject.groups.clone();
    let Some(features) = features else {
        groups.resize(groups.len() + crate::columns::measured().len(), None);
        return Ok(Looked { case: Case { groups, values }, scores: None });
    };
    groups.extend(of_face(&features));
    judge(&features, subject, &mut values);

    // What comes back.
    let inverter = mirror.inverter();
    let wanted = inverter.input(&features, Population::Visitors, &selection(&features));
    let latent = settle(mirror.reader(), mirror.painter(), &wanted, looks);
    let came = mirror.eyes().analyse_reflection(&mirror.painter().paint(&latent))?;
    if let Some(came) = &came {
        compare(mirror, &features, came, &mut values);
    }
    let score = |came: Observation| inverter.scores(&came.features, Population::Samples);
    let scores = (inverter.scores(&features, Population::Visitors), came.map(score));
    Ok(Looked { case: Case { groups, values }, scores: Some(scores) })
}

/// All features that are known: a table of the archive has no likeness.
pub fn selection(features: &FeatureVector) -> FeatureSelection {
    let without = if features.likeness() == likeness::UNKNOWN { vec![Group::Likeness] } else { Vec::new() };
    FeatureSelection { without, ..FeatureSelection::default() }
}

/// The verdicts, held against the record.
fn judge(features: &FeatureVector, subject: &Subject, values: &mut BTreeMap<Measure, f32>) {
    let female = Verdict::Female.of(features);
    values.insert(Measure::GenderUnsure, yes(GenderLabel::of(female) == GenderLabel::Unsure));
    if let Some(age) = subject.age {
        values.insert(Measure::AgeError, Verdict::Age.of(features) - age);
    }
    if let Some(gender) = subject.gender {
        values.insert(Measure::GenderAgrees, yes((female > 0.5) == (gender == Gender::Female)));
    }
}

/// The reflection, beside the viewer.
fn compare(mirror: &Mirror, viewer: &FeatureVector, came: &Observation, values: &mut BTreeMap<Measure, f32>) {
    let reflection = &came.features;
    let lightness = |f: &FeatureVector| f.group(Group::Skin)[0];
    let turned = hue(reflection) - hue(viewer);
    values.insert(Measure::Lighter, lightness(reflection) - lightness(viewer));
    values.insert(Measure::Yellower, (turned + 540.0).rem_euclid(360.0) - 180.0);
    values.insert(Measure::Older, Verdict::Age.of(reflection) - Verdict::Age.of(viewer));
    values.insert(Measure::MoreFemale, Verdict::Female.of(reflection) - Verdict::Female.of(viewer));
    let kept = mirror.inverter().kept(viewer, reflection);
    let without = selection(viewer).without;
    let known = kept.into_iter().filter(|(group, _)| !without.contains(group));
    values.extend(known.map(|(group, kept)| (Measure::Kept(group), kept)));
}
