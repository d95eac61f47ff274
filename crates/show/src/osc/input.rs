//! Takes what other programs ask of the desk.

use super::{OscError, ROOT};
use mirror::live::{Desk, Value};
use rosc::{OscMessage, OscPacket, OscType};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest packet, bytes: the longest that a message for us can have is a tenth of it.
const MAX_BYTES: usize = 8192;
/// Most bundles in a packet; they may lie in one another.
const MAX_BUNDLES: usize = 16;
/// How long the thread sleeps at most before it looks whether it is to end.
const WAKE: Duration = Duration::from_millis(200);

/// What came.
#[derive(Debug, Default)]
pub struct InputCounts {
    /// Messages that did something.
    pub taken: AtomicU64,
    /// Packets and messages that did nothing, as they could not be understood.
    pub refused: AtomicU64,
}

/// A port at which other programs may set the desk's controls, until this is dropped.
#[derive(Debug)]
pub struct OscInput {
    address: SocketAddr,
    counts: Arc<InputCounts>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl OscInput {
    /// Listens at an address.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn open(at: SocketAddr, desk: Arc<Desk>) -> Result<Self, OscError> {
        let wrong = |source| OscError::Port { at, source };
        let socket = UdpSocket::bind(at).map_err(wrong)?;
        socket.set_read_timeout(Some(WAKE)).map_err(wrong)?;
        let address = socket.local_addr().map_err(wrong)?;
        let (counts, ended) = (Arc::new(InputCounts::default()), Arc::new(AtomicBool::new(false)));
        let (counted, is_ended) = (counts.clone(), ended.clone());
        let listen = move || {
            let mut buffer = [0; MAX_BYTES + 1];
            while !is_ended.load(Ordering::Relaxed) {
                if let Ok(length) = socket.recv(&mut buffer) {
                    take(&buffer[..length], &desk, &counted);
                }
            }
        };
        let thread = std::thread::Builder::new().name("osc".into()).spawn(listen).map_err(wrong)?;
        Ok(Self { address, counts, ended, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What came so far.
    pub fn counts(&self) -> &InputCounts {
        &self.counts
    }
}

impl Drop for OscInput {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// Does what a packet asks.
fn take(packet: &[u8], desk: &Desk, counts: &InputCounts) {
    let refuse = |why: &dyn std::fmt::Display| {
        counts.refused.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(%why, "an OSC packet was refused");
    };
    // Bundles in bundles are decoded by a function that calls itself.
    let bundles = packet.windows(8).filter(|bytes| *bytes == b"#bundle\0").count();
    if packet.len() > MAX_BYTES || bundles > MAX_BUNDLES {
        return refuse(&"it is too long");
    }
    match rosc::decoder::decode_udp(packet) {
        Ok(([], packet)) => obey_all(packet, desk, counts, &refuse),
        Ok(_) => refuse(&"something follows it"),
        Err(error) => refuse(&error),
    }
}

fn obey_all(packet: OscPacket, desk: &Desk, counts: &InputCounts, refuse: &dyn Fn(&dyn std::fmt::Display)) {
    match packet {
        OscPacket::Bundle(bundle) => bundle.content.into_iter().for_each(|p| obey_all(p, desk, counts, refuse)),
        OscPacket::Message(message) => match obey(message, desk) {
            Ok(()) => drop(counts.taken.fetch_add(1, Ordering::Relaxed)),
            Err(why) => refuse(&why),
        },
    }
}

fn obey(OscMessage { addr, args }: OscMessage, desk: &Desk) -> Result<(), String> {
    let path = addr.strip_prefix(ROOT).and_then(|path| path.strip_prefix('/')).unwrap_or_default();
    match (path, path.split_once('/')) {
        ("release", _) => {
            desk.release_all();
            Ok(())
        }
        (_, Some(("release", name))) => desk.release(name).map_err(|e| e.to_string()),
        (_, Some(("set", name))) => {
            let value = value(&args).ok_or_else(|| format!("{addr}: expected one number, switch or word"))?;
            desk.set(name, value).map_err(|e| e.to_string())
        }
        _ => Err(format!("\"{addr}\" is no address of the mirror")),
    }
}

/// The one value of a message.
fn value(args: &[OscType]) -> Option<Value> {
    match args {
        [OscType::Bool(on)] => Some(Value::Switch(*on)),
        [OscType::Int(number)] => Some(Value::Number((*number).into())),
        [OscType::Long(number)] => Some(Value::Number(*number as f64)),
        [OscType::Float(number)] => Some(Value::Number((*number).into())),
        [OscType::Double(number)] => Some(Value::Number(*number)),
        [OscType::String(word)] => Some(Value::Word(word.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::inverter::Inverter;
    use mirror::pack::{Net, Pack};
    use proptest::prelude::*;
    use rosc::{OscBundle, OscTime};
    use std::time::Instant;

    fn desk() -> Arc<Desk> {
        let pack = Pack::embedded().unwrap();
        Arc::new(Desk::new(&pack.open(Net::Inverter, Inverter::from_weights).unwrap(), &["en", "de"]))
    }

    fn bytes(path: &str, args: Vec<OscType>) -> Vec<u8> {
        rosc::encoder::encode(&OscPacket::Message(OscMessage { addr: path.to_owned(), args })).unwrap()
    }

    fn counts(counts: &InputCounts) -> (u64, u64) {
        (counts.taken.load(Ordering::Relaxed), counts.refused.load(Ordering::Relaxed))
    }

    #[test]
    fn every_control_is_set_and_released_by_its_address() {
        let (desk, counted) = (desk(), InputCounts::default());
        for (name, value, expected) in [
            ("features", OscType::Int(3), Value::Number(3.0)),
            ("features", OscType::Float(4.0), Value::Number(4.0)),
            ("without/skin", OscType::Bool(true), Value::Switch(true)),
            ("without/skin", OscType::Int(0), Value::Switch(false)),
            ("override/age", OscType::Double(70.5), Value::Number(70.5)),
            ("override/female", OscType::Long(1), Value::Number(1.0)),
            ("language", OscType::String("de".into()), Value::Word("de".into())),
        ] {
            take(&bytes(&format!("/narcissus/set/{name}"), vec![value]), &desk, &counted);
            assert_eq!(desk.values().get(name), Some(&expected), "{name}");
        }
        take(&bytes("/narcissus/release/features", vec![]), &desk, &counted);
        assert!(!desk.values().contains_key("features"));
        take(&bytes("/narcissus/release", vec![]), &desk, &counted);
        assert_eq!((desk.values().len(), counts(&counted)), (0, (9, 0)));
    }

    #[test]
    fn what_cannot_be_understood_changes_nothing_and_is_counted() {
        let (desk, counted) = (desk(), InputCounts::default());
        let long = OscType::String("x".repeat(MAX_BYTES));
        let mut deep = OscPacket::Message(OscMessage { addr: "/narcissus/set/hold".into(), args: vec![1.into()] });
        for _ in 0..=MAX_BUNDLES {
            deep = OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content: vec![deep] });
        }
        let all = [
            Vec::new(),
            b"/".to_vec(),
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            bytes("/narcissus", vec![]),
            bytes("/narcissus/set", vec![1.into()]),
            bytes("/narcissus/set/hold", vec![]),
            bytes("/narcissus/set/hold", vec![1.into(), 1.into()]),
            bytes("/narcissus/set/hold", vec![OscType::Nil]),
            bytes("/narcissus/set/shoes", vec![1.into()]),
            bytes("/narcissus/set/dim", vec![2.0.into()]),
            bytes("/narcissus/set/dim", vec![f32::NAN.into()]),
            bytes("/narcissus/release/shoes", vec![]),
            bytes("/elsewhere/set/hold", vec![1.into()]),
            bytes("/narcissus/set/language", vec![long]),
            rosc::encoder::encode(&deep).unwrap(),
            [bytes("/narcissus/set/hold", vec![1.into()]), b"more".to_vec()].concat(),
        ];
        all.iter().for_each(|packet| take(packet, &desk, &counted));
        assert_eq!((desk.step(), counts(&counted)), (0, (0, all.len() as u64)));
    }

    #[test]
    fn another_program_is_heard_over_the_network_and_nobody_after_the_end() {
        let desk = desk();
        let input = OscInput::open(([127, 0, 0, 1], 0).into(), desk.clone()).unwrap();
        let taken = OscInput::open(input.address(), desk.clone()).unwrap_err().to_string();
        assert!(taken.contains("another program may have this port"), "{taken}");
        let other = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        other.send_to(&bytes("/narcissus/set/dim", vec![0.5.into()]), input.address()).unwrap();
        let began = Instant::now();
        while desk.step() == 0 && began.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!((desk.dim(), counts(input.counts())), (0.5, (1, 0)));
        let address = input.address();
        drop(input);
        UdpSocket::bind(address).expect("the port is free again");
    }

    proptest! {
        /// Broken messages, and anything at all.
        #[test]
        fn noise_never_breaks_it(noise in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..64, byte in any::<u8>()) {
            let (desk, counted) = (desk(), InputCounts::default());
            take(&noise, &desk, &counted);
            take(&[b"#bundle\0\0\0\0\0\0\0\0\x01".as_slice(), &noise].concat(), &desk, &counted);
            let mut message = bytes("/narcissus/set/override/age", vec![70.into()]);
            let at = at % message.len();
            message[at] = byte;
            take(&message, &desk, &counted);
            message.truncate(at);
            take(&message, &desk, &counted);
            let age = desk.values().remove("override/age");
            prop_assert!(age.is_none_or(|age| matches!(age, Value::Number(n) if (1.0..=100.0).contains(&n))));
        }
    }
}
