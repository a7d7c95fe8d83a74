//! What moves bytes, and the descriptors that may go with them.

pub mod socket;
