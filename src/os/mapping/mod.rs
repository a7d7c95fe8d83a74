//! Memory that processes share, in the address space of this one. No verb blocks.
//!
//! - [`granule`] gives the bytes of which offsets in a file, and in a mapping of parts, are
//!   multiples: the page size, or what the system allocates address space by. It is a power of two,
//!   the same in all calls, and can't fail.
//! - [`Mapping::of`] maps bytes of an open file wherever there is room.
//! - [`Mapping::new`] maps parts of a file, each where it shall be in one stretch of address space:
//!   so a ring can lie there twice in a row. It owns the stretch; what no part covers can't be
//!   touched.
//! - Both fail where there is no memory or address space, or the file may not be mapped so. The
//!   file may be closed afterwards.
//! - [`Mapping::base`] is where it begins. Dropping it unmaps it: whoever points into it borrows
//!   it.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{Mapping, granule};

/// Which bytes of a file go where: offset in the file, how many, and offset in the mapping.
#[derive(Clone, Copy)]
pub struct Part {
    pub file_offset: u64,
    pub len: usize,
    pub at: usize,
}
