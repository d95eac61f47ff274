//! Options that several commands share.

use crate::device::DeviceArgs;
use ::mirror::archive::{Archive, Atlas};
use ::mirror::engine::{Accelerate, Mirror};
use ::mirror::features::{Group, Measures};
use ::mirror::generator::{Generator, Painter};
use ::mirror::inverter::FeatureSelection;
use ::mirror::pack::{MANIFEST_FILE, Net, Pack};
use anyhow::Context;
use camera::Input;
use clap::Args;
use frame::Mounting;
use import::Network;
use kernels::Precision;
use std::path::{Path, PathBuf};

/// What every command understands.
#[derive(Args, Debug)]
pub struct Global {
    /// The nets to use: a pack's folder, or its pack.toml [default: the built-in pack]
    #[arg(long, global = true, value_name = "DIR|FILE")]
    pub pack: Option<PathBuf>,
    /// A TOML file with a key for every flag
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub config: Option<PathBuf>,
    /// Say more about what happens; twice: even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, hide_short_help = true)]
    pub verbose: u8,
    /// How many threads compute [default: as many as the computer has cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), hide_short_help = true)]
    pub threads: Option<u16>,
}

/// How the generator draws.
#[derive(Args, Clone, Debug)]
pub struct Drawing {
    /// Number format of the factors in the generator's enlarging convolutions: bf16 is faster on processors with AVX512-BF16, and
    /// moves about one value of a picture in a hundred by more than 1/255
    #[arg(long, value_enum, default_value_t, hide_short_help = true)]
    precision: Format,
    #[command(flatten)]
    device: DeviceArgs,
}

/// What the mirror takes of a viewer.
#[derive(Args, Debug)]
pub struct SelectionArgs {
    /// Only so many numbers of each face, those that say most [default: all]
    #[arg(long, value_name = "N")]
    features: Option<usize>,
    /// Nothing of these: shape, pose, age, gender, skin, hair, background, expression, likeness
    #[arg(long, value_name = "GROUP", value_delimiter = ',', value_parser = group)]
    without: Vec<Group>,
}

impl SelectionArgs {
    /// Which of a viewer's numbers count.
    pub fn selection(&self) -> FeatureSelection {
        FeatureSelection { features: self.features, without: self.without.clone() }
    }
}

fn group(name: &str) -> Result<Group, String> {
    let named = Group::ALL.into_iter().find(|g| g.name() == name);
    named.ok_or_else(|| format!("there are {}", Group::ALL.map(Group::name).join(", ")))
}

/// How the camera hangs.
#[derive(Args, Clone, Copy, Debug)]
pub struct MountingArgs {
    /// Turn the camera's pictures clockwise by so many degrees: it hangs on its side, or upside down
    #[arg(long, value_enum, default_value_t, value_name = "DEGREES")]
    pub rotate: Degrees,
    /// Exchange left and right [default: on for cameras, off for files]
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
    pub mirror: Option<Switch>,
}

impl MountingArgs {
    /// For a camera, or for files that stand in for one.
    pub fn mounting(self, is_camera: bool) -> Mounting {
        let mirror = self.mirror.map_or(is_camera, |mirror| mirror == Switch::On);
        Mounting { quarters: self.rotate as u8, mirror }
    }
}

/// A turn, in degrees.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
#[repr(u8)]
pub enum Degrees {
    /// None.
    #[default]
    #[value(name = "0")]
    None,
    /// A quarter.
    #[value(name = "90")]
    Quarter,
    /// Upside down.
    #[value(name = "180")]
    Half,
    /// A quarter anticlockwise.
    #[value(name = "270")]
    ThreeQuarters,
}

/// On or off.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// Who stands in for visitors.
#[derive(Args, Debug)]
pub struct VisitorsArgs {
    /// A folder with pictures of people who stand in for visitors [default: the people of the pack's table]
    #[arg(long, value_name = "DIR")]
    visitors: Option<PathBuf>,
}

impl VisitorsArgs {
    /// Their pictures; `None` where the pack's table shall serve.
    pub fn pictures(&self) -> anyhow::Result<Option<Vec<PathBuf>>> {
        let Some(folder) = &self.visitors else { return Ok(None) };
        let inputs: Vec<Input> = camera::expand(std::slice::from_ref(folder)).into_iter().collect::<Result<_, _>>()?;
        let picture = |input| if let Input::Picture(path) = input { Some(path) } else { None };
        let pictures: Vec<PathBuf> = inputs.into_iter().filter_map(picture).collect();
        anyhow::ensure!(!pictures.is_empty(), "{}: no picture in it", folder.display());
        Ok(Some(pictures))
    }
}

/// How large the generator draws.
#[derive(Args, Clone, Debug)]
pub struct Size {
    /// Draw at most so many pixels: a coarser level of the same generator, which takes less time
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(4..))]
    max_resolution: Option<u16>,
}

impl Size {
    /// The pack's generator, as much of it as is drawn.
    pub fn generator(&self, pack: &Pack) -> anyhow::Result<Generator> {
        let generator = pack.open(Net::Generator, Generator::from_bytes)?;
        Ok(match self.max_resolution() {
            Some(pixels) => generator.at_most(pixels)?,
            None => generator,
        })
    }

    /// The most pixels that are drawn; `None` for as many as the generator draws.
    pub fn max_resolution(&self) -> Option<usize> {
        self.max_resolution.map(usize::from)
    }
}

/// A number format by its name.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
enum Format {
    #[default]
    F32,
    Bf16,
}

impl Drawing {
    /// What gives a painter the graphics card, if one is to draw.
    pub fn accelerate(&self) -> anyhow::Result<Option<Box<Accelerate>>> {
        self.device.accelerate()
    }

    /// The precision, if this processor has it.
    pub fn precision(&self) -> anyhow::Result<Precision> {
        match self.precision {
            Format::F32 => Ok(Precision::F32),
            Format::Bf16 => {
                Precision::bf16().context("--precision bf16: this processor has no AVX512-BF16; leave it out")
            }
        }
    }
}

/// How much of a generator is taken.
#[derive(Args, Debug)]
pub struct Part {
    /// Take the generator only up to the level of so many pixels
    #[arg(long, value_name = "PIXELS")]
    pub max_resolution: Option<usize>,
    /// Store the weights at half precision: half the size; at 1024 pixels one value of a picture in ten moves by 1/255, the worst by 3/255
    #[arg(long)]
    pub half: bool,
}

impl Part {
    /// The same of one of a file's networks, in the reader's words.
    pub fn of(&self, network: Network) -> import::ImportOptions {
        import::ImportOptions { network, max_resolution: self.max_resolution, half: self.half }
    }
}

impl Global {
    /// The pack that the command line names, or the built-in one.
    pub fn open_pack(&self) -> anyhow::Result<Pack> {
        open_pack_at(self.pack.as_deref())
    }
}

/// The mirror of a pack as the options want it, which measures these groups. `names`: whether it names members of the pack's archive; `None`: it knows no
/// archive.
pub fn build_mirror(
    pack: &Pack,
    drawing: &Drawing,
    size: &Size,
    measures: Measures,
    names: Option<bool>,
) -> anyhow::Result<Mirror> {
    let atlas = names.and_then(|names| Some(Atlas::new(archive_of(pack)?, &measures, names)));
    let accelerate = drawing.accelerate()?;
    let builder = Mirror::builder(pack).precision(drawing.precision()?).accelerate(accelerate.as_deref()).atlas(atlas);
    Ok(builder.max_resolution(size.max_resolution()).measures(measures).build()?)
}

/// The generator of a pack as the options want it, laid out; neither its file nor its weights stay in memory beside that.
pub fn build_painter(pack: &Pack, drawing: &Drawing, size: &Size) -> anyhow::Result<Painter> {
    let accelerate = drawing.accelerate()?;
    let builder = Mirror::builder(pack).precision(drawing.precision()?).accelerate(accelerate.as_deref());
    Ok(builder.max_resolution(size.max_resolution()).painter()?)
}

/// The archive of a pack. One that cannot be used is told of, and the mirror does without.
fn archive_of(pack: &Pack) -> Option<Archive> {
    pack.archive().unwrap_or_else(|why| {
        eprintln!("note: nobody of the archive is told: {}", crate::failures::one_line(&why.into()));
        None
    })
}

/// The pack in a folder, or the folder of a pack.toml; without a path the built-in one.
pub fn open_pack_at(path: Option<&Path>) -> anyhow::Result<Pack> {
    let Some(path) = path else { return Ok(Pack::embedded()?) };
    let names_manifest = path.file_name().is_some_and(|name| name == MANIFEST_FILE);
    let folder = path.parent().filter(|_| names_manifest).unwrap_or(path);
    Ok(Pack::load(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?)
}
