use crate::os::fork::{Fd, adopt};
use crate::os::linux::{self, check, check_count, restart};
use crate::os::mapping::granule;
use crate::os::named_memory::{FOLDER, Facts, facts, path, remove};
use crate::os::process;
use std::ffi::{OsStr, c_int};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

/// For reading and writing at once (fifo(7)): no end of it ever hangs up, or raises SIGPIPE.
const OPEN: i32 = libc::O_RDWR | libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY;

/// Makes a FIFO that those can use who may write `object`; EEXIST if there is anything of that
/// name.
pub fn make(name: &[u8], object: &Facts) -> io::Result<Fd> {
    let path = path(name)?;
    // SAFETY: the path ends with a NUL.
    check(unsafe { libc::mkfifo(path.as_ptr(), 0o600) })?;
    let made = adopt(|| linux::open(&path, OPEN, 0)).and_then(|fd| {
        share(&fd, object)?;
        Ok(fd)
    });
    made.inspect_err(|_| drop(remove(name)))
}

/// Gives a FIFO the owner, the group and the rights of an object, as far as this process may.
fn share(fd: &Fd, object: &Facts) -> io::Result<()> {
    let (raw, keep) = (fd.as_raw_fd(), u32::MAX);
    let made = facts(fd.as_fd())?;
    // SAFETY: neither takes memory. Only root can give it to another user; and where the group can
    // not be had, nobody gets rights by it.
    unsafe {
        libc::fchown(raw, if made.owner == object.owner { keep } else { object.owner }, keep);
        libc::fchown(raw, keep, object.group);
        // One page is plenty.
        libc::fcntl(raw, libc::F_SETPIPE_SZ, granule() as c_int);
    }
    let may = |shift: u32| object.mode >> shift & 0o2 != 0;
    let has_group = facts(fd.as_fd())?.group == object.group;
    let by_group = if has_group { may(3) } else { may(0) };
    let mode = 0o600 | if by_group { 0o060 } else { 0 } | if may(0) { 0o006 } else { 0 };
    // SAFETY: takes no memory.
    check(unsafe { libc::fchmod(raw, mode) }).map(drop)
}

/// Opens what has a name, and tells what it is; nothing waits for it.
pub fn open(name: &[u8]) -> io::Result<(Fd, Facts)> {
    let path = path(name)?;
    let fd = adopt(|| linux::open(&path, OPEN, 0))?;
    let facts = facts(fd.as_fd())?;
    Ok((fd, facts))
}

/// Makes a FIFO readable. A full one is.
pub fn signal(fifo: &Fd) -> io::Result<()> {
    // SAFETY: reads one byte of a constant.
    let write = || check_count(unsafe { libc::write(fifo.as_raw_fd(), c"!".as_ptr().cast(), 1) });
    match restart(write) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        result => result.map(drop),
    }
}

/// Makes a FIFO unreadable.
pub fn drain(fifo: &Fd) {
    linux::drain(fifo.as_fd());
}

/// Whether it is a FIFO of this user that nobody has open, and has used for a while.
pub fn is_left(name: &[u8], age_min: Duration) -> bool {
    let path = Path::new(FOLDER).join(OsStr::from_bytes(name));
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return false;
    };
    let age = found.modified().ok().and_then(|time| time.elapsed().ok());
    if !found.file_type().is_fifo()
        || found.uid() != process::user()
        || age.is_none_or(|age| age < age_min)
    {
        return false;
    }
    let opened = adopt(|| linux::open(&self::path(name)?, libc::O_WRONLY | libc::O_NONBLOCK, 0));
    opened.is_err_and(|error| error.raw_os_error() == Some(libc::ENXIO))
}
