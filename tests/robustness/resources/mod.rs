//! What becomes of the library when the system gives it less than it asks for: no descriptors,
//! system calls that are missing, directories and names that are bad, other users, forks.

mod descriptors;
mod directories;
mod early;
mod faults;
mod forks;
mod leaks;
mod listing;
mod log;
mod memory;
mod names;
mod objects;
mod older_kernels;
mod places;
mod replies;
mod signals;
mod standard;
mod users;
mod vanished;
