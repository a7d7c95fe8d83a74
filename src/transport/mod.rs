//! What carries messages between two processes. `meet` is how two sides find each other.
//! `handshake` is what they say first, and how they move from their socket into rings. `carrier`
//! moves bytes, and `stream` and `ring` cut bytes into messages. `link` is what both halves of a
//! channel share. `halves` is what sends and what receives: one enum for each direction, one match
//! for each verb. `peer` is the other side.

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

/// The role of a program: it listened, or it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Listener,
    Connector,
}
