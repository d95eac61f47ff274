//! Pipes between programs.

use std::io;

/// Windows' `ERROR_PIPE_NOT_CONNECTED`, which the standard library counts to no kind.
#[cfg(windows)]
const NOT_CONNECTED: i32 = 233;

/// Whether a write failed because nobody reads the other end of the pipe any more.
pub fn is_closed_pipe(error: &io::Error) -> bool {
    #[cfg(windows)]
    if error.raw_os_error() == Some(NOT_CONNECTED) {
        return true;
    }
    error.kind() == io::ErrorKind::BrokenPipe
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_pipe_whose_reader_is_gone_is_closed() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        let error = writer.write_all(b"is anybody there").unwrap_err();
        assert!(is_closed_pipe(&error), "{error}");
        assert!(!is_closed_pipe(&io::ErrorKind::StorageFull.into()));
    }

    #[cfg(windows)]
    #[test]
    fn all_of_windows_words_for_a_closed_pipe_are_known() {
        // ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED.
        for code in [109, 232, 233] {
            assert!(is_closed_pipe(&io::Error::from_raw_os_error(code)), "{code}");
        }
    }
}
