//! A pipe to a Chromium: it moves the pointer once, as nobody does in a kiosk, and ends the browser with the mirror.
//!
//! Until the pointer has moved, Chromium shows it in the middle of the screen, though the page hides it. And a Chromium whose pipe
//! closes ends: so it does not outlive a mirror that was killed.

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

/// From one move of the pointer to the next: on a slow computer the page is there late.
const MOVES_SECS: [u64; 4] = [3, 5, 12, 40];

/// Chromium reads commands from its file 3 and answers into its file 4: a shell puts our ends of the pipes there.
const HAND_ON: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// A command that starts a Chromium with a pipe.
pub fn command(browser: &OsStr) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", HAND_ON]).arg(browser).arg("--remote-debugging-pipe");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Holds the pipe open until the browser ends, and moves the pointer meanwhile.
///
/// # Errors
/// If the system has no thread left.
pub fn hold(mut browser: Child) -> io::Result<Child> {
    if let (Some(commands), Some(answers)) = (browser.stdin.take(), browser.stdout.take()) {
        let mut pipe = Pipe { commands, answers: BufReader::new(answers), last: 0 };
        let hold = move || {
            // A browser that does not understand, or ends, shows its pointer at worst.
            if let Err(error) = pipe.move_pointer() {
                tracing::debug!(%error, "the pointer did not move");
            }
            drop(io::copy(&mut pipe.answers, &mut io::sink()));
        };
        thread::Builder::new().name("pipe".into()).spawn(hold)?;
    }
    Ok(browser)
}

struct Pipe {
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The number of the last command.
    last: u64,
}

impl Pipe {
    fn move_pointer(&mut self) -> io::Result<()> {
        for (x, wait) in MOVES_SECS.into_iter().enumerate() {
            thread::sleep(Duration::from_secs(wait));
            let targets = self.ask(&json!({"method": "Target.getTargets"}))?;
            for page in targets["targetInfos"].as_array().into_iter().flatten().filter(|t| t["type"] == "page") {
                let attach = json!({"targetId": page["targetId"], "flatten": true});
                let session =
                    self.ask(&json!({"method": "Target.attachToTarget", "params": attach}))?["sessionId"].take();
                let moved = json!({"type": "mouseMoved", "x": x + 1, "y": 1});
                self.ask(&json!({"sessionId": session, "method": "Input.dispatchMouseEvent", "params": moved}))?;
                self.ask(&json!({"method": "Target.detachFromTarget", "params": {"sessionId": session}}))?;
            }
        }
        Ok(())
    }

    /// What the browser answers to a command; events before it are passed over.
    fn ask(&mut self, command: &Value) -> io::Result<Value> {
        self.last += 1;
        let mut command = command.clone();
        command["id"] = self.last.into();
        self.commands.write_all(format!("{command}\0").as_bytes())?;
        loop {
            let mut message = Vec::new();
            self.answers.read_until(0, &mut message)?;
            let mut answer: Value = serde_json::from_slice(message.strip_suffix(b"\0").unwrap_or_default())?;
            if answer["id"] == self.last {
                return Ok(answer["result"].take());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_browser_has_the_pipe_as_files_3_and_4_and_hears_when_we_end() {
        // In place of a browser: says what it is told, until nobody tells it anything more.
        let dir = tempfile::tempdir().unwrap();
        let browser = dir.path().join("chromium");
        std::fs::write(&browser, "#!/bin/sh\ncat <&3 >&4; echo \"$@\" >&4\n").unwrap();
        std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = command(browser.as_os_str()).arg("--kiosk").spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
        assert_eq!(
            io::read_to_string(child.stdout.take().unwrap()).unwrap(),
            "hello\n--remote-debugging-pipe --kiosk\n"
        );
        child.wait().unwrap();
    }
}
