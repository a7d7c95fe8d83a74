//! How two sides find each other: a name in the user's directories (places), the listener that it
//! leads to (local), those of this process (own), a socket that this process was given (given), the
//! clients that come to a listener (incoming, accept), what becomes of them (counts), and the names
//! that there are (sockets).

pub mod accept;
pub mod counts;
pub mod given;
pub mod incoming;
pub mod local;
mod own;
pub mod places;
pub mod sockets;
