//! Named objects of shared memory, as shm_open(3) has them: files that others open by name. A name
//! has no path in it. No verb blocks. They fail with the file system's errors: nothing has the
//! name, this user may not, there is no room or no descriptor.
//!
//! - [`make`] makes an object that has no name yet: all zeros, some parts of which are there, so
//!   that using them never fails. The caller owns the descriptor; the object vanishes with its last
//!   one. StorageFull where there is no room, Unsupported where the system has no such objects.
//! - [`reserve`] makes a part be there that was only said to be; StorageFull where there is no
//!   room.
//! - [`room`] tells how many bytes all objects can have, and how many are free; where that isn't
//!   known, there is no end of it.
//! - [`publish`] gives an object its mode, and then its name: nobody sees it half. AlreadyExists if
//!   anything has the name.
//! - [`open`] opens what has a name: it may turn out to be anything, and links are not followed.
//!   [`reopen`] gives what is open an open description of its own, whatever its name is by now. The
//!   caller owns either.
//! - [`facts`] tells what is open, and [`facts_at`] what has a name.
//! - [`remove`] takes a name away; the object lives on as long as anybody has it.
//! - [`read_at`] copies bytes from an offset on: how many there were.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub(in crate::os) use system::path;
pub use system::{
    FOLDER, facts, facts_at, make, open, publish, read_at, remove, reopen, reserve, room,
};

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// Bytes that are there, and not only said to be.
    pub memory: u64,
    pub owner: u32,
    pub group: u32,
    pub mode: u32,
    pub is_file: bool,
    pub is_fifo: bool,
}

impl Facts {
    /// Whether both are of the same object.
    pub fn is(&self, other: &Facts) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Bytes that objects can have.
pub struct Room {
    pub all: u64,
    pub free: u64,
}
