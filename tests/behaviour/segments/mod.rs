//! Segments: names, lock, changes and their descriptors, other users.

mod changes;
mod lock;
mod names;
mod prefixes;
mod purposes;
mod users;
