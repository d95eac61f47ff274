//! `narcissus osc`: what a mirror says and takes in Open Sound Control.

use crate::options::Global;
use crate::output;
use ::mirror::inverter::Inverter;
use ::mirror::live::Desk;
use ::mirror::pack::Net;
use display::server::LANGUAGES;
use show::osc::{Address, namespace, received, sent};

/// List the OSC addresses by which other programs hear of a mirror and set it.
///
/// A mirror sends what it finds in each frame that it analyses (`mirror --osc-out`), and takes what others send it (`mirror --osc-in`).
///
/// N stands for the first, second, ... face or reflection. Types are OSC's letters: i a whole number, f a number, s a word, T a switch (T and F,
/// or 1 and 0).
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n    narcissus osc\n    narcissus osc --json")]
pub struct OscArgs {
    /// OSCQuery's tree, as the mirror gives it at /osc
    #[arg(long)]
    pub json: bool,
}

/// Runs it.
pub fn run(options: &OscArgs, global: &Global) -> anyhow::Result<()> {
    let inverter = global.open_pack()?.open(Net::Inverter, Inverter::from_weights)?;
    let desk = Desk::new(&inverter, &LANGUAGES);
    if options.json {
        return output::print_line(&serde_json::to_string_pretty(&namespace(&desk))?);
    }
    output::print_line(&"sent after each analysed frame")?;
    list(&sent(&desk.rules().measures))?;
    output::print_line(&"\ntaken")?;
    list(&received(&desk))
}

fn list(addresses: &[Address]) -> anyhow::Result<()> {
    for Address { path, types, range, about } in addresses {
        let types = if types.len() > 9 { format!("{} x {}", types.len(), &types[..1]) } else { types.clone() };
        let range = if range.is_empty() { String::new() } else { format!(" ({range})") };
        output::print_line(&format_args!("  {path:<34} {types:<8} {about}{range}"))?;
    }
    Ok(())
}
