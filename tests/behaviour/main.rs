//! What the library promises a program that keeps to the rules, and whose peers do.

#[path = "../common/mod.rs"]
mod common;

mod aio;
mod cases;
mod early;
mod empty_calls;
mod given;
mod golden;
mod listeners;
mod segments;
mod semaphores;
mod texts;
