//! A page of words that a test shares with its children: it outlives whoever is killed.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const SIZE: usize = 4096;

/// Bytes of a file, which stay mapped until the process ends.
pub struct Mapped(std::ptr::NonNull<u8>);

/// Maps the first `len` bytes of a file that has them.
pub fn map(path: &Path, len: usize) -> Mapped {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("the file is there");
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    let (nowhere, fd) = (std::ptr::null_mut(), file.as_raw_fd());
    // SAFETY: a new mapping of a file that has this size.
    let place = unsafe { libc::mmap(nowhere, len, rights, libc::MAP_SHARED, fd, 0) };
    assert_ne!(place, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
    Mapped(std::ptr::NonNull::new(place.cast()).expect("not at 0"))
}

impl Mapped {
    /// The bytes as words that are atomic.
    pub fn words(&self, count: usize) -> &'static [AtomicU32] {
        // SAFETY: page-aligned and never unmapped; the caller mapped as much.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), count) }
    }

    /// The bytes as a structure of atomics.
    pub fn cast_ref<T>(&self) -> &'static T {
        // SAFETY: as above.
        unsafe { self.0.cast().as_ref() }
    }
}

/// The page; it stays mapped until the process ends.
#[derive(Clone, Copy)]
pub struct Page(&'static [AtomicU64; SIZE / 8]);

impl Page {
    /// Maps the page in this file, which is made if need be.
    pub fn open(path: &Path) -> Page {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).expect("the page's file");
        file.set_len(SIZE as u64).expect("room for a page");
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        let (nowhere, fd) = (std::ptr::null_mut(), file.as_raw_fd());
        // SAFETY: a new mapping of a file that has this size.
        let page = unsafe { libc::mmap(nowhere, SIZE, rights, libc::MAP_SHARED, fd, 0) };
        assert_ne!(page, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
        // SAFETY: page-aligned, of the right size, never unmapped, and only used as atomics.
        Page(unsafe { &*page.cast() })
    }

    /// The word at `index`.
    pub fn get(self, index: usize) -> u64 {
        self.0[index].load(Ordering::SeqCst)
    }

    /// Sets the word at `index`.
    pub fn set(self, index: usize, value: u64) {
        self.0[index].store(value, Ordering::SeqCst);
    }

    /// Makes all of it zero.
    pub fn clear(self) {
        self.0.iter().for_each(|word| word.store(0, Ordering::SeqCst));
    }
}
