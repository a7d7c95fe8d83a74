//! What stands in this repository: the form of the code, and what the documents say of it.

mod arrows;
mod docs;
mod tidy;
