//! The binary `narcissus`.

use clap::{Parser, Subcommand};

/// A mirror that shows you how a machine sees you.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Teach one of the nets.
    #[command(subcommand)]
    Train(Train),
    /// Measure one of the nets.
    #[command(subcommand)]
    Evaluate(Evaluate),
}

#[derive(Subcommand)]
enum Train {
    /// The face detector.
    Detector(train::detector::Options),
    /// The 68-point landmark net.
    Landmarks(train::landmarks::Options),
    /// The age and gender nets.
    Attributes(train::attributes::Options),
    /// The progressive GAN.
    Gan(train::gan::Options),
    /// The inverter, from features to latents.
    Inverter(train::inverter::Options),
}

#[derive(Subcommand)]
enum Evaluate {
    /// The face detector.
    Detector(train::evaluate::detector::Options),
    /// The 68-point landmark net.
    Landmarks(train::evaluate::landmarks::Options),
    /// The age and gender nets.
    Attributes(train::evaluate::attributes::Options),
    /// The progressive GAN.
    Gan(train::evaluate::gan::Options),
    /// The inverter.
    Inverter(train::evaluate::inverter::Options),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Train(Train::Detector(o)) => train::detector::run(&o),
        Command::Train(Train::Landmarks(o)) => train::landmarks::run(&o),
        Command::Train(Train::Attributes(o)) => train::attributes::run(&o),
        Command::Train(Train::Gan(o)) => train::gan::run(&o),
        Command::Train(Train::Inverter(o)) => train::inverter::run(&o),
        Command::Evaluate(Evaluate::Detector(o)) => train::evaluate::detector::run(&o),
        Command::Evaluate(Evaluate::Landmarks(o)) => train::evaluate::landmarks::run(&o),
        Command::Evaluate(Evaluate::Attributes(o)) => train::evaluate::attributes::run(&o),
        Command::Evaluate(Evaluate::Gan(o)) => train::evaluate::gan::run(&o),
        Command::Evaluate(Evaluate::Inverter(o)) => train::evaluate::inverter::run(&o),
    }
}
