//! What becomes of the library when the system gives it less than it asks for: no descriptors,
//! system calls that are missing, directories and names that are bad, other users, forks.

mod common;

#[path = "resources/descriptors.rs"]
mod descriptors;
#[path = "resources/directories.rs"]
mod directories;
#[path = "resources/early.rs"]
mod early;
#[path = "resources/faults.rs"]
mod faults;
#[path = "resources/forks.rs"]
mod forks;
#[path = "resources/leaks.rs"]
mod leaks;
#[path = "resources/listing.rs"]
mod listing;
#[path = "resources/memory.rs"]
mod memory;
#[path = "resources/names.rs"]
mod names;
#[path = "resources/objects.rs"]
mod objects;
#[path = "resources/places.rs"]
mod places;
#[path = "resources/replies.rs"]
mod replies;
#[path = "resources/signals.rs"]
mod signals;
#[path = "resources/standard.rs"]
mod standard;
#[path = "resources/users.rs"]
mod users;
#[path = "resources/vanished.rs"]
mod vanished;
