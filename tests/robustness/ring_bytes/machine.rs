//! Both ends of one ring, driven by numbers from anywhere, and its shared bytes, changed by them.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use treenail::ring::doorbell;
use treenail::ring::layout::{ControlPage, TO_LISTENER, record_size};
use treenail::ring::mapping::Shared;
use treenail::ring::spans::SpanId;
use treenail::ring::spsc::{Reader, Writer};
use treenail::wire::{Gather, Header, Kind};

/// Bytes of a ring: the smallest that there is.
fn ring_size() -> u64 {
    treenail::granule() as u64
}
/// What surrounds the memory that payloads are copied to.
const GUARD: u8 = 0xa5;
/// Loans and views that are open at a time.
const OPEN_MAX: usize = 8;
/// Refusals in a row after which everything begins anew.
const REFUSALS_MAX: u32 = 3;

/// Where numbers come from, until they run out.
pub trait Source {
    fn word(&mut self) -> Option<u64>;
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub mutations: u64,
    pub written: u64,
    pub received: u64,
    pub held: u64,
    pub refused: u64,
}

/// The ring, its ends, and what is open of it.
pub struct Machine {
    shared: Arc<Shared>,
    writer: Writer,
    reader: Reader,
    loans: Vec<(SpanId, usize)>,
    views: Vec<(SpanId, usize)>,
    buffer: Vec<MaybeUninit<u8>>,
    /// Refusals since anything went well.
    refused: u32,
    pub counts: Counts,
}

impl Machine {
    pub fn new() -> Machine {
        let (shared, _memfd, _share) =
            Shared::create(ring_size(), ring_size()).expect("memory is left");
        Machine {
            writer: Writer::new(&shared, TO_LISTENER),
            reader: Reader::new(&shared, TO_LISTENER),
            shared,
            loans: Vec::new(),
            views: Vec::new(),
            buffer: vec![MaybeUninit::new(GUARD); ring_size() as usize + 32],
            refused: 0,
            counts: Counts::default(),
        }
    }

    /// Begins anew with fresh ends, and does what the numbers say.
    pub fn run(&mut self, source: &mut impl Source) {
        self.begin();
        while let Some(word) = source.word() {
            self.step(word, source);
            // A ring that is spoilt for good teaches nothing more.
            if self.refused > REFUSALS_MAX {
                self.begin();
            }
        }
    }

    /// Sends `count` records through, unchanged.
    #[allow(dead_code)] // by the fuzz target
    pub fn pass_on_honestly(&mut self, count: u64) {
        self.begin();
        let mut received = 0;
        for number in 0..count {
            while !self.write((number % 2000) as usize) {
                received += u64::from(self.receive(0));
                self.reader.publish();
            }
            self.writer.publish();
        }
        while self.receive(0) {
            received += 1;
        }
        assert_eq!((received, self.counts.refused), (count, 0));
    }

    fn begin(&mut self) {
        (0..self.control_bytes()).for_each(|at| self.control_byte(at).store(0, Ordering::Relaxed));
        self.writer = Writer::new(&self.shared, TO_LISTENER);
        self.reader = Reader::new(&self.shared, TO_LISTENER);
        (self.loans, self.views, self.refused) = (Vec::new(), Vec::new(), 0);
    }

    fn step(&mut self, word: u64, source: &mut impl Source) {
        let (what, number) = (word as u8 % 24, word >> 8);
        let len = number as usize % 2040;
        match what {
            0 | 1 => {
                self.counts.written += u64::from(self.write(len / 16));
                self.writer.publish();
            }
            2 => drop(self.write(len)),
            3 => drop(self.writer.publish()),
            4 => self.reserve(len / 4),
            5 | 6 => self.fill(number, what == 5),
            7..10 => drop(self.receive(number)),
            10 => self.receive_plain(),
            11 => self.hold(),
            12 => self.release(number),
            13 => drop(self.reader.publish()),
            14 => self.wait_and_watch(),
            15 => self.hold_and_look(),
            16..19 => self.change_position(source.word().unwrap_or(number), number),
            19 => self.change_control(number),
            20 => self.change_bytes(number),
            _ => self.change_header(number, source.word().unwrap_or(number)),
        }
    }

    /// Writes a record, if there is room and the peer's position makes sense.
    fn write(&mut self, len: usize) -> bool {
        let payload = vec![7u8; ring_size() as usize / 2];
        let len = len.min(self.writer.payload_size_max());
        let parts = [&payload[..len / 2], &payload[len / 2..len]];
        let header = Header::plain(Kind::Data, len);
        let written = self.writer.write(&header, &mut Gather::new(&parts));
        self.settle(written).unwrap_or(false)
    }

    fn reserve(&mut self, len: usize) {
        let reserved = self.writer.reserve(len);
        let Some(number) = self.settle(reserved).flatten() else { return };
        let room = self.writer.reserved(number).expect("it was just reserved");
        assert!(room.len() >= len);
        self.lies_within(room.as_mut_ptr(), room.len());
        // SAFETY: it lies within the ring, as just checked.
        unsafe { room.as_mut_ptr().write_bytes(8, room.len()) };
        self.loans.push((number, len));
        if self.loans.len() > OPEN_MAX {
            self.fill(0, false);
        }
    }

    fn fill(&mut self, number: u64, commit: bool) {
        if self.loans.is_empty() {
            return assert!(!self.writer.fill(SpanId(u64::MAX), None));
        }
        let (loan, len) = self.loans.swap_remove(number as usize % self.loans.len());
        let header = Header::plain(Kind::Data, number as usize % (len + 1));
        assert!(self.writer.fill(loan, commit.then_some(&header)));
        assert!(!self.writer.fill(loan, None), "a loan is filled once");
        self.writer.publish();
    }

    /// The length of the record at the front, if there is one.
    fn front(&mut self) -> Option<usize> {
        let front = self.reader.front();
        let header = self.settle(front).flatten()?;
        assert!(record_size(u64::from(header.length)) <= ring_size() / 2);
        if header.kind == Kind::Pad {
            self.reader.skip_front(header.length as usize);
            return None;
        }
        Some(header.length as usize)
    }

    fn receive(&mut self, number: u64) -> bool {
        let Some(len) = self.front() else { return false };
        if number % 2 == 1 {
            // The peer changes its mind between the look and the copy.
            self.change_header(number >> 1, number);
            self.change_position(number >> 3, number);
        }
        self.copy_out(len);
        self.reader.skip_front(len);
        (self.counts.received, self.refused) = (self.counts.received + 1, 0);
        if number % 4 < 2 {
            self.reader.publish();
        }
        true
    }

    fn receive_plain(&mut self) {
        let plain = self.reader.front_plain();
        if let Some((len, _)) = self.settle(plain).flatten() {
            assert!(record_size(len as u64) <= ring_size() / 2);
            self.copy_out(len);
            self.reader.skip_front(len);
            self.reader.publish();
            self.counts.received += 1;
        }
    }

    fn copy_out(&mut self, len: usize) {
        let guard = |byte: &MaybeUninit<u8>| {
            // SAFETY: the whole buffer was initialised, and is only ever written.
            unsafe { byte.assume_init() == GUARD }
        };
        self.buffer[len..len + 32].fill(MaybeUninit::new(GUARD));
        self.reader.copy_front(len, &mut self.buffer[..len]);
        assert!(self.buffer[len..len + 32].iter().all(guard), "{len} bytes were more");
    }

    fn hold(&mut self) {
        let Some(len) = self.front() else { return };
        let number = self.reader.hold_front(len).expect("there is memory");
        self.views.push((number, len));
        self.counts.held += 1;
        if self.views.len() > OPEN_MAX {
            self.release(0);
        }
    }

    fn release(&mut self, number: u64) {
        if self.views.is_empty() {
            return assert!(!self.reader.release(SpanId(u64::MAX)));
        }
        let (view, _) = self.views.swap_remove(number as usize % self.views.len());
        assert!(self.reader.release(view));
        assert!(!self.reader.release(view), "a view is released once");
        self.reader.publish();
    }

    /// Reads all that is held.
    fn hold_and_look(&mut self) {
        for &(number, len) in &self.views {
            let held = self.reader.held(number, len).expect("it is held");
            assert_eq!(held.len(), len);
            self.lies_within(held.as_mut_ptr(), len);
            let mut bytes = vec![0; len];
            // SAFETY: it lies within the ring, as just checked.
            unsafe { held.as_mut_ptr().copy_to_nonoverlapping(bytes.as_mut_ptr(), len) };
        }
        assert!(self.reader.pinned() <= ring_size() && self.reader.size() == ring_size());
        assert!(self.writer.fill_level().0 <= ring_size() && self.writer.size() == ring_size());
    }

    fn wait_and_watch(&mut self) {
        let shared = &self.shared;
        assert!(doorbell::arm_reader(shared, TO_LISTENER));
        assert!(doorbell::arm_writer(shared, TO_LISTENER));
        doorbell::positions(shared, TO_LISTENER, TO_LISTENER);
        doorbell::is_closed(shared, TO_LISTENER);
        doorbell::disarm_writer(shared, TO_LISTENER);
        Writer::close(shared, TO_LISTENER);
    }

    fn lies_within(&self, data: *const u8, len: usize) {
        let base = self.shared.bytes(TO_LISTENER).base.as_ptr() as usize;
        let start = data as usize;
        assert!(start >= base && start + len <= base + 2 * ring_size() as usize);
        assert!(start.is_multiple_of(16) && len as u64 <= ring_size() / 2);
    }

    /// The value of a call that a hostile peer can only make fail as a protocol error.
    fn settle<T>(&mut self, result: treenail::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                assert_eq!(error.status(), treenail::Status::Protocol);
                self.counts.refused += 1;
                self.refused += 1;
                None
            }
        }
    }
}

/// The hostile part.
impl Machine {
    fn control_bytes(&self) -> usize {
        size_of::<ControlPage>()
    }

    fn control_byte(&self, at: usize) -> &AtomicU8 {
        assert!(at < self.control_bytes());
        let page = std::ptr::from_ref(self.shared.control()).cast::<AtomicU8>();
        // SAFETY: within the page, which is shared memory made of atomics.
        unsafe { &*page.add(at) }
    }

    /// Moves the tail or the head, most often to where it might be.
    fn change_position(&mut self, value: u64, number: u64) {
        let ring = &self.shared.control().rings[TO_LISTENER];
        let word: &AtomicU64 = if number.is_multiple_of(2) { &ring.tail } else { &ring.head };
        let now = word.load(Ordering::Relaxed);
        let new = match value % 8 {
            0 => value,
            1 => now ^ (1 << (value >> 3 & 63)),
            2 => now.wrapping_sub(value >> 3 & 0xfff),
            3 => ring.head.load(Ordering::Relaxed).wrapping_add(ring_size()),
            4 => ring.head.load(Ordering::Relaxed),
            5 => ring.tail.load(Ordering::Relaxed),
            _ => now.wrapping_add(16 * (value >> 3 & 63)),
        };
        word.store(new, Ordering::Relaxed);
        self.counts.mutations += 1;
    }

    fn change_control(&mut self, number: u64) {
        let at = (number >> 8) as usize % self.control_bytes();
        self.control_byte(at).store(number as u8, Ordering::Relaxed);
        self.counts.mutations += 1;
    }

    fn ring_word(&self, at: u64) -> &AtomicU64 {
        let base = self.shared.bytes(TO_LISTENER).base.cast::<AtomicU64>();
        // SAFETY: within the ring's second mapping at most, and aligned.
        unsafe { base.add((at % (ring_size() / 8)) as usize).as_ref() }
    }

    fn change_bytes(&mut self, number: u64) {
        let word = self.ring_word(number >> 6);
        word.fetch_xor(0xff << (number % 8 * 8), Ordering::Relaxed);
        self.counts.mutations += 1;
    }

    /// Puts a header somewhere: one that could be, or nearly.
    fn change_header(&mut self, number: u64, value: u64) {
        let length = match value % 4 {
            0 => value >> 32,
            1 => u64::from(u32::MAX) - (value >> 32 & 31),
            2 => ring_size() / 2 - 24 + (value >> 32 & 31),
            _ => value >> 32 & 0xff,
        } & 0xffff_ffff;
        let kind = if value & 4 == 0 { 2 } else { value >> 8 & 7 };
        let flags = if value & 8 == 0 { 0 } else { value >> 16 & 15 };
        let at = number % (ring_size() / 16) * 2;
        self.ring_word(at).store(length | kind << 32 | flags << 40, Ordering::Relaxed);
        self.ring_word(at + 1).store(value >> 60 << 32, Ordering::Relaxed);
        self.counts.mutations += 1;
    }
}
