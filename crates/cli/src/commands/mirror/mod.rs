//! `narcissus mirror`: the live mirror.

mod session;
mod source;
mod staff;

pub use staff::CERTIFICATE as STAFF_CERTIFICATE;

use crate::kiosk::Kiosk;
use crate::options::{Drawing, Global, MountingArgs, Size, Switch, build_mirror, open_pack_at};
use crate::watchdog::Watchdog;
use crate::{browser, journal, output};
use ::mirror::live::protocol::{House, PageSettings};
use ::mirror::live::{Desk, LiveSettings, SCENE, SharedMirror, Value};
use anyhow::Context;
#[cfg(feature = "window")]
use display::server::SessionFactory;
use display::server::{COLOURS, Ended, LANGUAGES, RemoteAccess, Setup, StaffSetup, serve, text_keys};
use display::{Pictures, Recorder};
use session::{Controller, LiveSessions, Osc};
#[cfg(feature = "midi")]
use show::midi::{Midi, MidiPort};
use show::osc::{OscInput, OscOutput};
use show::policy::{Doorkeeper, HousePolicy};
use show::scenes::{Director, PackLoader, PageParts};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// The live mirror: opens a page for the browser, camera in, reflection out.
///
/// Prints the address and serves until it is interrupted, to this computer only. The browser asks for leave to use
/// the camera. No frame is stored or sent anywhere. When nobody is there the mirror looks at its own dreams. Faces that never move,
/// such as painted ones, are let go after a while. GET /healthz says whether it lives, /metrics what it has done.
///
/// --kiosk needs a browser of Chromium's kind, or Firefox.
///
/// --listen opens it to other computers. That needs a certificate and its key (PEM; mkcert, for example, makes them), the name they
/// are for, and a token of at least 16 letters: whoever opens https://NAME:PORT/?token=TOKEN may look. Others can read a flag, so give the token as
/// NARCISSUS_TOKEN or in the configuration file.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus mirror                          then open http://127.0.0.1:7860
    narcissus mirror --kiosk                  fills the screen with it
    narcissus mirror --faces 3                three reflections side by side
    narcissus mirror --rotate 90              the camera hangs on its side
    narcissus mirror --source portraits/      pictures and videos stand in for the camera
    narcissus mirror --osc-out 127.0.0.1:9000 --osc-in 9001      talks to the rest of a show
    narcissus mirror --scenes scenes/ --scene evening            presets, switched by key, panel, OSC or clock
    narcissus mirror --policy house.toml       what the house lets it measure, and when it is open
    narcissus mirror --staff                   a page for the telephones of the staff
    narcissus mirror --record today.mp4        a film of what is drawn
    narcissus mirror --kiosk --gesture --log mirror.log      as in a gallery")]
pub struct MirrorArgs {
    /// What it looks through: browser (its camera), camera:NAME, or a path of pictures and videos
    #[arg(long, default_value = "browser")]
    pub source: String,
    /// A part of the name of the browser's camera, where it has several [default: the one that it takes by itself]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub camera: Option<String>,
    /// The port of the page; 0 takes any that is free
    #[arg(long, default_value_t = 7860)]
    pub port: u16,
    /// How many are reflected, side by side
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=6))]
    pub faces: u8,
    /// Also start a browser that fills the screen with the page
    #[arg(long)]
    pub kiosk: bool,
    /// Fill a screen without a browser or a page; the mirror needs a --source of its own
    #[cfg(feature = "window")]
    #[arg(long)]
    pub window: bool,
    /// Which screen the window fills, counted from 1
    #[cfg(feature = "window")]
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub monitor: usize,
    /// Visitors begin and end by closing their eyes for three seconds
    #[arg(long)]
    pub gesture: bool,
    /// Send what is found in each analysed frame, as OSC: see `narcissus osc`
    #[arg(long, value_name = "HOST:PORT")]
    pub osc_out: Option<String>,
    /// Take OSC that sets controls, at this port of this computer only, or at an address
    #[arg(long, value_name = "[ADDR:]PORT", value_parser = osc_port, hide_short_help = true)]
    pub osc_in: Option<SocketAddr>,
    /// Let the knobs of a MIDI controller set controls: a part of its name, see docs/show.md
    #[cfg(feature = "midi")]
    #[arg(long, value_name = "NAME")]
    pub midi: Option<String>,
    /// Where it is remembered which knob does what
    #[cfg(feature = "midi")]
    #[arg(long, value_name = "FILE", requires = "midi", hide_short_help = true)]
    pub midi_map: Option<PathBuf>,
    /// A folder of scenes, TOML files that set controls together: see docs/show.md
    #[arg(long, value_name = "DIR")]
    pub scenes: Option<PathBuf>,
    /// The scene to begin with
    #[arg(long, value_name = "NAME", requires = "scenes", hide_short_help = true)]
    pub scene: Option<String>,
    /// What is measured of visitors and told, what they may do, when it is open: a TOML file, see docs/show.md
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Whether the archive's members are named to whom a viewer lies nearest [default: on, unless the policy says otherwise]
    #[arg(long, value_name = "ON|OFF", hide_short_help = true)]
    pub names: Option<Switch>,
    /// Write what is drawn (never what is seen) into an mp4 file; one that is there already is kept. Needs ffmpeg
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Also serve a page for the telephones of the staff, in the same network: see docs/show.md
    #[arg(long, value_name = "[ADDR:]PORT", num_args = 0..=1, default_missing_value = staff::PORT, value_parser = staff::address)]
    pub staff: Option<SocketAddr>,
    /// The secret word of the staff's page [default: a new one at each start]
    #[arg(long, value_name = "TOKEN", requires = "staff", hide_short_help = true, hide_default_value = true)]
    pub staff_token: Option<String>,
    /// Write what happens into a file, JSON a line, 10 MB at most
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Listen at this address, also for other computers; needs --certificate, --key and --token
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDR", hide_short_help = true)]
    pub listen: IpAddr,
    /// The name by which other computers call this one [default: the address]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub name: Option<String>,
    /// The certificate for that name
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub certificate: Option<PathBuf>,
    /// The certificate's private key
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub key: Option<PathBuf>,
    /// The secret word by which others may look from another computer: at least 16 letters
    #[arg(long, value_name = "TOKEN", hide_short_help = true, hide_default_value = true)]
    pub token: Option<String>,
    #[command(flatten)]
    pub mounting: MountingArgs,
    #[command(flatten)]
    pub drawing: Drawing,
    #[command(flatten)]
    pub size: Size,
}

/// Runs it.
pub fn run(options: &MirrorArgs, global: &Global) -> anyhow::Result<()> {
    let troubles = journal::open(options.log.as_deref(), global.verbose)?;
    let this_program = std::env::current_exe();
    let source = source::open(&options.source, options.mounting)?;
    anyhow::ensure!(
        options.camera.is_none() || source.stream.is_none(),
        "--camera chooses among the browser's cameras, and --source takes another; hint: --source camera:NAME"
    );
    let program = options.kiosk.then(|| {
        browser::find().context("no browser found to fill the screen; hint: `narcissus doctor` names those that do")
    });
    let program = program.transpose()?;
    let policy = options.policy.as_deref().map(|path| HousePolicy::open(path, &LANGUAGES)).transpose()?;
    let HousePolicy { mut rules, visit_secs, hours, written_hours, notice } = policy.unwrap_or_default();
    // What the house forbids nobody allows.
    rules.archive.names &= options.names != Some(Switch::Off);
    let names = rules.tell_nearest().then_some(rules.archive.names);
    let mirror = build_mirror(&global.open_pack()?, &options.drawing, &options.size, rules.measures, names)?;
    let settings = LiveSettings {
        views: options.faces.into(),
        release_still: source.is_living(),
        visit_secs,
        measures: rules.measures,
        ..LiveSettings::default()
    };
    let page = PageSettings {
        has_camera: source.stream.is_some(),
        camera: options.camera.clone().unwrap_or_default(),
        gesture: options.gesture,
        // A browser's camera is turned by the page.
        rotate: 90 * u16::from(options.mounting.mounting(true).quarters),
        mirror: options.mounting.mounting(true).mirror,
        house: House {
            measures: rules.measures,
            visitors: rules.visitors.clone(),
            visit_secs,
            hours: written_hours,
            notice,
            sends_numbers: options.osc_out.is_some(),
            archive: names.map(|_| rules.archive),
        },
        ..PageSettings::default()
    };
    let page = page.with_reader(mirror.reader());
    let explorers = names.map(|_| Arc::default());
    let watchdog = Arc::new(Watchdog::from_environment());
    let desk = Arc::new(Desk::new(mirror.inverter(), &LANGUAGES).with_rules(rules));
    // Held until the mirror ends.
    let doorkeeper = hours.map(|hours| Doorkeeper::start(hours, desk.clone())).transpose()?;
    let osc = options.osc(&desk)?;
    let (mirror, source) = (Arc::new(SharedMirror::new(Arc::new(mirror))), Arc::new(source));
    let scenes = options.director(&desk, &mirror)?;
    let (open, pictures) = (Arc::default(), Arc::new(Pictures::new()));
    let record = |path| Recorder::start(path, &pictures, Some(desk.clone()));
    // Its file is finished when the mirror ends.
    let recorder = options.record.as_deref().map(record).transpose()?;
    let tell_recorder = || match &recorder {
        Some(recorder) => output::print_line(&format_args!("what is drawn goes to {}", recorder.path().display())),
        None => Ok(()),
    };
    let watchdog_of_sessions = watchdog.clone();
    let midi = options.midi(&desk)?;
    let sessions = LiveSessions {
        mirror,
        settings,
        source,
        watchdog: watchdog_of_sessions,
        desk,
        osc,
        open,
        pictures,
        explorers,
        scenes,
        troubles,
        midi,
    };
    #[cfg(feature = "window")]
    if options.window {
        anyhow::ensure!(options.staff.is_none(), "a window has no server, so that there is no page for the staff");
        anyhow::ensure!(page.has_camera, "a window has no camera; hint: --source camera:NAME, or a path");
        anyhow::ensure!(!page.gesture, "a window asks nobody to agree: --gesture needs the page; hint: --kiosk");
        tell_recorder()?;
        watchdog.ready();
        // A card that draws fills the window from its own memory.
        let sessions = LiveSessions { settings: LiveSettings { pictures_stay: true, ..settings }, ..sessions };
        let (session, desk) = (SessionFactory::open(&sessions), sessions.desk.clone());
        return Ok(display::window::show(session, options.monitor, Some(desk), crate::device::presenter())?);
    }
    let setup = Setup {
        listen: SocketAddr::new(options.listen, options.port),
        remote: options.remote_access()?,
        kiosk: options.kiosk,
        settings: page,
        staff: options.staff_setup()?,
    };
    let for_staff = setup.staff.clone();
    // Held until the server ends: the browser ends with it.
    let mut window = None;
    let pictures = watchdog.clone();
    let mut announced = Ok(());
    let ended = serve(setup, sessions, |addresses| {
        let url = &addresses.page;
        announced = output::print_line(&format_args!("the mirror is at {url}")).and_then(|()| tell_recorder());
        if let (Ok(()), Some(url), Some(staff)) = (&announced, &addresses.staff, &for_staff) {
            announced = staff::tell(url, staff);
        }
        watchdog.ready();
        // The page then begins by itself: nobody is there to press its button.
        window = program.map(|program| Kiosk::open(program, format!("{}/#kiosk", addresses.kiosk), pictures));
    })?;
    drop((window, recorder, doorkeeper));
    announced?;
    match for_staff {
        Some(staff) if ended == Ended::Restart => {
            staff::start_again(&this_program.context("this program cannot be found")?, &staff)
        }
        _ => Ok(()),
    }
}

/// A port of this computer, or an address with its port.
fn osc_port(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| "expected a port, such as 9000, or an address with it, such as 0.0.0.0:9000".to_owned())
}

impl MirrorArgs {
    /// The ways to other programs that were asked for.
    fn osc(&self, desk: &Arc<Desk>) -> anyhow::Result<Osc> {
        let output = self.osc_out.as_deref().map(OscOutput::open).transpose()?.map(Arc::new);
        let input = self.osc_in.map(|at| OscInput::open(at, desk.clone())).transpose()?;
        Ok(Osc { output, input })
    }

    /// The MIDI controller, if one was asked for.
    #[cfg(feature = "midi")]
    fn midi(&self, desk: &Arc<Desk>) -> anyhow::Result<Option<Controller>> {
        let Some(name) = &self.midi else { return Ok(None) };
        let midi = Arc::new(Midi::open(desk.clone(), self.midi_map.clone())?);
        let port = MidiPort::open(name, midi.clone()).map_err(|why| anyhow::anyhow!("{why}"))?;
        Ok(Some(Controller { midi, _port: port }))
    }

    #[cfg(not(feature = "midi"))]
    fn midi(&self, _: &Arc<Desk>) -> anyhow::Result<Option<Controller>> {
        Ok(None)
    }

    /// What switches scenes, if there are any.
    fn director(&self, desk: &Arc<Desk>, mirror: &Arc<SharedMirror>) -> anyhow::Result<Option<Director>> {
        let Some(folder) = &self.scenes else { return Ok(None) };
        let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let parts =
            PageParts { languages: all(&LANGUAGES), texts: text_keys().into_iter().collect(), colours: all(&COLOURS) };
        let (drawing, size, rules) = (self.drawing.clone(), self.size.clone(), desk.rules());
        let (measures, names) = (rules.measures, rules.tell_nearest().then_some(rules.archive.names));
        let load: PackLoader = Box::new(move |folder| {
            let open = || build_mirror(&open_pack_at(Some(folder))?, &drawing, &size, measures, names);
            open().map_err(|error| format!("{error:#}").replace('\n', "; "))
        });
        let director = Director::open(folder.clone(), desk.clone(), parts, mirror.clone(), load)?;
        if let Some(scene) = &self.scene {
            desk.set(SCENE, Value::Word(scene.clone()))?;
        }
        Ok(Some(director))
    }

    /// The page of the staff, if it was asked for.
    fn staff_setup(&self) -> anyhow::Result<Option<StaffSetup>> {
        let Some(listen) = self.staff else { return Ok(None) };
        let remote = self.remote_access()?;
        let named = remote.as_ref().map(|r| (r.name.as_str(), r.certificate.as_path(), r.key.as_path()));
        staff::setup(listen, named, self.staff_token.as_deref()).map(Some)
    }

    /// What protects the page where others can reach it; `None` where nobody asked for any of it.
    fn remote_access(&self) -> anyhow::Result<Option<RemoteAccess>> {
        match (&self.certificate, &self.key, &self.token) {
            (None, None, None) => Ok(None),
            (Some(_), Some(_), Some(_)) if self.name.is_none() && self.listen.is_unspecified() => {
                anyhow::bail!(
                    "--listen {}: others cannot call it that; hint: --name NAME, the name of this computer in the certificate",
                    self.listen
                )
            }
            (Some(certificate), Some(key), Some(token)) => Ok(Some(RemoteAccess {
                name: self.name.clone().unwrap_or_else(|| staff::host_name(self.listen)),
                certificate: certificate.clone(),
                key: key.clone(),
                token: token.clone(),
            })),
            _ => anyhow::bail!("--certificate, --key and --token go together"),
        }
    }
}
