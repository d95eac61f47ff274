//! The command line: what `narcissus` understands.

use crate::options::Global;
use crate::{commands, config};
use clap::error::ErrorKind::{DisplayHelpOnMissingArgumentOrSubcommand, MissingSubcommand};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// A mirror that shows you how a machine sees you.
#[derive(Debug, Parser)]
#[command(name = "narcissus", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub struct Cli {
    /// What every command understands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Without a command: `narcissus mirror`.

Every flag can also stand in a TOML file (--config) and in the environment. A flag wins over the
environment, the environment over the file. `--port 8000` of `mirror` is NARCISSUS_PORT=8000, or
    [mirror]
    port = 8000

Examples:
    narcissus                                   the live mirror, in the browser
    narcissus reflect portraits/ --out out      reflections of pictures
    narcissus analyse me.jpg --json             what the machine sees, in numbers
    narcissus dream --count 16 --out dreams     faces of nobody
    narcissus doctor                            what may be missing on this computer";

/// What to do. The help of each says what the documentation of its arguments says.
#[derive(Debug, Subcommand)]
pub enum Command {
    Mirror(commands::mirror::MirrorArgs),
    Reflect(commands::reflect::ReflectArgs),
    Analyse(commands::analyse::AnalyseArgs),
    Dream(commands::dream::DreamArgs),
    Portraits(commands::portraits::PortraitsArgs),
    #[command(subcommand)]
    Train(commands::train::Train),
    #[command(subcommand)]
    Evaluate(commands::evaluate::Evaluate),
    Audit(commands::audit::AuditArgs),
    Label(commands::label::LabelArgs),
    Select(commands::select::SelectArgs),
    Feedback(commands::feedback::FeedbackArgs),
    Import(commands::import::ImportArgs),
    Adopt(commands::adopt::AdoptArgs),
    Export(commands::export::ExportArgs),
    Site(commands::site::SiteArgs),
    Osc(commands::osc::OscArgs),
    #[command(subcommand)]
    Pack(commands::pack::PackCommand),
    Bench(commands::bench::BenchArgs),
    Doctor(commands::doctor::DoctorArgs),
}

impl Cli {
    /// Reads the command line, the environment and the configuration file.
    ///
    /// # Errors
    /// On wrong usage, and where help or the version was asked for.
    pub fn from_environment() -> Result<Self, clap::Error> {
        Self::read(std::env::args_os().collect())
    }

    fn read(mut arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        let mut command = config::apply(Self::command(), config::named_in(&arguments).as_deref())?;
        let matches = command.try_get_matches_from_mut(&arguments).or_else(|error| {
            // No command, or none but a group: only the first becomes right by adding one.
            arguments.push("mirror".into());
            let missing = matches!(error.kind(), MissingSubcommand | DisplayHelpOnMissingArgumentOrSubcommand);
            let retried = missing.then(|| command.try_get_matches_from_mut(&arguments).ok());
            retried.flatten().ok_or(error)
        })?;
        Self::from_arg_matches(&matches).map_err(|e| e.format(&mut command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// What the first help shows, to be read on one screen.
    const OURS: [&str; 11] = [
        "mirror",
        "reflect",
        "analyse",
        "dream",
        "portraits",
        "feedback",
        "audit",
        "label",
        "import",
        "bench",
        "doctor",
    ];

    fn read(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::read(std::iter::once("narcissus").chain(arguments.iter().copied()).map(OsString::from).collect())
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn the_command_line_is_consistent() {
        config::apply(Cli::command(), None).unwrap().debug_assert();
    }

    #[test]
    fn alone_it_is_a_mirror() {
        assert!(matches!(read(&[]).unwrap().command, Command::Mirror(_)));
        assert!(matches!(read(&["--threads", "2"]).unwrap().command, Command::Mirror(_)));
        assert!(read(&["train"]).is_err());
    }

    #[test]
    fn short_help_of_our_commands_fits_a_screen() {
        for name in OURS {
            let lines = read(&[name, "-h"]).unwrap_err().to_string().lines().count();
            assert!(lines <= 24, "{name} -h has {lines} lines");
        }
        assert!(read(&["-h"]).unwrap_err().to_string().lines().count() <= 30);
    }

    #[test]
    fn every_command_says_in_long_what_it_is_for_and_what_it_writes() {
        let command = Cli::command();
        for name in OURS {
            let told = command.find_subcommand(name).and_then(|c| c.get_long_about()).map(ToString::to_string);
            let told = told.unwrap_or_else(|| panic!("{name} --help has nothing to add to {name} -h"));
            assert!(told.contains("\n\n"), "{name}: {told}");
        }
    }

    #[test]
    fn long_help_of_our_commands_ends_with_examples() {
        for name in OURS {
            let help = read(&[name, "--help"]).unwrap_err().to_string();
            assert!(help.contains("Examples:"), "{name} --help");
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let config = file("threads = 3\n[dream]\ncount = 5\nseed = 9\n");
        let path = config.path().to_str().unwrap();
        let cli = read(&["dream", "--config", path, "--seed", "11", "--out", "x"]).unwrap();
        let Command::Dream(dream) = cli.command else { panic!() };
        assert_eq!((cli.global.threads, dream.count, dream.seed), (Some(3), 5, 11));
    }

    #[test]
    fn a_flag_without_a_value_can_stand_in_the_file() {
        let config = file("verbose = 2\n[mirror]\nkiosk = true\nport = 8123\n");
        let cli = read(&["--config", config.path().to_str().unwrap(), "mirror"]).unwrap();
        let Command::Mirror(mirror) = cli.command else { panic!() };
        assert!(mirror.kiosk);
        assert_eq!((mirror.port, cli.global.verbose), (8123, 2));
    }

    #[test]
    fn a_required_flag_can_stand_in_the_file() {
        let config = file("[reflect]\nout = \"here\"\n");
        let cli = read(&["reflect", "a.jpg", "--config", config.path().to_str().unwrap()]).unwrap();
        let Command::Reflect(reflect) = cli.command else { panic!() };
        assert_eq!(reflect.out, PathBuf::from("here"));
    }

    #[test]
    fn a_wrong_key_is_named() {
        for (text, wrong) in
            [("prot = 1", "prot"), ("[mirror]\nprot = 1", "mirror.prot"), ("[miror]\nport = 1", "miror")]
        {
            let config = file(text);
            let error = read(&["mirror", "--config", config.path().to_str().unwrap()]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(&format!("\"{wrong}\"")), "{error}");
        }
    }
}
