//! `narcissus portraits`: training portraits of any photographs.

use crate::options::Global;
use clap::Args;
use mirror::engine::Eyes;
use std::path::PathBuf;
use std::time::Instant;
use train::portraits::{PortraitOptions, Rules};

const HELP: &str = "\
A table of yours (--table) says of each file whom it shows. It needs the column file: the path from
its folder on, or the name. Others may be missing or empty: person, gender (F or M), birth and year
(of the photograph), source, licence. It may be as a spreadsheet saves it: commas, semicolons or tabs
between the columns, quotes, decimal commas.

Examples:
    narcissus portraits --from holiday/ --out faces
    narcissus portraits --from holiday/ portraits/ --table people.csv --out faces -v
    narcissus portraits --from portraits/ --min-pixels 100 --max-yaw 0.2 --out faces
    narcissus train gan --portraits archive/ --minutes 600 --out runs/archive";

/// Make training portraits of any photographs: aligned crops and their table.
///
/// Reads every picture in the folders and in those below them. Of each it takes the face, or the one that is much larger than all
/// others, and cuts it upright, with the eyes always in the same place. OUT/aligned192, aligned320 and aligned512 hold the crops whose
/// photographs have the pixels, as PNG; OUT/faces.csv has a row for each portrait. Pictures that cannot be read, have no such face or break
/// one of the rules below are left out and counted; -v names each.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct PortraitsArgs {
    /// Folders of photographs
    #[arg(long, required = true, num_args = 1.., value_name = "DIR")]
    from: Vec<PathBuf>,
    /// Folder for the portraits; must be empty or not exist yet
    #[arg(long, value_name = "DATA")]
    out: PathBuf,
    /// A table that says of files whom they show
    #[arg(long, value_name = "CSV")]
    table: Option<PathBuf>,
    /// How many times as large as the next the largest of several faces must be
    #[arg(long, value_name = "TIMES", default_value_t = Rules::default().main_face)]
    main_face: f32,
    /// Least pixels of the photograph along a side of the crop
    #[arg(long, value_name = "PIXELS", default_value_t = Rules::default().min_pixels)]
    min_pixels: f32,
    /// Least share of the crop inside the photograph
    #[arg(long, value_name = "SHARE", default_value_t = Rules::default().min_inside)]
    min_inside: f32,
    /// Most turned: nose offset over eye distance
    #[arg(long, value_name = "OFFSET", default_value_t = Rules::default().max_yaw)]
    max_yaw: f32,
    /// Least sharp: variance of the Laplacian at 256 pixels
    #[arg(long, value_name = "VARIANCE", default_value_t = Rules::default().min_sharpness)]
    min_sharpness: f32,
    /// Palest cheeks: chroma, CIE L*a*b*
    #[arg(long, value_name = "CHROMA", default_value_t = Rules::default().min_chroma)]
    min_chroma: f32,
    /// Least colours beside the one tone of a toned print
    #[arg(long, value_name = "SPREAD", default_value_t = Rules::default().min_colours)]
    min_colours: f32,
    /// Correlation from which on two crops are one photograph
    #[arg(long, value_name = "R", default_value_t = Rules::default().same)]
    same: f32,
}

/// Runs it.
pub fn run(options: &PortraitsArgs, global: &Global) -> anyhow::Result<()> {
    let began = Instant::now();
    let eyes = Eyes::new(&global.open_pack()?)?;
    let report = train::portraits::run(&options.options(global.verbose > 0), &eyes)?;
    eprintln!("{report}\n{:.1} s; in {}", began.elapsed().as_secs_f64(), options.out.display());
    Ok(())
}

impl PortraitsArgs {
    fn options(&self, names_left_out: bool) -> PortraitOptions {
        let Self { main_face, min_pixels, min_inside, max_yaw, min_sharpness, min_chroma, min_colours, same, .. } =
            *self;
        PortraitOptions {
            from: self.from.clone(),
            out: self.out.clone(),
            table: self.table.clone(),
            rules: Rules { main_face, min_pixels, min_inside, max_yaw, min_sharpness, min_chroma, min_colours, same },
            names_left_out,
        }
    }
}
