//! What is said back: a status, and one line that tells what was tried, on what, what went
//! wrong and what to do about it.

mod status;

pub use status::Status;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The result of every call of this library.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure: its status, and one line of text for people, which is put together when it is
/// displayed. One that a loop gets again and again, as it would have to wait, allocates nothing.
#[derive(Clone)]
pub struct Error {
    reason: Reason,
    /// What was tried on what, unless nobody has said it yet.
    tried: Option<(&'static str, Arc<str>)>,
}

/// What went wrong, and what to do about it.
#[derive(Clone)]
enum Reason {
    Known(&'static (Status, &'static str)),
    Found(Box<Found>),
}

#[derive(Clone)]
struct Found {
    status: Status,
    detail: Cow<'static, str>,
    needed: Option<usize>,
}

impl Error {
    /// A failure whose text never changes.
    #[cold]
    pub(crate) fn known(reason: &'static (Status, &'static str)) -> Error {
        Error { reason: Reason::Known(reason), tried: None }
    }

    #[cold]
    pub(crate) fn new(status: Status, detail: impl Into<Cow<'static, str>>) -> Error {
        Error::found(Found { status, detail: detail.into(), needed: None })
    }

    fn found(found: Found) -> Error {
        Error { reason: Reason::Found(Box::new(found)), tried: None }
    }

    /// The call would have to wait, and may not.
    pub(crate) fn again() -> Error {
        Error::known(&(
            Status::Again,
            "not without waiting, and the timeout was 0; wait for the fd",
        ))
    }

    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Status::Invalid, detail)
    }

    pub(crate) fn protocol(detail: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Status::Protocol, detail)
    }

    /// What a peer or the user asked for is more than memory has.
    #[cold]
    pub(crate) fn no_memory() -> Error {
        let detail = "no memory for it; free some and try again, or keep messages smaller";
        Error::new(Status::NoSpace, detail)
    }

    /// A system call that failed: `what` says which step it was.
    pub(crate) fn system(what: &str, error: &io::Error) -> Error {
        Error::new(status_of(error), format!("{what}: {error}{}", advice(error)))
    }

    /// A message of `needed` bytes that is over a buffer or a limit.
    pub(crate) fn too_large(needed: usize, detail: impl Into<Cow<'static, str>>) -> Error {
        let (status, needed) = (Status::TooLarge, Some(needed));
        Error::found(Found { status, detail: detail.into(), needed })
    }

    /// Adds what was tried on what, unless a lower layer has said it already.
    #[cold]
    pub(crate) fn during(mut self, verb: &'static str, target: &Arc<str>) -> Error {
        self.tried.get_or_insert_with(|| (verb, Arc::clone(target)));
        self
    }

    /// The status, to branch on.
    pub fn status(&self) -> Status {
        match &self.reason {
            Reason::Known((status, _)) => *status,
            Reason::Found(found) => found.status,
        }
    }

    fn detail(&self) -> &str {
        match &self.reason {
            Reason::Known((_, detail)) => detail,
            Reason::Found(found) => &found.detail,
        }
    }

    /// How many bytes the message has, where it was too large for the buffer or for a limit.
    pub fn needed(&self) -> Option<usize> {
        match &self.reason {
            Reason::Known(_) => None,
            Reason::Found(found) => found.needed,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = self.detail();
        match &self.tried {
            Some((verb, target)) if target.is_empty() => write!(f, "{verb} \"\": {detail}"),
            Some((verb, target)) => write!(f, "{verb} {target}: {detail}"),
            None => f.write_str(detail),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({self})", self.status().name())
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match error.status() {
            Status::Again => io::ErrorKind::WouldBlock,
            Status::TimedOut => io::ErrorKind::TimedOut,
            Status::Closed => io::ErrorKind::NotConnected,
            Status::PeerLost => io::ErrorKind::ConnectionReset,
            Status::NotFound => io::ErrorKind::NotFound,
            Status::Exists => io::ErrorKind::AddrInUse,
            Status::Denied => io::ErrorKind::PermissionDenied,
            Status::Invalid => io::ErrorKind::InvalidInput,
            Status::TooLarge => io::ErrorKind::FileTooLarge,
            Status::NoSpace => io::ErrorKind::OutOfMemory,
            Status::Protocol => io::ErrorKind::InvalidData,
            Status::Unsupported => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

fn status_of(error: &io::Error) -> Status {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ECONNREFUSED | libc::ENOTDIR) => Status::NotFound,
        Some(libc::EACCES | libc::EPERM | libc::ELOOP | libc::EROFS) => Status::Denied,
        Some(libc::EEXIST | libc::EADDRINUSE) => Status::Exists,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOSPC | libc::ENOBUFS) => {
            Status::NoSpace
        }
        Some(libc::EFBIG) => Status::NoSpace,
        Some(libc::ENAMETOOLONG) => Status::Invalid,
        Some(libc::ENOSYS) => Status::Unsupported,
        Some(libc::EPIPE | libc::ECONNRESET) => Status::PeerLost,
        Some(_) => Status::Io,
        None => match error.kind() {
            io::ErrorKind::Unsupported => Status::Unsupported,
            io::ErrorKind::QuotaExceeded => Status::NoSpace,
            _ => Status::Io,
        },
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE) => "; close some descriptors or raise the limit (ulimit -n)",
        Some(libc::EFBIG) => "; raise the limit of file sizes (ulimit -f)",
        Some(libc::ENFILE) => "; the whole system is out of descriptors",
        Some(libc::ENOMEM | libc::ENOSPC | libc::ENOBUFS) => "; free some memory and try again",
        Some(libc::EACCES | libc::EPERM) => "; check the owner and the mode of what is named",
        _ => "",
    }
}
