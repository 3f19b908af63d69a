//! The arguments of the commands that speak DICOM.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

use super::args::seconds;
use octrls_dicom_net::{AeTitle, Delivery, ListenerOptions, SendOptions, Target};

const BYTES_IN_MIB: u64 = 1 << 20;

#[derive(Args)]
pub(super) struct ReceiveArguments {
    /// Folder to write to, usually one that is watched
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    /// Address to listen at; one that other machines reach needs --allow-ae
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:11112")]
    listen: SocketAddr,
    /// The title by which others must call this node
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS")]
    ae_title: AeTitle,
    /// Calling title that is allowed, once for each [default: all, from this machine alone]
    #[arg(long, value_name = "TITLE")]
    allow_ae: Vec<AeTitle>,
    /// Associations at once
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    max_associations: u16,
    /// Longest instance, in MiB
    #[arg(long, value_name = "MIB", default_value = "2048", value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_instance_mib: u32,
    /// Give a peer up that is silent for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: f64,
    /// Tell the name of each file too, which is the instance's identifier
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

/// Those of [`ReceiveArguments`] for a watcher that receives as well.
#[derive(Args)]
pub(super) struct WatchReceiveArguments {
    /// Receive scans from DICOM nodes into the first watched folder too; see `octrls receive`
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "once")]
    receive: Option<SocketAddr>,
    /// The title by which others must call this node
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS", requires = "receive")]
    receive_ae_title: AeTitle,
    /// Calling title that is allowed, once for each [default: all, from this machine alone]
    #[arg(long, value_name = "TITLE", requires = "receive")]
    receive_allow_ae: Vec<AeTitle>,
    /// Associations at once
    #[arg(long, value_name = "N", default_value = "8", requires = "receive", value_parser = clap::value_parser!(u16).range(1..=256))]
    receive_max_associations: u16,
    /// Longest instance, in MiB
    #[arg(long, value_name = "MIB", default_value = "2048", requires = "receive", value_parser = clap::value_parser!(u32).range(1..=4096))]
    receive_max_instance_mib: u32,
    /// Give a peer up that is silent for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", requires = "receive", value_parser = seconds)]
    receive_timeout: f64,
}

impl WatchReceiveArguments {
    /// `None` when nothing is to be received.
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

/// Where results go beside the folder for results.
#[derive(Args)]
pub(super) struct SendToArguments {
    /// Node that every DICOM file of a result is sent to
    #[arg(long, value_name = "TITLE@HOST:PORT")]
    send_to: Option<Target>,
    /// Our own title there
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS", requires = "send_to")]
    send_ae_title: AeTitle,
}

impl SendToArguments {
    /// `None` when nothing is to be sent.
    pub(super) fn delivery(&self) -> Option<Delivery> {
        let target = self.send_to.clone()?;
        Some(Delivery { target, options: SendOptions::new(self.send_ae_title.clone()) })
    }
}

#[derive(Args)]
pub(super) struct SendArguments {
    /// Node to send to
    #[arg(value_name = "TITLE@HOST:PORT")]
    pub(super) target: Target,
    /// DICOM files, or folders to search for them
    #[arg(required_unless_present = "echo", value_name = "FILE|DIR")]
    pub(super) inputs: Vec<PathBuf>,
    /// Only ask whether the node is there
    #[arg(long, conflicts_with = "inputs")]
    pub(super) echo: bool,
    /// Our own title
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS")]
    ae_title: AeTitle,
    /// Further attempts after one that failed for a passing reason
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(0..=100))]
    retries: u32,
    /// Give the node up when it is silent for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: f64,
}

impl SendArguments {
    pub(super) fn options(&self) -> SendOptions {
        let timeout = Duration::from_secs_f64(self.timeout);
        SendOptions { retries: self.retries, timeout, ..SendOptions::new(self.ae_title.clone()) }
    }
}
