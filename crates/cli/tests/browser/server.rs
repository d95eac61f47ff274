//! A mirror that runs as its users run it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The process; it ends when this is dropped.
pub struct Server {
    process: Child,
    /// Its address.
    pub url: String,
}

impl Server {
    /// Starts `narcissus mirror` with these arguments; without `--port` at any that is free.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(crate::narcissus());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NARCISSUS_")) {
            command.env_remove(name);
        }
        let port: &[&str] = if arguments.contains(&"--port") { &[] } else { &["--port", "0"] };
        command.arg("mirror").args(port).args(arguments).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the binary starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("the mirror is at ").expect("it prints its address").to_owned();
        Self { process, url }
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// The port.
    pub fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }

    /// Megabytes of memory that it holds.
    pub fn memory_mb(&self) -> f64 {
        resident_mb(self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Megabytes of memory that a process and all below it hold; 0 where the system does not tell.
pub fn resident_mb(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    let kb: f64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0.0);
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    kb / 1024.0 + children.split_whitespace().filter_map(|c| c.parse().ok()).map(resident_mb).sum::<f64>()
}
