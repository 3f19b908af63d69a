//! DICOM network options of `octrls watch` and `octrls segment`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

use octrls_dicom_net::{AeTitle, Destination, ListenerOptions, ResultSender, SendOptions};

use super::{
    number::{BYTES_IN_MIB, address, seconds},
    tls::TlsArguments,
};

/// The DICOM network options of `octrls watch`.
#[derive(Args)]
pub(crate) struct WatchDicomArguments {
    #[command(flatten)]
    pub(crate) receive: WatchReceiveArguments,
    #[command(flatten)]
    pub(crate) send: SendToArguments,
    #[command(flatten)]
    pub(crate) tls: TlsArguments,
}

/// The receive options of `octrls watch`.
#[derive(Args)]
pub(crate) struct WatchReceiveArguments {
    /// Listen on this address and receive scans from DICOM nodes into the first watched folder
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "once", value_parser = address)]
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
    /// Accept connections with TLS only; needs --tls-certificate
    #[arg(long, requires = "receive", requires = "tls_certificate")]
    receive_tls: bool,
}

impl WatchReceiveArguments {
    /// Most associations at once; 0 without `--receive`.
    pub(crate) fn max_associations(&self) -> usize {
        self.receive.map_or(0, |_| self.receive_max_associations.into())
    }

    /// The listener's options; `None` without `--receive`.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub(crate) fn options(&self, tls: &TlsArguments) -> anyhow::Result<Option<ListenerOptions>> {
        let Some(address) = self.receive else { return Ok(None) };
        Ok(Some(ListenerOptions {
            address,
            title: self.receive_ae_title.clone(),
            allowed: self.receive_allow_ae.clone(),
            max_associations: self.receive_max_associations.into(),
            max_instance_bytes: u64::from(self.receive_max_instance_mib) * BYTES_IN_MIB,
            timeout: Duration::from_secs_f64(self.receive_timeout),
            tls: self.receive_tls.then(|| tls.server()).transpose()?,
        }))
    }
}

/// The options for sending results to a DICOM node.
#[derive(Args)]
#[expect(clippy::struct_field_names, reason = "they name the options")]
pub(crate) struct SendToArguments {
    /// Send the DICOM files of each result to this node, or to this DICOMweb service
    #[arg(long, value_name = "TITLE@HOST:PORT|URL")]
    send_to: Option<Destination>,
    /// AE title of this node when it sends
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS", requires = "send_to")]
    send_ae_title: AeTitle,
    /// Send with TLS; an https service always is
    #[arg(long, requires = "send_to")]
    send_tls: bool,
    /// File with the bearer token for a DICOMweb service
    #[arg(long, value_name = "FILE", requires = "send_to")]
    send_token: Option<PathBuf>,
}

impl SendToArguments {
    /// Where and how results are sent; `None` without `--send-to`.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub(crate) fn delivery(&self, tls: &TlsArguments) -> anyhow::Result<Option<ResultSender>> {
        let Some(target) = self.send_to.clone() else { return Ok(None) };
        let (tls, token) = (tls.to(&target, self.send_tls)?, self.send_token.clone());
        let options = SendOptions { tls, token, ..SendOptions::new(self.send_ae_title.clone()) };
        Ok(Some(ResultSender { target, options }))
    }
}
