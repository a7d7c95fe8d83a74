//! How two sides find each other: a name in the user's directories (places), whom it leads to
//! (local), who comes to a listener (accept), and which names there are (sockets).

pub mod accept;
pub mod local;
pub mod places;
pub mod sockets;
