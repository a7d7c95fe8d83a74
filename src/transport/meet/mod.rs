//! How two sides find each other: a name in the user's directories (places), the listener that it
//! leads to (local), the clients that come to a listener (accept), what becomes of them (counts),
//! and the names that there are (sockets).

pub mod accept;
pub mod counts;
pub mod local;
pub mod places;
pub mod sockets;
