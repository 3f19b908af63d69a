//! The command line of the training crate.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    octrls_training::cli::Arguments::parse().run()
}
