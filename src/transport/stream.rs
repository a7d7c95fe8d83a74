//! A channel over a byte stream: frames that follow each other, or with `raw=1` bytes as they come.
//! The socket's file only dials and accepts; all framing is here.

mod control;
mod eof;
mod link;
mod recv;
mod send;

pub use link::{BLOCK, Framing, StreamLink};
pub use recv::StreamRecv;
pub use send::StreamSend;
