//! Sending: one message, many, and in place.

use super::message::{lent_id, slices, tn_loan, tn_slice, token};
use super::status::{guard, tn_status};
use super::{bytes, handle, there, timeout};
use crate::channel::Channel;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// tn_channel_send sends one message. It is taken whole (TN_OK) or not at all; an empty one is a
/// message too. `data` stays the caller's, and may be reused at once.
///
/// As long as the timeout allows, it waits until the whole message is in the ring or the kernel. If
/// the time runs out in the middle of a long message, the rest stays in the channel and goes out
/// with later calls; tn_channel_flush waits for it. A connector's message over 64 KiB waits until
/// the listener has answered. TN_AGAIN, TN_TIMED_OUT: there is no room. TN_TOO_LARGE: the message
/// is larger than the peer's max_message. TN_CLOSED, TN_PEER_LOST: the channel has ended. A channel
/// whose handshake was refused returns the reason.
///
/// # Safety
/// `channel` is NULL or valid; `data` is NULL or readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_send(
    channel: Option<&Channel>,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
) -> tn_status {
    guard(|| {
        // SAFETY: NULL or readable for `len` bytes, by this function's contract.
        let data = unsafe { bytes(data, len) }?;
        handle(channel)?.send(data, timeout(timeout_ms)?)
    })
}

/// tn_channel_send_tagged sends one message with a tag, a number of the user's choice, which the
/// receiver finds in tn_message. In all else it is as tn_channel_send, which sends the tag 0.
/// TN_UNSUPPORTED: the tag isn't 0, and raw=1.
///
/// # Safety
/// `channel` is NULL or valid; `data` is NULL or readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_send_tagged(
    channel: Option<&Channel>,
    tag: u32,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
) -> tn_status {
    guard(|| {
        // SAFETY: NULL or readable for `len` bytes, by this function's contract.
        let data = unsafe { bytes(data, len) }?;
        handle(channel)?.send_tagged(tag, data, timeout(timeout_ms)?)
    })
}

/// tn_channel_sendv sends one message that is put together from `count` parts, with a tag.
/// Statuses are those of tn_channel_send_tagged.
///
/// # Safety
/// `channel` is NULL or valid; `parts` is NULL or readable for `count` slices, and each slice is
/// NULL or readable for its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_sendv(
    channel: Option<&Channel>,
    tag: u32,
    parts: *const tn_slice,
    count: usize,
    timeout_ms: i32,
) -> tn_status {
    guard(|| {
        // SAFETY: by this function's contract.
        let parts = unsafe { slices(parts, count) }?;
        handle(channel)?.send_parts(tag, &parts, timeout(timeout_ms)?)
    })
}

/// tn_channel_send_many sends `count` messages with one wake-up, and stores in `*out_sent` how
/// many were taken; it is always written.
///
/// It waits until all are taken, or the time runs out. It returns TN_OK if any was taken; TN_AGAIN,
/// TN_TIMED_OUT and the other failures of tn_channel_send come only if none was.
///
/// # Safety
/// `channel` is NULL or valid; `messages` is NULL or readable for `count` slices, and each slice
/// is NULL or readable for its length; `out_sent` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_send_many(
    channel: Option<&Channel>,
    messages: *const tn_slice,
    count: usize,
    timeout_ms: i32,
    out_sent: Option<&mut MaybeUninit<usize>>,
) -> tn_status {
    guard(|| {
        let out_sent = there(out_sent, "out_sent")?;
        out_sent.write(0);
        // SAFETY: by this function's contract.
        let messages = unsafe { slices(messages, count) }?;
        out_sent.write(handle(channel)?.send_slices(&messages, timeout(timeout_ms)?)?);
        Ok(())
    })
}

/// tn_channel_loan lends room to write a message of up to `len` bytes in place. On shm nothing is
/// copied if the loan fits half a ring; otherwise the room is a buffer. The loan ends with
/// tn_channel_commit or tn_channel_discard. Until then it holds back what is sent after it.
/// Statuses are those of tn_channel_send.
///
/// # Safety
/// `channel` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_loan(
    channel: Option<&Channel>,
    len: usize,
    timeout_ms: i32,
    out: Option<&mut MaybeUninit<tn_loan>>,
) -> tn_status {
    guard(|| {
        let (channel, out) = (handle(channel)?, there(out, "out")?);
        let (id, room) = channel.loan(len, timeout(timeout_ms)?)?.into_parts();
        let data = room.as_mut_ptr().cast();
        let private_ = token(channel, id);
        out.write(tn_loan { data, len, private_, reserved: [0; 2] });
        Ok(())
    })
}

/// tn_channel_commit sends the first `len` bytes of a loan as a message with a tag, and ends the
/// loan. A loan that lies in the ring never waits. Any other is sent as by tn_channel_send, which
/// waits, as long as the timeout allows, until all of it is in the ring or the kernel.
///
/// TN_AGAIN, TN_TIMED_OUT: there is no room for its first byte. The loan stays open, to be
/// committed again or discarded. TN_INVALID: it was committed or discarded before, or `len` is more
/// than its length; it stays as it is. TN_UNSUPPORTED: the tag isn't 0, and raw=1; the loan stays
/// open. TN_CLOSED, TN_PEER_LOST: the channel has ended, and so has the loan.
///
/// # Safety
/// `channel` and `loan` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_commit(
    channel: Option<&Channel>,
    loan: Option<&tn_loan>,
    tag: u32,
    len: usize,
    timeout_ms: i32,
) -> tn_status {
    guard(|| {
        let (channel, loan) = (handle(channel)?, there(loan, "loan")?);
        let id = lent_id(channel, loan.private_)?;
        channel.core.commit_lent(id, loan.len, tag, len, timeout(timeout_ms)?)
    })
}

/// tn_channel_discard gives a loan back unsent. TN_INVALID: it was committed or discarded before.
///
/// # Safety
/// `channel` and `loan` are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_discard(
    channel: Option<&Channel>,
    loan: Option<&tn_loan>,
) -> tn_status {
    guard(|| {
        let (channel, loan) = (handle(channel)?, there(loan, "loan")?);
        channel.discard(lent_id(channel, loan.private_)?)
    })
}

/// tn_channel_flush waits until everything that sends took is out of this process: the rest of a
/// long message, and what an open loan holds back. TN_AGAIN, TN_TIMED_OUT: some of it is still
/// here. TN_CLOSED, TN_PEER_LOST: the channel has ended.
///
/// # Safety
/// `channel` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_flush(channel: Option<&Channel>, timeout_ms: i32) -> tn_status {
    guard(|| handle(channel)?.flush(timeout(timeout_ms)?))
}
