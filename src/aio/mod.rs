//! Channels and listeners whose calls are awaited, on tokio.
//!
//! A task tries without waiting, and waits for a descriptor only after `Again`: that makes the
//! descriptor unreadable, so what comes next is an edge, which tokio sees. The task clears tokio's
//! own mark under a guard that was made before it tried, so no event in between gets lost.
//!
//! A descriptor can't tell of what one task has read for another: a reply, or a message that came
//! before one. So the tasks of a channel that wait for messages also tell each other (`tell`).

mod channel;
mod listener;
mod request;
mod tell;
mod wait;

pub use channel::AsyncChannel;
pub use listener::AsyncListener;
