//! What is done for each published result.

use std::{path::PathBuf, time::Duration};

use anyhow::bail;
use clap::Args;

use octrls_core::ErrorCode;

use crate::service::{HookOptions, PostAddress};

#[derive(Args)]
pub(crate) struct HookArguments {
    /// Run this program for each published result, with the result folder as its only argument, and the verdict and the
    /// kind of the scan in OCTRLS_VERDICT and OCTRLS_KIND
    #[arg(id = "on_result", long = "on-result", value_name = "PROGRAM")]
    command: Option<PathBuf>,
    /// Post folder, verdict and kind of each published result as JSON to this address on this machine
    #[arg(id = "on_result_post", long = "on-result-post", value_name = "URL")]
    post_to: Option<PostAddress>,
    /// Let --on-result-post be an address on another machine; what is sent is not encrypted
    #[arg(id = "on_result_remote", long = "on-result-remote")]
    may_leave: bool,
    /// Time limit of the program and of each try of a post in seconds
    #[arg(id = "on_result_limit", long = "on-result-limit", value_name = "S", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=3600))]
    limit_seconds: u64,
}

impl HookArguments {
    /// The options; `None` if nothing is to be done.
    ///
    /// # Errors
    /// When an address is on another machine, without the permission for that.
    pub(crate) fn options(&self) -> anyhow::Result<Option<HookOptions>> {
        if self.post_to.as_ref().is_some_and(|address| !address.is_local && !self.may_leave) {
            bail!(
                "{}: --on-result-post is on another machine; allow that with --on-result-remote",
                ErrorCode::ArgsClash
            );
        }
        let (command, post_to) = (self.command.clone(), self.post_to.clone());
        let is_needed = command.is_some() || post_to.is_some();
        Ok(is_needed.then(|| HookOptions { command, post_to, limit: Duration::from_secs(self.limit_seconds) }))
    }
}
