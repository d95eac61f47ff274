//! Programs that are installed on this computer.

use std::path::PathBuf;
use std::process::Command;

/// There is no ffmpeg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ffmpeg is not in PATH\nhint: install it from your system's packages or ffmpeg.org")]
pub struct NoFfmpeg;

/// A program in the folders of `PATH`; `name` has no extension.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(&name)).find(|p| p.is_file())
}

/// A command that starts ffmpeg, without arguments yet. On Windows it opens no console window.
///
/// # Errors
/// If ffmpeg is not in `PATH`.
pub fn ffmpeg() -> Result<Command, NoFfmpeg> {
    let mut command = Command::new(find_program("ffmpeg").ok_or(NoFfmpeg)?);
    without_console(&mut command);
    Ok(command)
}

/// Windows gives a console program a window of its own where whoever starts it has none, as under a logon task.
fn without_console(command: &mut Command) {
    #[cfg(windows)]
    {
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        std::os::windows::process::CommandExt::creation_flags(command, CREATE_NO_WINDOW);
    }
    let _ = command;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell that is in `PATH` wherever tests are run, and its flag before a command.
    const SHELL: (&str, &str) = if cfg!(windows) { ("cmd", "/c") } else { ("sh", "-c") };

    #[test]
    fn a_program_is_found_by_its_name_and_a_stranger_is_not() {
        assert!(find_program(SHELL.0).is_some_and(|path| path.is_file()));
        assert_eq!(find_program("no program is called so"), None);
    }

    #[test]
    fn a_program_without_a_console_still_speaks_through_its_pipes() {
        let (shell, flag) = SHELL;
        let mut command = Command::new(find_program(shell).unwrap());
        without_console(&mut command);
        let said = command.args([flag, "echo hello"]).output().unwrap().stdout;
        assert_eq!(String::from_utf8(said).unwrap().trim(), "hello");
    }
}
