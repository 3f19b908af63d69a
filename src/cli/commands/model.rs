//! `octrls model`: prints the metadata of a model, or compares two.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use octrls_core::{layer::Boundary, network::ModelMetadata};

use super::model_compare::{self, CompareArguments};
use crate::cli::arguments::model::ModelArguments;

#[derive(Args)]
pub(crate) struct ModelCommandArguments {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Subcommand)]
enum ModelCommand {
    /// Print the metadata of a model
    Info(ModelInfoArguments),
    /// Show how the lines of two models differ on chosen scans
    Compare(CompareArguments),
}

#[derive(Args)]
struct ModelInfoArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &ModelCommandArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        ModelCommand::Info(info) => show(info),
        ModelCommand::Compare(compare) => model_compare::run(compare),
    }
}

fn show(info: &ModelInfoArguments) -> anyhow::Result<ExitCode> {
    let network = info.model.load()?;
    let ModelMetadata { name, version, input, preprocessing, calibration, ez_shift, training_data, weights_sha256 } =
        network.metadata();
    let intervals: Vec<String> = Boundary::ALL
        .into_iter()
        .zip(calibration.intervals)
        .map(|(b, i)| format!("{}:{}:{}", b.name(), i.scale, i.floor))
        .collect();
    let rows = [
        ("name", name.clone()),
        ("version", version.clone()),
        ("input", format!("{}x{}", input.width, input.height)),
        ("classes", ModelMetadata::class_names()),
        ("preprocessing", preprocessing.name().to_owned()),
        ("temperature", calibration.temperature.to_string()),
        ("intervals", intervals.join(" ")),
        ("choroid_limit", calibration.choroid_limit.to_string()),
        ("usual_doubt", calibration.usual_doubt.map_or_else(|| "none".to_owned(), |doubt| doubt.to_string())),
        ("ez_shift", ez_shift.to_string()),
        ("training_data", training_data.clone()),
        ("weights_sha256", weights_sha256.clone()),
        ("device", if network.is_on_gpu() { "cuda" } else { "cpu" }.to_owned()),
        ("file_sha256", network.file_sha256().to_owned()),
    ];
    if info.json {
        let object: serde_json::Map<_, _> = rows.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
        println!("{}", serde_json::to_string_pretty(&object)?);
    } else {
        for (key, value) in rows {
            println!("{key:<15} {value}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
