//! Certificates for TLS.

use std::path::PathBuf;

use clap::Args;

use octrls_dicom_net::{ClientTls, Destination, ServerTls, TlsError, TlsFiles};

use crate::cli::error::coded;

/// The files with the certificates of this node and of the authorities of its peers.
#[derive(Args, Clone)]
#[expect(clippy::struct_field_names, reason = "they name the options")]
pub(crate) struct TlsArguments {
    /// Certificate of this node for TLS, in PEM, followed by those up to its authority
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Private key of --tls-certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Certificates of the authorities of peers, in PEM; peers that connect to this node must then have a certificate
    /// [default: when sending, the authorities that this system knows; when receiving, peers need no certificate]
    #[arg(long, value_name = "FILE")]
    tls_authorities: Option<PathBuf>,
}

impl TlsArguments {
    fn files(&self) -> TlsFiles {
        let Self { tls_certificate: certificate, tls_key: key, tls_authorities: authorities } = self.clone();
        TlsFiles { certificate, key, authorities }
    }

    /// TLS for sending to `destination`: to a node if `asked`, to a service if its address says so.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub(crate) fn to(&self, destination: &Destination, asked: bool) -> anyhow::Result<Option<ClientTls>> {
        let is_encrypted = match destination {
            Destination::Node(_) => asked,
            Destination::Web(address) if asked && !address.is_encrypted() => {
                anyhow::bail!("{}: {address} is not encrypted; write https://", TlsError::CODE)
            }
            Destination::Web(address) => address.is_encrypted(),
        };
        let tls = is_encrypted.then(|| ClientTls::new(&self.files()));
        tls.transpose().map_err(|e| coded(TlsError::CODE, e))
    }

    /// TLS for receiving.
    ///
    /// # Errors
    /// When a file cannot be used, or there is no certificate.
    pub(crate) fn server(&self) -> anyhow::Result<ServerTls> {
        ServerTls::new(&self.files()).map_err(|e| coded(TlsError::CODE, e))
    }
}
