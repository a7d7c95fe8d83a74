//! A channel over two rings in shared memory. A message goes in as one record, or as fragments if
//! it is longer than half a ring. A side wakes the other only if the other waits.

mod link;
mod recv;
mod send;

pub use link::RingLink;
pub use recv::RingRecv;
pub use send::RingSend;
