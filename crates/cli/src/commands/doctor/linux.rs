//! What Linux tells about cameras and the graphics card in its files.

use super::Finding;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// A computer, seen through its files; tests put a folder in place of its root.
pub struct Computer {
    root: PathBuf,
    /// The folder of the user's session, below the root.
    runtime: PathBuf,
    /// Whether this process may use a device.
    open: fn(&Path) -> io::Result<()>,
}

/// A device, by its name in its folder.
struct Device {
    name: String,
    path: PathBuf,
    /// Its maker's name, or its driver; empty where nobody says.
    kind: String,
}

impl Device {
    fn words(&self) -> String {
        match self.kind.as_str() {
            "" => self.name.clone(),
            kind => format!("{} ({kind})", self.name),
        }
    }
}

impl Computer {
    /// This one.
    pub fn this() -> Self {
        let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path).map(drop);
        let mut this = Self { root: "/".into(), runtime: PathBuf::new(), open };
        let standard = || format!("/run/user/{}", this.status("Uid").split_whitespace().next().unwrap_or("0")).into();
        this.runtime = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(standard, PathBuf::from);
        this
    }

    /// Everything that is looked at, by name.
    pub fn checks(&self) -> [(&'static str, Finding); 5] {
        let cameras = self.cameras();
        [
            ("graphics", self.graphics()),
            ("camera", found(&cameras)),
            ("camera-access", self.access(&cameras)),
            ("camera-in-use", self.in_use(&cameras)),
            ("pipewire", self.pipewire()),
        ]
    }

    /// Whether a browser may use the graphics card: whether there is a render node that this user may open.
    fn graphics(&self) -> Finding {
        let nodes = self.devices("dev/dri", "renderD", |name| {
            let driver = fs::read_link(self.root.join("sys/class/drm").join(name).join("device/driver"));
            driver.ok().and_then(|to| Some(to.file_name()?.to_string_lossy().into_owned())).unwrap_or_default()
        });
        if nodes.is_empty() {
            return Finding::warning(
                "no render node in /dev/dri: the browser draws with the processor",
                "install the driver of the graphics card, if there is one; without it the browser shares the processor with the mirror",
            );
        }
        match nodes.iter().find(|node| (self.open)(&node.path).is_ok()) {
            Some(node) => Finding::ok(format!("{} may be used by the browser", node.words())),
            None => Finding::warning(
                format!("{} may not be opened: the browser draws with the processor", nodes[0].words()),
                self.hint_to_open(&nodes[0]),
            ),
        }
    }

    /// Nodes that give pictures. Cameras have others too, for data beside the pictures; udev knows which is which.
    fn cameras(&self) -> Vec<Device> {
        let class = self.root.join("sys/class/video4linux");
        let mut cameras = self.devices("dev", "video", |name| text(&class.join(name).join("name")));
        cameras.retain(|camera| {
            let number = text(&class.join(&camera.name).join("dev"));
            let known = text(&self.root.join(format!("run/udev/data/c{number}")));
            let capabilities = known.lines().find_map(|line| line.strip_prefix("E:ID_V4L_CAPABILITIES="));
            capabilities.is_none_or(|capabilities| capabilities.contains(":capture:"))
        });
        cameras
    }

    /// Whether the cameras may be opened.
    fn access(&self, cameras: &[Device]) -> Finding {
        for camera in cameras {
            match (self.open)(&camera.path) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    return Finding::warning(
                        format!("{} may not be opened", camera.words()),
                        self.hint_to_open(camera),
                    );
                }
                // A camera that is in use may say so here: that is another check.
                Err(error) if error.kind() != ErrorKind::ResourceBusy => {
                    return Finding::warning(
                        format!("{} cannot be opened: {error}", camera.words()),
                        "unplug the camera and plug it in again; `dmesg` says what its driver complains about",
                    );
                }
                Ok(()) | Err(_) => {}
            }
        }
        Finding::ok(if cameras.is_empty() { "there is no camera to open" } else { "every camera may be opened" })
    }

    /// Which processes have the cameras open.
    fn in_use(&self, cameras: &[Device]) -> Finding {
        let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for process in entries(&self.root.join("proc")) {
            let Some(number) = name_of(&process).filter(|name| name.bytes().all(|b| b.is_ascii_digit())) else {
                continue;
            };
            // Of the processes of other users only root sees what they have open.
            let targets: Vec<PathBuf> =
                entries(&process.join("fd")).iter().filter_map(|fd| fs::read_link(fd).ok()).collect();
            for camera in cameras.iter().filter(|c| targets.contains(&Path::new("/dev").join(&c.name))) {
                let user = format!("{} (process {number})", text(&process.join("comm")));
                users.entry(camera.words()).or_default().push(user);
            }
        }
        if users.is_empty() {
            return Finding::ok("no process that this user may look into has a camera open");
        }
        let words: Vec<String> =
            users.iter().map(|(camera, users)| format!("{camera} is open in {}", users.join(", "))).collect();
        Finding::warning(
            words.join("; "),
            "most cameras serve one program at a time: end the other one; the browser of a mirror that runs counts too",
        )
    }

    /// Whether PipeWire can be reached.
    fn pipewire(&self) -> Finding {
        let socket = self.runtime.join("pipewire-0");
        match UnixStream::connect(self.root.join(socket.strip_prefix("/").unwrap_or(&socket))) {
            Ok(_) => Finding::ok(format!("{} answers", socket.display())),
            Err(error) => Finding::warning(
                format!("{}: {error}", socket.display()),
                "USB cameras need none; cameras that only PipeWire reaches (MIPI cameras of laptops) do: \
                 systemctl --user start pipewire wireplumber",
            ),
        }
    }

    /// What lets this user open a device that belongs to a group.
    fn hint_to_open(&self, device: &Device) -> String {
        let number = fs::metadata(&device.path).map_or(u32::MAX, |m| m.gid()).to_string();
        let groups = text(&self.root.join("etc/group"));
        let group =
            groups.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|g| g.get(2) == Some(&&*number));
        let name = group.as_ref().map_or(number.as_str(), |g| g[0]);
        let members = group.as_ref().and_then(|g| g.get(3)).unwrap_or(&"");
        let user = self.user();

        if self.status("Groups").split_whitespace().any(|g| g == number) {
            format!("this user is in the group `{name}` already: look at the permissions of {}", device.path.display())
        } else if members.split(',').any(|member| member == user) {
            format!("`{user}` is in the group `{name}`, but not since before this login: log in again")
        } else {
            format!("add this user to the group: sudo usermod -aG {name} {user}, then log in again")
        }
    }

    /// The name of who runs this.
    fn user(&self) -> String {
        let number = self.status("Uid").split_whitespace().next().unwrap_or_default().to_owned();
        let users = text(&self.root.join("etc/passwd"));
        let mut users = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        users.find(|user| user.get(2) == Some(&&*number)).map_or(number.clone(), |user| user[0].to_owned())
    }

    /// A line of what the kernel says about this process.
    fn status(&self, key: &str) -> String {
        let status = text(&self.root.join("proc/self/status"));
        let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    }

    /// Devices whose names are a word and a number, in the order of their numbers.
    fn devices(&self, folder: &str, word: &str, kind: impl Fn(&str) -> String) -> Vec<Device> {
        let mut devices: Vec<(u32, Device)> = entries(&self.root.join(folder))
            .into_iter()
            .filter_map(|path| {
                let name = name_of(&path)?;
                let number = name.strip_prefix(word)?.parse().ok()?;
                Some((number, Device { kind: kind(&name), name, path }))
            })
            .collect();
        devices.sort_by_key(|(number, _)| *number);
        devices.into_iter().map(|(_, device)| device).collect()
    }
}

fn found(cameras: &[Device]) -> Finding {
    if cameras.is_empty() {
        return Finding::warning(
            "none",
            "plug one in; pictures and videos (`mirror --source PATH`, `reflect`) work without one",
        );
    }
    Finding::ok(cameras.iter().map(Device::words).collect::<Vec<_>>().join(", "))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// What a small file says; nothing where it cannot be read.
fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    /// A computer of which a test says what it has.
    struct Fake {
        dir: tempfile::TempDir,
        computer: Computer,
    }

    impl Fake {
        /// User `guest`, in group 1000 only.
        fn new(open: fn(&Path) -> io::Result<()>) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let computer = Computer { root: dir.path().into(), runtime: "/run/user/1000".into(), open };
            let fake = Self { dir, computer };
            fake.put("proc/self/status", "Name:\tnarcissus\nUid:\t1000\t1000\t1000\t1000\nGroups:\t1000 \n");
            fake.put("etc/passwd", "root:x:0:0::/root:/bin/sh\nguest:x:1000:1000::/home/guest:/bin/sh");
            fake
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn link(&self, path: &str, to: &str) {
            let path = self.dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(to, path).unwrap();
        }

        /// A camera with the two nodes that one has, of which the second gives no pictures.
        fn plug_in(&self, number: u32, name: &str) {
            for (number, capability) in [(number, ":capture:"), (number + 1, ":")] {
                self.put(&format!("dev/video{number}"), "");
                self.put(&format!("sys/class/video4linux/video{number}/name"), name);
                self.put(&format!("sys/class/video4linux/video{number}/dev"), &format!("81:{number}\n"));
                let known = format!("I:1\nE:ID_V4L_CAPABILITIES={capability}\n");
                self.put(&format!("run/udev/data/c81:{number}"), &known);
            }
        }

        /// The groups file of a computer on which devices belong to the group `video`; who is in it.
        fn group(&self, members: &str) {
            let number = fs::metadata(self.dir.path().join("dev/video0")).unwrap().gid();
            self.put("etc/group", &format!("users:x:4242:\nvideo:x:{number}:{members}\n"));
        }

        #[track_caller]
        fn assert(&self, name: &str, state: State, words: &[&str]) {
            let finding = self.computer.checks().into_iter().find(|(n, _)| *n == name).unwrap().1;
            let all = format!("{} {}", finding.found, finding.hint.clone().unwrap_or_default());
            assert!(finding.state == state && finding.hint.is_some() == (state != State::Ok), "{finding:?}");
            assert!(words.iter().all(|word| all.contains(word)), "{words:?} in {all}");
        }
    }

    const MAY: fn(&Path) -> io::Result<()> = |_| Ok(());
    const MAY_NOT: fn(&Path) -> io::Result<()> = |_| Err(ErrorKind::PermissionDenied.into());

    #[test]
    fn a_bare_computer_has_no_camera_and_no_graphics_card_and_every_check_says_something() {
        let fake = Fake::new(MAY);
        for (name, words) in
            [("camera", "none"), ("graphics", "the processor"), ("pipewire", "/run/user/1000/pipewire-0")]
        {
            fake.assert(name, State::Warning, &[words]);
        }
        fake.assert("camera-access", State::Ok, &["no camera"]);
        fake.assert("camera-in-use", State::Ok, &[]);
    }

    #[test]
    fn cameras_are_named_in_order_and_nodes_without_pictures_are_none() {
        let fake = Fake::new(MAY);
        fake.plug_in(10, "Studio Camera");
        fake.plug_in(0, "HD Webcam");
        // Where udev says nothing, every node counts.
        fake.put("dev/video4", "");
        fake.put("dev/videobuf", "");
        let names: Vec<String> = fake.computer.cameras().iter().map(Device::words).collect();
        assert_eq!(names, ["video0 (HD Webcam)", "video4", "video10 (Studio Camera)"]);
        fake.assert("camera", State::Ok, &["video0 (HD Webcam), video4"]);
        fake.assert("camera-access", State::Ok, &["every camera"]);
    }

    #[test]
    fn whoever_holds_a_camera_is_named() {
        let fake = Fake::new(MAY);
        fake.plug_in(0, "HD Webcam");
        for (process, name, to) in
            [(41, "cheese", "/dev/video0"), (42, "editor", "/dev/null"), (43, "zoom", "/dev/video0")]
        {
            fake.put(&format!("proc/{process}/comm"), &format!("{name}\n"));
            fake.link(&format!("proc/{process}/fd/7"), to);
        }
        let words = "video0 (HD Webcam) is open in ";
        fake.assert("camera-in-use", State::Warning, &[words, "cheese (process 41)", "zoom (process 43)"]);
        assert!(!fake.computer.in_use(&fake.computer.cameras()).found.contains("editor"));
    }

    #[test]
    fn a_camera_that_may_not_be_opened_comes_with_what_is_missing() {
        let fake = Fake::new(MAY_NOT);
        fake.plug_in(0, "HD Webcam");
        fake.group("");
        fake.assert("camera-access", State::Warning, &["video0 (HD Webcam) may not", "usermod -aG video guest"]);
        fake.group("somebody,guest");
        fake.assert("camera-access", State::Warning, &["log in again", "not since before this login"]);
        let number = fs::metadata(fake.dir.path().join("dev/video0")).unwrap().gid();
        fake.put("proc/self/status", &format!("Uid:\t1000\t1000\nGroups:\t4 {number}\n"));
        fake.assert("camera-access", State::Warning, &["already", "look at the permissions of"]);
    }

    #[test]
    fn a_camera_that_hangs_is_told_apart_from_one_that_is_forbidden_or_in_use() {
        let fake = Fake::new(|_| Err(io::Error::other("Input/output error")));
        fake.plug_in(0, "HD Webcam");
        fake.assert("camera-access", State::Warning, &["cannot be opened: Input/output error", "plug it in again"]);
        let fake = Fake::new(|_| Err(ErrorKind::ResourceBusy.into()));
        fake.plug_in(0, "HD Webcam");
        fake.assert("camera-access", State::Ok, &[]);
    }

    #[test]
    fn the_graphics_card_counts_when_its_render_node_may_be_opened() {
        let card = |open| {
            let fake = Fake::new(open);
            // The card itself shows pictures; only the render node draws them.
            fake.put("dev/dri/card0", "");
            fake.put("dev/dri/renderD128", "");
            fake.link("sys/class/drm/renderD128/device/driver", "../../../bus/pci/drivers/amdgpu");
            fake
        };
        card(MAY).assert("graphics", State::Ok, &["renderD128 (amdgpu) may be used"]);
        card(MAY_NOT).assert("graphics", State::Warning, &["renderD128 (amdgpu) may not", "usermod -aG"]);
    }

    #[test]
    fn pipewire_counts_when_it_answers() {
        let fake = Fake::new(MAY);
        fake.put("run/user/1000/pipewire-0", "a file that a crash left");
        fake.assert("pipewire", State::Warning, &["systemctl --user start pipewire"]);
        let socket = fake.dir.path().join("run/user/1000/pipewire-0");
        fs::remove_file(&socket).unwrap();
        let _listens = UnixListener::bind(socket).unwrap();
        fake.assert("pipewire", State::Ok, &["answers"]);
    }
}
