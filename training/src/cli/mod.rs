//! The command line.

mod accept;
mod annotations;
mod evaluate;
mod export;
mod labels;
mod sheet;
mod train;

use clap::{Parser, Subcommand};

/// Train, evaluate and export the OCT-RLS network.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network, or resume a run
    Train(Box<train::Train>),
    /// Export the network of a run to ONNX
    Export(export::Export),
    /// Store weights as 16-bit floats, which halves the file
    Halve(export::Halve),
    /// Average the weights of several exported networks
    Blend(export::Blend),
    /// Measure the accuracy of an exported network on labelled scans
    Evaluate(evaluate::Evaluate),
    /// Measure robustness against noise, blur, other spacings and artefacts
    Robustness(evaluate::Robustness),
    /// Compare rules that tell scans with wrong lines from others
    Verdicts(evaluate::Verdicts),
    /// Compare several exported networks
    Compare(evaluate::Compare),
    /// Refuse a network that loses on any set of the validation part against the one it may replace
    Accept(accept::Accept),
    /// Fit the calibration of an exported network's confidence intervals
    Calibrate(evaluate::Calibrate),
    /// Convert manual annotations (VGG JSON polygons) to index masks
    Annotations(annotations::Annotations),
    /// Draw augmented crops with their labels into one PNG
    Sheet(sheet::Sheet),
}

impl Arguments {
    /// Runs the command.
    ///
    /// # Errors
    /// If the command fails.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Train(train) => train.run(),
            Command::Export(export) => export.run(),
            Command::Halve(halve) => halve.run(),
            Command::Blend(blend) => blend.run(),
            Command::Evaluate(evaluate) => evaluate.run(),
            Command::Robustness(robustness) => robustness.run(),
            Command::Verdicts(verdicts) => verdicts.run(),
            Command::Compare(compare) => compare.run(),
            Command::Accept(accept) => accept.run(),
            Command::Calibrate(calibrate) => calibrate.run(),
            Command::Annotations(annotations) => annotations.run(),
            Command::Sheet(sheet) => sheet.run(),
        }
    }
}
