//! Segments whose holders die or mean harm, and for which there is no room.

mod bells;
mod deaths;
mod kills;
mod members;
mod owners;
mod publishers;
mod scribbles;
mod space;
mod steps;
