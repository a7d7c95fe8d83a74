//! A peer that scribbles over the shared pages while this side sends and receives: any status is
//! fine, and every call is back in time.

use super::pages::{Arena, HEAD, Hostile, READER_WAITS, RING_CONTROL, TAIL, VICTIMS, Victim};
use super::pages::{WRITER_CLOSED, WRITER_WAITS};
use super::shared::{Random, Stop, alone, in_time, leaves_no_descriptors, status};
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use treenail::{Channel, NOW, Status, granule};

const OPTIONS: &str = "ring=4096&max_message=65536";
const SHORT: Option<Duration> = Some(Duration::from_millis(2));
/// What a single byte is changed to.
const VALUES: [u8; 7] = [0, 1, 0x10, 0x7f, 0x80, 0xf0, 0xff];
/// Bytes at the start of each ring that are changed one by one.
const RING_BYTES: usize = 64;

fn goes_on(status: Status) -> bool {
    matches!(status, Status::Ok | Status::Again | Status::TimedOut | Status::TooLarge)
}

/// Sends and receives in one of the ways that there are; whether the channel goes on.
fn use_once(channel: &Channel, way: usize, timeout: Option<Duration>) -> bool {
    let mut buffer = [0u8; 512];
    let parts = [IoSlice::new(b"a message"), IoSlice::new(&[7; 200])];
    let result = in_time(timeout, || match way % 8 {
        0 => status(channel.send(b"hello", timeout)),
        1 => status(channel.recv(&mut buffer, timeout)),
        2 => status(channel.recv_view(timeout).map(|view| view.to_vec())),
        3 => status(channel.sendv(3, &parts, timeout)),
        4 => status(channel.recv_vec(timeout)),
        5 => status(channel.loan(100, timeout).and_then(|mut loan| {
            loan.write_at(0, b"written in place");
            Ok(loan.commit(1, 50, timeout)?)
        })),
        6 => status(channel.send_many(&parts, timeout)),
        _ => status(channel.recv_many(&mut buffer, &mut Vec::new(), 9, timeout)),
    });
    goes_on(result)
}

/// What is asked of a channel now and then.
fn use_seldom(channel: &Channel) -> bool {
    let first = in_time(SHORT, || status(channel.request(1, b"?", SHORT)));
    let second = in_time(SHORT, || status(channel.send(&[1; 10_000], SHORT)));
    let _ = (in_time(NOW, || status(channel.stats())), in_time(NOW, || status(channel.flush(NOW))));
    goes_on(first) && goes_on(second)
}

/// A message that the library finds before the scribbling begins.
fn feed(hostile: &mut Hostile) {
    hostile.publish(2, 0, 5, 0, b"some bytes of a proper message");
    hostile.publish(2, 4, 6, 0, b"a fragment");
}

/// Changes one byte after the other; a channel is used as long as it goes on.
fn scribble_bytes(victim: Victim) {
    let arena = Arena::new(victim, OPTIONS);
    let (mut channel, mut hostile) = arena.join();
    feed(&mut hostile);
    let first_ring = granule();
    let (rings, all) = (first_ring + RING_BYTES, hostile.pages.len);
    let second_ring = first_ring + (all - first_ring) / 2;
    let places = (0..rings).chain(second_ring..second_ring + RING_BYTES);
    let mut spoilt = 0;
    for at in places {
        for (index, value) in VALUES.into_iter().enumerate() {
            let before = hostile.pages.byte(at).swap(value, Ordering::SeqCst);
            let mut goes_on = true;
            for way in [index, index + 1, index + 4] {
                goes_on &= use_once(&channel, way, NOW);
            }
            if at % 64 == 0 && index == 0 {
                goes_on &= use_once(&channel, at, SHORT) && use_seldom(&channel);
            }
            hostile.pages.byte(at).store(before, Ordering::SeqCst);
            hostile.swallow();
            if !goes_on {
                (channel, hostile) = arena.join();
                feed(&mut hostile);
                spoilt += 1;
            }
        }
    }
    println!("{victim:?}: {spoilt} channels were spoilt");
}

#[test]
fn each_byte_of_the_control_page_and_of_the_rings_start_when_listening() {
    if !alone(each_byte_of_the_control_page_and_of_the_rings_start_when_listening) {
        return;
    }
    leaves_no_descriptors_once(|| scribble_bytes(Victim::Listens));
}

#[test]
fn each_byte_of_the_control_page_and_of_the_rings_start_when_connecting() {
    if !alone(each_byte_of_the_control_page_and_of_the_rings_start_when_connecting) {
        return;
    }
    leaves_no_descriptors_once(|| scribble_bytes(Victim::Connects));
}

/// As the work is long it is not done twice: a short channel warms up.
fn leaves_no_descriptors_once(work: impl FnOnce()) {
    let mut work = Some(work);
    let mut first = true;
    leaves_no_descriptors(|| match std::mem::take(&mut first) {
        true => drop(Arena::new(Victim::Listens, OPTIONS).join()),
        false => work.take().expect("it is done once")(),
    });
}

/// Where scribbling hurts most.
fn tender_place(random: &mut Random, len: usize) -> usize {
    let fields = [TAIL, WRITER_WAITS, WRITER_CLOSED, HEAD, READER_WAITS];
    match random.below(4) {
        0 => random.below(len / 8) * 8,
        1 => granule() + random.below(len - granule()) / 16 * 16,
        _ => RING_CONTROL[random.below(2)] + fields[random.below(5)] / 8 * 8,
    }
}

/// A value that may get past a check.
fn tender_value(random: &mut Random, now: u64) -> u64 {
    match random.below(8) {
        0 => random.word(),
        1 => now ^ (1 << random.below(64)),
        2 => u64::MAX << random.below(64),
        3 => 0,
        4 => random.word() & 0xf_ffff | (2 << 32) | (random.word() & 7) << 40,
        _ => now.wrapping_add(16 * random.below(256) as u64),
    }
}

/// Scribbles from another thread for as long as the library takes it.
fn scribble_wildly(victim: Victim, rounds: usize, random: &mut Random) {
    let arena = Arena::new(victim, OPTIONS);
    let (changes, mut uses) = (AtomicU64::new(0), 0);
    for _ in 0..rounds {
        let (channel, hostile) = arena.join();
        let (stop, seed) = (AtomicBool::new(false), random.word());
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random(seed);
                while !stop.load(Ordering::Relaxed) {
                    let word = hostile.pages.word(tender_place(&mut random, hostile.pages.len));
                    word.store(
                        tender_value(&mut random, word.load(Ordering::Relaxed)),
                        Ordering::SeqCst,
                    );
                    if random.below(16) == 0 {
                        hostile.give_wake();
                    }
                    changes.fetch_add(1, Ordering::Relaxed);
                }
            });
            let _stop = Stop(&stop);
            for use_number in 0..200 {
                let timeout = if use_number % 16 == 0 { SHORT } else { NOW };
                uses += 1;
                if !use_once(&channel, random.below(8), timeout) {
                    break;
                }
            }
            in_time(NOW, || channel.close());
        });
    }
    let changes = changes.into_inner();
    println!("{victim:?}: {rounds} channels, {uses} calls, {changes} words changed meanwhile");
}

#[test]
fn random_words_from_another_thread_all_the_time() {
    if !alone(random_words_from_another_thread_all_the_time) {
        return;
    }
    let mut random = Random::seeded();
    for victim in VICTIMS {
        let rounds = if cfg!(debug_assertions) { 150 } else { 500 };
        leaves_no_descriptors_once(|| scribble_wildly(victim, rounds, &mut random));
    }
}

/// Moves one word for ever while one call waits: it must see its timeout all the same.
fn keeps_its_timeout(field: usize, outgoing: bool, call: fn(&Channel, Option<Duration>) -> Status) {
    for (victim, spin) in VICTIMS.iter().flat_map(|victim| [(victim, "auto"), (victim, "1000")]) {
        let options = format!("{OPTIONS}&spin={spin}");
        let (channel, hostile) = Arena::new(*victim, &options).join();
        // Without room a send has to wait as well.
        while channel.send(&[0; 512], NOW).is_ok() {}
        let at = if outgoing { hostile.out_word(field) } else { hostile.in_word(field) };
        let done = AtomicBool::new(false);
        let timeout = Some(Duration::from_millis(100));
        thread::scope(|scope| {
            scope.spawn(|| {
                let began = std::time::Instant::now();
                while !done.load(Ordering::Relaxed) && began.elapsed() < Duration::from_secs(6) {
                    hostile.pages.byte(at).fetch_xor(0x10, Ordering::SeqCst);
                }
            });
            let _stop = Stop(&done);
            let result = in_time(timeout, || call(&channel, timeout));
            assert_ne!(result, Status::Internal);
        });
    }
}

#[test]
fn a_word_that_moves_for_ever_keeps_no_receiver_beyond_its_timeout() {
    if !alone(a_word_that_moves_for_ever_keeps_no_receiver_beyond_its_timeout) {
        return;
    }
    for (field, outgoing) in [(HEAD, false), (TAIL, false), (TAIL, true), (WRITER_CLOSED, true)] {
        keeps_its_timeout(field, outgoing, |channel, timeout| status(channel.recv_vec(timeout)));
    }
}

#[test]
fn a_word_that_moves_for_ever_keeps_no_sender_beyond_its_timeout() {
    if !alone(a_word_that_moves_for_ever_keeps_no_sender_beyond_its_timeout) {
        return;
    }
    for (field, outgoing) in [(HEAD, false), (TAIL, true), (WRITER_WAITS, false)] {
        keeps_its_timeout(field, outgoing, |channel, timeout| {
            status(channel.send(&[0; 512], timeout))
        });
    }
}
