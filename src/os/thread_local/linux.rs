use super::Slot;
use std::cell::RefCell;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};

/// The keys of the values, and 1; 0: not made yet.
static KEYS: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

/// A value a thread, which begins as its type's default.
pub struct PerThread<T> {
    slot: Slot,
    value: PhantomData<fn() -> T>,
}

impl<T: Default + 'static> PerThread<T> {
    /// The only one of this slot.
    pub const fn new(slot: Slot) -> PerThread<T> {
        PerThread { slot, value: PhantomData }
    }

    /// Runs `act` with this thread's value; None where none can be made, or `act` runs already.
    pub fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let key = self.key()?;
        // SAFETY: takes no memory.
        let mut value = unsafe { libc::pthread_getspecific(key) }.cast::<RefCell<T>>();
        if value.is_null() {
            value = Box::into_raw(Box::default());
            // SAFETY: takes no memory that isn't there.
            if unsafe { libc::pthread_setspecific(key, value.cast()) } != 0 {
                // SAFETY: it was just made, and nobody else has it.
                drop(unsafe { Box::from_raw(value) });
                return None;
            }
        }
        // SAFETY: this thread's value, made above by this or an earlier call. It lives until the
        // thread ends.
        let value = unsafe { &*value };
        Some(act(&mut *value.try_borrow_mut().ok()?))
    }

    /// Without a lock, as a forked child could find that held for ever: where two threads make a
    /// key, one of them is too many.
    fn key(&self) -> Option<libc::pthread_key_t> {
        let known = &KEYS[self.slot as usize];
        if let Some(key) = known.load(Ordering::Acquire).checked_sub(1) {
            return Some(key);
        }
        let mut key = 0;
        // SAFETY: the number is live during the call, and the destructor lives as long as the
        // key, which `forget_keys` deletes.
        if unsafe { libc::pthread_key_create(&mut key, Some(drop_value::<T>)) } != 0 {
            return None;
        }
        let set = known.compare_exchange(0, key + 1, Ordering::AcqRel, Ordering::Acquire);
        let Err(other) = set else {
            return Some(key);
        };
        // SAFETY: takes no memory, and nobody else has the key.
        unsafe { libc::pthread_key_delete(key) };
        other.checked_sub(1)
    }
}

/// The system forgets a thread's value before it calls this: where a destructor that runs later
/// makes one anew, this is called again.
extern "C" fn drop_value<T>(value: *mut c_void) {
    // SAFETY: `PerThread::with` made it so, and this thread uses it no more.
    drop(unsafe { Box::from_raw(value.cast::<RefCell<T>>()) });
}

/// A library that is unloaded takes its destructors with it. (The shared library stays where it
/// is; a plugin that holds the static one may go.)
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_UNLOAD: extern "C" fn() = forget_keys;

extern "C" fn forget_keys() {
    for known in &KEYS {
        if let Some(key) = known.swap(0, Ordering::AcqRel).checked_sub(1) {
            // SAFETY: takes no memory, and the key was made by `PerThread::key`.
            unsafe { libc::pthread_key_delete(key) };
        }
    }
}
