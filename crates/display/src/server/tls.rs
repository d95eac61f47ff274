//! What the server needs to speak TLS.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;

/// From PEM files: the certificate and those above it, and its private key. HTTP/1.1 only: that has a Host to be judged, and
/// carries WebSockets.
///
/// # Errors
/// In words, if a file cannot be read or they do not belong together.
pub fn config(certificate: &Path, key: &Path) -> Result<ServerConfig, String> {
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect).map_err(|e| e.to_string())?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| e.to_string())?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|e| e.to_string())?;
    config.alpn_protocols = vec![b"http/1.1".into()];
    Ok(config)
}
