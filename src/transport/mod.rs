//! What carries messages between two processes. `meet` is how two sides find each other,
//! `handshake` what they say first and how they get from their socket into rings, `carrier` what
//! moves bytes, and `stream` and `ring` what cuts bytes into messages. `link` is what both halves
//! of a channel share, `halves` what sends and what receives: one enum a direction, one match a
//! verb. `peer` is the other side.

mod assemble;
mod carrier;
pub mod halves;
pub mod handshake;
pub mod link;
pub mod meet;
pub mod message;
pub mod peer;
pub mod ring;
pub mod stream;

/// What a program is to the other: the one that listened, or the one that connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Listener,
    Connector,
}
