//! What a channel reports about itself.

use super::Channel;
use super::info::{Peer, Stats, TransportKind};
use crate::error::Result;
use crate::transport::halves::SendHalf;
use crate::transport::handshake::stage::Stage;
use std::sync::atomic::Ordering;

impl Channel {
    /// Reports the process at the other side.
    pub fn peer(&self) -> Result<Peer> {
        let connection = self.explain("peer", self.core.connection_now())?;
        let who = connection.link.peer().credentials;
        let transport = match connection.link.stage() {
            Stage::Rings => TransportKind::Shm,
            _ => TransportKind::Local,
        };
        let address = self.core.endpoint.text.split('?').next().unwrap_or_default().to_owned();
        let fallback = connection.link.fallback().unwrap_or_default().to_owned();
        Ok(Peer { transport, pid: who.pid.into(), uid: who.uid, gid: who.gid, address, fallback })
    }

    /// Reports what has gone through.
    pub fn stats(&self) -> Result<Stats> {
        let connection = self.explain("stats", self.core.connection_now())?;
        let mut stats = Stats {
            send_waits: connection.send_waits.load(Ordering::Relaxed),
            recv_waits: connection.recv_waits.load(Ordering::Relaxed),
            ..Stats::default()
        };
        if let Some(rings) = connection.link.rings() {
            stats.wakeups_sent = rings.wakeups_sent.load(Ordering::Relaxed);
        }
        self.core.with_recv(connection, |recv| {
            stats.messages_received = recv.messages;
            stats.bytes_received = recv.bytes;
            stats.late_replies = recv.late_replies;
        })?;
        self.core.with_send(connection, |send| {
            stats.messages_sent = send.messages;
            stats.bytes_sent = send.bytes;
            stats.pending_bytes = send.pending() as u64;
            if let SendHalf::Ring(half) = &mut send.half {
                stats.ring_bytes = half.writer.size();
                (stats.ring_used, stats.ring_used_max) = half.writer.fill_level();
            }
        })?;
        Ok(stats)
    }
}
