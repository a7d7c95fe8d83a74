//! treenail joins programs of different languages on one machine: message channels over shared
//! memory and local sockets, named shared memory with a lock, and semaphores, for C, C++, Python
//! and Rust alike.
//!
//! One program listens, another connects, by a name:
//!
//! ```
//! use std::time::Duration;
//! use treenail::{Channel, FOREVER, Listener};
//!
//! # fn main() -> treenail::Result<()> {
//! let listener = Listener::open("shm:hello-rust")?;
//! # let client = std::thread::spawn(|| -> treenail::Result<()> {
//! // In the other program, in whichever language:
//! let channel = Channel::connect("shm:hello-rust?retry=1", Some(Duration::from_secs(5)))?;
//! channel.send(b"Rust", FOREVER)?;
//! assert_eq!(channel.recv_vec(FOREVER)?, b"hello Rust");
//! # Ok(())
//! # });
//! // And back in the first:
//! let channel = listener.accept(FOREVER)?;
//! let name = channel.recv_vec(FOREVER)?;
//! channel.send(&[b"hello ", &name[..]].concat(), FOREVER)?;
//! # client.join().unwrap()
//! # }
//! ```
//!
//! A [`Segment`] is shared memory with a lock that survives its owner's death:
//!
//! ```
//! use treenail::{FOREVER, Segment};
//!
//! # fn main() -> treenail::Result<()> {
//! let segment = Segment::open_or_create("doc-first-segment", 64)?;
//! segment.write(0, b"for all programs of this user", FOREVER)?;
//! let mut bytes = [0; 3];
//! segment.read(0, &mut bytes, FOREVER)?;
//! assert_eq!(&bytes, b"for");
//! # Ok(())
//! # }
//! ```
//!
//! | type | what it is |
//! |---|---|
//! | [`Channel`], [`Listener`] | messages in both directions, requests and replies |
//! | `AsyncChannel`, `AsyncListener` | the same on tokio, with the cargo feature `tokio` |
//! | [`Segment`], [`Semaphore`] | named memory with a lock; a named count of units |
//! | [`Poller`] | waits for many of them at once |
//! | [`list`], [`sweep`] | what there is of a user's, and what killed programs have left |
//!
//! # Waiting
//!
//! A timeout is an `Option<Duration>`: [`NOW`] never waits, [`FOREVER`] waits for ever. Every
//! handle works from every thread. Each has a descriptor for event loops ([`Channel::fd`]), which
//! becomes readable when there is something to do.
//!
//! # Caveats
//!
//! - **Crash**: what a sender was in the middle of when it died is dropped; what it had sent is
//!   still received, and then comes [`Status::PeerLost`]. A segment's lock is never left behind:
//!   who gets it after a death is told so, by [`Status::OwnerDied`]. What a dead process had of
//!   a semaphore comes back.
//! - **Fork**: handles belong to the process that made them. In a forked child every call on one
//!   is [`Status::Invalid`], and no harm is done to the parent. (A raw `clone()` bypasses this.)
//! - **Rights**: a listener lets in the same user and root, and a connector talks to the same
//!   user's or root's listener, unless `peer_uid=` says otherwise; root's connector, to anybody's.
//! - **Same host**: shared memory and local sockets end at the machine's edge.
//!
#![doc = include_str!("options.md")]
//! # The source
//!
//! The map, from top to bottom; each layer calls only those below it.
//!
//! - `ffi` translates C to Rust and back, and decides nothing.
//! - `aio` has the calls that are awaited.
//! - `channel`, `listener`, `segment`, `semaphore`, `poller` and `list` are what a user knows.
//! - `transport` carries messages: how two sides meet, what they say first, and what cuts the
//!   bytes between them into messages.
//! - `ring` is the memory of a channel that two processes share; `object` is that of segments and
//!   semaphores. `readiness` is how threads wait, and what descriptors show. `wire` is the frame.
//! - `sync` has the locks of this process, `os` the system calls, `memory` buffers.
//! - `endpoint`, `timeout` and `error` are what a user says, and what is said back; `log` is what
//!   is written down of it, if the user asks for that.

// The model checker is given only what it checks: the rest of that is not called, nor exported,
// for which clippy has other rules.
#![cfg_attr(loom, allow(dead_code, clippy::enum_variant_names, clippy::wrong_self_convention))]

#[cfg(all(feature = "tokio", not(loom)))]
mod aio;
#[cfg(not(loom))]
mod channel;
#[cfg(not(any(loom, feature = "internals")))]
mod endpoint;
mod error;
#[cfg(not(any(loom, feature = "internals")))]
mod ffi;
#[cfg(not(loom))]
mod list;
#[cfg(not(loom))]
mod listener;
#[cfg(not(loom))]
mod log;
mod memory;
#[cfg(loom)]
mod models;
#[cfg(not(feature = "internals"))]
mod object;
mod os;
#[cfg(not(loom))]
mod poller;
mod readiness;
#[cfg(not(feature = "internals"))]
mod ring;
#[cfg(not(loom))]
mod segment;
#[cfg(not(loom))]
mod semaphore;
mod sync;
mod timeout;
#[cfg(not(loom))]
mod transport;
#[cfg(loom)]
mod transport {
    pub mod handshake {
        pub mod stage;
    }
}
#[cfg(not(feature = "internals"))]
mod wire;

// What this project's own tests and fuzzing reach into. It is no part of the API: it trusts its
// callers, and safe code can crash by it.
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod endpoint;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod ffi;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod object;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod ring;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod wire;

#[cfg(all(feature = "tokio", not(loom)))]
pub use aio::{AsyncChannel, AsyncListener};
#[cfg(not(loom))]
pub use channel::{Channel, CommitError, Info, Loan, Peer, Stats, TransportKind, View};
pub use error::{Error, Result, Status};
#[cfg(not(loom))]
pub use list::{list, sweep};
#[cfg(not(loom))]
pub use listener::{Listener, ListenerStats};
#[cfg(not(loom))]
pub use memory::Bytes;
#[cfg(not(loom))]
pub use poller::Poller;
#[cfg(not(loom))]
pub use segment::Segment;
#[cfg(not(loom))]
pub use semaphore::Semaphore;

use std::time::Duration;

/// Never waits.
pub const NOW: Option<Duration> = Some(Duration::ZERO);
/// Waits for ever.
pub const FOREVER: Option<Duration> = None;

/// The version of this library, such as `"0.1.0"`.
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[cfg(feature = "internals")]
#[doc(hidden)]
pub use os::{Fault, granule, set_faults};
