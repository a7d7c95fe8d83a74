//! The program as users meet it: by its arguments, its streams, its signals and its exit statuses.

mod commands;
mod ends;
mod examples;
mod names;
mod place;
mod ratios;
mod terminal;
