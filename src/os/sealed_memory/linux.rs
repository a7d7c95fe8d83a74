use crate::os::fault::{Fault, faulty};
use crate::os::fork::{Fd, adopt};
use crate::os::linux::{check, made};
use crate::os::signal::enlarging;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

/// Neither end may change the size, nor take the seals off.
const SEALS: i32 = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// Bytes of a page.
pub fn page_size() -> usize {
    // SAFETY: always succeeds.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// A new memfd of `size` zero bytes, sealed.
pub fn sealed_memfd(size: u64) -> io::Result<Fd> {
    if faulty(Fault::NoMemfd) {
        return Err(io::Error::from_raw_os_error(libc::ENOSYS));
    }
    let fd = adopt(|| memfd(libc::MFD_NOEXEC_SEAL).or_else(|_| memfd(0)))?;
    let size =
        libc::off_t::try_from(size).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    // SAFETY: takes no memory.
    enlarging(|| check(unsafe { libc::ftruncate(fd.as_raw_fd(), size) }))?;
    // SAFETY: takes no memory.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, SEALS) })?;
    Ok(fd)
}

/// MFD_NOEXEC_SEAL is of Linux 6.3; before it the kernel refuses the unknown flag.
fn memfd(flag: libc::c_uint) -> io::Result<OwnedFd> {
    if flag != 0 && faulty(Fault::NoExecSeal) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | flag;
    // SAFETY: the name ends with a NUL, and the call makes a descriptor.
    unsafe { made(libc::memfd_create(c"treenail".as_ptr(), flags)) }
}

/// Checks that what a peer handed over can be mapped without danger: a memfd on tmpfs (a
/// hugetlb one takes the seals and still raises SIGBUS) of just this size, which can't change.
pub fn check_memfd(fd: BorrowedFd<'_>, size: u64) -> io::Result<()> {
    let refuse = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let fd = fd.as_raw_fd();
    // SAFETY: takes no memory; on what isn't a memfd it fails.
    let seals = check(unsafe { libc::fcntl(fd, libc::F_GET_SEALS) }).unwrap_or(0);
    let needed = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;
    if seals & needed != needed {
        return refuse("shared memory without its seals");
    }
    // SAFETY: all zeros are valid, and the kernel overwrites them.
    let (mut stat, mut system): (libc::stat, libc::statfs) = unsafe { std::mem::zeroed() };
    // SAFETY: both structures are live during the calls.
    unsafe {
        check(libc::fstat(fd, &mut stat))?;
        check(libc::fstatfs(fd, &mut system))?;
    }
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG || system.f_type != libc::TMPFS_MAGIC {
        return refuse("shared memory that is not a memfd");
    }
    if u64::try_from(stat.st_size) != Ok(size) {
        return refuse("shared memory of another size than said");
    }
    Ok(())
}

/// A stretch of address space that holds parts of a file, until it is dropped.
pub struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: it is an address range; what is done with the bytes is argued where it is done.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// Which bytes of a file go where: offset in the file, how many, and offset in the mapping.
#[derive(Clone, Copy)]
pub struct Part {
    pub file_offset: u64,
    pub len: usize,
    pub at: usize,
    pub writable: bool,
}

impl Mapping {
    /// Maps `len` bytes of `fd`, shared.
    pub fn of(
        fd: BorrowedFd<'_>,
        file_offset: u64,
        len: usize,
        writable: bool,
    ) -> io::Result<Mapping> {
        // SAFETY: at an address of the kernel's choice it touches nothing of ours.
        let base = unsafe { map(std::ptr::null_mut(), len, writable, 0, fd, file_offset) };
        Ok(Mapping { base: base?, len })
    }

    /// Maps `parts` of `fd` into `len` bytes of fresh address space, shared.
    pub fn new(fd: BorrowedFd<'_>, len: usize, parts: &[Part]) -> io::Result<Mapping> {
        // SAFETY: a mapping at an address of the kernel's choice touches nothing of ours.
        let base = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            libc::mmap(std::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0)
        };
        let mapping = Mapping { base: mapped(base)?, len };
        for part in parts {
            assert!(part.at + part.len <= len);
            // SAFETY: the fixed address is within the range that was just reserved.
            unsafe {
                let at = mapping.base.as_ptr().add(part.at).cast();
                map(at, part.len, part.writable, libc::MAP_FIXED, fd, part.file_offset)?;
            }
        }
        Ok(mapping)
    }

    /// Where it begins; valid while the mapping lives.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }
}

/// Maps bytes of `fd`, shared.
///
/// # Safety
/// With MAP_FIXED the range at `at` is the caller's.
unsafe fn map(
    at: *mut libc::c_void,
    len: usize,
    writable: bool,
    flags: i32,
    fd: BorrowedFd<'_>,
    file_offset: u64,
) -> io::Result<NonNull<u8>> {
    let protection = libc::PROT_READ | if writable { libc::PROT_WRITE } else { 0 };
    let (flags, offset) = (libc::MAP_SHARED | flags, file_offset as libc::off_t);
    // SAFETY: by this function's contract.
    mapped(unsafe { libc::mmap(at, len, protection, flags, fd.as_raw_fd(), offset) })
}

fn mapped(address: *mut libc::c_void) -> io::Result<NonNull<u8>> {
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(address.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping's, and whoever points into it borrows it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
