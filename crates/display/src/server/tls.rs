//! What the server needs to speak TLS.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of its kind.
    #[error(transparent)]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// Certificate and key do not belong together, or are of a kind that is not known.
    #[error(transparent)]
    Refused(#[from] rustls::Error),
}

/// The configuration from PEM files: the certificate and those above it, and its private key. HTTP/1.1 only: that has a Host header to be
/// checked, and carries WebSockets.
///
/// # Errors
/// If a file cannot be read or they do not belong together.
pub fn config(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect)?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".into()];
    Ok(config)
}
