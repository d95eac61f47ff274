//! How the server is set up, and why it may not start.

use super::staff::StaffSetup;
use mirror::live::protocol::PageSettings;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where the page is served, and what it is told.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The address to listen at; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Needed where other computers can reach that address.
    pub remote: Option<RemoteAccess>,
    /// Whether a browser of this computer shows the page, which then needs neither certificate nor token.
    pub kiosk: bool,
    /// What the page is told.
    pub settings: PageSettings,
    /// The desk of the staff, if there is one.
    pub staff: Option<StaffSetup>,
}

impl Setup {
    /// For this computer only.
    pub fn local(port: u16) -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { listen, remote: None, kiosk: false, settings: PageSettings::default(), staff: None }
    }
}

/// How the page is protected where other computers can reach it.
#[derive(Clone, Debug)]
pub struct RemoteAccess {
    /// The name by which browsers call the server; the certificate is for that name.
    pub name: String,
    /// The certificate and those above it, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Whoever knows it may look.
    pub token: String,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The port cannot be had.
    #[error("port {port}: {source}\nhint: stop the program that uses it, or choose another port")]
    Port {
        /// Which.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// Others could look without being asked.
    #[error(
        "{0} can be reached by others: that needs a certificate, its key and a token\nhint: leave --listen out to serve this computer only"
    )]
    Unprotected(SocketAddr),
    /// The token is easy to guess, or no browser could say it.
    #[error("a token has at least 16 letters, digits, - or _")]
    Token,
    /// The certificate or its key are not what they should be.
    #[error("{}, {}: {why}", certificate.display(), key.display())]
    Certificate {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        why: String,
    },
    /// The staff's certificate is not what it should be.
    #[error("the staff's certificate: {0}")]
    StaffCertificate(String),
    /// The server broke off.
    #[error("the server broke off: {0}")]
    Broken(#[source] std::io::Error),
}
