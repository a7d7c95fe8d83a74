//! The model of a channel's shared memory: bytes on the heap. Each slot of them has a cell by which
//! the checker sees which thread touches it.

use crate::ring::layout::{ControlPage, RECORD_ALIGNMENT};
use crate::ring::own_waits::OwnWaits;
use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::Arc;

/// The control page and the two rings.
pub struct Shared {
    control: ControlPage,
    rings: [RingBytes; 2],
    own_waits: [OwnWaits; 2],
    _memory: [Vec<UnsafeCell<u128>>; 2],
}

/// The bytes of one ring. They are mapped only once, so a model's records must not wrap around.
#[derive(Clone)]
pub struct RingBytes {
    /// Where they begin.
    pub base: NonNull<u8>,
    /// How many there are.
    pub size: u64,
    slots: Arc<[loom::cell::UnsafeCell<()>]>,
}

impl Shared {
    /// Two rings of this size.
    pub fn model(size: u64) -> Arc<Shared> {
        let memory = [0, 1].map(|_| {
            let blocks = (0..size / RECORD_ALIGNMENT).map(|_| UnsafeCell::new(0));
            blocks.collect::<Vec<UnsafeCell<u128>>>()
        });
        let rings = [0, 1].map(|ring: usize| RingBytes {
            base: NonNull::new(memory[ring][0].get()).expect("a cell is somewhere").cast(),
            size,
            slots: memory[ring].iter().map(|_| loom::cell::UnsafeCell::new(())).collect(),
        });
        let (control, own_waits) = (ControlPage::new(), [OwnWaits::new(), OwnWaits::new()]);
        // The compiler sees that it is not Send. It need not be: loom's threads are one of the
        // system's.
        #[allow(clippy::arc_with_non_send_sync)]
        Arc::new(Shared { control, rings, own_waits, _memory: memory })
    }

    /// The words that the two sides share.
    pub fn control(&self) -> &ControlPage {
        &self.control
    }

    /// This side's private part of its wait words of one ring.
    pub(crate) fn own_waits(&self, ring: usize) -> &OwnWaits {
        &self.own_waits[ring]
    }

    /// The bytes of one ring.
    pub fn bytes(&self, ring: usize) -> RingBytes {
        self.rings[ring].clone()
    }
}

impl RingBytes {
    /// The caller reads `len` bytes at position `at`.
    pub fn reads(&self, at: u64, len: u64) {
        self.slots(at, len).iter().for_each(|slot| slot.with(|_| ()));
    }

    /// The caller writes `len` bytes at position `at`.
    pub fn writes(&self, at: u64, len: u64) {
        self.slots(at, len).iter().for_each(|slot| slot.with_mut(|_| ()));
    }

    fn slots(&self, at: u64, len: u64) -> &[loom::cell::UnsafeCell<()>] {
        let at = at % self.size;
        assert!(at + len <= self.size, "a record that wraps around");
        &self.slots[(at / RECORD_ALIGNMENT) as usize..][..len.div_ceil(RECORD_ALIGNMENT) as usize]
    }
}
