//! Receiving: one message, many, and in place.

use super::message::{lent, lent_id, message, tn_message, too_large};
use super::status::{guard, tn_status};
use super::{buffer, handle, there, timeout};
use crate::channel::Channel;
use crate::error::Error;
use crate::readiness::Direction;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// tn_channel_recv receives one message: it copies the payload to the `cap` bytes at `buf`, and
/// stores its length in `*out_len`. A request that this call receives can't be answered.
///
/// TN_TOO_LARGE: `*out_len` is how many bytes it needs, and the message stays. TN_AGAIN,
/// TN_TIMED_OUT: there is no message. TN_CLOSED, TN_PEER_LOST: the channel has ended, and all that
/// had arrived has been received. TN_NO_SPACE: open views hold most of the ring; release some.
///
/// # Safety
/// `channel` is NULL or valid; `buf` is NULL or writable for `cap` bytes; `out_len` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_recv(
    channel: Option<&Channel>,
    buf: *mut c_void,
    cap: usize,
    timeout_ms: i32,
    out_len: Option<&mut MaybeUninit<usize>>,
) -> tn_status {
    guard(|| {
        let (channel, out_len) = (handle(channel)?, there(out_len, "out_len")?);
        // SAFETY: NULL or writable for `cap` bytes, by this function's contract.
        let buf = unsafe { buffer(buf, cap) }?;
        let received = channel.recv_len(buf, timeout(timeout_ms)?);
        match received.as_ref().map_err(Error::needed) {
            Ok(len) => _ = out_len.write(*len),
            Err(Some(needed)) => _ = out_len.write(needed),
            Err(None) => {}
        }
        received.map(drop)
    })
}

/// tn_channel_recv_message receives one message like tn_channel_recv, with its tag, id and flags;
/// `out->data` is `buf`, and there is nothing to release. With TN_TOO_LARGE `out->len` is how many
/// bytes it needs, and the rest of `*out` is zero.
///
/// # Safety
/// `channel` is NULL or valid; `buf` is NULL or writable for `cap` bytes; `out` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_recv_message(
    channel: Option<&Channel>,
    buf: *mut c_void,
    cap: usize,
    timeout_ms: i32,
    out: Option<&mut MaybeUninit<tn_message>>,
) -> tn_status {
    guard(|| {
        let (channel, out) = (handle(channel)?, there(out, "out")?);
        // SAFETY: NULL or writable for `cap` bytes, by this function's contract.
        let room = unsafe { buffer(buf, cap) }?;
        let received = channel.recv_info(room, timeout(timeout_ms)?);
        match received.as_ref().map_err(Error::needed) {
            Ok(info) => _ = out.write(message(info, buf, 0)),
            Err(Some(needed)) => _ = out.write(too_large(needed)),
            Err(None) => {}
        }
        received.map(drop)
    })
}

/// tn_channel_recv_view receives one message in place, without a copy where the transport can do
/// that. The bytes are valid until tn_channel_release, and hold room in the ring until then.
/// Several views may be open at a time. Statuses are those of tn_channel_recv, without
/// TN_TOO_LARGE.
///
/// # Safety
/// `channel` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_recv_view(
    channel: Option<&Channel>,
    timeout_ms: i32,
    out: Option<&mut MaybeUninit<tn_message>>,
) -> tn_status {
    guard(|| {
        let (channel, out) = (handle(channel)?, there(out, "out")?);
        out.write(lent(channel.recv_view(timeout(timeout_ms)?)?, channel));
        Ok(())
    })
}

/// tn_channel_release gives back a view, or the reply to a request. Views may be released in any
/// order, from any thread, and after tn_channel_close too. TN_INVALID: it was released before.
///
/// # Safety
/// `channel` and `view` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_release(
    channel: Option<&Channel>,
    view: Option<&tn_message>,
) -> tn_status {
    guard(|| {
        let (channel, view) = (handle(channel)?, there(view, "view")?);
        channel.release(lent_id(channel, view.private_)?)
    })
}

/// tn_channel_recv_many receives as many messages as are there and fit, at most `max`. It copies
/// their payloads to the `cap` bytes at `buf`, each 16-byte aligned. It stores where each lies,
/// with its tag, id and flags, in `out_messages`, and their number in `*out_count`. It waits for
/// the first message only. There is nothing to release, and requests among them can be answered.
///
/// TN_TOO_LARGE: not even the first fits. `out_messages[0].len` is how many bytes it needs (15 more
/// if `buf` isn't 16-byte aligned), and the rest of `out_messages[0]` is zero. Other statuses are
/// those of tn_channel_recv.
///
/// # Safety
/// `channel` is NULL or valid; `buf` is NULL or writable for `cap` bytes; `out_messages` is NULL
/// or writable for `max` messages; `out_count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_recv_many(
    channel: Option<&Channel>,
    buf: *mut c_void,
    cap: usize,
    out_messages: *mut tn_message,
    max: usize,
    timeout_ms: i32,
    out_count: Option<&mut MaybeUninit<usize>>,
) -> tn_status {
    guard(|| {
        let (channel, out_count) = (handle(channel)?, there(out_count, "out_count")?);
        there((!out_messages.is_null()).then_some(()), "out_messages")?;
        // SAFETY: NULL or writable for `cap` bytes, by this function's contract.
        let room = unsafe { buffer(buf, cap) }?;
        let mut index = 0;
        let received = channel.recv_batch(room, max, timeout(timeout_ms)?, |info, place| {
            let data = buf.wrapping_byte_add(place.start).cast_const();
            // SAFETY: writable for `max` messages, by contract, and called at most that often.
            unsafe { out_messages.add(index).write(message(&info, data, 0)) };
            index += 1;
        });
        if let Err(Some(len)) = received.as_ref().map_err(Error::needed) {
            // SAFETY: writable for `max` messages, and nothing was received if `max` is 0.
            unsafe { out_messages.write(too_large(len)) };
        }
        out_count.write(received?);
        Ok(())
    })
}

/// tn_channel_busy_poll looks for a short while whether there is something to receive, and leaves
/// it there. It is for event loops: call it after a message was handled and before the loop sleeps,
/// if the next message may come at once, as in a conversation. TN_OK: a receiving call finds a
/// message, or the end, unless another thread is faster. TN_AGAIN: nothing came, or the handshake
/// isn't done.
///
/// It spins as `spin=` says, but for at most 50 microseconds, also with `forever`. By default it
/// seldom spins if that was in vain lately. It never makes the descriptor unreadable: a receiving
/// call that returns TN_AGAIN does. Limit how often a loop calls this in a row; otherwise a peer
/// that always answers at once keeps the loop there.
///
/// # Safety
/// `channel` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_busy_poll(channel: Option<&Channel>) -> tn_status {
    guard(|| {
        let channel = handle(channel)?;
        match channel.busy_poll()? {
            true => Ok(()),
            false => Err(channel.core.again(Direction::Receive)),
        }
    })
}
