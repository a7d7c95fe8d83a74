//! Both halves of a ring as threads over one mapping. ThreadSanitizer can see into this, as it
//! knows a race by its address.

use crate::memory::Buffer;
use crate::memory::Bytes;
use crate::os::mapping::granule;
use crate::ring::mapping::Shared;
use crate::ring::spans::SpanId;
use crate::ring::spsc::{Reader, Writer};
use crate::sync::biased_mutex::{BiasedMutex, Patience};
use crate::wire::{Gather, Header, Kind};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const RING: usize = 0;
/// Few enough for ThreadSanitizer, but many times around the ring.
const MESSAGES: u64 = 20_000;

/// Bytes of a ring: the smallest that there is.
fn ring_size() -> u64 {
    granule() as u64
}

fn shared() -> Arc<Shared> {
    Shared::create(ring_size(), ring_size()).expect("there is memory").0
}

/// The length of message number `number`: every length up to some limit, in no order.
fn len_of(number: u64) -> usize {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % 700
}

/// The payload of message number `number`.
fn payload_of(number: u64) -> Vec<u8> {
    let seed = number.wrapping_mul(31);
    (0..len_of(number) as u64).map(|at| (seed + at) as u8).collect()
}

fn write(writer: &mut Writer, number: u64) -> bool {
    let payload = payload_of(number);
    let header = Header::plain(Kind::Data, payload.len());
    writer.write(&header, &mut Gather::new(&[&payload])).expect("the reader is honest")
}

/// Writes a message into a loan, or discards the loan; false if there is no room.
fn lend(writer: &mut Writer, loans: &mut VecDeque<(SpanId, u64)>, number: u64) -> bool {
    // The loan is longer than the message: the rest becomes padding.
    let loan = writer.reserve(len_of(number) + 40).expect("the reader is honest");
    loan.inspect(|loan| loans.push_back((*loan, number))).is_some()
}

fn fill(writer: &mut Writer, (loan, number): (SpanId, u64)) {
    let payload = payload_of(number);
    Bytes::new(writer.reserved(loan).expect("it is open")).write_at(0, &payload);
    assert!(writer.fill(loan, Some(&Header::plain(Kind::Data, payload.len()))));
}

/// The record at the front, after passing over padding.
fn front(reader: &mut Reader) -> Option<Header> {
    loop {
        match reader.front().expect("the writer is honest") {
            Some(header) if header.kind == Kind::Pad => reader.skip_front(header.length as usize),
            front => return front,
        }
    }
}

/// Reads one message and checks it; false if there is none.
fn read(reader: &mut Reader, number: u64) -> bool {
    let Some(header) = front(reader) else {
        return false;
    };
    let mut data = Buffer::default();
    reader.append_front(header.length as usize, &mut data).expect("there is memory");
    reader.skip_front(header.length as usize);
    assert_eq!(data.bytes(), payload_of(number), "message {number}");
    true
}

/// Runs the reading side in a thread of its own, until it has read all messages.
fn reading(
    shared: &Arc<Shared>,
    mut each: impl FnMut(&mut Reader, u64) -> bool + Send + 'static,
) -> thread::JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let mut reader = Reader::new(&shared, RING);
        let mut number = 0;
        while number < MESSAGES {
            match each(&mut reader, number) {
                true => number += 1,
                false => thread::yield_now(),
            }
            reader.publish();
        }
    })
}

#[test]
fn threads_send_and_receive_copies() {
    let shared = shared();
    let reading = reading(&shared, read);
    let mut writer = Writer::new(&shared, RING);
    for number in 0..MESSAGES {
        while !write(&mut writer, number) {
            thread::yield_now();
        }
        writer.publish();
    }
    reading.join().expect("all that was read is right");
}

#[test]
fn threads_fill_loans_out_of_order() {
    let shared = shared();
    let reading = reading(&shared, read);
    let mut writer = Writer::new(&shared, RING);
    let mut loans = VecDeque::new();
    for number in 0..MESSAGES {
        while !lend(&mut writer, &mut loans, number) {
            // The last loan comes first, so that the earlier ones hold it back.
            while let Some(loan) = loans.pop_back() {
                fill(&mut writer, loan);
            }
            writer.publish();
            thread::yield_now();
        }
        if number % 3 == 0 {
            fill(&mut writer, loans.pop_front().expect("one is open"));
            writer.publish();
        }
        if number % 5 == 0
            && let Some(discarded) = writer.reserve(64).expect("the reader is honest")
        {
            assert!(writer.fill(discarded, None));
        }
    }
    loans.drain(..).for_each(|loan| fill(&mut writer, loan));
    writer.publish();
    reading.join().expect("all that was read is right");
}

#[test]
fn threads_release_views_out_of_order() {
    let shared = shared();
    let mut views = VecDeque::new();
    let reading = reading(&shared, move |reader, number| {
        let full = views.len() == 4;
        let header = front(reader).filter(|_| !full);
        if let Some(header) = header {
            let len = header.length as usize;
            views.push_back((reader.hold_front(len).expect("there is memory"), len, number));
            return true;
        }
        // The youngest and the oldest alternate: the head waits for the oldest.
        let view = if number % 2 == 0 { views.pop_back() } else { views.pop_front() };
        if let Some((view, len, number)) = view {
            let data = Bytes::new(reader.held(view, len).expect("it is held")).to_vec();
            assert_eq!(data, payload_of(number), "message {number}");
            assert!(reader.release(view));
        }
        false
    });
    let mut writer = Writer::new(&shared, RING);
    for number in 0..MESSAGES {
        while !write(&mut writer, number) {
            thread::yield_now();
        }
        writer.publish();
    }
    reading.join().expect("all that was read is right");
}

#[test]
fn threads_exclude_each_other() {
    const THREADS: u64 = 4;
    const TIMES: u64 = 20_000;
    let mutex = Arc::new(BiasedMutex::new([0u64; 8]));
    let left_out = Arc::new(AtomicU64::new(0));
    let add = |words: &mut [u64; 8]| {
        assert!(words.iter().all(|word| *word == words[0]), "two threads inside");
        words.iter_mut().for_each(|word| *word += 1);
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (mutex, left_out) = (Arc::clone(&mutex), Arc::clone(&left_out));
            thread::spawn(move || {
                for number in 0..TIMES {
                    // A thread becomes the owner by long runs alone; then others come.
                    let waits = (number / 1000 + thread) % 2 == 0;
                    let patience = if waits { Patience::Wait } else { Patience::Try };
                    if mutex.run(patience, add).result.is_err() {
                        left_out.fetch_add(1, Ordering::Relaxed);
                    }
                    if number % 1000 == 999 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("nobody else was inside"));
    let total = mutex.run(Patience::Wait, |words| words[0]).result.expect("no panic")
        + left_out.load(Ordering::Relaxed);
    assert_eq!(total, THREADS * TIMES);
}

/// One thread locks often enough to own the mutex; another one locks it now and then.
#[test]
fn threads_take_the_ownership_away() {
    const TIMES: u64 = 100_000;
    let mutex = Arc::new(BiasedMutex::new((0u64, 0u64)));
    let add = |value: &mut (u64, u64)| {
        assert_eq!(value.0, value.1, "two threads inside");
        value.0 += 1;
        value.1 += 1;
    };
    let owner = {
        let mutex = Arc::clone(&mutex);
        thread::spawn(move || {
            (0..TIMES).for_each(|_| assert!(mutex.run(Patience::Wait, add).result.is_ok()))
        })
    };
    let mut strange = 0;
    while !owner.is_finished() {
        assert!(mutex.run(Patience::Wait, add).result.is_ok());
        strange += 1;
        (0..2000).for_each(|_| std::hint::spin_loop());
    }
    owner.join().expect("nobody else was inside");
    let total = mutex.run(Patience::Wait, |value| value.0).result.expect("no panic");
    assert_eq!(total, TIMES + strange);
}
