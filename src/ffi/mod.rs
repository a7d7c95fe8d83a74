//! The C ABI, one file for each noun. Each function checks its arguments, converts them, makes one
//! call and converts the result; it decides nothing. The header has the order of these lines.

pub mod status;

pub mod listener;

pub mod channel;

pub mod message;

pub mod send;

pub mod recv;

pub mod request;

pub mod segment;

pub mod semaphore;

pub mod poller;

pub mod list;

use crate::error::{Error, Result};
use status::{TN_FOREVER, TN_NOWAIT};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::{MaybeUninit, size_of};
use std::time::Duration;

/// tn_fd is a descriptor for poll, epoll, select and the event loops on top of them.
#[allow(non_camel_case_types)]
pub type tn_fd = c_int;

/// A handle that must not be NULL.
fn handle<T>(handle: Option<T>) -> Result<T> {
    handle.ok_or_else(|| {
        Error::invalid("the handle is NULL; pass one that was made, and is not freed")
    })
}

/// A pointer that must not be NULL.
fn there<T>(pointer: Option<T>, name: &str) -> Result<T> {
    let null = || Error::invalid(format!("{name} is NULL; pass an address"));
    pointer.ok_or_else(null)
}

/// A timeout from C.
fn timeout(timeout_ms: i32) -> Result<Option<Duration>> {
    match timeout_ms {
        TN_FOREVER => Ok(None),
        TN_NOWAIT.. => Ok(Some(Duration::from_millis(timeout_ms as u64))),
        _ => Err(Error::invalid(format!(
            "timeout_ms is {timeout_ms}; it is -1 (for ever), 0 (never waits) or milliseconds"
        ))),
    }
}

/// Text from C.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and lives as long as the result.
unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    if text.is_null() {
        return Err(Error::invalid(format!("{name} is NULL; pass a text")));
    }
    // SAFETY: by this function's contract.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| Error::invalid(format!("{name} is not UTF-8; write bytes as %XX")))
}

/// Bytes from C; a pointer whose length is 0 is ignored.
///
/// # Safety
/// `data` is NULL, or valid for reading `len` bytes as long as the result lives.
#[inline]
unsafe fn bytes<'a>(data: *const c_void, len: usize) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() || len > isize::MAX as usize {
        return Err(match data.is_null() {
            true => no_memory_there(len),
            false => Error::too_large(len, too_much("data", len)),
        });
    }
    // SAFETY: not NULL, and by this function's contract.
    Ok(unsafe { std::slice::from_raw_parts(data.cast(), len) })
}

/// A buffer from C that is to be written; a pointer whose length is 0 is ignored.
///
/// # Safety
/// `buf` is NULL, or valid for writing `cap` bytes as long as the result lives, and nobody else
/// uses it meanwhile.
#[inline]
unsafe fn buffer<'a>(buf: *mut c_void, cap: usize) -> Result<&'a mut [MaybeUninit<u8>]> {
    if cap == 0 {
        return Ok(&mut []);
    }
    if buf.is_null() || cap > isize::MAX as usize {
        return Err(match buf.is_null() {
            true => no_memory_there(cap),
            // Not too large: that says how much a message needs.
            false => Error::invalid(too_much("a buffer", cap)),
        });
    }
    // SAFETY: not NULL, and by this function's contract.
    Ok(unsafe { std::slice::from_raw_parts_mut(buf.cast(), cap) })
}

#[cold]
fn no_memory_there(len: usize) -> Error {
    let detail =
        format!("the data is NULL, but its length is {len}; pass the address of the bytes");
    Error::invalid(detail)
}

#[cold]
fn too_much(what: &str, len: usize) -> String {
    format!("{what} of {len} bytes is more than memory can have; pass the size that it has")
}

/// Writes a text of this library to C's buffer, with a NUL behind it, and its length without the
/// NUL; where that doesn't fit, how many bytes it needs with the NUL.
///
/// # Safety
/// `buf` is NULL or writable for `cap` bytes.
unsafe fn give_text(
    text: &str,
    buf: *mut c_char,
    cap: usize,
    out_len: &mut MaybeUninit<usize>,
) -> Result<()> {
    if cap <= text.len() {
        let needed = text.len() + 1;
        out_len.write(needed);
        let detail = format!(
            "the text needs {needed} bytes with its NUL, and the buffer has {cap}; give it more"
        );
        return Err(Error::too_large(needed, detail));
    }
    // SAFETY: by this function's contract.
    let to = unsafe { buffer(buf.cast(), cap) }?;
    crate::memory::write(&mut to[..text.len()], text.as_bytes());
    to[text.len()].write(0);
    out_len.write(text.len());
    Ok(())
}

/// The size that a caller says its structure has.
///
/// # Safety
/// `out` is NULL, or begins with a struct_size.
unsafe fn struct_size_of(out: *const u32) -> Result<u32> {
    there((!out.is_null()).then_some(()), "out")?;
    // SAFETY: not NULL, and by this function's contract.
    let size = unsafe { out.read_unaligned() };
    match size {
        8..=65536 => Ok(size),
        _ => Err(Error::invalid(format!(
            "out->struct_size is {size}; set it to the size of the structure before the call"
        ))),
    }
}

/// Writes as much of a structure as its caller knows, and zeros behind what this library knows.
///
/// # Safety
/// `out` is writable for `struct_size` bytes.
unsafe fn give_struct<T>(value: &T, out: *mut u8, struct_size: u32) {
    let known = size_of::<T>().min(struct_size as usize);
    // SAFETY: by this function's contract; `known` is no more than either has.
    unsafe {
        std::ptr::copy_nonoverlapping(std::ptr::from_ref(value).cast(), out, known);
        out.add(known).write_bytes(0, struct_size as usize - known);
    }
}
