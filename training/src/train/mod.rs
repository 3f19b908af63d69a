//! The training loop with its schedule and checkpoints.

mod average;
mod history;
mod progress;
mod report;
mod run_dir;
mod schedule;
mod settings;
mod trainer;
mod validate;

pub use history::{Epoch, Validation};
pub use report::write_report;
pub use run_dir::{RunDir, State};
pub use schedule::{Budget, Schedule};
pub use settings::Settings;
pub use trainer::Trainer;
pub use validate::{segment, validate};
