//! Arguments of the commands that use the DICOM network.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

use super::args::seconds;
use octrls_dicom_net::{AeTitle, ListenerOptions, ResultSender, SendOptions, Target};

const BYTES_IN_MIB: u64 = 1 << 20;

#[derive(Args)]
pub(super) struct ReceiveArguments {
    /// Folder to write to, usually a watched folder
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    /// Address to listen on; an address that other machines can reach needs --allow-ae
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:11112")]
    listen: SocketAddr,
    /// AE title of this node; peers must call it by this title
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS")]
    ae_title: AeTitle,
    /// AE title that may connect; repeatable [default: any, but only from this machine]
    #[arg(long, value_name = "TITLE")]
    allow_ae: Vec<AeTitle>,
    /// Maximum number of simultaneous associations
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    max_associations: u16,
    /// Maximum size of an instance in MiB
    #[arg(long, value_name = "MIB", default_value = "2048", value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_instance_mib: u32,
    /// Drop a peer that sends nothing for this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: f64,
    /// Also print the name of each file, which is the instance UID
    #[arg(long)]
    pub(super) verbose: bool,
}

impl ReceiveArguments {
    pub(super) fn options(&self) -> ListenerOptions {
        ListenerOptions {
            address: self.listen,
            title: self.ae_title.clone(),
            allowed: self.allow_ae.clone(),
            max_associations: self.max_associations.into(),
            max_instance_bytes: u64::from(self.max_instance_mib) * BYTES_IN_MIB,
            timeout: Duration::from_secs_f64(self.timeout),
        }
    }
}

/// The receive options of `octrls watch`; see [`ReceiveArguments`].
#[derive(Args)]
pub(super) struct WatchReceiveArguments {
    /// Listen on this address and receive scans from DICOM nodes into the first watched folder
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "once")]
    receive: Option<SocketAddr>,
    /// AE title of this node; peers must call it by this title
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS", requires = "receive")]
    receive_ae_title: AeTitle,
    /// AE title that may connect; repeatable [default: any, but only from this machine]
    #[arg(long, value_name = "TITLE", requires = "receive")]
    receive_allow_ae: Vec<AeTitle>,
    /// Maximum number of simultaneous associations
    #[arg(long, value_name = "N", default_value = "8", requires = "receive", value_parser = clap::value_parser!(u16).range(1..=256))]
    receive_max_associations: u16,
    /// Maximum size of an instance in MiB
    #[arg(long, value_name = "MIB", default_value = "2048", requires = "receive", value_parser = clap::value_parser!(u32).range(1..=4096))]
    receive_max_instance_mib: u32,
    /// Drop a peer that sends nothing for this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", requires = "receive", value_parser = seconds)]
    receive_timeout: f64,
}

impl WatchReceiveArguments {
    /// The listener's options; `None` without `--receive`.
    pub(super) fn options(&self) -> Option<ListenerOptions> {
        Some(ListenerOptions {
            address: self.receive?,
            title: self.receive_ae_title.clone(),
            allowed: self.receive_allow_ae.clone(),
            max_associations: self.receive_max_associations.into(),
            max_instance_bytes: u64::from(self.receive_max_instance_mib) * BYTES_IN_MIB,
            timeout: Duration::from_secs_f64(self.receive_timeout),
        })
    }
}

/// The options for sending results to a DICOM node.
#[derive(Args)]
pub(super) struct SendToArguments {
    /// Send the DICOM files of each result to this node
    #[arg(long, value_name = "TITLE@HOST:PORT")]
    send_to: Option<Target>,
    /// AE title of this node when it sends
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS", requires = "send_to")]
    send_ae_title: AeTitle,
}

impl SendToArguments {
    /// Where and how results are sent; `None` without `--send-to`.
    pub(super) fn delivery(&self) -> Option<ResultSender> {
        let target = self.send_to.clone()?;
        Some(ResultSender { target, options: SendOptions::new(self.send_ae_title.clone()) })
    }
}

#[derive(Args)]
pub(super) struct SendArguments {
    /// Node to send to
    #[arg(value_name = "TITLE@HOST:PORT")]
    pub(super) target: Target,
    /// DICOM files, or folders to search for DICOM files
    #[arg(required_unless_present = "echo", value_name = "FILE|DIR")]
    pub(super) inputs: Vec<PathBuf>,
    /// Only check that the node answers (C-ECHO)
    #[arg(long, conflicts_with = "inputs")]
    pub(super) echo: bool,
    /// AE title of this node
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS")]
    ae_title: AeTitle,
    /// Retries after a temporary failure
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(0..=100))]
    retries: u32,
    /// Stop when the node sends nothing for this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: f64,
}

impl SendArguments {
    pub(super) fn options(&self) -> SendOptions {
        let timeout = Duration::from_secs_f64(self.timeout);
        SendOptions { retries: self.retries, timeout, ..SendOptions::new(self.ae_title.clone()) }
    }
}
