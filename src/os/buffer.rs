//! Heap bytes that begin at a multiple of 16, and views of memory that may be uninitialised.

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
        let no_memory = |_| io::Error::from_raw_os_error(libc::ENOMEM);
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

/// Where bytes are that are lent, and how many.
#[derive(Clone, Copy)]
pub struct Lent {
    data: *mut u8,
    len: usize,
}

// SAFETY: an address and a length; whoever holds one keeps the memory until it is given back.
unsafe impl Send for Lent {}
// SAFETY: as above; it has no methods that read or write.
unsafe impl Sync for Lent {}

impl Lent {
    pub fn new(data: *mut u8, len: usize) -> Lent {
        Lent { data, len }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.data
    }
}

/// Bytes that are lent: they lie in memory that the peer may change at any time, so there is no
/// safe way to borrow them. Copy before you validate. They can't be taken away from the view or
/// the loan that they belong to:
///
/// ```
/// use treenail::{Bytes, View};
///
/// fn borrow<'a>(view: &'a View<'_>) -> &'a Bytes {
///     view
/// }
/// ```
/// ```compile_fail,E0507
/// use treenail::{Bytes, View};
///
/// fn take(view: View<'_>) -> Bytes {
///     *view
/// }
/// ```
/// ```compile_fail,E0596
/// use treenail::Loan;
///
/// fn swap(one: &mut Loan<'_>, other: &mut Loan<'_>) {
///     std::mem::swap(&mut **one, &mut **other);
/// }
/// ```
pub struct Bytes(Lent);

impl Bytes {
    /// Only for what keeps the memory until it is dropped itself.
    pub(crate) fn new(lent: Lent) -> Bytes {
        Bytes(lent)
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// Where they begin: 16-byte aligned.
    pub fn as_ptr(&self) -> *const u8 {
        self.0.data
    }

    /// A copy of them.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        self.copy_to(&mut bytes);
        bytes
    }

    /// Copies them, as far as `to` has room: how many that were.
    pub fn copy_to(&self, to: &mut [u8]) -> usize {
        let count = self.len().min(to.len());
        // SAFETY: the memory is there until what this is lent by is dropped, and is no Rust
        // object that `to` could overlap. A peer that writes meanwhile spoils the copy only.
        unsafe { std::ptr::copy_nonoverlapping(self.0.data, to.as_mut_ptr(), count) };
        count
    }

    /// Writes `bytes` from `offset` on. Panics if they reach past the end.
    pub(crate) fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        let room = self.len().checked_sub(offset).is_some_and(|room| bytes.len() <= room);
        assert!(room, "{} bytes at {offset} reach past {}", bytes.len(), self.len());
        // SAFETY: within the bounds just checked, of memory that is there as in `copy_to`.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.data.add(offset), bytes.len());
        }
    }

    /// Where they begin, to be written.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.data
    }

    /// The bytes as a slice, without a copy.
    ///
    /// # Safety
    /// The peer does not write to them while the slice lives: it is trusted, or the channel was
    /// opened with `views=copy`.
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: the memory is there, and by the caller's word nobody writes.
        unsafe { std::slice::from_raw_parts(self.0.data, self.len()) }
    }
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
