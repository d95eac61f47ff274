//! What the server needs to speak TLS.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::Digest;
use std::path::Path;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A text holds nothing of its kind.
    #[error(transparent)]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// No certificate can be made.
    #[error(transparent)]
    Name(#[from] rcgen::Error),
    /// Certificate and key do not belong together, or are of a kind that is not known.
    #[error(transparent)]
    Refused(#[from] rustls::Error),
}

/// A certificate and its private key, PEM.
#[derive(Clone)]
pub struct Certificate {
    /// The certificate and those above it.
    pub chain: String,
    /// The private key.
    pub key: String,
}

/// Without the key.
impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl Certificate {
    /// From PEM files.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn read(chain: &Path, key: &Path) -> std::io::Result<Self> {
        Ok(Self { chain: std::fs::read_to_string(chain)?, key: std::fs::read_to_string(key)? })
    }

    /// A new one for a name or an address, which nobody vouches for.
    ///
    /// # Errors
    /// If no certificate can be made for such a name.
    pub fn self_signed(name: &str) -> Result<Self, TlsError> {
        let made = rcgen::generate_simple_self_signed([name.trim_matches(['[', ']']).to_owned()])?;
        Ok(Self { chain: made.cert.pem(), key: made.signing_key.serialize_pem() })
    }

    /// What browsers show of it, to be compared: SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Option<String> {
        let first = CertificateDer::pem_slice_iter(self.chain.as_bytes()).next()?.ok()?;
        let hash = sha2::Sha256::digest(&first);
        Some(hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":"))
    }

    /// The server's configuration. HTTP/1.1 only: that has a Host header to be checked, and carries WebSockets.
    ///
    /// # Errors
    /// If they are none, or do not belong together.
    pub fn config(&self) -> Result<ServerConfig, TlsError> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())?;
        let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".into()];
        Ok(config)
    }
}
