//! Sends what every look comes to.

use super::{OscError, ROOT};
use frame::lock;
use mirror::live::protocol::{FrameReport, State, TrackedFaceReport, ViewReport};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// OSC's word for "at once".
const AT_ONCE: OscTime = OscTime { seconds: 0, fractional: 1 };

/// What was sent.
#[derive(Debug, Default)]
pub struct OutputCounts {
    /// Packets that left.
    pub sent: AtomicU64,
    /// Packets that the system did not take.
    pub failed: AtomicU64,
}

/// The way to another program.
#[derive(Debug)]
pub struct OscOutput {
    socket: UdpSocket,
    to: SocketAddr,
    /// Who was reflected at the last look.
    here: Mutex<BTreeSet<u64>>,
    counts: OutputCounts,
}

impl OscOutput {
    /// To `HOST:PORT`.
    ///
    /// # Errors
    /// If there is no such host, or no port is left.
    pub fn open(to: &str) -> Result<Self, OscError> {
        let wrong = |why: String| OscError::Target { to: to.to_owned(), why };
        let address = to.to_socket_addrs().map_err(|e| wrong(e.to_string()))?.next();
        let address = address.ok_or_else(|| wrong("it has no address".to_owned()))?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).map_err(|source| OscError::Port { at: any, source })?;
        // A packet that would have to wait is too late.
        socket.set_nonblocking(true).map_err(|source| OscError::Port { at: any, source })?;
        Ok(Self { socket, to: address, here: Mutex::default(), counts: OutputCounts::default() })
    }

    /// What was sent so far.
    pub fn counts(&self) -> &OutputCounts {
        &self.counts
    }

    /// Sends what a look came to. It never waits.
    pub fn send(&self, report: &FrameReport) {
        let mut here = lock(&self.here);
        let now: BTreeSet<u64> = report.views.iter().filter_map(|view| view.viewer).collect();
        let packets = packets(report, &here, &now);
        *here = now;
        drop(here);
        for packet in packets {
            let sent = rosc::encoder::encode(&packet).is_ok_and(|bytes| self.socket.send_to(&bytes, self.to).is_ok());
            let count = if sent { &self.counts.sent } else { &self.counts.failed };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A bundle for the mirror, one for each face and one for each reflection: none is longer than a packet of an Ethernet. `before` were reflected at
/// the last look, `now` are at this.
fn packets(report: &FrameReport, before: &BTreeSet<u64>, now: &BTreeSet<u64>) -> Vec<OscPacket> {
    let state = match report.state {
        State::Reflecting => "reflecting",
        State::Dreaming => "dreaming",
    };
    let mut mirror = vec![
        message("state", [OscType::String(state.to_owned())]),
        message("faces", [OscType::Int(report.faces.len() as i32)]),
        message("eyes_closed", [OscType::Float(report.eyes_closed_secs as f32)]),
    ];
    mirror.extend(now.difference(before).map(|viewer| message("arrive", [number(Some(*viewer))])));
    mirror.extend(before.difference(now).map(|viewer| message("leave", [number(Some(*viewer))])));
    let mut packets = vec![bundle(mirror)];
    packets.extend(report.faces.iter().enumerate().map(|(i, face)| bundle(of_face(i + 1, face))));
    packets.extend(report.views.iter().enumerate().map(|(i, view)| bundle(of_view(i + 1, view))));
    packets
}

fn of_face(n: usize, TrackedFaceReport { id, face, .. }: &TrackedFaceReport) -> Vec<OscPacket> {
    let message = |name: &str, values: Vec<OscType>| message(&format!("face/{n}/{name}"), values);
    let floats = |values: &[f32]| values.iter().map(|v| OscType::Float(*v)).collect::<Vec<_>>();
    let mut all = vec![
        message("viewer", vec![number(*id)]),
        message("box", floats(&face.rect)),
        message("pose", floats(&[face.pose.yaw, face.pose.pitch, face.pose.roll])),
    ];
    all.extend(face.age.map(|age| message("age", floats(&[age.mean]))));
    all.extend(face.gender.map(|gender| message("gender", floats(&[gender.female]))));
    all.push(message("features", floats(&face.features)));
    all
}

fn of_view(n: usize, view: &ViewReport) -> Vec<OscPacket> {
    let float = |name: &str, value: f32| message(&format!("view/{n}/{name}"), [OscType::Float(value)]);
    let mut all = vec![message(&format!("view/{n}/viewer"), [number(view.viewer)]), float("progress", view.progress)];
    all.extend(view.distance.map(|distance| float("distance", distance)));
    let judgement = view.judgement.as_ref();
    all.extend(judgement.and_then(|judgement| judgement.age).map(|age| float("age", age.mean)));
    if let Some(gender) = judgement.and_then(|judgement| judgement.gender) {
        all.push(float("gender", gender.female));
        let label = gender.label.name().to_owned();
        all.push(message(&format!("view/{n}/label"), [OscType::String(label)]));
    }
    all.extend(view.kept.iter().flatten().map(|(group, kept)| float(&format!("kept/{}", group.name()), *kept)));
    all
}

/// A viewer's number as OSC has numbers; -1 for nobody.
fn number(viewer: Option<u64>) -> OscType {
    OscType::Int(viewer.map_or(-1, |viewer| (viewer & 0x7FFF_FFFF) as i32))
}

fn message(path: &str, values: impl IntoIterator<Item = OscType>) -> OscPacket {
    OscPacket::Message(OscMessage { addr: format!("{ROOT}/{path}"), args: values.into_iter().collect() })
}

fn bundle(content: Vec<OscPacket>) -> OscPacket {
    OscPacket::Bundle(OscBundle { timetag: AT_ONCE, content })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::osc::sent;
    use mirror::face::LANDMARKS;
    use mirror::face::attributes::GenderLabel;
    use mirror::features::{Group, Measures, Pose, TOLD};
    use mirror::live::protocol::Judgement;
    use mirror::report::{AgeReport, FaceReport, GenderReport};
    use std::time::Duration;

    fn report(viewers: &[Option<u64>]) -> FrameReport {
        let age = AgeReport { mean: 41.0, low: 33.0, high: 52.0 };
        let gender = GenderReport { label: GenderLabel::Unsure, female: 0.5, male: 0.5 };
        let face = FaceReport {
            rect: [1.0, 2.0, 30.0, 40.0],
            score: 0.9,
            confidence: 0.9,
            landmarks: [[0.0; 2]; LANDMARKS],
            pose: Pose { yaw: 4.0, pitch: -2.0, roll: 1.0 },
            age: Some(age),
            gender: Some(gender),
            features: vec![0.25; TOLD],
        };
        let faces = viewers.iter().flatten();
        FrameReport {
            state: if viewers.iter().any(Option::is_some) { State::Reflecting } else { State::Dreaming },
            faces: faces
                .map(|id| TrackedFaceReport {
                    id: Some(*id),
                    still: false,
                    over: false,
                    verdicts: Default::default(),
                    face: face.clone(),
                })
                .collect(),
            views: viewers
                .iter()
                .map(|viewer| ViewReport {
                    viewer: *viewer,
                    progress: 1.0,
                    distance: Some(1.5),
                    judgement: viewer.map(|_| Judgement { age: Some(age), gender: Some(gender) }),
                    kept: viewer.map(|_| Group::ALL.into_iter().map(|group| (group, 0.5)).collect()),
                    ..ViewReport::default()
                })
                .collect(),
            ..FrameReport::default()
        }
    }

    fn messages(packet: OscPacket, all: &mut Vec<OscMessage>) {
        match packet {
            OscPacket::Message(message) => all.push(message),
            OscPacket::Bundle(bundle) => bundle.content.into_iter().for_each(|packet| messages(packet, all)),
        }
    }

    /// What another program hears of looks.
    fn heard(looks: &[FrameReport]) -> Vec<OscMessage> {
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        other.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let output = OscOutput::open(&other.local_addr().unwrap().to_string()).unwrap();
        looks.iter().for_each(|report| output.send(report));
        let (mut all, mut buffer) = (Vec::new(), [0; 65_536]);
        for _ in 0..output.counts().sent.load(Ordering::Relaxed) {
            let length = other.recv(&mut buffer).unwrap();
            assert!(length <= 1400, "{length} bytes are more than a packet");
            let (rest, packet) = rosc::decoder::decode_udp(&buffer[..length]).unwrap();
            assert!(rest.is_empty());
            messages(packet, &mut all);
        }
        assert_eq!(output.counts().failed.load(Ordering::Relaxed), 0);
        all
    }

    /// An address with `N` for its numbers.
    fn pattern(path: &str) -> String {
        let parts = path.split('/').map(|part| if part.parse::<usize>().is_ok() { "N" } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    #[test]
    fn everything_on_the_list_is_sent_with_its_types_and_nothing_else() {
        let all = heard(&[report(&[Some(7), None]), report(&[None, None])]);
        let letter = |value: &OscType| match value {
            OscType::Int(_) => 'i',
            OscType::Float(_) => 'f',
            OscType::String(_) => 's',
            other => panic!("{other:?}"),
        };
        let listed: BTreeSet<(String, String)> =
            sent(&Measures::default()).into_iter().map(|a| (a.path, a.types)).collect();
        let heard: BTreeSet<(String, String)> =
            all.iter().map(|m| (pattern(&m.addr), m.args.iter().map(letter).collect())).collect();
        assert_eq!(heard, listed);
    }

    #[test]
    fn who_comes_and_goes_is_said_once() {
        let looks = [report(&[None]), report(&[Some(3)]), report(&[Some(3)]), report(&[Some(5)]), report(&[None])];
        let said: Vec<(String, OscType)> = heard(&looks)
            .into_iter()
            .filter(|m| m.addr.ends_with("/arrive") || m.addr.ends_with("/leave"))
            .map(|m| (m.addr.rsplit('/').next().unwrap().to_owned(), m.args[0].clone()))
            .collect();
        let expected = [("arrive", 3), ("arrive", 5), ("leave", 3), ("leave", 5)];
        assert_eq!(said, expected.map(|(word, viewer)| (word.to_owned(), OscType::Int(viewer))));
    }

    /// 3,000 looks at 70 a second, each three packets: how long from a look to its last packet, and how many packets were lost.
    #[test]
    #[ignore = "a measurement"]
    fn osc_speed() {
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        other.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let output = OscOutput::open(&other.local_addr().unwrap().to_string()).unwrap();
        let (look, mut came, mut took) = (report(&[Some(7)]), 0, Vec::new());
        for _ in 0..3000 {
            let began = std::time::Instant::now();
            let before = output.counts().sent.load(Ordering::Relaxed);
            output.send(&look);
            for _ in before..output.counts().sent.load(Ordering::Relaxed) {
                came += u64::from(other.recv(&mut [0; 2048]).is_ok());
            }
            took.push(began.elapsed());
            std::thread::sleep(Duration::from_millis(14));
        }
        took.sort();
        let (sent, rank) = (output.counts().sent.load(Ordering::Relaxed), |q: usize| took[took.len() * q / 100]);
        eprintln!(
            "{sent} packets sent, {} lost; median {:?}, p95 {:?}, worst {:?}",
            sent - came,
            rank(50),
            rank(95),
            took[2999]
        );
    }

    #[test]
    fn a_place_that_is_nowhere_is_an_error() {
        for to in ["", "localhost", "localhost:seven", "localhost:70000", "no such host:9000"] {
            let error = OscOutput::open(to).unwrap_err().to_string();
            assert!(error.starts_with(&format!("OSC to {to}: ")), "{error}");
        }
    }
}
