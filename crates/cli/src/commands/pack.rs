//! `narcissus pack`: looks into a pack.

use crate::options::Global;
use crate::output;
use clap::Subcommand;
use mirror::engine::Mirror;
use std::path::PathBuf;

/// What to do with a pack.
#[derive(Debug, Subcommand)]
#[command(after_long_help = "\
Examples:
    narcissus pack info                 the built-in pack
    narcissus pack verify my-pack
    narcissus pack seal my-pack         after a net in it has been trained again")]
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
            let files = pack.manifest().files.len();
            output::print_line(&format_args!("{}: {files} files as sealed, every net fits", pack.origin()))?;
        }
        PackCommand::Seal { folder } => {
            let manifest = mirror::pack::seal(folder)?;
            for (name, file) in &manifest.files {
                output::print_line(&format_args!("{}  {name}  {} bytes", file.sha256, file.bytes))?;
            }
        }
    }
    Ok(())
}
