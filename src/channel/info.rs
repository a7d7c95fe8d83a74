//! What a program can ask about a message, a peer and a channel.

use crate::transport::message::Head;
use crate::wire::{FLAG_REPLY, FLAG_REQUEST};

/// What is known of a message besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Bytes of the message.
    pub len: usize,
    /// The user's message type; 0 where none was given.
    pub tag: u32,
    /// The number of the request that this message is, or answers; else 0.
    pub id: u32,
    /// 1 for a request, 2 for a reply, else 0.
    pub flags: u32,
}

impl Info {
    /// Whether the sender waits for a reply to this message.
    pub fn is_request(&self) -> bool {
        self.flags & u32::from(FLAG_REQUEST) != 0
    }

    /// Whether this message answers a request.
    pub fn is_reply(&self) -> bool {
        self.flags & u32::from(FLAG_REPLY) != 0
    }
}

impl From<Head> for Info {
    fn from(head: Head) -> Info {
        Info { len: head.len, tag: head.tag(), id: head.id(), flags: head.flags() }
    }
}

/// How messages cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum TransportKind {
    /// Through rings in shared memory.
    Shm = 1,
    /// Through a local socket.
    Local = 2,
}

/// The process at the other side, as the kernel reports it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// How messages cross: a `shm:` endpoint may use a socket.
    pub transport: TransportKind,
    /// The process that connected or listened; 0 if this process can't see it.
    pub pid: i64,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Where the two sides met.
    pub address: String,
    /// Why the messages of a `shm:` endpoint go through its socket: for good, or not moved yet.
    /// Empty if they go through shared memory, and for `local:`.
    pub fallback: String,
}

/// What has gone through a channel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// sizeof(tn_stats), set by the caller; later versions may add fields behind the last one.
    pub(crate) struct_size: u32,
    /// Always 0.
    pub(crate) reserved: u32,
    /// Messages that sends have taken.
    pub messages_sent: u64,
    /// Messages that were handed out.
    pub messages_received: u64,
    /// Bytes of the messages sent.
    pub bytes_sent: u64,
    /// Bytes of the messages received.
    pub bytes_received: u64,
    /// Sends that went to sleep.
    pub send_waits: u64,
    /// Receives that went to sleep.
    pub recv_waits: u64,
    /// Times the peer was woken by a system call.
    pub wakeups_sent: u64,
    /// Bytes that were taken and are still in this process.
    pub pending_bytes: u64,
    /// Bytes of the ring to the peer; 0 on a socket.
    pub ring_bytes: u64,
    /// Bytes of that ring in use now.
    pub ring_used: u64,
    /// The most bytes of that ring found in use, whenever the reader's position was looked at.
    pub ring_used_max: u64,
    /// Replies that were dropped because no caller waited for them any more.
    pub late_replies: u64,
}
