//! Statuses, the text of the last failure, and the library's version.

use crate::error::{Error, Result, STATUS_NAMES, Status};
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// tn_status is what a call came to: 0 is good, above 0 is good with a notice, below 0 is a
/// failure. Numbers are never reused.
#[allow(non_camel_case_types)]
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum tn_status {
    /// All went well.
    TN_OK = 0,
    /// The lock is yours, and its last owner died holding it: check the data, then unlock as
    /// usual.
    TN_OWNER_DIED = 1,
    /// The call would have to wait, and the timeout was 0; nothing happened.
    TN_AGAIN = -1,
    /// The timeout passed; nothing happened.
    TN_TIMED_OUT = -2,
    /// Closed in good order, by either side or by this program; all that had arrived was handed
    /// out.
    TN_CLOSED = -3,
    /// The peer died or the network did: an end without a close; all that had arrived was
    /// handed out.
    TN_PEER_LOST = -4,
    /// Nobody listens there, or no object has that name.
    TN_NOT_FOUND = -5,
    /// The name is in use by somebody alive.
    TN_EXISTS = -6,
    /// Rights, another user, a refused certificate.
    TN_DENIED = -7,
    /// A bad argument: NULL, unknown scheme, option or value, wrong state.
    TN_INVALID = -8,
    /// The message is over a limit, or over the caller's buffer (then it stays, and the length
    /// says how much is needed).
    TN_TOO_LARGE = -9,
    /// No memory, /dev/shm full, no descriptors left.
    TN_NO_SPACE = -10,
    /// What came isn't this format, or another version of it.
    TN_PROTOCOL = -11,
    /// Not on this system, or not built in.
    TN_UNSUPPORTED = -12,
    /// Another system error; the text holds it.
    TN_IO = -13,
    /// A bug in the library.
    TN_INTERNAL = -14,
}

impl From<Status> for tn_status {
    fn from(status: Status) -> tn_status {
        match status {
            Status::Ok => tn_status::TN_OK,
            Status::OwnerDied => tn_status::TN_OWNER_DIED,
            Status::Again => tn_status::TN_AGAIN,
            Status::TimedOut => tn_status::TN_TIMED_OUT,
            Status::Closed => tn_status::TN_CLOSED,
            Status::PeerLost => tn_status::TN_PEER_LOST,
            Status::NotFound => tn_status::TN_NOT_FOUND,
            Status::Exists => tn_status::TN_EXISTS,
            Status::Denied => tn_status::TN_DENIED,
            Status::Invalid => tn_status::TN_INVALID,
            Status::TooLarge => tn_status::TN_TOO_LARGE,
            Status::NoSpace => tn_status::TN_NO_SPACE,
            Status::Protocol => tn_status::TN_PROTOCOL,
            Status::Unsupported => tn_status::TN_UNSUPPORTED,
            Status::Io => tn_status::TN_IO,
            Status::Internal => tn_status::TN_INTERNAL,
        }
    }
}

impl From<()> for tn_status {
    fn from((): ()) -> tn_status {
        tn_status::TN_OK
    }
}

/// tn_timeout names the two special values of every `timeout_ms`.
#[allow(non_camel_case_types, dead_code)]
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum tn_timeout {
    /// Never waits.
    TN_NOWAIT = 0,
    /// Waits for ever.
    TN_FOREVER = -1,
}

/// A thread's last failure; its text is put together when it is asked for.
struct LastError {
    error: Option<Error>,
    text: Option<CString>,
}

thread_local! {
    static LAST: RefCell<LastError> = const { RefCell::new(LastError { error: None, text: None }) };
}

/// Runs the body of an exported function: keeps panics inside, and what failed for tn_last_error.
/// A body that has a notice to give returns that.
#[inline]
pub(super) fn guard<T: Into<tn_status>>(body: impl FnOnce() -> Result<T>) -> tn_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(notice)) => notice.into(),
        Ok(Err(error)) => failed(error),
        Err(panic) => failed(panicked(panic.as_ref())),
    }
}

/// Runs the body of an exported function that returns a value, and `otherwise` after a failure.
pub(super) fn guard_value<T>(otherwise: T, body: impl FnOnce() -> Result<T>) -> T {
    let mut value = otherwise;
    guard(|| {
        value = body()?;
        Result::Ok(())
    });
    value
}

/// Runs the body of an exported function that says nothing.
pub(super) fn guard_silent(body: impl FnOnce()) {
    guard(|| {
        body();
        Ok(())
    });
}

fn failed(error: Error) -> tn_status {
    let status = error.status().into();
    // A thread that is ending has no thread-local values any more.
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = LastError { error: Some(error), text: None };
        }
    });
    status
}

#[cold]
fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    Error::new(Status::Internal, format!("a bug in treenail, please report it: {text}"))
}

/// tn_status_name returns a status' name, such as "TN_AGAIN"; "TN_UNKNOWN" for a number that is
/// none. The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn tn_status_name(status: MaybeUninit<tn_status>) -> *const c_char {
    // SAFETY: the bytes of an int32_t, whatever C passed; an enum is only made of known ones.
    let status = unsafe { status.as_ptr().cast::<i32>().read() };
    let known = STATUS_NAMES.iter().position(|(known, _)| *known as i32 == status);
    known.map_or(c"TN_UNKNOWN", |index| NAMES[index]).as_ptr()
}

const NAMES: [&std::ffi::CStr; STATUS_NAMES.len()] = [
    c"TN_OK",
    c"TN_OWNER_DIED",
    c"TN_AGAIN",
    c"TN_TIMED_OUT",
    c"TN_CLOSED",
    c"TN_PEER_LOST",
    c"TN_NOT_FOUND",
    c"TN_EXISTS",
    c"TN_DENIED",
    c"TN_INVALID",
    c"TN_TOO_LARGE",
    c"TN_NO_SPACE",
    c"TN_PROTOCOL",
    c"TN_UNSUPPORTED",
    c"TN_IO",
    c"TN_INTERNAL",
];

/// tn_last_error returns this thread's last failure as one English line: what was tried on what,
/// what went wrong and what to do.
///
/// Never NULL, and never empty after a failure. The text is the library's, and valid until this
/// thread's next failure or its end.
#[unsafe(no_mangle)]
pub extern "C" fn tn_last_error() -> *const c_char {
    let text = LAST.try_with(|last| {
        let mut last = last.try_borrow_mut().ok()?;
        let last = &mut *last;
        let error = last.error.as_ref()?;
        let text = last.text.get_or_insert_with(|| {
            let line = error.to_string().replace(['\0', '\n', '\r'], " ");
            CString::new(line).unwrap_or_default()
        });
        Some(text.as_ptr())
    });
    text.ok().flatten().unwrap_or(c"no call of this thread has failed".as_ptr())
}

/// tn_version returns the library's version as major * 65536 + minor * 256 + patch: compare it
/// with TN_VERSION.
#[unsafe(no_mangle)]
pub extern "C" fn tn_version() -> u32 {
    let mut numbers = crate::version().split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next() << 16) | (next() << 8) | next()
}

/// tn_version_text returns the library's version as text, such as "0.1.0". The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn tn_version_text() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
