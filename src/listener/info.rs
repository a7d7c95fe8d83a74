//! What can be asked of a listener.

use crate::transport::meet::counts::Counts;
use std::sync::atomic::Ordering;

/// What has become of the connections of a listener. In C it is `struct tn_listener_stats`, as a
/// function has the name too. Each that it has taken from the system is in
/// one of the numbers but `channels`; those that still wait in the system's backlog are in none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerStats {
    /// sizeof(tn_listener_stats), set by the caller; later versions may add fields behind the last
    /// one.
    pub(crate) struct_size: u32,
    /// Always 0.
    pub(crate) reserved: u32,
    /// Connections that became channels.
    pub accepted: u64,
    /// Connections of users who are not admitted.
    pub refused_user: u64,
    /// Connections that found max_channels reached, or no memory or descriptors left.
    pub refused_full: u64,
    /// Connections that sent something else than treenail's handshake or another version of it, or
    /// that shm=required refused.
    pub refused_protocol: u64,
    /// Connections whose handshake took longer than handshake_ms, or that made way for others when
    /// the backlog was full.
    pub timed_out: u64,
    /// Handshakes that are under way now.
    pub pending: u64,
    /// Channels of this listener that exist now in this process.
    pub channels: u64,
    /// Connections that ended before their handshake was done.
    pub lost: u64,
}

impl ListenerStats {
    pub(super) fn of(counts: &Counts) -> ListenerStats {
        ListenerStats {
            accepted: counts.accepted.load(Ordering::Relaxed),
            refused_user: counts.refused_user.load(Ordering::Relaxed),
            refused_full: counts.refused_full.load(Ordering::Relaxed),
            refused_protocol: counts.refused_protocol.load(Ordering::Relaxed),
            timed_out: counts.timed_out.load(Ordering::Relaxed),
            pending: counts.pending.load(Ordering::Relaxed),
            channels: counts.channels.load(Ordering::Relaxed),
            lost: counts.lost.load(Ordering::Relaxed),
            ..ListenerStats::default()
        }
    }
}
