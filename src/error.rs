//! Errors: a status, and one line that says what was tried, on what, what went wrong and what to do
//! about it.

mod status;

pub use status::Status;

use crate::os::cause::Cause;
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The result of every call of this library.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure: its status, and one line of text for people, which is put together when it is
/// displayed. It is one pointer wide, so that the results of successful calls stay small. A copy
/// shares what it points to, and allocates nothing.
#[derive(Clone)]
pub struct Error(
    /// None: the call would have to wait, and what was tried on what has not been added.
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

const AGAIN: &str = "not without waiting, and the timeout was 0; give it time, or wait until its \
                     descriptor is readable";

/// What comes behind a text that says only how a peer breaks the format.
const FOREIGN: &str = "; the peer doesn't keep to treenail's format: see what program it is, and \
                       use the same version on both sides";

/// What divides what went wrong from what to do.
const ADVICE: &str = "; ";

impl Error {
    /// A failure; `detail` says what went wrong, and behind a semicolon what to do.
    #[cold]
    pub(crate) fn new(status: Status, detail: impl Into<Cow<'static, str>>) -> Error {
        Error::with(status, checked(detail.into()), None)
    }

    /// A failure of a layer above the library, whose text is its own.
    pub(crate) fn relayed(status: Status, text: String) -> Error {
        Error::with(status, text.into(), None)
    }

    fn with(status: Status, detail: Cow<'static, str>, needed: Option<usize>) -> Error {
        Error(Some(Arc::new(Failure { status, verb: "", target: None, detail, needed })))
    }

    /// The error of a call that would have to wait, and may not. Event loops get it all the time: a
    /// handle that has a name makes its own error once, and returns copies.
    pub(crate) const fn again() -> Error {
        Error(None)
    }

    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Status::Invalid, detail)
    }

    /// The error for what isn't the format. What to do may be left out if it is the peer's fault.
    pub(crate) fn protocol(detail: impl Into<Cow<'static, str>>) -> Error {
        let detail = detail.into();
        match detail.contains(ADVICE) {
            true => Error::new(Status::Protocol, detail),
            false => Error::new(Status::Protocol, detail.into_owned() + FOREIGN),
        }
    }

    /// The error when a peer or the user asks for more memory than there is.
    #[cold]
    pub(crate) fn no_memory() -> Error {
        let detail = "there is no memory for it; free some and try again, or keep messages smaller";
        Error::new(Status::NoSpace, detail)
    }

    /// The error for a handle that a fork left to the parent.
    #[cold]
    pub(crate) fn forked() -> Error {
        let detail = "the handle was made before this process was forked, and belongs to the \
                      parent; make a new one here";
        Error::new(Status::Invalid, detail)
    }

    /// The error for a failed system call. `what` names the step.
    pub(crate) fn system(what: &str, error: &io::Error) -> Error {
        let cause = Cause::of(error);
        Error::new(status_of(cause), format!("{what}: {error}{}", advice(cause)))
    }

    /// The error for a message of `needed` bytes that exceeds a buffer or a limit.
    pub(crate) fn too_large(needed: usize, detail: impl Into<Cow<'static, str>>) -> Error {
        Error::with(Status::TooLarge, checked(detail.into()), Some(needed))
    }

    /// Adds what was tried on what, unless a lower layer has said it already.
    #[cold]
    pub(crate) fn during(self, verb: &'static str, target: &Arc<str>) -> Error {
        self.on(target).tried(verb)
    }

    /// Adds what was tried, unless a lower layer has said it already.
    #[cold]
    pub(crate) fn tried(mut self, verb: &'static str) -> Error {
        let failure = self.failure();
        if failure.verb.is_empty() {
            Arc::make_mut(failure).verb = verb;
        }
        self
    }

    /// Adds on what it was tried, unless a lower layer has said it already.
    #[cold]
    pub(crate) fn on(mut self, target: &Arc<str>) -> Error {
        let failure = self.failure();
        if failure.target.is_none() && failure.verb.is_empty() {
            Arc::make_mut(failure).target = Some(Arc::clone(target));
        }
        self
    }

    fn failure(&mut self) -> &mut Arc<Failure> {
        if self.0.is_none() {
            *self = Error::new(Status::Again, AGAIN);
        }
        self.0.as_mut().expect("it was just made")
    }

    /// The status, for the program to branch on.
    pub fn status(&self) -> Status {
        self.0.as_ref().map_or(Status::Again, |failure| failure.status)
    }

    /// The bytes of the message, if it was too large for the buffer or for a limit.
    pub fn needed(&self) -> Option<usize> {
        self.0.as_ref().and_then(|failure| failure.needed)
    }
}

/// Dropping an Arc takes a reference to it, so that the result of a successful call would have to
/// lie in memory. This moves the Arc out, into a cold function.
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
            Some(target) if verb.is_empty() => write!(f, "{target}: {detail}"),
            Some(target) => write!(f, "{verb} {target}: {detail}"),
            None if verb.is_empty() => f.write_str(detail),
            None => write!(f, "{verb}: {detail}"),
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

/// In this project's tests each text must say what to do.
fn checked(detail: Cow<'static, str>) -> Cow<'static, str> {
    #[cfg(feature = "internals")]
    assert!(detail.contains(ADVICE), "\"{detail}\" doesn't say what to do");
    detail
}

fn status_of(cause: Cause) -> Status {
    match cause {
        Cause::NotFound | Cause::NotListening | Cause::NotDirectory => Status::NotFound,
        Cause::Denied | Cause::Forbidden | Cause::Link | Cause::ReadOnly => Status::Denied,
        Cause::Exists => Status::Exists,
        Cause::NoDescriptors | Cause::NoDescriptorsAnywhere => Status::NoSpace,
        Cause::NoMemory | Cause::TooLarge => Status::NoSpace,
        Cause::NameTooLong => Status::Invalid,
        Cause::Unsupported => Status::Unsupported,
        Cause::PeerGone => Status::PeerLost,
        Cause::Directory | Cause::NotFile | Cause::NotOpen => Status::Io,
        Cause::OtherKind | Cause::Other => Status::Io,
    }
}

fn advice(cause: Cause) -> &'static str {
    match cause {
        Cause::NoDescriptors => "; close some descriptors or raise the limit (ulimit -n)",
        Cause::TooLarge => "; raise the limit of file sizes (ulimit -f)",
        Cause::NoDescriptorsAnywhere => {
            "; the whole system is out of descriptors: end some programs, or raise fs.file-max"
        }
        Cause::NoMemory => "; free some memory and try again",
        Cause::Denied => "; check the owner and the mode of what is named",
        Cause::Forbidden => {
            "; check who owns what is named, and whether a sandbox (seccomp) forbids the call"
        }
        Cause::NotFound | Cause::NotDirectory => "; check the path",
        Cause::NotListening | Cause::PeerGone => {
            "; see whether the other program lives, and try again"
        }
        Cause::Link => "; a symbolic link is not followed: name what it leads to",
        Cause::ReadOnly => "; choose a place that can be written",
        Cause::Exists => "; choose another name",
        Cause::NameTooLong => "; choose a shorter name",
        Cause::Unsupported => "; use a newer kernel, or a sandbox that knows the call",
        Cause::Directory | Cause::NotFile | Cause::OtherKind => {
            "; something of another kind is there, such as another program's server: choose \
             another name"
        }
        Cause::NotOpen => "; see who closes descriptors that aren't his",
        Cause::Other => "; see whether a sandbox or a security module forbids it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_for_what_may_be_the_cause() {
        assert!(advice(Cause::Denied).contains("the mode"), "{}", advice(Cause::Denied));
        assert!(advice(Cause::Forbidden).contains("seccomp"), "{}", advice(Cause::Forbidden));
        assert!(!advice(Cause::Forbidden).contains("mode"), "{}", advice(Cause::Forbidden));
    }

    #[test]
    fn each_cause_has_advice() {
        use Cause::*;
        let named = [NotFound, NotListening, NotDirectory, Directory, NotFile, OtherKind, Link];
        let rights = [Denied, Forbidden, ReadOnly, Exists, NameTooLong, TooLarge, Unsupported];
        let others = [NoDescriptors, NoDescriptorsAnywhere, NoMemory, PeerGone, NotOpen, Other];
        for cause in named.into_iter().chain(rights).chain(others) {
            let advice = advice(cause).strip_prefix(ADVICE);
            assert!(advice.is_some_and(|advice| advice.len() > 10), "{cause:?}: {advice:?}");
        }
    }
}
