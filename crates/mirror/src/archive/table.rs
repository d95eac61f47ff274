//! The table of the archive's members, and its file.

use crate::face::attributes::GenderLabel;
use crate::features::{FEATURES, FeatureVector, TOLD};
use crate::inverter::{LIMIT, QuantileTable};
use crate::latent::Latent;
use nn::io::{Dtype, Weights, write_each};
use serde::Serialize;
use std::collections::BTreeMap;

/// The largest file of a table: it travels with every copy of the program.
pub const MAX_ARCHIVE_BYTES: usize = 2_000_000;

/// The largest coordinate of a latent that is kept: beyond it lies one of 16,000.
const MOST_COORDINATE: f32 = 4.0;

/// Whose portraits they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Members of the United States Congress.
    Congress,
    /// Members of both houses of the Parliament of the United Kingdom.
    Parliament,
    /// US Presidential Innovation Fellows.
    Fellows,
}

impl Source {
    /// All of them, in the order of the file's numbers.
    pub const ALL: [Self; 3] = [Self::Congress, Self::Parliament, Self::Fellows];

    /// Whether its people were elected or appointed to public office: nobody else is ever named.
    pub fn is_in_public_office(self) -> bool {
        self != Self::Fellows
    }
}

/// A person of the archive, without the numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Whose portrait it is.
    pub source: Source,
    /// The year of the portrait, as far as the archive knows it; of Congress that in which the member's last one began.
    pub year: Option<u16>,
    /// By record only.
    pub gender: Option<GenderLabel>,
    /// As the archive has it, the first name first.
    pub name: Option<String>,
}

/// The members of an archive: of each the features that may be told, as scores among the members, and the latent. No pixels, no likeness.
///
/// In the file a score and a coordinate of a latent is a byte each.
#[derive(Clone, Debug)]
pub struct Archive {
    pub(super) members: Vec<Member>,
    /// `[members, TOLD]`
    scores: Vec<u8>,
    /// `[members, latent_size]`
    latents: Vec<u8>,
    /// How each feature is distributed among the members.
    pub(super) quantiles: QuantileTable,
}

impl Archive {
    /// Of people whom the eyes have measured.
    pub fn of(measured: Vec<(Member, FeatureVector, Latent)>) -> Self {
        let told = |features: &FeatureVector| features.values()[..TOLD].to_vec();
        let mut quantiles = QuantileTable::flat("archive", TOLD);
        quantiles.fit(&measured.iter().map(|(_, features, _)| told(features)).collect::<Vec<_>>());

        let mut archive = Self { members: Vec::new(), scores: Vec::new(), latents: Vec::new(), quantiles };
        for (member, features, latent) in measured {
            let scores = told(&features).into_iter().enumerate().map(|(i, value)| archive.quantiles.score(i, value));
            archive.scores.extend(scores.map(|score| to_byte(score, LIMIT)));
            archive.latents.extend(latent.as_slice().iter().map(|v| to_byte(*v, MOST_COORDINATE)));
            archive.members.push(member.without_private_name());
        }
        archive
    }

    /// The members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The scores of a member's features among all members.
    pub fn scores(&self, member: usize) -> impl Iterator<Item = f32> + '_ {
        self.scores[member * TOLD..(member + 1) * TOLD].iter().map(|byte| of_byte(*byte, LIMIT))
    }

    /// A member's features as the eyes measured them, as far as scores of a byte know them: none lies beyond those of one member in a hundred. The
    /// likeness, which the table does not have, is 0.
    pub fn features(&self, member: usize) -> FeatureVector {
        let mut values = [0.0; FEATURES];
        let told = self.scores(member).enumerate().map(|(i, score)| self.quantiles.value(i, score));
        values.iter_mut().zip(told).for_each(|(value, told)| *value = told);
        FeatureVector::new(values).expect("a table of finite numbers")
    }

    /// Where the pack's inverter puts a member in the space of faces.
    pub fn latent(&self, member: usize) -> Latent {
        let size = self.latents.len() / self.members.len();
        let bytes = &self.latents[member * size..(member + 1) * size];
        Latent::new(bytes.iter().map(|byte| of_byte(*byte, MOST_COORDINATE)).collect()).normalised()
    }

    /// How many there are of whom, and how many of them have a name.
    fn summary(&self) -> String {
        let of = |source| self.members.iter().filter(move |member| member.source == source);
        let [congress, parliament, fellows] = Source::ALL.map(|source| of(source).count());
        let named = self.members.iter().filter(|member| member.name.is_some()).count();
        format!("{congress} of Congress, {parliament} of Parliament, {fellows} fellows; {named} with a name")
    }

    /// The bytes of a file with this metadata beside its own.
    pub(crate) fn to_bytes(&self, mut metadata: BTreeMap<String, String>) -> Vec<u8> {
        metadata.insert("members".to_owned(), self.summary());
        let of_members =
            |number: fn(&Member) -> f32| (vec![self.members.len()], self.members.iter().map(number).collect());
        let bytes = |bytes: &[u8]| bytes.iter().copied().map(f32::from).collect::<Vec<f32>>();
        let table = |values: &[u8]| (vec![self.members.len(), values.len() / self.members.len().max(1)], bytes(values));
        let names: Vec<&str> = self.members.iter().map(|member| member.name.as_deref().unwrap_or("")).collect();
        let names = names.join("\n");
        let quantiles = self.quantiles.param();

        let tensors = [
            ("scores", table(&self.scores)),
            ("latents", table(&self.latents)),
            ("sources", of_members(|member| member.source as usize as f32)),
            ("genders", of_members(|member| gender_number(member.gender))),
            ("years", of_members(|member| f32::from(member.year.unwrap_or(0)))),
            ("names", (vec![names.len()], bytes(names.as_bytes()))),
            (&quantiles.name, nn::io::filed(quantiles)),
        ];
        let tensors = tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
        let is_exact = |name: &str| name == "years" || name == quantiles.name;
        write_each(&Weights { metadata, tensors }, |name| if is_exact(name) { Dtype::F32 } else { Dtype::U8 })
    }

    /// From the tensors of a file.
    pub(crate) fn from_weights(file: &Weights) -> Result<Self, nn::Error> {
        // The numbers: as many rows everywhere.
        let (shape, scores) = tensor(file, "scores")?;
        let rows = shape.first().copied().unwrap_or(0);
        check("scores", shape, &[rows, TOLD])?;
        let (shape, latents) = tensor(file, "latents")?;
        check("latents", shape, &[rows, shape.get(1).copied().unwrap_or(1).max(1)])?;
        let bytes = |values: &[f32]| values.iter().map(|v| *v as u8).collect::<Vec<u8>>();

        let mut quantiles = QuantileTable::flat("archive", TOLD);
        let (shape, values) = tensor(file, &quantiles.param().name)?;
        check(&quantiles.param().name, shape, &nn::io::filed(quantiles.param()).0)?;
        nn::io::fill(quantiles.param_mut(), values);
        quantiles.mend();

        // Who they are.
        let column = |name: &str| -> Result<&[f32], nn::Error> {
            let (shape, values) = tensor(file, name)?;
            check(name, shape, &[rows])?;
            Ok(values)
        };
        let (sources, genders, years) = (column("sources")?, column("genders")?, column("years")?);
        let text = String::from_utf8_lossy(&bytes(&tensor(file, "names")?.1)).into_owned();
        let names: Vec<&str> = text.split('\n').collect();
        check("names", &[names.len()], &[rows.max(1)])?;

        let member = |i: usize| {
            let source = *Source::ALL.get(sources[i] as usize).ok_or(nn::Error::Range("sources".to_owned()))?;
            let year = Some(years[i] as u16).filter(|year| *year > 0);
            let name = Some(names[i].to_owned()).filter(|name| !name.is_empty());
            Ok(Member { source, year, gender: gender_of(genders[i]), name }.without_private_name())
        };
        let members = (0..rows).map(member).collect::<Result<_, nn::Error>>()?;
        Ok(Self { members, scores: bytes(scores), latents: bytes(latents), quantiles })
    }
}

impl Member {
    /// Nobody is named who is not in public office, whatever a table says.
    fn without_private_name(mut self) -> Self {
        self.name = self.name.filter(|_| self.source.is_in_public_office());
        self
    }
}

fn tensor<'a>(file: &'a Weights, name: &str) -> Result<&'a (Vec<usize>, Vec<f32>), nn::Error> {
    file.tensors.get(name).ok_or_else(|| nn::Error::Missing(name.to_owned()))
}

fn check(name: &str, found: &[usize], expected: &[usize]) -> Result<(), nn::Error> {
    if found == expected {
        return Ok(());
    }
    Err(nn::Error::Shape { name: name.to_owned(), expected: expected.to_vec(), found: found.to_vec() })
}

fn gender_number(gender: Option<GenderLabel>) -> f32 {
    match gender {
        Some(GenderLabel::Female) => 1.0,
        Some(GenderLabel::Male) => 2.0,
        Some(GenderLabel::Unsure) | None => 0.0,
    }
}

fn gender_of(number: f32) -> Option<GenderLabel> {
    match number as u8 {
        1 => Some(GenderLabel::Female),
        2 => Some(GenderLabel::Male),
        _ => None,
    }
}

/// A value between -`most` and `most` as a byte.
fn to_byte(value: f32, most: f32) -> u8 {
    ((value.clamp(-most, most) / most + 1.0) / 2.0 * 255.0).round() as u8
}

/// The way back.
fn of_byte(byte: u8, most: f32) -> f32 {
    (f32::from(byte) / 255.0 * 2.0 - 1.0) * most
}
