//! A bias: one thread, the owner, locks a mutex without a locked instruction. On x86 a locked
//! instruction waits until earlier stores are visible. On a busy ring this is when the peer's
//! processor has given up the cache line, which takes longer than all the rest of a send. (Biased
//! locking, as in Dice, Moir and Scherer's "Quickly Reacquirable Locks", with membarrier(2) for the
//! revocation.)
//!
//! | word         | written by           | meaning                                          |
//! |--------------|----------------------|--------------------------------------------------|
//! | owner        | the lock's holder    | the owning thread, and its place; 0: none        |
//! | place.inside | the place's thread   | 1: it holds the lock, or looks whether it may    |
//! | place.asked  | others, 1; it, 0     | a thread waits for it to unlock, or was refused  |
//!
//! A place belongs to one thread for good. A thread that owned the mutex long ago may still be on
//! its way in; when it backs out, it must not be taken for the present owner. The owner stores
//! `inside`, then looks at `owner`. A thread that revokes stores `owner`, then looks at `inside`.
//! This is Dekker's pattern, with a light barrier for the owner and a heavy one for the other
//! thread. `inside` and `asked` work in the same way when the owner leaves.

use crate::os::thread_id::this_thread;
use crate::os::{barrier, futex};
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// How many threads can ever own one mutex. It matches the bits that name a place.
const PLACES: usize = 4;
const PLACE_BITS: u64 = PLACES as u64 - 1;

/// Which thread owns a mutex, and whether that thread is inside.
pub struct Bias {
    owner: AtomicU64,
    places: [Place; PLACES],
    /// The place that was revoked last. The lock's holder writes it, as it writes `Place::whose`.
    revoked: AtomicU32,
}

struct Place {
    /// The thread to which the place belongs; 0: none yet.
    whose: AtomicU64,
    inside: AtomicU32,
    asked: AtomicU32,
}

/// The outcome of a thread's attempt to lock as the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It is the owner, and holds the lock through this place.
    Inside(usize),
    /// It isn't the owner.
    Stranger,
    /// Another thread took the ownership away meanwhile. `asked`: a thread waited for this one to
    /// leave.
    Revoked { asked: bool },
}

impl Entry {
    /// Whether another thread must be told.
    #[inline]
    pub fn asked(self) -> bool {
        matches!(self, Entry::Revoked { asked: true })
    }
}

impl Bias {
    /// A bias that no thread has.
    pub fn new() -> Bias {
        let place = || Place {
            whose: AtomicU64::new(0),
            inside: AtomicU32::new(0),
            asked: AtomicU32::new(0),
        };
        Bias {
            owner: AtomicU64::new(0),
            places: [place(), place(), place(), place()],
            revoked: AtomicU32::new(0),
        }
    }

    /// Locks, if this thread is the owner: see [`Entry`].
    #[inline]
    pub fn enter(&self) -> Entry {
        // Relaxed is enough: only this thread's own number matters, and it is looked at again.
        let owner = self.owner.load(Ordering::Relaxed);
        if owner & !PLACE_BITS != this_thread() {
            return Entry::Stranger;
        }
        let place = (owner & PLACE_BITS) as usize;
        self.places[place].inside.store(1, Ordering::Relaxed);
        // SYNC inside: light, pairs with the heavy barrier in `revoke`.
        barrier::light();
        if self.owner.load(Ordering::Acquire) == owner {
            return Entry::Inside(place);
        }
        Entry::Revoked { asked: self.exit(place) }
    }

    /// Unlocks; true if a thread had asked for that.
    #[inline]
    pub fn exit(&self, place: usize) -> bool {
        let place = &self.places[place];
        // SYNC inside: Release, pairs with Acquire in `is_empty`.
        place.inside.store(0, Ordering::Release);
        // SYNC asked: light, pairs with the heavy barrier in `ask`.
        barrier::light();
        place.asked.load(Ordering::Relaxed) != 0 && place.answer()
    }

    /// Makes this thread the owner, if there is a place for it. Only the holder of the mutex may
    /// call this, while no thread is inside.
    pub fn own(&self) {
        let own = this_thread();
        let whose = |place: &Place| place.whose.load(Ordering::Relaxed);
        let found = self.places.iter().position(|place| [own, 0].contains(&whose(place)));
        if let Some(place) = found.filter(|_| barrier::available_here()) {
            self.places[place].whose.store(own, Ordering::Relaxed);
            self.owner.store(own | place as u64, Ordering::Release);
        }
    }

    /// Takes the ownership away. The owner may still be inside. Only the holder of the mutex's word
    /// may call this.
    #[inline]
    pub fn revoke(&self) {
        let owner = self.owner.load(Ordering::Relaxed);
        if owner != 0 {
            self.revoked.store((owner & PLACE_BITS) as u32, Ordering::Relaxed);
            self.owner.store(0, Ordering::Relaxed);
            // SYNC inside: heavy, pairs with the light barrier in `enter`.
            barrier::heavy_here();
        }
    }

    /// The place that the last owner has, or had.
    #[inline]
    fn last(&self) -> &Place {
        &self.places[self.revoked.load(Ordering::Relaxed) as usize]
    }

    /// Whether no thread is inside. Once this is true after [`Bias::revoke`], it stays true.
    #[inline]
    pub fn is_empty(&self) -> bool {
        // SYNC inside: Acquire, pairs with Release in `exit`.
        self.last().inside.load(Ordering::Acquire) == 0
    }

    /// Asks the thread inside to tell when it unlocks. False if it has unlocked already.
    pub fn ask(&self) -> bool {
        self.last().asked.store(1, Ordering::Relaxed);
        // SYNC asked: heavy, pairs with the light barrier in `exit`.
        barrier::heavy_here();
        !self.is_empty()
    }

    /// Sleeps until the thread inside has unlocked, after [`Bias::ask`].
    pub fn wait(&self) {
        while !self.is_empty() {
            futex::wait_here(&self.last().inside, 1, None);
        }
    }
}

impl Place {
    #[cold]
    fn answer(&self) -> bool {
        let asked = self.asked.swap(0, Ordering::Relaxed) != 0;
        futex::wake_here(&self.inside, i32::MAX);
        asked
    }
}
