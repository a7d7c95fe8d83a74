//! Moving bytes and descriptors through a local socket, and who is at its other end.
//!
//! No call here waits (MSG_DONTWAIT) or raises SIGPIPE (MSG_NOSIGNAL). Only [`recv_with_fds`]
//! has a control buffer: everywhere else the kernel drops descriptors that a peer attaches, or
//! refuses them ([`refuse_descriptors`]).

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{
    Credentials, credentials, enlarge, is_bound, is_connected, peek, recv, recv_filling, recv_into,
    recv_with_fds, refuse_descriptors, send, send_with_fds, set_backlog, shutdown, watch_peer,
};
