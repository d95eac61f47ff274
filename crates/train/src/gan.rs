//! Trains the gan.

/// Command-line options.
#[derive(Debug, clap::Args)]
pub struct Options {}

/// Runs it.
///
/// # Errors
/// On bad input.
pub fn run(_options: &Options) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
