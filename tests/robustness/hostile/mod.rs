//! A peer that means harm, written by hand on plain sockets: whatever it sends, hands over or
//! scribbles, this side doesn't crash, hang, leak descriptors or grow without bound.

mod calls;
mod clients;

mod descriptors;
mod floods;
mod frames;
mod given;
mod handshakes;
mod lengths;
mod lingering;
mod listeners;
mod pages;
mod refusals;
mod requests;
mod scribbles;
mod shared;
mod shares;
mod stalls;
mod talk;
mod views;
mod wakeups;
