//! The arguments that keep a watcher within bounds: what it takes, how long, and how much room it leaves.

use std::time::Duration;

use clap::Args;

use super::args::seconds_or_none;
use octrls_engine::EngineOptions;

const BYTES_IN_MIB: u64 = 1 << 20;
const SECONDS_IN_DAY: u64 = 86_400;

#[derive(Args)]
pub(super) struct LimitArguments {
    /// Take only scans of this name or path below the folder, as in '*.vol' or 'ward/**/*.dcm'; several are allowed
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Leave files and folders of this name or path alone; several are allowed
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Give a scan up that is not done after so many seconds; 0: never
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds_or_none)]
    timeout: f64,
    /// Give a file up unread that is larger
    #[arg(long, value_name = "MIB", default_value = "4096", value_parser = clap::value_parser!(u32).range(1..))]
    max_file_mib: u32,
    /// Begin no further scan while less is free where results go; 0: never mind
    #[arg(long = "min-free", value_name = "MIB", default_value = "512")]
    min_free_mib: u32,
    /// Remove results after so many days; scans are never removed [default: keep all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    keep_days: Option<u32>,
}

impl LimitArguments {
    /// `options` within these bounds.
    pub(super) fn options(&self, options: EngineOptions) -> EngineOptions {
        let timeout = (self.timeout > 0.0).then(|| Duration::from_secs_f64(self.timeout));
        EngineOptions {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            timeout,
            max_bytes: u64::from(self.max_file_mib) * BYTES_IN_MIB,
            min_free: u64::from(self.min_free_mib) * BYTES_IN_MIB,
            keep: self.keep_days.map(|days| Duration::from_secs(u64::from(days) * SECONDS_IN_DAY)),
            ..options
        }
    }
}
