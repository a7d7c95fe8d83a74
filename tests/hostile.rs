//! A peer that means harm, written by hand on plain sockets: whatever it sends, hands over or
//! scribbles, this side doesn't crash, hang, leak descriptors or grow without bound.

#[path = "hostile/calls.rs"]
mod calls;
#[path = "hostile/clients.rs"]
mod clients;
#[path = "hostile/common.rs"]
mod common;
#[path = "hostile/descriptors.rs"]
mod descriptors;
#[path = "hostile/floods.rs"]
mod floods;
#[path = "hostile/frames.rs"]
mod frames;
#[path = "hostile/handshakes.rs"]
mod handshakes;
#[path = "hostile/lengths.rs"]
mod lengths;
#[path = "hostile/lingering.rs"]
mod lingering;
#[path = "hostile/listeners.rs"]
mod listeners;
#[path = "hostile/pages.rs"]
mod pages;
#[path = "hostile/refusals.rs"]
mod refusals;
#[path = "hostile/requests.rs"]
mod requests;
#[path = "hostile/scribbles.rs"]
mod scribbles;
#[path = "common/seccomp.rs"]
mod seccomp;
#[path = "hostile/shares.rs"]
mod shares;
#[path = "hostile/stalls.rs"]
mod stalls;
#[path = "hostile/talk.rs"]
mod talk;
#[path = "hostile/views.rs"]
mod views;
#[path = "hostile/wakeups.rs"]
mod wakeups;
