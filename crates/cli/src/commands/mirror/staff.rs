//! The staff's page: where it is, who may open it, and how it is told on the terminal.

use crate::output;
use anyhow::Context;
use display::server::{Certificate, StaffSetup};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use std::fmt::Write;
use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

/// The port of the staff's page, unless another is said.
pub const PORT: &str = "7861";
/// The certificate that a mirror gives to the one that takes its place, so that telephones trust that too.
pub const CERTIFICATE: &str = "NARCISSUS_STAFF_PEM";
/// What separates certificate and key in it.
const THEN: &str = "\n---\n";
/// Bytes of a token that is drawn.
const TOKEN_BYTES: usize = 16;

/// A port of all networks, or an address with its port.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    text.parse()
        .map_err(|_| "expected a port, such as 7861, or an address with it, such as 192.168.0.5:7861".to_owned())
}

/// An address as it stands in a URL.
pub fn host_name(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => format!("[{six}]"),
    }
}

/// The page at an address, by a name with a certificate of its own if there is one; otherwise by its number in the network and with a certificate
/// that nobody vouches for.
pub fn setup(
    listen: SocketAddr,
    named: Option<(&str, &Path, &Path)>,
    token: Option<&str>,
) -> anyhow::Result<StaffSetup> {
    let (name, certificate) = match named {
        Some((name, chain, key)) => {
            let read = Certificate::read(chain, key).with_context(|| format!("{}, {}", chain.display(), key.display()));
            (name.to_owned(), read?)
        }
        None => {
            let ip = if listen.ip().is_unspecified() { own_address() } else { listen.ip() };
            let name = host_name(ip);
            let inherited = inherited_certificate();
            (name.clone(), inherited.map_or_else(|| Certificate::self_signed(&name), Ok)?)
        }
    };
    let token = token.map_or_else(draw_token, |token| Ok(token.to_owned()))?;
    Ok(StaffSetup { listen, name, token, certificate })
}

/// This computer's number in its network: where a packet to elsewhere would leave. Nothing is sent. A mirror that starts before the network
/// does must start all the same: its staff's page is then for this computer alone.
fn own_address() -> IpAddr {
    let found = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    found.map_or_else(
        |error| {
            tracing::warn!(%error, "this computer is in no network: telephones cannot reach the staff's page until a restart");
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        },
        |address| address.ip(),
    )
}

fn draw_token() -> anyhow::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|why| anyhow::anyhow!("no token can be drawn: {why}"))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn inherited_certificate() -> Option<Certificate> {
    let text = std::env::var(CERTIFICATE).ok()?;
    let (chain, key) = text.split_once(THEN)?;
    Some(Certificate { chain: chain.to_owned(), key: key.to_owned() })
}

/// Says on the terminal where the page is, to be read by a telephone's camera.
pub fn tell(url: &str, staff: &StaffSetup) -> anyhow::Result<()> {
    let url = format!("{url}/?token={}", staff.token);
    output::print_line(&format_args!("the staff's page is at {url}"))?;
    if let Ok(code) = QrCode::new(&url) {
        let code = code.render::<Dense1x2>().quiet_zone(true).build();
        // Telephones want it dark on light, whatever colours the terminal has.
        let [on, off] = if std::io::stdout().is_terminal() { ["\x1b[30;107m", "\x1b[0m"] } else { ["", ""] };
        for line in code.lines() {
            output::print_line(&format_args!("{on}{line}{off}"))?;
        }
    }
    if let Some(fingerprint) = staff.certificate.fingerprint() {
        output::print_line(&format_args!("its certificate's SHA-256: {fingerprint}"))?;
    }
    Ok(())
}

/// Runs the program again, in place of this process where the system can do that; telephones that know the staff's page go on to. `program` is
/// where it was when it began: where another version has taken its place since then, that begins.
pub fn start_again(program: &Path, staff: &StaffSetup) -> anyhow::Result<()> {
    let mut command = std::process::Command::new(program);
    command.args(std::env::args_os().skip(1)).env("NARCISSUS_STAFF_TOKEN", &staff.token);
    command.env(CERTIFICATE, [&staff.certificate.chain, THEN, &staff.certificate.key].concat());
    replace(command).context("the mirror cannot be started again")
}

#[cfg(unix)]
fn replace(mut command: std::process::Command) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn replace(mut command: std::process::Command) -> std::io::Result<()> {
    command.spawn().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_never_the_same() {
        let (a, b) = (draw_token().unwrap(), draw_token().unwrap());
        assert!(a != b && a.len() == 2 * TOKEN_BYTES && a.bytes().all(|c| c.is_ascii_hexdigit()), "{a} {b}");
    }

    #[test]
    fn a_port_is_that_of_all_networks() {
        assert_eq!(address("7861"), Ok(SocketAddr::from(([0, 0, 0, 0], 7861))));
        assert_eq!(address("10.0.0.2:80"), Ok(SocketAddr::from(([10, 0, 0, 2], 80))));
        assert!(address("everywhere").is_err());
    }
}
