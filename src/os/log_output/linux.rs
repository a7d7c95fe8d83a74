use crate::os::fork::adopt;
use crate::os::linux::{check, check_count, open, restart, stat_of};
use crate::os::signal::writing;
use std::ffi::{CString, c_int};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const FLAGS: c_int = libc::O_WRONLY
    | libc::O_APPEND
    | libc::O_CREAT
    | libc::O_NOFOLLOW
    | libc::O_NOCTTY
    | libc::O_NONBLOCK;

/// By write(2).
pub fn to_standard_error(line: &[u8]) {
    write(libc::STDERR_FILENO, line);
}

/// By open(2) with O_APPEND, and write(2).
pub fn to_file(path: &Path, line: &[u8]) {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
        return;
    };
    let Ok(file) = adopt(|| open(&path, FLAGS, 0o600)) else {
        return;
    };
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open, and the structure is live during the call.
    let Ok(stat) = stat_of(|stat| unsafe { libc::fstat(fd, stat) }) else {
        return;
    };
    let fits = match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => stat.st_nlink <= 1,
        kind => matches!(kind, libc::S_IFIFO | libc::S_IFCHR),
    };
    if fits {
        write(fd, line);
    }
}

/// Writes a line, if that needs no waiting.
fn write(fd: RawFd, line: &[u8]) {
    let mut wanted = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    let has_room = restart(|| {
        // SAFETY: one structure, which is live during the call.
        check(unsafe { libc::poll(&mut wanted, 1, 0) })
    });
    if has_room.is_ok() && wanted.revents & libc::POLLOUT != 0 {
        let _ = writing(|| {
            // SAFETY: the bytes are live during the call.
            check_count(unsafe { libc::write(fd, line.as_ptr().cast(), line.len()) })
        });
    }
}
