//! The command line.

mod annotations;
mod evaluate;
mod export;
mod labels;
mod sheet;
mod train;

use clap::{Parser, Subcommand};

/// Trains the OCT-RLS network, measures it, and exports it to ONNX.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network, or continue a training.
    Train(Box<train::Train>),
    /// Write the network of a run as an ONNX file.
    Export(export::Export),
    /// Store the weights of an exported network as 16-bit floats: half the file, the same network to within their rounding.
    Halve(export::Halve),
    /// Write the network whose weights are the mean of those of several exported ones.
    Blend(export::Blend),
    /// Measure the accuracy of an exported network on labelled scans.
    Evaluate(evaluate::Evaluate),
    /// Measure how an exported network bears noise, blur, other spacings and artefacts.
    Robustness(evaluate::Robustness),
    /// Measure several exported networks side by side.
    Compare(evaluate::Compare),
    /// Find the softmax temperature at which the model's intervals hold what they promise.
    Calibrate(evaluate::Calibrate),
    /// Turn manual annotations (VGG JSON polygons) into index masks.
    Annotations(annotations::Annotations),
    /// Draw augmented crops with their labels into one PNG, to look at.
    Sheet(sheet::Sheet),
}

impl Arguments {
    /// Does what was asked.
    ///
    /// # Errors
    /// Whatever kept it from being done.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Train(train) => train.run(),
            Command::Export(export) => export.run(),
            Command::Halve(halve) => halve.run(),
            Command::Blend(blend) => blend.run(),
            Command::Evaluate(evaluate) => evaluate.run(),
            Command::Robustness(robustness) => robustness.run(),
            Command::Compare(compare) => compare.run(),
            Command::Calibrate(calibrate) => calibrate.run(),
            Command::Annotations(annotations) => annotations.run(),
            Command::Sheet(sheet) => sheet.run(),
        }
    }
}
