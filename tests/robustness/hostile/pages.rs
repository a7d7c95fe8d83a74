//! A peer that has done the handshake of shared memory in good order, and now has the pages.

use super::shared::{Place, WAIT, made, pipe, status};
use super::talk::{Raw, greet_for_rings, header, moves};
use std::mem::offset_of;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::thread;
use treenail::ring::layout::{ControlPage, FORMAT, MAGIC_WORD, RingControl, WAITS};
use treenail::wire::{Kind, Share};
use treenail::{Channel, Listener, NOW, Status};

/// Where the words of a ring are on the control page.
pub const RING_CONTROL: [usize; 2] = {
    let first = offset_of!(ControlPage, rings);
    [first, first + size_of::<RingControl>()]
};
pub const TAIL: usize = offset_of!(RingControl, tail);
pub const WRITER_WAITS: usize = offset_of!(RingControl, writer_waits);
pub const WRITER_CLOSED: usize = offset_of!(RingControl, writer_closed);
pub const HEAD: usize = offset_of!(RingControl, head);
pub const READER_WAITS: usize = offset_of!(RingControl, reader_waits);

/// All of the shared memory, mapped to be spoilt.
pub struct Pages {
    base: *mut u8,
    pub len: usize,
}

// SAFETY: only atomics go through it.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

impl Pages {
    pub fn map(memfd: &OwnedFd, len: usize) -> Pages {
        let (access, fd) = (libc::PROT_READ | libc::PROT_WRITE, memfd.as_raw_fd());
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base =
            unsafe { libc::mmap(std::ptr::null_mut(), len, access, libc::MAP_SHARED, fd, 0) };
        assert_ne!(base, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
        Pages { base: base.cast(), len }
    }

    pub fn byte(&self, at: usize) -> &AtomicU8 {
        assert!(at < self.len);
        // SAFETY: within the mapping, which lives as long as the borrow.
        unsafe { &*self.base.add(at).cast() }
    }

    pub fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at + 8 <= self.len);
        // SAFETY: within the mapping and aligned.
        unsafe { &*self.base.add(at).cast() }
    }

    pub fn half(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(4) && at + 4 <= self.len);
        // SAFETY: within the mapping and aligned.
        unsafe { &*self.base.add(at).cast() }
    }

    pub fn put(&self, at: usize, bytes: &[u8]) {
        let put =
            |(index, byte): (usize, &u8)| self.byte(at + index).store(*byte, Ordering::Relaxed);
        bytes.iter().enumerate().for_each(put);
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's, and every borrow of it has ended.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}

/// The hostile end of a channel over shared memory.
pub struct Hostile {
    pub raw: Raw,
    pub pages: Pages,
    pub share: Share,
    /// The ring that this end writes, 0 or 1.
    pub outgoing: usize,
    /// Wakes the library; None once it was closed.
    pub wake: Option<OwnedFd>,
    /// Is written by the library.
    pub woken: Option<OwnedFd>,
    /// How far this end has written.
    pub tail: u64,
}

impl Hostile {
    /// Joins the library's listener, and says that it sends in its ring.
    pub fn connect(place: &Place) -> Hostile {
        let mut raw = Raw::connect(place);
        greet_for_rings(&mut raw);
        let mut hostile = Hostile::handed(raw);
        assert!(hostile.raw.say(&moves(0)));
        hostile
    }

    /// Takes the rings that the library's listener hands over, and says nothing of it.
    pub fn handed(mut raw: Raw) -> Hostile {
        let (share, mut fds) = raw.hear_share();
        assert_eq!(fds.len(), 3, "SHARE brings three descriptors");
        let (woken, wake) = (fds.pop(), fds.pop());
        let pages = Pages::map(&fds[0], share.size as usize);
        Hostile { raw, pages, share, outgoing: 0, wake, woken, tail: 0 }
    }

    /// Lets the library's connector join, which then sends in its ring.
    pub fn serve(mut raw: Raw) -> Hostile {
        greet_for_rings(&mut raw);
        let mut hostile = Hostile::offer(raw);
        assert_eq!(hostile.raw.expect(Kind::Share), [0; 4], "a proper share is mapped");
        hostile
    }

    /// Hands rings over to the library's connector, and doesn't wait for its answer.
    pub fn offer(mut raw: Raw) -> Hostile {
        let share = proper_share(1 << 16);
        let memfd = proper_memfd(&share);
        let pages = Pages::map(&memfd, share.size as usize);
        let ((own_read, own_write), (peer_read, peer_write)) = (pipe(), pipe());
        let fds = [memfd.as_raw_fd(), own_write.as_raw_fd(), peer_read.as_raw_fd()];
        assert!(raw.say_with(&share.encode(), &fds));
        let (wake, woken) = (Some(peer_write), Some(own_read));
        Hostile { raw, pages, share, outgoing: 1, wake, woken, tail: 0 }
    }

    /// Offset of a word of the ring that this end writes.
    pub fn out_word(&self, field: usize) -> usize {
        RING_CONTROL[self.outgoing] + field
    }

    /// Offset of a word of the ring that this end reads.
    pub fn in_word(&self, field: usize) -> usize {
        RING_CONTROL[1 - self.outgoing] + field
    }

    /// Whether the library waits for what this end writes.
    pub fn library_waits(&self) -> bool {
        self.pages.half(self.out_word(READER_WAITS)).load(Ordering::SeqCst) == WAITS
    }

    /// Offset and size of the ring that this end writes.
    pub fn out_ring(&self) -> (usize, usize) {
        let rings = [self.share.to_listener, self.share.to_connector];
        (rings[self.outgoing].0 as usize, rings[self.outgoing].1 as usize)
    }

    /// Puts a record into the ring, as it is, and shows it.
    pub fn publish(&mut self, kind: u8, flags: u8, tag: u32, id: u32, payload: &[u8]) {
        self.put(&header(payload.len() as u32, kind, flags, tag, id), payload);
    }

    /// Puts a record with this header into the ring, whatever that says.
    pub fn put(&mut self, header: &[u8; 16], payload: &[u8]) {
        let (offset, size) = self.out_ring();
        let place = |at: u64| offset + (at as usize & (size - 1));
        self.pages.put(place(self.tail), header);
        for (index, byte) in payload.iter().enumerate() {
            let at = place(self.tail + 16 + index as u64);
            self.pages.byte(at).store(*byte, Ordering::Relaxed);
        }
        self.tail += (16 + payload.len() as u64).next_multiple_of(16);
        self.pages.word(self.out_word(TAIL)).store(self.tail, Ordering::Release);
        self.give_wake();
    }

    /// Whether a message is next in the ring that the library writes, and nothing behind it.
    pub fn holds_next(&self, message: &[u8], at: &mut u64) -> bool {
        let rings = [self.share.to_listener, self.share.to_connector];
        let offset = rings[1 - self.outgoing].0 as usize + *at as usize + 16;
        *at += (16 + message.len() as u64).next_multiple_of(16);
        let is_there = |(index, byte): (usize, &u8)| {
            self.pages.byte(offset + index).load(Ordering::Relaxed) == *byte
        };
        self.pages.word(self.in_word(TAIL)).load(Ordering::Acquire) == *at
            && message.iter().enumerate().all(is_there)
    }

    /// Fills the whole ring with this record, without showing it.
    pub fn fill_ring_with(&self, header: &[u8; 16]) {
        let (offset, size) = self.out_ring();
        (0..size).step_by(16).for_each(|at| self.pages.put(offset + at, header));
    }

    /// Says that all is read, whatever was written.
    pub fn swallow(&self) {
        let tail = self.pages.word(self.in_word(TAIL)).load(Ordering::Acquire);
        self.pages.word(self.in_word(HEAD)).store(tail, Ordering::Release);
    }

    /// Wakes the library as often as its pipe has room: false once it is full.
    pub fn give_wake(&self) -> bool {
        let Some(wake) = &self.wake else { return false };
        // SAFETY: reads one byte of a constant.
        unsafe { libc::write(wake.as_raw_fd(), c"!".as_ptr().cast(), 1) == 1 }
    }
}

/// A SHARE of two rings of this size, as a listener should make it.
pub fn proper_share(ring: u64) -> Share {
    let page = treenail::granule() as u64;
    Share {
        format: FORMAT,
        size: page + 2 * ring,
        to_listener: (page, ring),
        to_connector: (page + ring, ring),
    }
}

/// A memfd of this size, without seals.
pub fn memfd(size: u64) -> OwnedFd {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name ends with a NUL.
    let fd = made(unsafe { libc::memfd_create(c"hostile".as_ptr(), flags) });
    // SAFETY: takes no memory.
    assert_eq!(unsafe { libc::ftruncate(fd.as_raw_fd(), size as i64) }, 0);
    fd
}

/// Puts seals on a memfd.
pub fn seal(fd: OwnedFd, seals: i32) -> OwnedFd {
    // SAFETY: takes no memory.
    assert_eq!(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) }, 0);
    fd
}

/// All seals that a listener's memfd has.
pub const SEALS: i32 = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// Writes what a control page begins with.
pub fn sign(fd: &OwnedFd, size: u64, magic: u64, format: u32) {
    let pages = Pages::map(fd, size as usize);
    pages.word(0).store(magic, Ordering::Relaxed);
    pages.half(8).store(format, Ordering::Release);
}

/// The memory for a SHARE, as a listener should make it.
pub fn proper_memfd(share: &Share) -> OwnedFd {
    let fd = memfd(share.size);
    sign(&fd, share.size, MAGIC_WORD, FORMAT);
    seal(fd, SEALS)
}

/// Which side the library is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Listens,
    Connects,
}

pub const VICTIMS: [Victim; 2] = [Victim::Listens, Victim::Connects];

/// A place where library and hostile peer meet again and again.
pub struct Arena {
    place: Place,
    victim: Victim,
    options: String,
    listener: Option<Listener>,
    hostile: Option<std::os::unix::net::UnixListener>,
}

impl Arena {
    pub fn new(victim: Victim, options: &str) -> Arena {
        let place = Place::new();
        let (listener, hostile) = match victim {
            Victim::Listens => (Some(place.listener("shm", options)), None),
            Victim::Connects => (None, Some(Raw::listen(&place))),
        };
        Arena { place, victim, options: options.to_owned(), listener, hostile }
    }

    /// A new channel whose other end is hostile, and both directions go through rings.
    pub fn join(&self) -> (Channel, Hostile) {
        let (channel, mut hostile) = self.meet();
        if self.victim == Victim::Connects {
            assert!(hostile.raw.say(&moves(0)));
        }
        assert_eq!(status(channel.recv(&mut [], NOW)), Status::Again, "nothing was sent");
        if self.victim == Victim::Listens {
            assert_eq!(hostile.raw.expect(Kind::Share), [0; 4], "it moves in its turn");
        }
        (channel, hostile)
    }

    /// The same before the listener moves: only what the connector says goes through its ring.
    pub fn meet(&self) -> (Channel, Hostile) {
        thread::scope(|scope| match (&self.listener, &self.hostile) {
            (Some(listener), _) => {
                let hostile = scope.spawn(|| Hostile::connect(&self.place));
                let channel = listener.accept(WAIT).expect("the handshake is proper");
                (channel, hostile.join().expect("the library shares its memory"))
            }
            (None, Some(server)) => {
                let hostile = scope.spawn(|| Hostile::serve(Raw::accept(server)));
                let mark = if self.options.is_empty() { "" } else { "&" };
                let options = format!("{}{mark}early=0", self.options);
                let endpoint = self.place.endpoint("shm", &options);
                let channel = Channel::connect(&endpoint, WAIT);
                let hostile = hostile.join().expect("the library maps what is proper");
                (channel.unwrap_or_else(|error| panic!("{:?}: {error}", self.victim)), hostile)
            }
            (None, None) => unreachable!("one of both listens"),
        })
    }
}
