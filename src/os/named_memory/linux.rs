//! By files in /dev/shm.

use super::{Facts, Room};
use crate::os::fork::{Fd, adopt};
use crate::os::linux::{self, check, check_count, own_path, restart, stat_of};
use crate::os::signal::enlarging;
use std::ffi::{CStr, CString};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// Where they are.
pub const FOLDER: &str = "/dev/shm";
const FOLDER_PATH: &CStr = c"/dev/shm";

impl Facts {
    fn of(stat: &libc::stat) -> Facts {
        Facts {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            memory: u64::try_from(stat.st_blocks).unwrap_or(0) * 512,
            owner: stat.st_uid,
            group: stat.st_gid,
            mode: stat.st_mode & 0o7777,
            is_file: stat.st_mode & libc::S_IFMT == libc::S_IFREG,
            is_fifo: stat.st_mode & libc::S_IFMT == libc::S_IFIFO,
        }
    }
}

/// What its maker has to be allowed, to open it anew: [`publish`] sets the mode in the end.
const MAKER_MODE: u32 = 0o600;

/// An object that has no name yet, of `size` zero bytes, of which some parts are there, in this
/// order: using them never fails. It vanishes with its last descriptor.
pub fn make(
    size: u64,
    parts: &[Range<u64>],
    mode: u32,
    group: Option<u32>,
) -> io::Result<(Fd, Facts)> {
    let mode = mode | MAKER_MODE;
    let made = adopt(|| linux::open(FOLDER_PATH, libc::O_TMPFILE | libc::O_RDWR, mode));
    let fd = made.map_err(missing("there is no /dev/shm, where named objects are"))?;
    let raw = fd.as_raw_fd();
    if let Some(group) = group {
        // SAFETY: takes no memory.
        check(unsafe { libc::fchown(raw, u32::MAX, group) })?;
    }
    let facts = facts(fd.as_fd())?;
    // Whatever the umask has taken away.
    if facts.mode != mode {
        // SAFETY: takes no memory.
        check(unsafe { libc::fchmod(raw, mode) })?;
    }
    enlarging(|| {
        let mut needed = parts.iter().filter(|part| !part.is_empty());
        let end = needed.clone().map(|part| part.end).max();
        needed.try_for_each(|part| allocate(raw, 0, part))?;
        let len = offset(size)?;
        // SAFETY: takes no memory.
        let resize = || restart(|| check(unsafe { libc::ftruncate(raw, len) }));
        if end == Some(size) { Ok(()) } else { resize().map(drop) }
    })?;
    Ok((fd, Facts { size, mode, ..facts }))
}

/// Makes a part of an object be there that was only said to be.
pub fn reserve(fd: BorrowedFd<'_>, part: &Range<u64>) -> io::Result<()> {
    if part.is_empty() {
        return Ok(());
    }
    enlarging(|| allocate(fd.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, part))
}

fn allocate(fd: RawFd, mode: i32, part: &Range<u64>) -> io::Result<()> {
    let (start, len) = (offset(part.start)?, offset(part.end - part.start)?);
    // SAFETY: takes no memory.
    restart(|| check(unsafe { libc::fallocate(fd, mode, start, len) })).map(drop)
}

fn offset(bytes: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))
}

/// How much room there is; where there is no limit, or it isn't known, there is no end of it.
pub fn room() -> Room {
    // SAFETY: all zeros are valid, and the kernel overwrites them.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with a NUL, and the structure is live during the call.
    match unsafe { libc::statvfs(FOLDER_PATH.as_ptr(), &mut stat) } {
        0 if stat.f_blocks > 0 => {
            let block = stat.f_frsize as u64;
            let bytes = |blocks: u64| blocks.saturating_mul(block);
            Room { all: bytes(stat.f_blocks as u64), free: bytes(stat.f_bavail as u64) }
        }
        _ => Room { all: u64::MAX, free: u64::MAX },
    }
}

/// Gives an object its mode and its name; EEXIST if there is one of that name.
pub fn publish(fd: BorrowedFd<'_>, mode: u32, name: &[u8]) -> io::Result<()> {
    if mode & MAKER_MODE != MAKER_MODE {
        // SAFETY: takes no memory.
        check(unsafe { libc::fchmod(fd.as_raw_fd(), mode) })?;
    }
    let (from, to) = (own_path(fd), path(name)?);
    let (here, follow) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
    // SAFETY: both paths end with a NUL.
    check(unsafe { libc::linkat(here, from.as_ptr(), here, to.as_ptr(), follow) }).map(drop)
}

/// Opens an object. It may turn out to be anything that has such a name; nothing waits for it.
pub fn open(name: &[u8], writable: bool) -> io::Result<Fd> {
    let path = path(name)?;
    let access = if writable { libc::O_RDWR } else { libc::O_RDONLY };
    adopt(|| linux::open(&path, access | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY, 0))
}

/// An open file description of its own of what is open, whatever its name is.
pub fn reopen(fd: BorrowedFd<'_>, writable: bool) -> io::Result<Fd> {
    let access = if writable { libc::O_RDWR } else { libc::O_RDONLY };
    adopt(|| linux::open(&own_path(fd), access | libc::O_NONBLOCK | libc::O_NOCTTY, 0))
        .map_err(missing("there is no /proc, by which an open object is opened anew"))
}

/// Says what a path that isn't there means.
fn missing(what: &'static str) -> impl Fn(io::Error) -> io::Error {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::Unsupported, what),
        _ => error,
    }
}

/// What is open.
pub fn facts(fd: BorrowedFd<'_>) -> io::Result<Facts> {
    // SAFETY: the structure is live during the call.
    stat_of(|stat| unsafe { libc::fstat(fd.as_raw_fd(), stat) }).map(|stat| Facts::of(&stat))
}

/// What has a name.
pub fn facts_at(name: &[u8]) -> io::Result<Facts> {
    let path = path(name)?;
    // SAFETY: the path ends with a NUL, and the structure is live during the call.
    stat_of(|stat| unsafe { libc::lstat(path.as_ptr(), stat) }).map(|stat| Facts::of(&stat))
}

/// Takes a name away.
pub fn remove(name: &[u8]) -> io::Result<()> {
    let path = path(name)?;
    // SAFETY: the path ends with a NUL.
    check(unsafe { libc::unlink(path.as_ptr()) }).map(drop)
}

/// Reads bytes of an object: how many there were.
pub fn read_at(fd: BorrowedFd<'_>, to: &mut [u8], at: usize) -> io::Result<usize> {
    let (fd, at) = (fd.as_raw_fd(), at as libc::off_t);
    // SAFETY: the kernel writes at most as many bytes as the slice has.
    let read = || check_count(unsafe { libc::pread(fd, to.as_mut_ptr().cast(), to.len(), at) });
    restart(read)
}

pub(in crate::os) fn path(name: &[u8]) -> io::Result<CString> {
    let path = [FOLDER.as_bytes(), b"/", name].concat();
    CString::new(path).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}
