//! `narcissus train`: teaches one of the nets.

/// What the help of trainers and evaluations says of pictures and tables.
macro_rules! about_pictures {
    () => {
        "\
Pictures and tables:
    A picture that is missing or cannot be read is named and left out. If more than a tenth of them
    are bad, the command ends and lists them. Tables may be as a spreadsheet saves them: commas,
    semicolons or tabs between the columns, quotes, decimal commas.
"
    };
}
pub(crate) use about_pictures;

mod gan;
mod inverter;
mod lesson;
pub mod portraits;

use crate::options::Global;
use clap::Subcommand;

/// Teach one of the nets.
///
/// The inverter learns from what a pack holds: whoever has a generator can train one. The other nets learn from labelled
/// photographs, which do not come with narcissus; the GAN also from any pictures.
#[derive(Debug, Subcommand)]
#[command(after_long_help = concat!(
    "\
Examples:
    narcissus train inverter --pack celebahq.pack --minutes 60
    narcissus train inverter --visitors portraits/       people of yours say how visitors differ
    narcissus train gan --pictures portraits/ --resolution 64 --minutes 600
    narcissus train landmarks --data faces/              docs/data.md says what the folder holds\n\n",
    about_pictures!()
))]
pub enum Train {
    /// The face detector
    Detector(lesson::DetectorArgs),
    /// The 68-point landmark net
    Landmarks(lesson::LessonArgs),
    /// The age and gender nets
    Attributes(lesson::LessonArgs),
    /// The net that tells faces apart
    Likeness(lesson::LessonArgs),
    /// The progressive GAN
    Gan(gan::GanArgs),
    /// The inverter, from features to latents
    Inverter(inverter::InverterArgs),
}

/// Runs it. What comes of it is in the run's folder; a word about it goes to stderr.
pub fn run(which: &Train, global: &Global) -> anyhow::Result<()> {
    match which {
        Train::Detector(args) => eprintln!("{}", train::faces::detector::train(&args.lesson.options(), args.side)?),
        Train::Landmarks(args) => eprintln!("{}", train::faces::landmarks::train(&args.options())?),
        Train::Attributes(args) => eprintln!("{}", train::faces::attributes::train(&args.options())?),
        Train::Likeness(args) => eprintln!("{}", train::faces::likeness::train(&args.options())?),
        Train::Gan(args) => eprintln!("{}", train::gan::train(&args.options())?),
        Train::Inverter(args) => {
            let (pack, options) = (global.open_pack()?, args.options()?);
            eprintln!("{}", train::inverter::train(&pack, &args.device.painter(&pack)?, &options)?);
            eprintln!("to use it, copy it into the pack's folder, then: narcissus pack seal FOLDER");
        }
    }
    Ok(())
}
