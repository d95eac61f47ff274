//! One file a command.

pub mod adopt;
pub mod analyse;
pub mod bench;
pub mod doctor;
pub mod dream;
pub mod evaluate;
pub mod export;
pub mod import;
pub mod mirror;
pub mod pack;
pub mod reflect;
pub mod select;
pub mod train;

use crate::arguments::{Cli, Command, Global};
use crate::output::Progress;
use ::mirror::pack::{MANIFEST_FILE, Pack};
use anyhow::Context;
use std::path::Path;

/// Runs the command of a command line.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let global = &cli.global;
    kernels::start_threads(global.threads.map(usize::from)).context("cannot start threads")?;
    // The threads of `mirror` wait for viewers: they must not take one of the pool for that.
    let waits = matches!(cli.command, Command::Mirror(_));
    let run = || match cli.command {
        Command::Mirror(options) => mirror::run(&options, global),
        Command::Reflect(options) => reflect::run(&options, global),
        Command::Analyse(options) => analyse::run(&options, global),
        Command::Dream(options) => dream::run(&options, global),
        Command::Train(which) => train::run(&which),
        Command::Evaluate(which) => evaluate::run(&which),
        Command::Select(options) => select::run(&options),
        Command::Import(options) => import::run(&options, global),
        Command::Adopt(options) => adopt::run(&options, global),
        Command::Export(options) => export::run(&options, global),
        Command::Pack(what) => pack::run(&what, global),
        Command::Bench(options) => bench::run(&options, global),
        Command::Doctor(options) => doctor::run(&options, global),
    };
    if waits { run() } else { kernels::on_pool(run) }
}

/// The pack that the command line names, or the built-in one.
pub fn open_pack(global: &Global) -> anyhow::Result<Pack> {
    open_pack_at(global.pack.as_deref())
}

/// The pack in a folder, or the folder of a pack.toml; without a path the built-in one.
pub fn open_pack_at(path: Option<&Path>) -> anyhow::Result<Pack> {
    let Some(path) = path else { return Ok(Pack::embedded()?) };
    let names_manifest = path.file_name().is_some_and(|name| name == MANIFEST_FILE);
    let folder = path.parent().filter(|_| names_manifest).unwrap_or(path);
    Ok(Pack::load(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?)
}

/// An error and its causes in one line, each said once; a hint that a library put on a line of its own joins it.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many libraries already name the cause in their own words.
        if !text.contains(&cause) {
            text += &format!(": {cause}");
        }
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// What failed of several inputs: each was named when it happened, so only their number; one alone speaks for itself.
#[derive(Default)]
pub struct Failures {
    count: usize,
    last: Option<anyhow::Error>,
}

impl Failures {
    /// Takes note of an error of one of `inputs` inputs; gives back its line.
    pub fn add(&mut self, error: anyhow::Error, inputs: usize, progress: &Progress) -> String {
        let line = one_line(&error);
        if inputs > 1 {
            progress.say(&format!("error: {line}"));
        }
        self.count += 1;
        self.last = Some(error);
        line
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// An error if there was one.
    pub fn into_result(self, inputs: usize) -> anyhow::Result<()> {
        match self.last {
            None => Ok(()),
            Some(error) if inputs == 1 => Err(error),
            Some(_) => Err(anyhow::anyhow!("{} of {inputs} inputs could not be used", self.count)),
        }
    }
}
