//! By memfd_create(2).

use crate::os::fault::{Fault, faulty};
use crate::os::fork::{Fd, adopt};
use crate::os::linux::{self, made};
use crate::os::signal::enlarging;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Neither end may change the size, nor take the seals off.
const SEALS: i32 = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// A new memfd of `size` zero bytes, sealed.
pub fn make(size: u64) -> io::Result<Fd> {
    if faulty(Fault::NoMemfd) {
        return Err(io::Error::from_raw_os_error(libc::ENOSYS));
    }
    let fd = adopt(|| memfd(libc::MFD_NOEXEC_SEAL).or_else(|_| memfd(0)))?;
    let size =
        libc::off_t::try_from(size).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    // SAFETY: takes no memory.
    enlarging(|| linux::check(unsafe { libc::ftruncate(fd.as_raw_fd(), size) }))?;
    // SAFETY: takes no memory.
    linux::check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, SEALS) })?;
    Ok(fd)
}

/// MFD_NOEXEC_SEAL is of Linux 6.3; before it the kernel refuses the unknown flag. By its number,
/// as the C library has the call only since glibc 2.27, and a library that names it loads with no
/// older one.
fn memfd(flag: libc::c_uint) -> io::Result<OwnedFd> {
    if flag != 0 && faulty(Fault::NoExecSeal) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | flag;
    // SAFETY: the name ends with a NUL, and the call makes a descriptor.
    unsafe { made(libc::syscall(libc::SYS_memfd_create, c"treenail".as_ptr(), flags) as i32) }
}

/// Checks that what a peer handed over can be mapped without danger: a memfd on tmpfs (a
/// hugetlb one takes the seals and still raises SIGBUS) of just this size, which can't change.
pub fn check(fd: BorrowedFd<'_>, size: u64) -> io::Result<()> {
    let refuse = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let fd = fd.as_raw_fd();
    // SAFETY: takes no memory; on what isn't a memfd it fails.
    let seals = linux::check(unsafe { libc::fcntl(fd, libc::F_GET_SEALS) }).unwrap_or(0);
    let needed = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;
    if seals & needed != needed {
        return refuse("shared memory without its seals");
    }
    // SAFETY: all zeros are valid, and the kernel overwrites them.
    let (mut stat, mut system): (libc::stat, libc::statfs) = unsafe { std::mem::zeroed() };
    // SAFETY: both structures are live during the calls.
    unsafe {
        linux::check(libc::fstat(fd, &mut stat))?;
        linux::check(libc::fstatfs(fd, &mut system))?;
    }
    let is_file = stat.st_mode & libc::S_IFMT == libc::S_IFREG;
    // Their types differ between C libraries.
    if !is_file || system.f_type as i64 != libc::TMPFS_MAGIC as i64 {
        return refuse("shared memory that is not a memfd");
    }
    if u64::try_from(stat.st_size) != Ok(size) {
        return refuse("shared memory of another size than said");
    }
    Ok(())
}
