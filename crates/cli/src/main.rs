//! The binary `narcissus`: reads the command line, runs one command, says what went wrong in one line.
//!
//! Data goes to stdout, words to stderr. Exit code 0: done; 1: an error; 2: wrong usage.

mod arguments;
mod browser;
mod commands;
mod config;
mod journal;
mod kiosk;
mod output;
mod watchdog;

use arguments::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::from_environment() {
        Ok(cli) => cli,
        Err(usage) => usage.exit(),
    };
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<output::ReaderGone>() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", commands::one_line(&error));
            ExitCode::FAILURE
        }
    }
}
