//! The binary `narcissus`: reads the command line, runs one command, says what went wrong in one line.
//!
//! Data goes to stdout, words to stderr. Exit code 0: done; 1: an error; 2: wrong usage.

mod arguments;
mod browser;
mod commands;
mod config;
mod device;
mod failures;
mod journal;
mod kiosk;
mod options;
mod output;
mod watchdog;

use anyhow::Context;
use arguments::{Cli, Command};
use commands::{
    adopt, analyse, audit, bench, doctor, dream, evaluate, export, feedback, import, label, mirror, osc, pack,
    portraits, reflect, select, site, train,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::from_environment() {
        Ok(cli) => cli,
        Err(usage) => usage.exit(),
    };
    let result = run(cli);
    device::finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<output::ReaderGone>() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", failures::one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// Runs the command of a command line.
fn run(cli: Cli) -> anyhow::Result<()> {
    let global = &cli.global;
    kernels::start_threads(global.threads.map(usize::from)).context("cannot start threads")?;
    // The threads of `mirror` wait for viewers: they must not take one of the pool for that.
    let waits = matches!(cli.command, Command::Mirror(_));
    if !waits {
        // The mirror has a journal of its own.
        journal::open(None, global.verbose)?;
    }
    let run = || match cli.command {
        Command::Mirror(options) => mirror::run(&options, global),
        Command::Reflect(options) => reflect::run(&options, global),
        Command::Analyse(options) => analyse::run(&options, global),
        Command::Dream(options) => dream::run(&options, global),
        Command::Portraits(options) => portraits::run(&options, global),
        Command::Train(which) => train::run(&which, global),
        Command::Evaluate(which) => evaluate::run(&which, global),
        Command::Audit(options) => audit::run(&options, global),
        Command::Label(options) => label::run(&options, global),
        Command::Select(options) => select::run(&options, global),
        Command::Feedback(options) => feedback::run(&options, global),
        Command::Import(options) => import::run(&options, global),
        Command::Adopt(options) => adopt::run(&options, global),
        Command::Export(options) => export::run(&options, global),
        Command::Site(options) => site::run(&options, global),
        Command::Pack(what) => pack::run(&what, global),
        Command::Bench(options) => bench::run(&options, global),
        Command::Osc(options) => osc::run(&options, global),
        Command::Doctor(options) => doctor::run(&options, global),
    };
    if waits { run() } else { kernels::on_pool(run) }
}
