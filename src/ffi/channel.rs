//! Channels: their life, their fd, and what can be asked of them.

use super::status::{guard, guard_silent, tn_status};
use super::{give_struct, handle, struct_size_of, text, there, timeout, tn_fd};
use crate::channel::{Channel, Stats};
use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

/// tn_peer.transport: rings in shared memory.
#[allow(dead_code, reason = "for C")]
pub const TN_TRANSPORT_SHM: u32 = 1;
/// tn_peer.transport: a local socket.
#[allow(dead_code, reason = "for C")]
pub const TN_TRANSPORT_LOCAL: u32 = 2;

/// tn_peer says who is at the other end, as the kernel says, not as the peer says.
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct tn_peer {
    /// sizeof(tn_peer), set by the caller; more fields may be added behind the last.
    pub struct_size: u32,
    /// TN_TRANSPORT_*: how messages cross. A shm: channel begins on its socket, and says so until
    /// both directions go through rings, which is within the first messages.
    pub transport: u32,
    /// The process that connected or listened; 0 if it is out of sight.
    pub pid: i64,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Where the two sides met; NUL-terminated, cut where it is longer.
    pub address: [c_char; 256],
    /// Why the messages of a shm: channel go through its socket, for good or not moved yet;
    /// NUL-terminated, cut where it is longer. Empty if they go through shared memory, and for
    /// local:.
    pub fallback: [c_char; 128],
}

/// A text as C has it in a structure: with a NUL behind it, and cut where it is longer.
fn array_of<const SIZE: usize>(text: &str) -> [c_char; SIZE] {
    let mut array = [0; SIZE];
    let cut = text.floor_char_boundary(SIZE - 1);
    for (to, from) in array.iter_mut().zip(&text.as_bytes()[..cut]) {
        *to = *from as c_char;
    }
    array
}

/// Hands a channel to C.
fn give(channel: Channel, out: &mut MaybeUninit<*mut Channel>) {
    out.write(Box::into_raw(Box::new(channel)));
}

/// tn_channel_connect connects to a listener and stores the channel in `*out`, which the caller
/// frees with tn_channel_free.
///
/// It is done when somebody listens there. What is sent before the other side has accepted waits in
/// the socket (messages up to 64 KiB, as much as the kernel takes). It arrives first, also if this
/// side has closed or died by then. If the handshake is refused, the next call and all later ones
/// say so. TN_DENIED: the listener refuses this user. TN_NO_SPACE: max_channels is reached.
/// TN_TOO_LARGE: an early message is larger than the listener's max_message. TN_PROTOCOL: what
/// listens there isn't treenail. With early=0 or shm=required this call waits for the handshake,
/// and returns these itself.
///
/// TN_NOT_FOUND: nobody listens there; with retry=1 it keeps trying until the timeout instead.
/// TN_AGAIN, TN_TIMED_OUT: it was not connected in time. TN_DENIED: rights are missing, or the
/// listener is another user's. TN_UNSUPPORTED: shm=required isn't possible, or fd: names a TCP or
/// UDP socket. TN_INVALID: the endpoint is wrong, or fd: names no connected socket. TN_NO_SPACE: no
/// descriptors left.
///
/// # Safety
/// `endpoint` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_connect(
    endpoint: *const c_char,
    timeout_ms: i32,
    out: Option<&mut MaybeUninit<*mut Channel>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        let endpoint = unsafe { text(endpoint, "endpoint") }?;
        give(Channel::connect(endpoint, timeout(timeout_ms)?)?, out);
        Ok(())
    })
}

/// tn_channel_connect_start is tn_channel_connect without any waiting: it stores the channel in
/// `*out` at once, and the caller frees it with tn_channel_free.
///
/// The channel may be unconnected for a while: the listener's backlog is full, nobody listens there
/// yet (retry=1), or it waits for the handshake (early=0). Its descriptors become readable on
/// progress. Until it is connected, a call returns TN_AGAIN, or waits if its timeout allows. If
/// connecting fails, calls return the reason. Closing the channel cancels connecting. What is known
/// at once fails at once: TN_NOT_FOUND, TN_DENIED, TN_INVALID, TN_NO_SPACE.
///
/// # Safety
/// `endpoint` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_connect_start(
    endpoint: *const c_char,
    out: Option<&mut MaybeUninit<*mut Channel>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        give(Channel::connect_start(unsafe { text(endpoint, "endpoint") }?)?, out);
        Ok(())
    })
}

/// tn_channel_create makes a channel for exactly two programs: it listens, accepts the first
/// program that connects, stops listening, and stores the channel in `*out`, which the caller frees
/// with tn_channel_free. The peer may have ended already, as with tn_listener_accept. With fd: it
/// takes the listener's part on a connected socket, or accepts one connection of a listening one.
/// Statuses are those of tn_listener_open and tn_listener_accept. TN_PROTOCOL, TN_PEER_LOST: on a
/// connected socket the other side takes the same part, or has gone without a word.
///
/// # Safety
/// `endpoint` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_create(
    endpoint: *const c_char,
    timeout_ms: i32,
    out: Option<&mut MaybeUninit<*mut Channel>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        let endpoint = unsafe { text(endpoint, "endpoint") }?;
        give(Channel::create(endpoint, timeout(timeout_ms)?)?, out);
        Ok(())
    })
}

/// tn_channel_create_start begins to listen, as tn_channel_create does, and stores the channel in
/// `*out` at once. The caller frees it with tn_channel_free. Until the other program has connected,
/// the channel is as one of tn_channel_connect_start.
///
/// # Safety
/// `endpoint` is NULL or NUL-terminated; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_create_start(
    endpoint: *const c_char,
    out: Option<&mut MaybeUninit<*mut Channel>>,
) -> tn_status {
    guard(|| {
        let out = there(out, "out")?;
        // SAFETY: NULL or NUL-terminated, by this function's contract.
        give(Channel::create_start(unsafe { text(endpoint, "endpoint") }?)?, out);
        Ok(())
    })
}

/// tn_channel_pair makes a private channel and stores both its ends in `*out_a` and `*out_b`, each
/// of which the caller frees with tn_channel_free: for tests, and for threads of one process.
///
/// `options` is "key=value&key=value", as behind the ? of an endpoint, or NULL for none. The ends
/// share memory through rings; "shm=off" keeps them on their sockets. Each end is a channel like
/// any other; the address of its tn_peer is "pair". Nothing waits, and nobody else can connect. To
/// join another process without a name, give it one end of a socketpair; each process adopts its
/// end by "fd:NUMBER".
///
/// TN_INVALID: an option is wrong. TN_UNSUPPORTED: "shm=required" isn't possible. TN_NO_SPACE: no
/// descriptors left. TN_DENIED: peer_uid= admits somebody else only. On failure nothing is stored.
///
/// # Safety
/// `options` is NULL or NUL-terminated; `out_a` and `out_b` are NULL or writable, and are two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_pair(
    options: *const c_char,
    out_a: Option<&mut MaybeUninit<*mut Channel>>,
    out_b: Option<&mut MaybeUninit<*mut Channel>>,
) -> tn_status {
    guard(|| {
        let (out_a, out_b) = (there(out_a, "out_a")?, there(out_b, "out_b")?);
        let options = match options.is_null() {
            true => "",
            // SAFETY: NUL-terminated, by this function's contract.
            false => unsafe { text(options, "options") }?,
        };
        let (one, other) = Channel::pair(options)?;
        give(one, out_a);
        give(other, out_b);
        Ok(())
    })
}

/// tn_channel_fd stores a descriptor in `*out` for poll, epoll, select and the event loops on top
/// of them. It is readable while there may be a message, progress of connecting, the end, or
/// something that the library itself has to send: a pong, or the rest of a message that a send
/// took, once there is room for it. So a program that watches only this descriptor also sends
/// everything, by receiving.
///
/// It shows a state, not an event (level-triggered): every thread that looks sees it, however late.
/// It starts readable; only a receiving call that returned TN_AGAIN or TN_TIMED_OUT makes it
/// unreadable. You may receive one message for each event, or receive until TN_AGAIN. After
/// TN_CLOSED and TN_PEER_LOST it stays readable. Never read, write or close it. It is made the
/// first time, and the same number until free. TN_NO_SPACE: no descriptors left.
///
/// # Safety
/// `channel` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_fd(
    channel: Option<&Channel>,
    out: Option<&mut MaybeUninit<tn_fd>>,
) -> tn_status {
    guard(|| {
        let (channel, out) = (handle(channel)?, there(out, "out")?);
        out.write(channel.fd()?.as_raw_fd());
        Ok(())
    })
}

/// tn_channel_send_fd stores a second descriptor in `*out`: it is readable while a send may
/// succeed, on progress of connecting, and at the end. Wait for it only while there is something to
/// send.
///
/// It shows a state, as the descriptor of tn_channel_fd does. It starts readable; only a send,
/// commit or flush that returned TN_AGAIN or TN_TIMED_OUT, or left the rest of a message here,
/// makes it unreadable. It waits for room for the message that was refused last; a shorter message
/// may fit before. Never read, write or close it. It is made the first time, and the same number
/// until free. TN_NO_SPACE: no descriptors left.
///
/// # Safety
/// `channel` is NULL or valid; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_send_fd(
    channel: Option<&Channel>,
    out: Option<&mut MaybeUninit<tn_fd>>,
) -> tn_status {
    guard(|| {
        let (channel, out) = (handle(channel)?, there(out, "out")?);
        out.write(channel.send_fd()?.as_raw_fd());
        Ok(())
    })
}

/// tn_channel_peer tells who is at the other end, as the kernel says. `out->struct_size` must be
/// set. TN_AGAIN: the channel is still connecting.
///
/// # Safety
/// `channel` is NULL or valid; `out` is NULL, or writable for its struct_size bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_peer(
    channel: Option<&Channel>,
    out: *mut tn_peer,
) -> tn_status {
    guard(|| {
        let channel = handle(channel)?;
        // SAFETY: by this function's contract.
        let struct_size = unsafe { struct_size_of(out.cast()) }?;
        let peer = channel.peer()?;
        let (address, fallback) = (array_of(&peer.address), array_of(&peer.fallback));
        let transport = peer.transport as u32;
        let (pid, uid, gid) = (peer.pid, peer.uid, peer.gid);
        let value = tn_peer { struct_size, transport, pid, uid, gid, address, fallback };
        // SAFETY: writable for `struct_size` bytes, by this function's contract.
        unsafe { give_struct(&value, out.cast(), struct_size) };
        Ok(())
    })
}

/// tn_channel_stats stores counts of what has gone through the channel in `*out`.
/// `out->struct_size` must be set. TN_AGAIN: the channel is still connecting.
///
/// # Safety
/// `channel` is NULL or valid; `out` is NULL, or writable for its struct_size bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_stats(channel: Option<&Channel>, out: *mut Stats) -> tn_status {
    guard(|| {
        let channel = handle(channel)?;
        // SAFETY: by this function's contract.
        let struct_size = unsafe { struct_size_of(out.cast()) }?;
        let value = Stats { struct_size, ..channel.stats()? };
        // SAFETY: writable for `struct_size` bytes, by this function's contract.
        unsafe { give_struct(&value, out.cast(), struct_size) };
        Ok(())
    })
}

/// tn_channel_close ends a channel: every call on it returns TN_CLOSED at once, in all threads,
/// what was not received is dropped, and the peer is told. It waits for nothing, not even for the
/// rest of a message: flush first. Open views stay readable until they are released. Closing twice,
/// or NULL, is fine.
///
/// # Safety
/// `channel` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_close(channel: Option<&Channel>) {
    guard_silent(|| {
        if let Some(channel) = channel {
            channel.close();
        }
    });
}

/// tn_channel_free closes a channel, if it is open, and destroys it. It is the last use of the
/// channel, of its views and of its loans. NULL is fine.
///
/// # Safety
/// `channel` is NULL, or came from this library and no thread uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tn_channel_free(channel: Option<Box<Channel>>) {
    guard_silent(|| drop(channel));
}
