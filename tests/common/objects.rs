//! Named objects: where they lie, and what tests keep in them.

use super::system::own_uid;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use treenail::{Segment, Semaphore};

/// Where a segment lies.
pub fn segment_path(name: &str) -> PathBuf {
    format!("/dev/shm/treenail.{}.{name}", own_uid()).into()
}

/// Where a semaphore lies.
pub fn semaphore_path(name: &str) -> PathBuf {
    format!("/dev/shm/treenail.{}.{name}~semaphore", own_uid()).into()
}

/// The data as a counter.
pub fn counter(segment: &Segment) -> &AtomicU64 {
    // SAFETY: page-aligned, mapped as long as the segment lives, and only used as an atomic.
    unsafe { segment.data().cast().as_ref() }
}

/// Adds one in two steps, between which others may not come.
pub fn add(segment: &Segment) {
    let value = counter(segment).load(Ordering::Relaxed);
    counter(segment).store(value + 1, Ordering::Relaxed);
}

/// How many units there are.
pub fn value(semaphore: &Semaphore) -> u32 {
    semaphore.value().expect("open")
}
