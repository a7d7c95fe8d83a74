//! Values that each thread has for itself, as long as it runs any code at all. The standard
//! library's are gone already in the destructor of a thread key and in an exit handler, where calls
//! of this library still work; and one that is made so late is never dropped.
//!
//! - [`PerThread::new`] names a slot; there is one value of it a thread, which begins as its type's
//!   default.
//! - [`PerThread::with`] runs an act with this thread's value. It blocks on nothing but the act.
//!   None where no value can be made, for want of memory or of keys, or the act runs within itself.
//!   The thread owns the value, which is dropped at its end.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
mod system;

pub use system::PerThread;

/// What a thread has for itself.
#[derive(Clone, Copy)]
pub enum Slot {
    /// How it is woken.
    Waker,
    /// Its last failure.
    Failure,
}
