//! Listeners.

use super::status::{guard, guard_silent, tn_status};
use super::{give_struct, give_text, handle, struct_size_of, text, there, timeout, tn_fd};
use crate::channel::Channel;
use crate::listener::{Listener, ListenerStats};
use std::ffi::c_char;
use std::os::fd::AsRawFd;

use std::mem::MaybeUninit;

/// tn_listener_open starts listening at `endpoint` and stores the listener in `*out`, which the
/// caller frees with tn_listener_free.
///
/// It takes over the name of a listener that was killed. With "shm:*" or "local:*" it chooses a
/// name that nobody has, and tn_listener_endpoint tells it. With fd: it accepts from a listening
/// socket that this process was given, whose file it neither makes nor removes.
///
/// TN_EXISTS: a live process listens there. TN_DENIED: the directory is not this user's, or rights
/// are missing. TN_INVALID: the endpoint is wrong, or fd: names no listening socket; the text says
/// how. TN_NOT_FOUND: systemd has passed no socket. TN_UNSUPPORTED: fd: names a TCP or UDP socket.
/// TN_NO_SPACE: no descriptors left.
///
/// # Safety
/// `endpoint` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_listener_open(
    endpoint: *const c_char,
    out: Option<&mut MaybeUninit<*mut Listener>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        let listener = Listener::open(unsafe { text(endpoint, "endpoint") }?)?;
        out.write(Box::into_raw(Box::new(listener)));
        Ok(())
    })
}

/// tn_listener_accept takes the next connection whose HELLO has come, and stores the channel in
/// `*out`, which the caller frees with tn_channel_free. The peer may have ended already; what it
/// sent is still received.
///
/// A client that stalls or sends nonsense holds up nobody else. Handshakes go on whenever this is
/// called. TN_AGAIN, TN_TIMED_OUT: nobody has connected. TN_CLOSED: the listener was closed.
/// TN_NO_SPACE: no descriptors left; the connection waits until there are.
///
/// # Safety
/// `listener` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_listener_accept(
    listener: Option<&Listener>,
    timeout_ms: i32,
    out: Option<&mut MaybeUninit<*mut Channel>>,
) -> tn_status {
    guard(|| {
        let (listener, out) = (handle(listener)?, there(out, "out")?);
        let channel = listener.accept(timeout(timeout_ms)?)?;
        out.write(Box::into_raw(Box::new(channel)));
        Ok(())
    })
}

/// tn_listener_endpoint writes the endpoint to connect to, NUL-terminated, to the `cap` bytes at
/// `buf`, and its length without the NUL to `*out_len`. For * it has the name that the listener has
/// chosen; for fd: the path of the socket, or fd: and the number if that has no path. TN_TOO_LARGE:
/// `*out_len` is how many bytes it needs, with the NUL.
///
/// # Safety
/// `listener` is NULL or valid; `buf` is NULL or writable for `cap` bytes; `out_len` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_listener_endpoint(
    listener: Option<&Listener>,
    buf: *mut c_char,
    cap: usize,
    out_len: Option<&mut MaybeUninit<usize>>,
) -> tn_status {
    guard(|| {
        let (listener, out_len) = (handle(listener)?, there(out_len, "out_len")?);
        there((!buf.is_null() || cap == 0).then_some(()), "buf")?;
        listener.fd()?; // refuses a handle that a fork left to the parent
        // SAFETY: NULL or writable for `cap` bytes, by this function's contract.
        unsafe { give_text(&listener.endpoint(), buf, cap, out_len) }
    })
}

/// tn_listener_stats stores counts of what has become of the connections so far in `*out`.
/// `out->struct_size` must be set. The counts stay when the listener is closed.
///
/// # Safety
/// `listener` is NULL or valid; `out` is NULL, or writable for its struct_size bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_listener_stats(
    listener: Option<&Listener>,
    out: *mut ListenerStats,
) -> tn_status {
    guard(|| {
        let listener = handle(listener)?;
        // SAFETY: by this function's contract.
        let struct_size = unsafe { struct_size_of(out.cast()) }?;
        let value = ListenerStats { struct_size, ..listener.stats()? };
        // SAFETY: writable for `struct_size` bytes, by this function's contract.
        unsafe { give_struct(&value, out.cast(), struct_size) };
        Ok(())
    })
}

/// tn_listener_fd stores a descriptor in `*out` that is readable while tn_listener_accept may get
/// further: wait for it, never read, write or close it. It is the same number until free. Every 5 s
/// it becomes readable, so that tn_listener_accept looks whether the socket's file is still there.
/// If the file was removed, that call makes it again, after it has accepted those that connected
/// before.
///
/// # Safety
/// `listener` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_listener_fd(
    listener: Option<&Listener>,
    out: Option<&mut MaybeUninit<tn_fd>>,
) -> tn_status {
    guard(|| {
        let (listener, out) = (handle(listener)?, there(out, "out")?);
        out.write(listener.fd()?.as_raw_fd());
        Ok(())
    })
}

/// tn_listener_close stops listening, removes the name and wakes every thread that waits, with
/// TN_CLOSED. Channels that were accepted stay as they are. Closing twice, or NULL, is fine.
///
/// # Safety
/// `listener` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_listener_close(listener: Option<&Listener>) {
    guard_silent(|| {
        if let Some(listener) = listener {
            listener.close();
        }
    });
}

/// tn_listener_free closes the listener and destroys it. It is the last use of the listener. NULL
/// is fine.
///
/// # Safety
/// `listener` is NULL, or came from tn_listener_open and no thread uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_listener_free(listener: Option<Box<Listener>>) {
    guard_silent(|| drop(listener));
}
