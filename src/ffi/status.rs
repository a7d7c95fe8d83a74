//! Statuses, the text of the last failure, and the library's version.

use crate::error::{Error, Result, Status};
use crate::os::thread_local::{PerThread, Slot};
use std::any::type_name;
use std::ffi::{CStr, c_char};
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The result of a call: the number of a [`Status`]. The header has an enumeration of that name.
///
/// cbindgen:ignore
#[allow(non_camel_case_types)]
pub type tn_status = i32;

/// timeout_ms: never waits.
pub const TN_NOWAIT: i32 = 0;
/// timeout_ms: waits for ever.
pub const TN_FOREVER: i32 = -1;

/// What the body of an exported function returns after it has done its work.
pub(super) trait Notice {
    fn status(self) -> Status;
}

impl Notice for () {
    fn status(self) -> Status {
        Status::Ok
    }
}

impl Notice for Status {
    fn status(self) -> Status {
        self
    }
}

/// A thread's last failure. Its text is put together when the program asks for it.
#[derive(Default)]
struct LastError {
    error: Option<Error>,
    text: Option<Line>,
}

/// One line of text with a NUL at its end. Putting it together fails if memory is short.
#[derive(Default)]
struct Line(Vec<u8>);

impl fmt::Write for Line {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0.try_reserve(part.len()).map_err(|_| fmt::Error)?;
        let end_it = |byte| matches!(byte, b'\0' | b'\n' | b'\r');
        self.0.extend(part.bytes().map(|byte| if end_it(byte) { b' ' } else { byte }));
        Ok(())
    }
}

impl Line {
    fn of(error: &Error) -> Option<Line> {
        let mut line = Line::default();
        write!(line, "{error}").ok()?;
        line.0.try_reserve(1).ok()?;
        line.0.push(0);
        Some(line)
    }
}

static LAST: PerThread<LastError> = PerThread::new(Slot::Failure);

/// Runs the body of an exported function. It catches panics, and keeps a failure for tn_last_error.
/// A body may return a notice.
#[inline]
pub(super) fn guard<T: Notice, F: FnOnce() -> Result<T>>(body: F) -> tn_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(notice)) => notice.status() as tn_status,
        Ok(Err(error)) => failed(error, caller_of(type_name::<F>())),
        Err(panic) => failed(panicked(panic.as_ref()), caller_of(type_name::<F>())),
    }
}

/// The name of the exported function whose body has a type of this name. A failure that doesn't say
/// what was tried says that.
fn caller_of(body: &'static str) -> &'static str {
    let name = |path: &'static str| path.split("::").find(|part| part.starts_with("tn_"));
    name(body).unwrap_or("a call")
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

/// Runs the body of an exported function that returns nothing.
pub(super) fn guard_silent(body: impl FnOnce()) {
    guard(|| {
        body();
        Ok(())
    });
}

fn failed(error: Error, call: &'static str) -> tn_status {
    keep(error.tried(call))
}

/// Keeps a failure for tn_last_error.
fn keep(error: Error) -> tn_status {
    let status = error.status() as tn_status;
    LAST.with(|last| *last = LastError { error: Some(error), text: None });
    status
}

#[cold]
fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    Error::new(Status::Internal, format!("a bug in treenail: {text}; please report it"))
}

/// tn_status_name returns a status' name, such as "TN_AGAIN"; "TN_UNKNOWN" for a number that is
/// none. The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn tn_status_name(status: tn_status) -> *const c_char {
    Status::name_of(status).unwrap_or(c"TN_UNKNOWN").as_ptr()
}

/// tn_last_error returns this thread's last failure as one English line: what was tried on what,
/// what went wrong and what to do.
///
/// Never NULL, and never empty after a failure. The text is the library's, and valid until this
/// thread's next failure or its end.
#[unsafe(no_mangle)]
pub extern "C" fn tn_last_error() -> *const c_char {
    let text = LAST.with(|last| {
        let Some(error) = &last.error else {
            return c"no call of this thread has failed".as_ptr();
        };
        if last.text.is_none() {
            last.text = Line::of(error);
        }
        let line = last.text.as_ref().map(|line| line.0.as_ptr().cast());
        line.unwrap_or(c"the call failed, and there is no memory for its text".as_ptr())
    });
    text.unwrap_or(c"there is no memory for the text of a failure".as_ptr())
}

/// tn_last_error_set makes `text` this thread's last failure, and returns `status`. It is for a
/// layer above the library, whose own failures are then told as the library's are.
///
/// The text is copied, and a line end in it becomes a space. TN_INVALID, with a text about that:
/// the status isn't that of a failure, or the text is NULL, empty or not UTF-8.
///
/// # Safety
/// `text` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_last_error_set(status: tn_status, text: *const c_char) -> tn_status {
    // SAFETY: by this function's contract it ends with a NUL.
    let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) });
    let text = text.and_then(|text| text.to_str().ok()).unwrap_or_default();
    match Status::of_failure(status).filter(|_| !text.is_empty()) {
        Some(failure) => keep(Error::relayed(failure, text.to_owned())),
        None => guard(|| -> Result<()> {
            Err(Error::invalid(format!(
                "set the last error to status {status}, \"{text}\"; it takes the number of a \
                 failure, and a text in UTF-8"
            )))
        }),
    }
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
