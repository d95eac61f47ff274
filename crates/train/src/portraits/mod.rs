//! Makes training portraits of any photographs: aligned crops as in `congress/aligned`, and their table.
//!
//! The eyes of a pack find each face; rules say which portraits are good enough. Pictures are read twice: first to be judged, then, those
//! that stay, to be cut. So memory holds a few numbers a picture, and nothing is written of what is left out. The same pictures under the
//! same rules give the same files, however many threads work.

mod duplicates;
mod look;
mod measure;
mod output;
mod records;
mod report;
mod rules;
mod walk;

pub use report::{LeftOut, PortraitReport, Rule};
pub use rules::Rules;

use crate::runs::{Progress, bar, one_line, say};
use anyhow::Result;
use frame::Image;
use look::Candidate;
use mirror::engine::Eyes;
use output::OutputFolder;
use rayon::prelude::*;
use records::{Record, Records};
use std::path::PathBuf;
use walk::PictureFile;

/// Which photographs become portraits, and where they go.
#[derive(Clone, Debug)]
pub struct PortraitOptions {
    /// Folders of photographs, with all folders in them.
    pub from: Vec<PathBuf>,
    /// Folder of the portraits; must not exist or be empty.
    pub out: PathBuf,
    /// A table that says of files whom they show.
    pub table: Option<PathBuf>,
    /// Which portraits are good enough.
    pub rules: Rules,
    /// Names every picture that is left out, and why.
    pub names_left_out: bool,
}

/// A photograph that is good enough.
struct Portrait {
    file: PictureFile,
    record: Record,
    seen: Candidate,
}

/// Makes the portraits: `alignedN/` for every size that some have the pixels for, and `faces.csv`.
///
/// # Errors
/// If a folder or the table cannot be read, `out` is not empty or cannot be written, or no picture is good enough. Then nothing is left in
/// `out`. A picture that cannot be read is no error: it is named and left out.
pub fn run(options: &PortraitOptions, eyes: &Eyes) -> Result<PortraitReport> {
    // What may fail at once comes first.
    let files = walk::pictures_below(&options.from)?;
    let mut records = options.table.as_deref().map(Records::read).transpose()?.unwrap_or_default();
    let mut out = OutputFolder::open(&options.out)?;
    let mut report = PortraitReport::new(files.len());

    // Judge every picture.
    let progress = bar(files.len() as u64, "pictures");
    let judge = |file: &PictureFile| {
        let judged = judge(file, eyes, &options.rules);
        progress.inc(1);
        judged
    };
    let judged: Vec<Result<Candidate, LeftOut>> = files.par_iter().map(judge).collect();
    progress.finish_and_clear();
    let mut portraits = Vec::new();
    for (file, judged) in files.into_iter().zip(judged) {
        match judged {
            Ok(seen) => portraits.push(Portrait { record: records.of(&file), file, seen }),
            Err(left_out) => {
                records.of(&file);
                report.left_out.push(left_out);
            }
        }
    }
    report.left_out.extend(duplicates::remove(&mut portraits, options.rules.same));
    report.unused_rows = records.unused();

    // Cut those that stay.
    let progress = bar(portraits.len() as u64, "portraits");
    let portraits = cut(portraits, &mut out, &progress, &mut report)?;
    progress.finish_and_clear();
    report.left_out.sort_by(|a, b| a.path.cmp(&b.path));
    let named = report.left_out.iter().filter(|l| options.names_left_out || l.rule == Rule::Unreadable);
    named.for_each(|left_out| say(format_args!("left out: {left_out}")));
    anyhow::ensure!(
        !portraits.is_empty(),
        "no portrait to learn from: {}\nhint: -v names each picture; the flags of the rules say what is asked of a portrait",
        report.left_out_in_words()
    );
    out.write_table(&portraits)?;
    report.count(portraits.iter().map(|(_, p)| p.seen.source_pixels));
    out.keep();
    Ok(report)
}

/// What the eyes find in a picture, or why it is left out.
fn judge(file: &PictureFile, eyes: &Eyes, rules: &Rules) -> Result<Candidate, LeftOut> {
    let left_out = |(rule, why)| LeftOut { path: file.path.clone(), rule, why };
    let image = Image::load(&file.path).map_err(|e| left_out(unreadable(e)))?;
    look::main_face(&image, eyes, rules).and_then(|seen| rules.check(&seen).map(|()| seen)).map_err(left_out)
}

fn unreadable(error: frame::ImageError) -> (Rule, String) {
    // The file is named already.
    let why = match error {
        frame::ImageError::File { source, .. } => *source,
        other => other,
    };
    (Rule::Unreadable, one_line(&why.into()))
}

/// Writes the crops; gives back the portraits with the names of their files. Those that can no longer be read are left out.
fn cut(
    portraits: Vec<Portrait>,
    out: &mut OutputFolder,
    progress: &Progress,
    report: &mut PortraitReport,
) -> Result<Vec<(String, Portrait)>> {
    let named: Vec<(String, Portrait)> = portraits.into_iter().map(|p| (out.name_for(&p.file), p)).collect();
    let out = &*out;
    let write = |(name, portrait): &(String, Portrait)| -> Result<Option<LeftOut>> {
        let written = match Image::load(&portrait.file.path) {
            Ok(image) => out.write_crops(name, &image, &portrait.seen).map(|()| None),
            Err(error) => {
                let (rule, why) = unreadable(error);
                Ok(Some(LeftOut { path: portrait.file.path.clone(), rule, why }))
            }
        };
        progress.inc(1);
        written
    };
    let written: Vec<Option<LeftOut>> = named.par_iter().map(write).collect::<Result<_>>()?;

    let mut kept = Vec::new();
    for (portrait, vanished) in named.into_iter().zip(written) {
        match vanished {
            None => kept.push(portrait),
            Some(left_out) => report.left_out.push(left_out),
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests;
