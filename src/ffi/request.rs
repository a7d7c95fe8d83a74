//! Requests and their replies.

use super::message::{lent, tn_message};
use super::status::{guard, tn_status};
use super::{bytes, handle, there, timeout};
use crate::channel::{Channel, Info};
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// tn_channel_request sends a request and waits for the reply to it, which is stored in
/// `*out_reply` and given back with tn_channel_release like a view.
///
/// Any number of threads may ask at once. Other messages that come meanwhile wait in the inbox for
/// a receiving call. TN_TIMED_OUT, and TN_AGAIN if the timeout was 0: the request may have been
/// sent, but no reply came; a late reply is dropped. TN_NO_SPACE: the inbox is full (inbox=). Other
/// statuses are those of tn_channel_send and tn_channel_recv.
///
/// # Safety
/// `channel` is NULL or valid; `data` is NULL or readable for `len` bytes; `out_reply` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_request(
    channel: Option<&Channel>,
    tag: u32,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
    out_reply: Option<&mut MaybeUninit<tn_message>>,
) -> tn_status {
    guard(|| {
        let (channel, out_reply) = (handle(channel)?, there(out_reply, "out_reply")?);
        // SAFETY: NULL or readable for `len` bytes, by this function's contract.
        let data = unsafe { bytes(data, len) }?;
        out_reply.write(lent(channel.request(tag, data, timeout(timeout_ms)?)?, channel));
        Ok(())
    })
}

/// tn_channel_request_begin is the first half of tn_channel_request: it sends the request, and
/// stores its id in `*out_id`. tn_channel_request_end fetches the reply; no receiving call gets it.
/// These two are for event loops, and for programs that wait in pieces. Statuses are those of
/// tn_channel_send, and TN_NO_SPACE as for tn_channel_request.
///
/// # Safety
/// `channel` is NULL or valid; `data` is NULL or readable for `len` bytes; `out_id` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_request_begin(
    channel: Option<&Channel>,
    tag: u32,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
    out_id: Option<&mut MaybeUninit<u32>>,
) -> tn_status {
    guard(|| {
        let (channel, out_id) = (handle(channel)?, there(out_id, "out_id")?);
        // SAFETY: NULL or readable for `len` bytes, by this function's contract.
        let data = unsafe { bytes(data, len) }?;
        out_id.write(channel.request_begin(tag, data, timeout(timeout_ms)?)?);
        Ok(())
    })
}

/// tn_channel_request_end waits for the reply to the request that was begun under `id`, stores it
/// in `*out_reply`, and ends the request; the reply is given back with tn_channel_release like a
/// view.
///
/// Other messages that come meanwhile wait in the inbox for a receiving call. An event loop that
/// waits for both therefore calls this first, and then receives. TN_AGAIN, TN_TIMED_OUT: the reply
/// has not come yet; wait for it again. TN_INVALID: there is no such request, or it was ended. Any
/// other failure ends the request, as for tn_channel_request.
///
/// # Safety
/// `channel` is NULL or valid; `out_reply` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_request_end(
    channel: Option<&Channel>,
    id: u32,
    timeout_ms: i32,
    out_reply: Option<&mut MaybeUninit<tn_message>>,
) -> tn_status {
    guard(|| {
        let (channel, out_reply) = (handle(channel)?, there(out_reply, "out_reply")?);
        out_reply.write(lent(channel.request_end(id, timeout(timeout_ms)?)?, channel));
        Ok(())
    })
}

/// tn_channel_request_cancel ends the request that was begun or started under `id`; its reply is
/// dropped when it comes. TN_INVALID: there is no such request, or it was ended.
///
/// # Safety
/// `channel` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_request_cancel(
    channel: Option<&Channel>,
    id: u32,
) -> tn_status {
    guard(|| handle(channel)?.request_cancel(id))
}

/// tn_channel_request_start sends a request and stores its id in `*out_id`. The reply is received
/// like any message, with TN_MESSAGE_REPLY and that id. Statuses are those of tn_channel_send.
///
/// # Safety
/// `channel` is NULL or valid; `data` is NULL or readable for `len` bytes; `out_id` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_request_start(
    channel: Option<&Channel>,
    tag: u32,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
    out_id: Option<&mut MaybeUninit<u32>>,
) -> tn_status {
    guard(|| {
        let (channel, out_id) = (handle(channel)?, there(out_id, "out_id")?);
        // SAFETY: NULL or readable for `len` bytes, by this function's contract.
        let data = unsafe { bytes(data, len) }?;
        out_id.write(channel.request_start(tag, data, timeout(timeout_ms)?)?);
        Ok(())
    })
}

/// tn_channel_reply answers, once, a message whose flags are TN_MESSAGE_REQUEST. It reads only the
/// flags, id and tag of `request`, so `request` may have been released. Any thread may answer.
///
/// Statuses are those of tn_channel_send; after a failure you may try again. TN_INVALID: `request`
/// is no request, came to another channel, or was answered before. The channel remembers the last
/// 65536 unanswered requests; an older one may be answered too.
///
/// # Safety
/// `channel` and `request` are NULL or valid; `data` is NULL or readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_reply(
    channel: Option<&Channel>,
    request: Option<&tn_message>,
    data: *const c_void,
    len: usize,
    timeout_ms: i32,
) -> tn_status {
    guard(|| {
        let (channel, request) = (handle(channel)?, there(request, "request")?);
        // SAFETY: NULL or readable for `len` bytes, by this function's contract.
        let data = unsafe { bytes(data, len) }?;
        let &tn_message { tag, id, flags, .. } = request;
        let request = Info { len: 0, tag, id, flags };
        channel.reply(&request, data, timeout(timeout_ms)?)
    })
}
