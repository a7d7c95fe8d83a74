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
/// displayed. It is one pointer wide, so that results stay small on the way of a good call.
#[derive(Clone)]
pub struct Error(Box<Failure>);

#[derive(Clone)]
struct Failure {
    status: Status,
    verb: &'static str,
    target: Option<Arc<str>>,
    detail: Cow<'static, str>,
    needed: Option<usize>,
}

impl Error {
    #[cold]
    pub(crate) fn new(status: Status, detail: impl Into<Cow<'static, str>>) -> Error {
        let detail = detail.into();
        Error(Box::new(Failure { status, verb: "", target: None, detail, needed: None }))
    }

    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Status::Invalid, detail)
    }

    pub(crate) fn protocol(detail: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Status::Protocol, detail)
    }

    /// A system call that failed: `what` says which step it was.
    pub(crate) fn system(what: &str, error: &io::Error) -> Error {
        Error::new(status_of(error), format!("{what}: {error}{}", advice(error)))
    }

    /// A message of `needed` bytes that is over a buffer or a limit.
    pub(crate) fn too_large(needed: usize, detail: impl Into<Cow<'static, str>>) -> Error {
        let mut error = Error::new(Status::TooLarge, detail);
        error.0.needed = Some(needed);
        error
    }

    /// Adds what was tried on what, unless a lower layer has said it already.
    #[cold]
    pub(crate) fn during(mut self, verb: &'static str, target: &Arc<str>) -> Error {
        if self.0.verb.is_empty() {
            self.0.verb = verb;
            self.0.target = Some(Arc::clone(target));
        }
        self
    }

    /// The status, to branch on.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// How many bytes the message has, where it was too large for the buffer or for a limit.
    pub fn needed(&self) -> Option<usize> {
        self.0.needed
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { verb, target, detail, .. } = &*self.0;
        match target {
            Some(target) if target.is_empty() => write!(f, "{verb} \"\": {detail}"),
            Some(target) => write!(f, "{verb} {target}: {detail}"),
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
