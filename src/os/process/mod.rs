//! Who this process is, and what its user has told it. No verb blocks, or fails.
//!
//! - [`user`] gives the effective user's number.
//! - [`may_give_up_rights`] tells whether this process can become another user, and lose what this
//!   one may open.
//! - [`variable`] gives a variable of the environment, unless it is missing or empty, or the
//!   process has more rights than whoever has started it.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::{may_give_up_rights, user, variable};
