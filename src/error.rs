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
/// displayed. It is one pointer wide, so that results stay small on the way of a good call. A copy
/// shares what it points to, and allocates nothing.
#[derive(Clone)]
pub struct Error(
    /// None: the call would have to wait, and nobody has said yet what was tried on what.
    Option<Arc<Failure>>,
);

const _: () = assert!(size_of::<Error>() == size_of::<usize>());

#[derive(Clone)]
struct Failure {
    status: Status,
    verb: &'static str,
    target: Option<Arc<str>>,
    detail: Cow<'static, str>,
    needed: Option<usize>,
}

const AGAIN: &str = "not without waiting, and the timeout was 0; wait for the fd";

impl Error {
    #[cold]
    pub(crate) fn new(status: Status, detail: impl Into<Cow<'static, str>>) -> Error {
        Error::with(status, detail.into(), None)
    }

    fn with(status: Status, detail: Cow<'static, str>, needed: Option<usize>) -> Error {
        Error(Some(Arc::new(Failure { status, verb: "", target: None, detail, needed })))
    }

    /// A call would have to wait, and may not. Loops get this all the time: a handle that has a
    /// name says it once, and gives copies away.
    pub(crate) const fn again() -> Error {
        Error(None)
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

    /// A handle that a fork left to the parent.
    #[cold]
    pub(crate) fn forked() -> Error {
        let detail = "the handle was made before this process was forked, and belongs to the \
                      parent; make a new one here";
        Error::new(Status::Invalid, detail)
    }

    /// A system call that failed: `what` says which step it was.
    pub(crate) fn system(what: &str, error: &io::Error) -> Error {
        Error::new(status_of(error), format!("{what}: {error}{}", advice(error)))
    }

    /// A message of `needed` bytes that is over a buffer or a limit.
    pub(crate) fn too_large(needed: usize, detail: impl Into<Cow<'static, str>>) -> Error {
        Error::with(Status::TooLarge, detail.into(), Some(needed))
    }

    /// Adds what was tried on what, unless a lower layer has said it already.
    #[cold]
    pub(crate) fn during(mut self, verb: &'static str, target: &Arc<str>) -> Error {
        if self.0.is_none() {
            self = Error::new(Status::Again, AGAIN);
        }
        if let Some(failure) = self.0.as_mut().filter(|failure| failure.verb.is_empty()) {
            let failure = Arc::make_mut(failure);
            failure.verb = verb;
            failure.target = Some(Arc::clone(target));
        }
        self
    }

    /// The status, to branch on.
    pub fn status(&self) -> Status {
        self.0.as_ref().map_or(Status::Again, |failure| failure.status)
    }

    /// How many bytes the message has, where it was too large for the buffer or for a limit.
    pub fn needed(&self) -> Option<usize> {
        self.0.as_ref().and_then(|failure| failure.needed)
    }
}

/// Out of the way of a good call, whose results would else lie in memory: what an Arc does at its
/// end takes a reference to it.
impl Drop for Error {
    #[inline]
    fn drop(&mut self) {
        #[cold]
        #[inline(never)]
        fn let_go(_: Arc<Failure>) {}
        if let Some(failure) = self.0.take() {
            let_go(failure);
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Failure { verb, target, detail, .. }) = self.0.as_deref() else {
            return f.write_str(AGAIN);
        };
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
        Some(libc::EACCES) => "; check the owner and the mode of what is named",
        Some(libc::EPERM) => {
            "; check who owns what is named, and whether a sandbox (seccomp) forbids the call"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_for_what_may_be_the_cause() {
        let said =
            |code| Error::system("opening it", &io::Error::from_raw_os_error(code)).to_string();
        assert!(said(libc::EACCES).contains("the mode"), "{}", said(libc::EACCES));
        assert!(said(libc::EPERM).contains("seccomp"), "{}", said(libc::EPERM));
        assert!(!said(libc::EPERM).contains("mode"), "{}", said(libc::EPERM));
    }
}
