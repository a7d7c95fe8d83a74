//! Signals that the kernel raises for a call of ours: the call fails as well, and that is all that
//! the program hears. SIGPIPE has a flag of its own (local_socket.rs) or can't come (pipe.rs).

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::enlarging;
