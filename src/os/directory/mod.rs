//! The directory that socket files lie in: opened once, checked, locked, and names changed in it.
//! No verb blocks but on the file system itself. They fail with the file system's errors: nothing
//! has the name, this user may not, no descriptor is left.
//!
//! - [`Directory::open`] opens one; the value owns the descriptor.
//! - [`Directory::path`] is the path by which it was opened, and [`Directory::is_there`] tells
//!   whether that still leads here.
//! - [`Directory::owner_and_mode`] tells who may do what in it.
//! - [`Directory::socket_path`] gives a path of a name in it that fits a socket's address, as long
//!   as the value lives. It can't fail.
//! - [`Directory::try_lock`] locks it against others that change names in it, or fails with
//!   WouldBlock; [`Directory::unlock`] ends that, and so does the end of the value, or of the
//!   process.
//! - [`Directory::identify`] tells what a name is; links are not followed. [`Directory::names`]
//!   lists all, and needs [`Purpose::Read`].
//! - [`Directory::set_group`], [`Directory::set_mode`], [`Directory::rename`] (over what is there)
//!   and [`Directory::remove`] change a name.
//! - [`root`] is what all paths of this process begin at, None if that can't be told.
//! - [`make`] makes a directory that only this user can use; AlreadyExists if anything has the
//!   path.
//! - [`group_id`] gives the number of a group, by name or by number; None if there is none. It may
//!   read files, or ask a service of the system.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{Directory, group_id, make, root};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    pub device: u64,
    pub inode: u64,
    pub owner: u32,
    pub mode: u32,
    pub is_socket: bool,
}

impl FileId {
    /// Whether both are the same file.
    pub fn is(&self, other: &FileId) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// What becomes of a symbolic link that is the last part of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LastLink {
    /// It is followed.
    Followed,
    /// It is no directory.
    Refused,
}

/// What a directory is opened for.
#[derive(Clone, Copy)]
pub enum Purpose {
    /// To reach what lies in it: takes no right to read it, as connect(2) takes none.
    Search,
    /// To lock it and list its names too, which takes the right to read it.
    Read,
}
