//! TLS for associations, by BCP 195 (RFC 9325; DICOM PS3.15, B.12): TLS 1.2 or 1.3, forward secrecy, authenticated
//! encryption. rustls has no other cipher suites, and neither renegotiation nor compression.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};

use super::transport::Transport;

/// Certificates in files. Each is in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our own certificate, followed by those that lead to its authority.
    pub certificate: Option<PathBuf>,
    /// The private key of our certificate.
    pub key: Option<PathBuf>,
    /// Certificates of the authorities that peers' certificates must come from; those of the system if absent.
    pub authorities: Option<PathBuf>,
}

/// Certificates that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl TlsError {
    /// Stable error code.
    pub const CODE: octrls_core::ErrorCode = octrls_core::ErrorCode::NodeTls;
}

/// TLS of connections that we make.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    /// The same for HTTP.
    http: ureq::tls::TlsConfig,
}

/// TLS of connections that peers make.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<ServerConfig>);

impl ClientTls {
    /// Reads the certificates. With a certificate of our own, we present it if the peer asks for one.
    ///
    /// # Errors
    /// [`TlsError`] if a file cannot be read or its content does not fit.
    pub fn new(files: &TlsFiles) -> Result<Self, TlsError> {
        let (roots, identity) = (files.roots()?, files.identity()?);
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|e| TlsError(e.to_string()))?.with_root_certificates(files.store(&roots)?);
        let config = match &identity {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|e| files.unfit(&e))?
            }
            None => builder.with_no_client_auth(),
        };
        let chain = identity.map(|(chain, _)| chain);
        Ok(Self { config: Arc::new(config), http: files.for_http(&roots, chain.as_deref())? })
    }

    /// Speaks TLS over `socket` with the peer called `host`, whose certificate must name it.
    pub(super) fn connect(&self, socket: TcpStream, host: &str) -> Result<Transport, TlsError> {
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|_| TlsError(format!("{host:?} is no host name that a certificate can name")))?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(|e| TlsError(e.to_string()))?;
        Ok(Transport::Client(Box::new(StreamOwned::new(connection, socket))))
    }

    /// The configuration for HTTP.
    pub(super) const fn http(&self) -> &ureq::tls::TlsConfig {
        &self.http
    }
}

impl ServerTls {
    /// Reads the certificates; a certificate of our own is needed. With authorities, peers must present a certificate of
    /// one of them; without, any peer may connect.
    ///
    /// # Errors
    /// [`TlsError`] if a file cannot be read or its content does not fit.
    pub fn new(files: &TlsFiles) -> Result<Self, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|e| TlsError(e.to_string()))?;
        let builder = match &files.authorities {
            Some(_) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(files.store(&files.roots()?)?), provider());
                builder.with_client_cert_verifier(verifier.build().map_err(|e| TlsError(e.to_string()))?)
            }
            None => builder.with_no_client_auth(),
        };
        let missing = || TlsError("a node that receives by TLS needs a certificate and its key".to_owned());
        let (chain, key) = files.identity()?.ok_or_else(missing)?;
        Ok(Self(Arc::new(builder.with_single_cert(chain, key).map_err(|e| files.unfit(&e))?)))
    }

    /// Speaks TLS over the connection `socket` that a peer made.
    pub(super) fn accept(&self, socket: TcpStream) -> Result<Transport, TlsError> {
        let connection = ServerConnection::new(Arc::clone(&self.0)).map_err(|e| TlsError(e.to_string()))?;
        Ok(Transport::Server(Box::new(StreamOwned::new(connection, socket))))
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl TlsFiles {
    /// Our certificate and key; `None` without either.
    fn identity(&self) -> Result<Option<Identity>, TlsError> {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let failed = |e| TlsError(format!("cannot read the private key in {}: {e}", key.display()));
                Ok(Some((certificates(certificate)?, PrivateKeyDer::from_pem_file(key).map_err(failed)?)))
            }
            (None, None) => Ok(None),
            _ => Err(TlsError("a certificate needs its private key, and the key its certificate".to_owned())),
        }
    }

    /// The certificates of authorities.
    fn roots(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let Some(file) = &self.authorities else {
            let found = rustls_native_certs::load_native_certs().certs;
            let missing = || TlsError("this system has no certificates of authorities; name a file of them".to_owned());
            return if found.is_empty() { Err(missing()) } else { Ok(found) };
        };
        certificates(file)
    }

    fn store(&self, roots: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
        let mut store = RootCertStore::empty();
        match &self.authorities {
            Some(file) => {
                let unusable = |e| TlsError(format!("a certificate in {} cannot be used: {e}", file.display()));
                roots.iter().try_for_each(|root| store.add(root.clone()).map_err(unusable))?;
            }
            // The system's store may hold a certificate that is not usable; the others are.
            None => _ = store.add_parsable_certificates(roots.iter().cloned()),
        }
        Ok(store)
    }

    /// The configuration for HTTP with our certificate `chain`, if any.
    fn for_http(
        &self,
        roots: &[CertificateDer<'static>],
        chain: Option<&[CertificateDer<'static>]>,
    ) -> Result<ureq::tls::TlsConfig, TlsError> {
        use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};
        let owned = |certificates: &[CertificateDer<'static>]| -> Vec<Certificate<'static>> {
            certificates.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
        };
        let own = match (chain, &self.key) {
            (Some(chain), Some(file)) => {
                let failed = |e: String| TlsError(format!("cannot read the private key in {}: {e}", file.display()));
                let pem = std::fs::read(file).map_err(|e| failed(e.to_string()))?;
                let key = PrivateKey::from_pem(&pem).map_err(|e| failed(e.to_string()))?;
                Some(ClientCert::new_with_certs(&owned(chain), key))
            }
            _ => None,
        };
        let config = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider())
            .root_certs(RootCerts::new_with_certs(&owned(roots)))
            .client_cert(own);
        Ok(config.build())
    }

    fn unfit(&self, error: &rustls::Error) -> TlsError {
        let file = self.certificate.as_deref().unwrap_or(Path::new("")).display();
        TlsError(format!("the certificate in {file} and its key do not fit: {error}"))
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |e| TlsError(format!("cannot read the certificates in {}: {e}", file.display()));
    let found: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if found.is_empty() {
        return Err(TlsError(format!("{} contains no certificate in PEM", file.display())));
    }
    Ok(found)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
