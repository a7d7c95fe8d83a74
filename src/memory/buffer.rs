//! Heap bytes that begin at a multiple of 16.

use std::alloc::Layout;
use std::io;
use std::mem::MaybeUninit;

const ALIGNMENT: usize = 16;

#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Block([MaybeUninit<u8>; ALIGNMENT]);

/// A growing buffer whose first byte is 16-byte aligned.
#[derive(Default)]
pub struct Buffer {
    blocks: Vec<Block>,
    len: usize,
}

impl Buffer {
    /// An empty buffer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> io::Result<Buffer> {
        let mut buffer = Buffer::default();
        buffer.reserve(capacity)?;
        Ok(buffer)
    }

    /// A buffer of `len` zero bytes; None where there is no memory for it.
    pub fn zeroed(len: usize) -> Option<Buffer> {
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(len.div_ceil(ALIGNMENT)).ok()?;
        blocks.resize(len.div_ceil(ALIGNMENT), Block([MaybeUninit::new(0); ALIGNMENT]));
        Some(Buffer { blocks, len })
    }

    /// Bytes held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes that there is room for, with those held.
    pub fn capacity(&self) -> usize {
        self.blocks.len() * ALIGNMENT
    }

    /// Makes room for `more` bytes after those held. Where there is no memory for them, nothing
    /// changes.
    pub fn reserve(&mut self, more: usize) -> io::Result<()> {
        let no_memory = |_| io::Error::from(io::ErrorKind::OutOfMemory);
        let blocks = (self.len + more).div_ceil(ALIGNMENT);
        let have = self.blocks.len();
        if blocks > have {
            let grown = blocks.max(have + have / 2);
            let amply = self.blocks.try_reserve_exact(grown - have);
            amply.or_else(|_| self.blocks.try_reserve_exact(blocks - have)).map_err(no_memory)?;
            // SAFETY: there is room for so many, and blocks may be uninitialised.
            unsafe { self.blocks.set_len(grown.min(self.blocks.capacity())) };
        }
        Ok(())
    }

    /// The room after the bytes held.
    pub fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        let len = self.len;
        &mut self.whole()[len..]
    }

    /// Counts `count` bytes of the spare room as held.
    ///
    /// # Safety
    /// They have been written.
    pub unsafe fn advance(&mut self, count: usize) {
        debug_assert!(self.len + count <= self.blocks.len() * ALIGNMENT);
        self.len += count;
    }

    /// Appends bytes, all of them or none.
    pub fn extend(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reserve(bytes.len())?;
        self.append(bytes);
        Ok(())
    }

    /// Appends bytes that there is room for already.
    #[inline]
    pub fn append(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.blocks.len() * ALIGNMENT - self.len);
        // SAFETY: there is room for them behind the bytes held, as just checked, and they are
        // counted once they are written.
        unsafe {
            let to = self.blocks.as_mut_ptr().cast::<u8>().add(self.len);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
            self.advance(bytes.len());
        }
    }

    /// Drops what is after the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Drops the first `count` bytes, and moves the rest to the front.
    pub fn consume(&mut self, count: usize) {
        let len = self.len;
        self.whole().copy_within(count..len, 0);
        self.len -= count;
    }

    /// The bytes held.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the first `len` bytes have been written, by the contract of `advance`.
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.len) }
    }

    /// The bytes held, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.blocks.as_mut_ptr().cast(), self.len) }
    }

    /// Where the bytes begin.
    pub fn as_ptr(&self) -> *const u8 {
        self.blocks.as_ptr().cast()
    }

    fn whole(&mut self) -> &mut [MaybeUninit<u8>] {
        let bytes = self.blocks.len() * ALIGNMENT;
        // SAFETY: blocks are bytes without padding, and may be uninitialised.
        unsafe { std::slice::from_raw_parts_mut(self.blocks.as_mut_ptr().cast(), bytes) }
    }
}

/// `len` zero bytes; None where there is no memory for them.
pub fn zeroed_vec(len: usize) -> Option<Vec<u8>> {
    let layout = Layout::array::<u8>(len).ok()?;
    if len == 0 {
        return Some(Vec::new());
    }
    // SAFETY: the layout isn't empty.
    let data = unsafe { std::alloc::alloc_zeroed(layout) };
    // SAFETY: where it is not null, it was just allocated for so many bytes, which are zero.
    (!data.is_null()).then(|| unsafe { Vec::from_raw_parts(data, len, len) })
}
