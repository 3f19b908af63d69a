//! Filter, limit and retention options of `octrls watch`.

use std::time::Duration;

use clap::Args;

use octrls_engine::EngineOptions;

use super::{
    heading::SCANS,
    number::{BYTES_IN_MIB, seconds_or_none, time_limit},
};

const SECONDS_IN_DAY: u64 = 86_400;

#[derive(Args)]
pub(crate) struct LimitArguments {
    /// Process only files whose name or path matches, for example '*.vol' or 'ward/**/*.dcm'; repeatable
    #[arg(long, value_name = "GLOB", help_heading = SCANS)]
    include: Vec<String>,
    /// Ignore files and folders whose name or path matches; repeatable
    #[arg(long, value_name = "GLOB", help_heading = SCANS)]
    exclude: Vec<String>,
    /// Quarantine a scan that runs longer than this many seconds; 0 disables
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds_or_none)]
    timeout: f64,
    /// Reject files larger than this many MiB without reading them
    #[arg(long, value_name = "MIB", default_value = "4096", value_parser = clap::value_parser!(u32).range(1..))]
    max_file_mib: u32,
    /// Pause when free space for results falls below this many MiB; 0 disables
    #[arg(long = "min-free", value_name = "MIB", default_value = "512")]
    min_free_mib: u32,
    /// Leave failed scans where they are; only note the reason
    #[arg(long)]
    keep_failed: bool,
    /// Delete results after this many days; scans are never deleted [default: keep all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    keep_days: Option<u32>,
}

impl LimitArguments {
    /// `options` with these limits.
    pub(crate) fn options(&self, options: EngineOptions) -> EngineOptions {
        EngineOptions {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            timeout: time_limit(self.timeout),
            max_bytes: u64::from(self.max_file_mib) * BYTES_IN_MIB,
            min_free: u64::from(self.min_free_mib) * BYTES_IN_MIB,
            move_failed: !self.keep_failed,
            keep: self.keep_days.map(|days| Duration::from_secs(u64::from(days) * SECONDS_IN_DAY)),
            ..options
        }
    }
}
