use super::{FileId, LastLink, Purpose};
use crate::os::fork::{Fd, adopt, enter};
use crate::os::linux::{check, check_count, open, own_path, restart, stat_of};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Longest path that fits a socket's address.
pub const SOCKET_PATH_SIZE_MAX: usize = 107;

/// An open directory.
pub struct Directory {
    fd: Fd,
    path: PathBuf,
}

impl FileId {
    fn of(stat: &libc::stat) -> FileId {
        FileId {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            owner: stat.st_uid,
            mode: stat.st_mode & 0o7777,
            is_socket: stat.st_mode & libc::S_IFMT == libc::S_IFSOCK,
        }
    }
}

impl Directory {
    /// Opens a directory. That of [`Purpose::Search`] is a path only (O_PATH).
    pub fn open(path: &Path, link: LastLink, purpose: Purpose) -> io::Result<Directory> {
        let flags = match purpose {
            Purpose::Search => libc::O_PATH | libc::O_DIRECTORY,
            Purpose::Read => libc::O_RDONLY | libc::O_DIRECTORY,
        };
        let flags = match link {
            LastLink::Followed => flags,
            LastLink::Refused => flags | libc::O_NOFOLLOW,
        };
        let name = c_path(path.as_os_str())?;
        let fd = adopt(|| open(&name, flags, 0))?;
        Ok(Directory { fd, path: path.to_owned() })
    }

    /// The path by which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads here.
    pub fn is_there(&self) -> bool {
        // SAFETY: the structure is live during the call.
        let here = stat_of(|stat| unsafe { libc::fstat(self.fd.as_raw_fd(), stat) });
        let there = c_path(self.path.as_os_str()).and_then(|path| {
            // SAFETY: the path ends with a NUL and the structure is live during the call.
            stat_of(|stat| unsafe { libc::stat(path.as_ptr(), stat) })
        });
        here.is_ok_and(|here| there.is_ok_and(|there| FileId::of(&here).is(&FileId::of(&there))))
    }

    /// The directory's owner and permission bits.
    pub fn owner_and_mode(&self) -> io::Result<(u32, u32)> {
        // SAFETY: the structure is live during the call.
        let stat = stat_of(|stat| unsafe { libc::fstat(self.fd.as_raw_fd(), stat) })?;
        Ok((stat.st_uid, stat.st_mode & 0o7777))
    }

    /// A path of `name` in this directory that fits a socket's address: through the open
    /// descriptor where the plain one is too long.
    pub fn socket_path(&self, name: &OsStr) -> PathBuf {
        let path = self.path.join(name);
        if path.as_os_str().len() <= SOCKET_PATH_SIZE_MAX {
            return path;
        }
        PathBuf::from(OsStr::from_bytes(own_path(self.fd.as_fd()).to_bytes())).join(name)
    }

    /// Tries to lock the directory against others that change names in it. The lock ends with
    /// this value, or with the process.
    pub fn try_lock(&self) -> io::Result<()> {
        // SAFETY: takes no memory.
        let lock =
            || check(unsafe { libc::flock(self.fd.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) });
        restart(lock).map(drop)
    }

    /// Ends the lock.
    pub fn unlock(&self) {
        // SAFETY: takes no memory.
        unsafe { libc::flock(self.fd.as_raw_fd(), libc::LOCK_UN) };
    }

    /// What `name` is; symbolic links are not followed.
    pub fn identify(&self, name: &OsStr) -> io::Result<FileId> {
        let name = c_path(name)?;
        let (fd, flags) = (self.fd.as_raw_fd(), libc::AT_SYMLINK_NOFOLLOW);
        // SAFETY: the name ends with a NUL and the structure is live during the call.
        let stat = stat_of(|stat| unsafe { libc::fstatat(fd, name.as_ptr(), stat, flags) })?;
        Ok(FileId::of(&stat))
    }

    /// The names in it, but for its own and its parent's, which must be opened to read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        let mut entries = [0u64; 4096];
        loop {
            let (fd, size) = (self.fd.as_raw_fd(), size_of_val(&entries));
            let into = entries.as_mut_ptr();
            // SAFETY: the kernel writes at most `size` bytes.
            let read = || unsafe { libc::syscall(libc::SYS_getdents64, fd, into, size) };
            let count = restart(|| check_count(read() as libc::ssize_t))?;
            if count == 0 {
                return Ok(names);
            }
            let mut at = 0;
            while at < count {
                // SAFETY: the kernel wrote whole entries into these bytes, each with its length and
                // a name that ends with a NUL.
                let (length, name) = unsafe {
                    let entry = into.cast::<u8>().add(at).cast::<libc::dirent64>();
                    let name = CStr::from_ptr((&raw const (*entry).d_name).cast());
                    ((*entry).d_reclen, name.to_bytes())
                };
                if name != b"." && name != b".." {
                    names.push(OsStr::from_bytes(name).to_owned());
                }
                at += usize::from(length);
            }
        }
    }

    /// Gives `name` to a group.
    pub fn set_group(&self, name: &OsStr, gid: u32) -> io::Result<()> {
        let (fd, name) = (self.fd.as_raw_fd(), c_path(name)?);
        let flags = libc::AT_SYMLINK_NOFOLLOW;
        // SAFETY: the name ends with a NUL.
        check(unsafe { libc::fchownat(fd, name.as_ptr(), u32::MAX, gid, flags) }).map(drop)
    }

    /// Sets the permission bits of `name`, whatever the umask is.
    pub fn set_mode(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        let (fd, name) = (self.fd.as_raw_fd(), c_path(name)?);
        // SAFETY: the name ends with a NUL.
        check(unsafe { libc::fchmodat(fd, name.as_ptr(), mode, 0) }).map(drop)
    }

    /// Renames over what is there.
    pub fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let (fd, from, to) = (self.fd.as_raw_fd(), c_path(from)?, c_path(to)?);
        // SAFETY: both names end with a NUL.
        check(unsafe { libc::renameat(fd, from.as_ptr(), fd, to.as_ptr()) }).map(drop)
    }

    /// Removes a name.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        let (fd, name) = (self.fd.as_raw_fd(), c_path(name)?);
        // SAFETY: the name ends with a NUL.
        check(unsafe { libc::unlinkat(fd, name.as_ptr(), 0) }).map(drop)
    }
}

/// What all paths of this process begin at.
pub fn root() -> Option<FileId> {
    // SAFETY: the path ends with a NUL and the structure is live during the call.
    let stat = stat_of(|stat| unsafe { libc::stat(c"/".as_ptr(), stat) });
    stat.ok().map(|stat| FileId::of(&stat))
}

/// Makes a directory that only this user can use.
pub fn make(path: &Path) -> io::Result<()> {
    let path = c_path(path.as_os_str())?;
    // SAFETY: the path ends with a NUL.
    check(unsafe { libc::mkdir(path.as_ptr(), 0o700) }).map(drop)
}

/// The number of a group, by name or by number.
pub fn group_id(name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let name = CString::new(name).ok()?;
    let mut buffer = vec![0 as libc::c_char; 1 << 16];
    // SAFETY: all zeros are valid, and are overwritten when the name is found.
    let mut group: libc::group = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    // The system's library reads files for this.
    let _gate = enter();
    // SAFETY: all pointers are live during the call, and the buffer is as long as said.
    let result = unsafe {
        let (text, len) = (buffer.as_mut_ptr(), buffer.len());
        libc::getgrnam_r(name.as_ptr(), &mut group, text, len, &mut found)
    };
    (result == 0 && !found.is_null()).then_some(group.gr_gid)
}

/// A path as system calls take it. One as long as a socket's may be allocates nothing, as a
/// listener looks at it with each accept.
enum CPath {
    Short([u8; SOCKET_PATH_SIZE_MAX + 1]),
    Long(CString),
}

fn c_path(path: &OsStr) -> io::Result<CPath> {
    let path = path.as_bytes();
    if path.len() > SOCKET_PATH_SIZE_MAX || path.contains(&0) {
        let path = CString::new(path);
        return path.map(CPath::Long).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
    }
    let mut short = [0; SOCKET_PATH_SIZE_MAX + 1];
    short[..path.len()].copy_from_slice(path);
    Ok(CPath::Short(short))
}

impl std::ops::Deref for CPath {
    type Target = CStr;
    fn deref(&self) -> &CStr {
        match self {
            CPath::Short(path) => CStr::from_bytes_until_nul(path).expect("a NUL is at its end"),
            CPath::Long(path) => path,
        }
    }
}
