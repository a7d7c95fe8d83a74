//! The wake-up pipes in a peer's hands: closed, full, or made to block. This side neither hangs
//! nor burns the processor.

use super::pages::{Arena, HEAD, READER_WAITS, TAIL, VICTIMS};
use super::shared::{WAIT, alone, eventually, in_time, status, thread_time};
use crate::common::seccomp::{Forbidden, forbid_here};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use treenail::ring::layout::BUSY;
use treenail::{Channel, NOW, Status};

const LONG: Option<Duration> = Some(Duration::from_millis(500));
/// What waiting half a second may take at most of the processor.
const LITTLE: Duration = Duration::from_millis(50);

/// Waits in vain, and takes next to no processor time for it.
fn waits_quietly(channel: &Channel) {
    let before = thread_time();
    assert_eq!(in_time(LONG, || status(channel.recv_vec(LONG))), Status::TimedOut);
    let used = thread_time() - before;
    assert!(used < LITTLE, "waiting took {used:?} of the processor");
}

fn set_flags(fd: &OwnedFd, flags: i32) {
    // SAFETY: takes no memory.
    assert_eq!(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags) }, 0);
}

#[test]
fn a_peer_that_closes_its_ends_costs_no_processor_time() {
    if !alone(a_peer_that_closes_its_ends_costs_no_processor_time) {
        return;
    }
    for victim in VICTIMS {
        let (channel, mut hostile) = Arena::new(victim, "").join();
        (hostile.wake, hostile.woken) = (None, None);
        waits_quietly(&channel);
        // No wake-up reaches it, and nothing is raised or reported for that.
        hostile.pages.half(hostile.in_word(READER_WAITS)).store(1, Ordering::SeqCst);
        assert_eq!(status(channel.send(b"anybody?", NOW)), Status::Ok);
        hostile.publish(2, 0, 0, 0, b"still here");
        assert_eq!(channel.recv_vec(NOW).expect("it is there"), b"still here");
    }
}

#[test]
fn a_peer_that_closes_its_ends_is_noticed_when_it_dies() {
    if !alone(a_peer_that_closes_its_ends_is_noticed_when_it_dies) {
        return;
    }
    for victim in VICTIMS {
        let (channel, mut hostile) = Arena::new(victim, "").join();
        (hostile.wake, hostile.woken) = (None, None);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| status(channel.recv_vec(Some(Duration::from_secs(60)))));
            eventually("it waits", || hostile.library_waits());
            drop(hostile);
            let ended = in_time(NOW, || waiting.join().expect("recv returns"));
            assert_eq!(ended, Status::PeerLost);
        });
    }
}

#[test]
fn a_wake_up_pipe_that_is_full_costs_no_processor_time() {
    if !alone(a_wake_up_pipe_that_is_full_costs_no_processor_time) {
        return;
    }
    for victim in VICTIMS {
        let (channel, mut hostile) = Arena::new(victim, "").join();
        while hostile.give_wake() {}
        waits_quietly(&channel);
        while hostile.give_wake() {}
        hostile.publish(2, 0, 0, 0, b"still here");
        assert_eq!(channel.recv_vec(WAIT).expect("it is there"), b"still here");
        waits_quietly(&channel);
    }
}

#[test]
fn a_wake_up_pipe_of_a_megabyte_costs_little_processor_time() {
    if !alone(a_wake_up_pipe_of_a_megabyte_costs_little_processor_time) {
        return;
    }
    for victim in VICTIMS {
        let (channel, hostile) = Arena::new(victim, "").join();
        let wake = hostile.wake.as_ref().expect("it is open").as_raw_fd();
        // SAFETY: takes no memory. Without the right to it, the pipe stays as it is.
        unsafe { libc::fcntl(wake, libc::F_SETPIPE_SZ, 1 << 20) };
        let block = [b'!'; 4096];
        // SAFETY: the array is live during the calls.
        while unsafe { libc::write(wake, block.as_ptr().cast(), block.len()) } > 0 {}
        waits_quietly(&channel);
    }
}

#[test]
fn single_packets_in_the_wake_up_pipe_cost_little_processor_time() {
    if !alone(single_packets_in_the_wake_up_pipe_cost_little_processor_time) {
        return;
    }
    for victim in VICTIMS {
        let (channel, hostile) = Arena::new(victim, "").join();
        set_flags(hostile.wake.as_ref().expect("it is open"), libc::O_DIRECT | libc::O_NONBLOCK);
        while hostile.give_wake() {}
        waits_quietly(&channel);
    }
}

#[test]
fn a_peer_that_makes_its_ends_blocking_and_never_reads_does_not_block_a_sender() {
    if !alone(a_peer_that_makes_its_ends_blocking_and_never_reads_does_not_block_a_sender) {
        return;
    }
    for victim in VICTIMS {
        let (channel, hostile) = Arena::new(victim, "ring=64KiB").join();
        for end in [&hostile.wake, &hostile.woken] {
            set_flags(end.as_ref().expect("it is open"), 0);
        }
        // More wake-ups than the largest pipe has room for.
        for _ in 0..100_000 {
            hostile.pages.half(hostile.in_word(READER_WAITS)).store(1, Ordering::SeqCst);
            assert_eq!(status(channel.send(b"x", NOW)), Status::Ok);
            hostile.swallow();
        }
        waits_quietly(&channel);
    }
}

#[test]
fn a_peer_that_drains_this_side_s_wake_ups_does_not_keep_it_beyond_its_timeout() {
    if !alone(a_peer_that_drains_this_side_s_wake_ups_does_not_keep_it_beyond_its_timeout) {
        return;
    }
    let timeout = Some(Duration::from_millis(200));
    for victim in VICTIMS {
        let (channel, hostile) = Arena::new(victim, "").join();
        // It says that nobody waits, and wakes nobody: a message lies there unseen, or is found.
        let waits = hostile.out_word(READER_WAITS);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| in_time(timeout, || status(channel.recv_vec(timeout))));
            eventually("it waits", || hostile.library_waits());
            hostile.pages.half(waits).store(0, Ordering::SeqCst);
            let result = waiting.join().expect("recv returns");
            assert_eq!(result, Status::TimedOut);
        });
    }
}

#[test]
fn a_peer_that_says_it_waits_all_the_time_costs_a_wake_up_a_message_at_most() {
    if !alone(a_peer_that_says_it_waits_all_the_time_costs_a_wake_up_a_message_at_most) {
        return;
    }
    let (channel, hostile) = Arena::new(super::pages::Victim::Listens, "").join();
    for _ in 0..1000 {
        for (field, outgoing) in [(READER_WAITS, false), (READER_WAITS, true)] {
            let at = if outgoing { hostile.out_word(field) } else { hostile.in_word(field) };
            hostile.pages.half(at).store(u32::MAX, Ordering::SeqCst);
        }
        assert_eq!(status(channel.send(b"x", NOW)), Status::Ok);
        hostile.swallow();
    }
    let stats = channel.stats().expect("the channel is open");
    assert!(stats.wakeups_sent <= 1000, "{} wake-ups were sent", stats.wakeups_sent);
}

/// Each barrier interrupts processors that have nothing to do with this channel.
#[test]
fn a_peer_that_says_this_side_is_busy_makes_it_call_for_no_barrier() {
    if !alone(a_peer_that_says_this_side_is_busy_makes_it_call_for_no_barrier) {
        return;
    }
    for victim in VICTIMS {
        let (channel, hostile) = Arena::new(victim, "").join();
        channel.fd().expect("a descriptor");
        let receive = || {
            forbid_here(&[libc::SYS_membarrier], Forbidden::Kills);
            for _ in 0..100 {
                hostile.pages.half(hostile.out_word(READER_WAITS)).store(BUSY, Ordering::SeqCst);
                assert_eq!(status(channel.recv(&mut [0; 64], NOW)), Status::Again);
            }
        };
        thread::scope(|scope| scope.spawn(receive).join()).expect("no panic");
    }
}

#[test]
fn a_full_ring_whose_reader_never_reads_keeps_no_sender_beyond_its_timeout() {
    if !alone(a_full_ring_whose_reader_never_reads_keeps_no_sender_beyond_its_timeout) {
        return;
    }
    for victim in VICTIMS {
        let (channel, hostile) = Arena::new(victim, "ring=4096").join();
        while channel.send(&[0; 500], NOW).is_ok() {}
        let before = thread_time();
        assert_eq!(in_time(LONG, || status(channel.send(&[0; 500], LONG))), Status::TimedOut);
        assert!(thread_time() - before < LITTLE);
        let tail = hostile.pages.word(hostile.in_word(TAIL)).load(Ordering::Acquire);
        assert_eq!(hostile.pages.word(hostile.in_word(HEAD)).load(Ordering::Acquire), 0);
        assert!(tail <= 1 << 20);
        in_time(NOW, || drop(channel));
    }
}
