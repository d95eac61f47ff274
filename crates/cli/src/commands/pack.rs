//! `narcissus pack`: looks into a pack.

use crate::options::Global;
use crate::output;
use clap::Subcommand;
use mirror::archive::MAX_ARCHIVE_BYTES;
use mirror::engine::{Eyes, Mirror};
use mirror::pack::{ARCHIVE_FILE, Manifest, Net, Pack, PackError, VISITORS_FILE, Visitors};
use std::path::PathBuf;

/// Look into a pack, check it, complete it.
#[derive(Debug, Subcommand)]
#[command(after_long_help = "\
Examples:
    narcissus pack info                 the built-in pack
    narcissus pack verify my-pack
    narcissus pack seal my-pack         after a net in it has been trained again
    narcissus pack colours my-pack      its smaller pictures are paler or more glaring than the largest
    narcissus pack visitors my-pack     after a face net in it has been trained again; needs labelled portraits
    narcissus pack archive my-pack      after a face net or the inverter has been trained again; likewise")]
pub enum PackCommand {
    /// What is inside, its licence and its data
    Info {
        /// The pack's folder [default: --pack, or the built-in pack]
        folder: Option<PathBuf>,
    },
    /// Check the hashes, that every net can be built, and that they fit each other
    Verify {
        /// The pack's folder [default: --pack, or the built-in pack]
        folder: Option<PathBuf>,
    },
    /// Write sizes and hashes of the nets in a folder into its pack.toml
    Seal {
        /// The pack's folder
        folder: PathBuf,
    },
    /// Fit the colours of the generator's smaller pictures to those of its largest
    ///
    /// Other programs leave the colours of smaller sizes as they were when training went on to the next size: too pale or too glaring. The largest
    /// picture stays as it is. The pack is sealed.
    Colours {
        /// The pack's folder
        folder: PathBuf,
    },
    /// Write into the pack how people look to its face nets, for the training of an inverter
    ///
    /// Measures the portraits in `congress`, and in `office` where it is there, and writes their numbers, no pictures. They stand in for
    /// visitors when an inverter is trained. The pack is sealed.
    Visitors {
        /// The pack's folder
        folder: PathBuf,
        /// Folder with `congress`, and `office` if you have it: labelled portraits (docs/data.md); may also be $NARCISSUS_DATA
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Write into the pack whose faces it learned from, so that the mirror can tell whom a viewer lies nearest to
    ///
    /// Measures the people in `congress` and `office` with the pack's nets, and writes their numbers, names and years, no pictures. The pack is
    /// sealed.
    Archive {
        /// The pack's folder
        folder: PathBuf,
        /// Folder with `congress` and `office`, labelled portraits (docs/data.md); may also be $NARCISSUS_DATA
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

/// Runs it.
pub fn run(what: &PackCommand, global: &Global) -> anyhow::Result<()> {
    let open = |folder: &Option<PathBuf>| crate::options::open_pack_at(folder.as_deref().or(global.pack.as_deref()));
    match what {
        PackCommand::Info { folder } => {
            let pack = open(folder)?;
            output::print_line(&mirror::pack::describe(&pack).trim_end())?;
            if let Some(card) = pack.card() {
                output::print_line(&format_args!("\n{}", card.trim_end()))?;
            }
        }
        PackCommand::Verify { folder } => {
            let pack = open(folder)?;
            Mirror::new(&pack)?;
            visitors_of(&pack)?;
            pack.archive()?;
            let files = pack.manifest().files.len();
            output::print_line(&format_args!("{}: {files} files as sealed, every net fits", pack.origin()))?;
        }
        PackCommand::Seal { folder } => {
            print_files(&mirror::pack::seal(folder)?)?;
            let pack = Pack::load(folder)?;
            if let Err(stale) = visitors_of(&pack) {
                eprintln!("note: {}", crate::failures::one_line(&stale));
            }
            match pack.archive() {
                Err(stale) => eprintln!("note: {}", crate::failures::one_line(&stale.into())),
                Ok(Some(_)) if !pack.has_archive_of_its_inverter() => {
                    eprintln!("note: another inverter than the pack's found the latents of its \"{ARCHIVE_FILE}\"");
                }
                Ok(_) => {}
            }
        }
        PackCommand::Colours { folder } => {
            let pack = Pack::load(folder)?;
            let (bytes, levels) = train::gan::colours::of_file(pack.weights(Net::Generator)?)?;
            for [before, after] in levels {
                output::print_line(&format_args!(
                    "{:>4} pixels: {:.1} of 255 from the largest before, {:.1} now",
                    before.pixels, before.mean, after.mean
                ))?;
            }
            output::write_atomically(&folder.join(Net::Generator.file()), &bytes)?;
            print_files(&mirror::pack::seal(folder)?)?;
        }
        PackCommand::Visitors { folder, data } => {
            let pack = Pack::load(folder)?;
            let data = train::runs::data_root(data.as_deref())?;
            let people = train::inverter::visitors::of_archive(&data, &Eyes::new(&pack)?)?;
            output::write_atomically(&folder.join(VISITORS_FILE), &people.to_bytes(&pack)?)?;
            print_files(&mirror::pack::seal(folder)?)?;
        }
        PackCommand::Archive { folder, data } => {
            // Sealed before: the table says which nets made it.
            mirror::pack::seal(folder)?;
            let pack = Pack::load(folder)?;
            let data = train::runs::data_root(data.as_deref())?;
            let bytes = pack.archive_bytes(&train::archive::of_portraits(&data, &pack)?)?;
            anyhow::ensure!(
                bytes.len() <= MAX_ARCHIVE_BYTES,
                "{}: {ARCHIVE_FILE} would have {} bytes, more than {MAX_ARCHIVE_BYTES}",
                folder.display(),
                bytes.len()
            );
            output::write_atomically(&folder.join(ARCHIVE_FILE), &bytes)?;
            print_files(&mirror::pack::seal(folder)?)?;
        }
    }
    Ok(())
}

/// The people of a pack, if it has any; an error if they were not measured by its face nets.
fn visitors_of(pack: &Pack) -> anyhow::Result<Option<Visitors>> {
    match pack.visitors() {
        Err(PackError::NoVisitors(_)) => Ok(None),
        people => Ok(Some(people?)),
    }
}

fn print_files(manifest: &Manifest) -> anyhow::Result<()> {
    manifest
        .files
        .iter()
        .try_for_each(|(name, file)| output::print_line(&format_args!("{}  {name}  {} bytes", file.sha256, file.bytes)))
}
