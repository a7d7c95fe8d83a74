use super::Part;
use crate::os::fault::page_size_min;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

/// Bytes of a page.
pub fn granule() -> usize {
    // SAFETY: always succeeds.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize };
    page.max(page_size_min())
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
                map(at, part.len, true, libc::MAP_FIXED, fd, part.file_offset)?;
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
