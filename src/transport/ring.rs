//! A channel over two rings in shared memory. A message goes in as one record, or as fragments
//! where it is longer than half a ring; nobody is woken who does not wait.

mod link;
mod recv;
mod send;

pub use link::RingLink;
pub use recv::RingRecv;
pub use send::RingSend;
