//! How fast the release build is beside plain programs: medians, each pair measured in turn, so that
//! a busy machine slows both. A step of `cargo xtask test` runs them, as they need that build:
//! TREENAIL_TOOL names it.

use crate::names::Holder;
use crate::place::{Place, ended_with};
use std::time::{Duration, Instant};

/// Tries until a ratio is reached: what others do meanwhile must not count.
const TRIES: usize = 5;

fn tool() -> String {
    std::env::var("TREENAIL_TOOL").expect("TREENAIL_TOOL names the release build")
}

/// Fails unless `ours` takes at most so many times as long as `theirs`, both scripts for a shell.
fn takes_at_most(ratio: f64, rounds: usize, place: &Place, ours: &str, theirs: &str) {
    let ours = ours.replace("treenail ", &format!("{} ", tool()));
    let mut seen = Vec::new();
    for _ in 0..TRIES {
        let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            their_times.push(time(place, theirs));
            our_times.push(time(place, &ours));
        }
        let is = median(our_times).as_secs_f64() / median(their_times).as_secs_f64();
        println!("{is:.2} times as long as {theirs}");
        if is <= ratio {
            return;
        }
        seen.push(is);
    }
    panic!("{ours}\ntakes {seen:.2?} times as long as\n{theirs}\nand not {ratio}");
}

fn time(place: &Place, script: &str) -> Duration {
    let began = Instant::now();
    let output = place.shell(script);
    let time = began.elapsed();
    ended_with(0, &output);
    time
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Many in one script, as the shell's own start counts too.
fn many(command: &str) -> String {
    format!("for number in $(seq 100); do {command}; done > /dev/null")
}

#[test]
#[ignore = "it measures the release build: cargo xtask test tool"]
fn it_starts_nearly_as_fast_as_the_smallest_program() {
    let place = Place::new();
    // By its path: the shell has a `true` of its own.
    takes_at_most(3.0, 5, &place, &many("treenail --version"), &many("/bin/true"));
}

#[test]
#[ignore = "it measures the release build: cargo xtask test tool"]
fn a_thousand_names_are_listed_nearly_as_fast_as_by_ls() {
    let place = Place::new();
    let _holder = Holder::of(&place, 1000);
    let listed = ended_with(0, &place.run(&["list", "segment:frames-*"]));
    assert_eq!(listed.lines().count(), 1001, "a line each, and the headings");
    let theirs = "ls -l /dev/shm > listed";
    takes_at_most(5.0, 7, &place, "treenail list > listed", theirs);
}

#[test]
#[ignore = "it measures the release build: cargo xtask test tool"]
fn a_gibibyte_goes_through_a_channel_as_through_a_pipe() {
    let place = Place::new();
    let input = "head -c 1073741824 /dev/zero";
    let check = "test $(cat size) = 1073741824";
    let ours = format!(
        "treenail recv shm:bytes | wc -c > size & {input} | treenail send --wait shm:bytes
         wait $!; {check}"
    );
    let theirs = format!("{input} | cat | cat | wc -c > size; {check}");
    takes_at_most(1.0 / 0.7, 3, &place, &ours, &theirs);
}
