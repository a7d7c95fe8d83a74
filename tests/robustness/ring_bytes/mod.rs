//! A million changes of shared bytes, one after the other, while both ends of a ring use them:
//! nothing is read or written out of bounds, and nothing panics. Run it under AddressSanitizer.

mod machine;

use machine::{Machine, Source};
use std::time::{SystemTime, UNIX_EPOCH};

/// Numbers that look random (splitmix64).
struct Random {
    state: u64,
    left: u32,
}

impl Source for Random {
    fn word(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ (mixed >> 31))
    }
}

fn number_of(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn a_million_of_them_harm_no_end_of_a_ring() {
    let goal = number_of("TREENAIL_MUTATIONS").unwrap_or(1_000_000);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64);
    let seed = number_of("TREENAIL_SEED").unwrap_or(now);
    println!("TREENAIL_SEED={seed}");
    let mut machine = Machine::new();
    let mut random = Random { state: seed, left: 0 };
    while machine.counts.mutations < goal {
        random.left = 2000;
        machine.run(&mut random);
    }
    let counts = machine.counts;
    println!("{counts:?}");
    // Unless much of it gets past the first check, little was tested.
    assert!(counts.received > goal / 20 && counts.written > goal / 20, "{counts:?}");
    assert!(counts.refused > goal / 100 && counts.held > goal / 100, "{counts:?}");
}

#[test]
fn without_any_every_record_arrives() {
    let mut machine = Machine::new();
    machine.pass_on_honestly(10_000);
}
