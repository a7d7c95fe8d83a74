//! Memory of a caller that may be uninitialised, and is written only.

use std::mem::MaybeUninit;

/// Copies `bytes` into memory of the same size.
pub fn write(to: &mut [MaybeUninit<u8>], bytes: &[u8]) {
    assert_eq!(to.len(), bytes.len());
    // SAFETY: both are valid for that many bytes, and a mutable slice overlaps nothing.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_mut_ptr().cast(), bytes.len()) };
}

/// Memory that is written and never read, seen as what may be uninitialised.
pub fn uninit(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: the layout is the same; this library only ever writes bytes through it, never
    // uninitialised ones.
    unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) }
}

/// A caller's memory that is filled from its front.
pub struct Filling<'a> {
    memory: &'a mut [MaybeUninit<u8>],
    filled: usize,
}

impl<'a> Filling<'a> {
    /// Nothing is filled yet.
    pub fn new(memory: &'a mut [MaybeUninit<u8>]) -> Filling<'a> {
        Filling { memory, filled: 0 }
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> usize {
        self.memory.len() - self.filled
    }

    /// Appends as much of `bytes` as fits: how much that is.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.left());
        write(&mut self.memory[self.filled..][..count], &bytes[..count]);
        self.filled += count;
        count
    }

    /// Lets `read` write into the rest, which returns how many bytes it wrote.
    ///
    /// # Safety
    /// It wrote that many.
    pub unsafe fn fill<E>(
        &mut self,
        read: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let count = read(&mut self.memory[self.filled..])?;
        self.filled += count;
        Ok(count)
    }

    /// What is filled.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the first `filled` bytes were written.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast(), self.filled) }
    }
}
