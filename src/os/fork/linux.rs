mod standard_streams;

use crate::os::linux::check;
use crate::os::thread_id::this_thread;
use std::cell::{Cell, UnsafeCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Descriptors at or over this number are refused, as they would not be closed in a child.
/// It is the kernel's own default limit (fs.nr_open).
const DESCRIPTORS_MAX: usize = 1 << 20;

/// One bit a descriptor of ours. Untouched pages of it take no memory.
static OURS: [AtomicU64; DESCRIPTORS_MAX / 64] = [const { AtomicU64::new(0) }; _];
/// How often this process came out of a fork as the child.
static GENERATION: AtomicU32 = AtomicU32::new(0);
/// Shared by whoever makes a descriptor, exclusive while a fork is under way: so that a child
/// never inherits one that isn't in the table yet.
static GATE: RwLock<()> = RwLock::new(());

/// The thread that forks; 0: none.
static FORKING: AtomicU64 = AtomicU64::new(0);
/// What that thread holds. Not a value of the thread: those are gone in an exit handler, which
/// may fork.
static HELD: Held = Held(UnsafeCell::new(None));

struct Held(UnsafeCell<Option<RwLockWriteGuard<'static, ()>>>);

// SAFETY: it is touched by the one thread that holds the gate exclusively.
unsafe impl Sync for Held {}

thread_local! {
    /// Whether this thread holds the gate already: taking it once more could wait for a fork
    /// that waits for this thread. It has no destructor, and so is there to the end.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Keeps forks out.
pub struct Gate(Option<(Option<standard_streams::Kept>, RwLockReadGuard<'static, ()>)>);

/// How often this process came out of a fork as the child: a handle made under another number
/// belongs to the parent.
#[inline]
pub fn generation() -> u32 {
    // Relaxed is enough: only a fork changes it, and a fork leaves one thread.
    GENERATION.load(Ordering::Relaxed)
}

/// Something that owns a descriptor, known to the table of what a child closes.
#[derive(Debug)]
pub struct Owned<T: AsFd> {
    inner: Option<T>,
    generation: u32,
}

/// A plain descriptor of ours.
pub type Fd = Owned<OwnedFd>;

/// Makes descriptors with `make`, such that no fork can fall between making and registering.
pub fn adopt<T>(make: impl FnOnce() -> io::Result<T>) -> io::Result<Owned<T>>
where
    T: AsFd + From<OwnedFd>,
    OwnedFd: From<T>,
{
    let _gate = enter();
    make().and_then(Owned::register)
}

/// Its bit in the table is what decides between two that take the same number over at once.
pub fn take_over(number: RawFd) -> io::Result<Fd> {
    let _gate = enter();
    let index = usize::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    let Some(word) = OURS.get(index / 64) else {
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    };
    let bit = 1 << (index % 64);
    if word.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // SAFETY: takes no memory.
    if let Err(error) = check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) }) {
        word.fetch_and(!bit, Ordering::Relaxed);
        return Err(error);
    }
    // SAFETY: it is open, no handle of this library has it, and whoever passes its number gives it
    // away.
    let inner = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(Owned { inner: Some(inner), generation: generation() })
}

/// Keeps forks out while descriptors are made; each is then given to [`Owned::register`].
pub fn enter() -> Gate {
    install();
    if INSIDE.replace(true) {
        return Gate(None);
    }
    let guard = GATE.read().unwrap_or_else(PoisonError::into_inner);
    Gate(Some((standard_streams::keep(), guard)))
}

impl Drop for Gate {
    fn drop(&mut self) {
        if self.0.is_some() {
            INSIDE.set(false);
        }
    }
}

impl<T: AsFd> Owned<T> {
    /// Takes a descriptor into the table, while [`enter`]'s guard is held.
    pub fn register(inner: T) -> io::Result<Owned<T>>
    where
        T: From<OwnedFd>,
        OwnedFd: From<T>,
    {
        let inner = standard_streams::lift(inner)?;
        let fd = inner.as_fd().as_raw_fd() as usize;
        let Some(word) = OURS.get(fd / 64) else {
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        };
        word.fetch_or(1 << (fd % 64), Ordering::Relaxed);
        Ok(Owned { inner: Some(inner), generation: generation() })
    }

    /// The same descriptor, owned as something else.
    pub fn into_other<U: AsFd + From<OwnedFd>>(mut self) -> Owned<U>
    where
        OwnedFd: From<T>,
    {
        let inner = self.inner.take().map(|inner| U::from(OwnedFd::from(inner)));
        Owned { inner, generation: self.generation }
    }

    fn held(&self) -> &T {
        self.inner.as_ref().expect("only drop takes it")
    }
}

impl<T: AsFd> AsFd for Owned<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.held().as_fd()
    }
}

impl<T: AsFd> AsRawFd for Owned<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.held().as_fd().as_raw_fd()
    }
}

impl<T: AsFd> std::ops::Deref for Owned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.held()
    }
}

impl<T: AsFd> Drop for Owned<T> {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else {
            return;
        };
        if self.generation != generation() {
            // The child closed the number already, and may use it for something else by now.
            std::mem::forget(inner);
            return;
        }
        // A child that is forked between the two would keep it open.
        let _gate = enter();
        let fd = inner.as_fd().as_raw_fd() as usize;
        if let Some(word) = OURS.get(fd / 64) {
            word.fetch_and(!(1 << (fd % 64)), Ordering::Relaxed);
        }
        drop(inner);
    }
}

/// Not behind a lock: pthread_atfork waits for a fork that is under way, whose child would find
/// that lock held for ever. Two threads may install the handlers twice, which does no
/// harm.
fn install() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if !INSTALLED.load(Ordering::Acquire) {
        standard_streams::look();
        // SAFETY: the three handlers are plain functions that live as long as the process.
        let result = unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        debug_assert_eq!(result, 0);
        INSTALLED.store(true, Ordering::Release);
    }
}

extern "C" fn before() {
    let own = this_thread();
    // Relaxed is enough: it is this thread's number only if this thread has set it.
    if FORKING.load(Ordering::Relaxed) == own {
        return;
    }
    let guard = GATE.write().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: this thread holds the gate.
    unsafe { *HELD.0.get() = Some(guard) };
    FORKING.store(own, Ordering::Relaxed);
}

extern "C" fn in_parent() {
    if FORKING.load(Ordering::Relaxed) == this_thread() {
        FORKING.store(0, Ordering::Relaxed);
        // SAFETY: this thread holds the gate, and lets it go once it has taken it out of there.
        drop(unsafe { (*HELD.0.get()).take() });
    }
}

extern "C" fn in_child() {
    for (index, word) in OURS.iter().enumerate() {
        let mut bits = word.swap(0, Ordering::Relaxed);
        while bits != 0 {
            let fd = index * 64 + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            // SAFETY: the table says that the descriptor is ours, and every handle that could
            // use it is dead from here on.
            let _ = check(unsafe { libc::close(fd as RawFd) });
        }
    }
    GENERATION.fetch_add(1, Ordering::Relaxed);
    in_parent();
}
