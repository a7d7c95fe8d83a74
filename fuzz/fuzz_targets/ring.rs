//! A ring whose shared bytes a peer changes at will between any two steps: no end of it reads or
//! writes out of bounds, and none panics.

#![no_main]

#[path = "../../tests/robustness/ring_bytes/machine.rs"]
mod machine;

use libfuzzer_sys::fuzz_target;
use machine::{Machine, Source};
use std::cell::RefCell;

/// Numbers out of the input: three bytes each, so that inputs stay short.
struct Input<'a>(&'a [u8]);

impl Source for Input<'_> {
    fn word(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<3>()?;
        self.0 = rest;
        let [what, low, high] = bytes.map(u64::from);
        // The same bytes also fill the upper half, where lengths and values are looked for.
        Some(what | low << 8 | high << 16 | low << 32 | high << 40 | what << 60)
    }
}

thread_local! {
    // Mapping shared memory anew each time would be most of the work.
    static MACHINE: RefCell<Machine> = RefCell::new(Machine::new());
}

fuzz_target!(|bytes: &[u8]| {
    MACHINE.with_borrow_mut(|machine| machine.run(&mut Input(bytes)));
});
