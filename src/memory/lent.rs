//! Bytes that are lent: to the user by a view or a loan, and to us by the ring they lie in.

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

    /// Those from `offset` on. Panics if that is past the end.
    pub(crate) fn from(&self, offset: usize) -> Lent {
        let len = self.len().checked_sub(offset);
        let len = len.unwrap_or_else(|| panic!("{offset} is past {}", self.len()));
        // SAFETY: at most at the end of memory that is there as in `copy_to`.
        Lent::new(unsafe { self.0.data.add(offset) }, len)
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
