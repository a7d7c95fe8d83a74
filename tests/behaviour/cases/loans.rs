//! Messages written in place.

use super::Way;
use super::readiness::silence;
use crate::common::event::readable_within;
use crate::common::{Fails, Random, SOON, WATCHDOG, assert_payload, number_of, payload, status};
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;
use treenail::{Channel, Loan, NOW, Status};

/// Over ten rings, and more than a socket's buffers hold.
const LARGE: usize = 4 << 20;
const BRIEFLY: Option<Duration> = Some(Duration::from_millis(5));

fn pending(channel: &Channel) -> u64 {
    channel.stats().expect("it is open").pending_bytes
}

fn lend(channel: &Channel, number: u64, len: usize) -> Loan<'_> {
    let mut loan = channel.loan(len, SOON).expect("there is room");
    assert_eq!(loan.len(), len);
    assert_eq!(loan.as_ptr().align_offset(16), 0, "16-byte aligned");
    loan.write_at(0, &payload(number, len));
    loan
}

pub fn loans_arrive_in_the_order_they_were_lent(way: Way) {
    let pair = way.pair("ring=16KiB");
    for _ in 0..200 {
        let first = lend(&pair.connector, 1, 100);
        let second = lend(&pair.connector, 2, 200);
        pair.connector.send(&payload(3, 50), NOW).expect("there is room");
        second.commit(22, 200, NOW).expect("it was lent");
        // All is held back behind the first.
        assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
        first.commit(11, 100, NOW).expect("it was lent");
        for (number, tag, len) in [(1, 11, 100), (2, 22, 200), (3, 0, 50)] {
            let view = pair.acceptor.recv_view(SOON).expect("it was committed");
            assert_eq!((view.info().tag, view.len()), (tag, len));
            assert_payload(&view.to_vec(), number);
        }
    }
}

pub fn loans_out_of_order_all_arrive(way: Way) {
    const COUNT: u64 = 2000;
    // The first loan that is open holds back all behind it: in a small ring this thread would wait
    // for itself.
    let pair = way.pair("ring=64KiB");
    let mut random = Random::printed("loans");
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let mut seen = vec![false; COUNT as usize];
            for _ in 0..COUNT {
                let bytes = pair.acceptor.recv_vec(SOON).expect("it was committed");
                assert_payload(&bytes, number_of(&bytes));
                let before = std::mem::replace(&mut seen[number_of(&bytes) as usize], true);
                assert!(!before, "{} came twice", number_of(&bytes));
            }
        });
        let mut open: Vec<(usize, Loan<'_>)> = Vec::new();
        let mut next = 0;
        while next < COUNT || !open.is_empty() {
            if next < COUNT && open.len() < 10 && random.below(2) == 0 {
                let len = 8 + random.below(400) as usize;
                open.push((len, lend(&pair.connector, next, len)));
                next += 1;
            } else if !open.is_empty() {
                let (len, loan) = open.swap_remove(random.below(open.len() as u64) as usize);
                loan.commit(0, len, SOON).expect("the peer reads");
            }
        }
        receiver.join().expect("no panic");
    });
}

pub fn shortened_and_dropped_loans_leave_no_trace(way: Way) {
    let pair = way.pair("ring=4KiB");
    let mut random = Random::printed("loans");
    for number in 0..2000 {
        let len = 8 + random.below(1500) as usize;
        let mut loan = pair.connector.loan(len, SOON).expect("there is room");
        match number % 3 {
            0 => drop(loan),
            1 => {
                let short = 8 + random.below(len as u64 - 7) as usize;
                loan.write_at(0, &payload(number, short));
                loan.commit(9, short, SOON).expect("it was lent");
                let view = pair.acceptor.recv_view(SOON).expect("it was committed");
                assert_eq!((view.info().tag, view.len()), (9, short));
                assert_payload(&view.to_vec(), number);
            }
            _ => {
                loan.commit(0, 0, SOON).expect("an empty one is a message too");
                assert!(pair.acceptor.recv_vec(SOON).expect("it comes").is_empty());
            }
        }
        assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
    }
    let stats = pair.connector.stats().expect("it is open");
    assert_eq!(stats.messages_sent, 2000 - 667);
}

pub fn loans_of_every_size_arrive(way: Way) {
    let pair = way.pair("ring=64KiB&max_message=1MiB");
    for len in [0, 1, 15, 16, 17, 32_752, 32_753, 65_535, 65_536, 655_360, 1 << 20] {
        thread::scope(|scope| {
            let receiver = scope.spawn(|| pair.acceptor.recv_vec(SOON));
            let loan = lend(&pair.connector, len as u64, len);
            loan.commit(0, len, SOON).expect("the peer reads");
            let bytes = receiver.join().expect("no panic").expect("it comes");
            assert_eq!(bytes.len(), len);
            assert_payload(&bytes, len as u64);
        });
    }
}

pub fn a_loan_is_read_from_a_pipe_and_a_view_written_to_it(way: Way) {
    let pair = way.pair("");
    let (input, output) = std::io::pipe().expect("there are descriptors");
    for number in 0..100 {
        (&output).write_all(&payload(number, 3000)).expect("there is room");
        let mut loan = pair.connector.loan(4000, SOON).expect("there is room");
        loan.write_at(0, b"before");
        assert_eq!(loan.read_from(6, &input).expect("it is open"), 3000);
        assert_eq!(loan.read_from(4000, &input).expect("no room"), 0);
        loan.commit(0, 3006, SOON).expect("it was lent");
        let view = pair.acceptor.recv_view(SOON).expect("it was committed");
        assert_eq!(view.write_to(6, &output).expect("there is room"), 3000);
        assert_eq!(view.write_to(view.len(), &output).expect("nothing to do"), 0);
        let mut bytes = [0; 3000];
        (&input).read_exact(&mut bytes).expect("it was written");
        assert_payload(&bytes, number);
    }
    drop(output);
    let mut loan = pair.connector.loan(10, SOON).expect("there is room");
    assert_eq!(loan.read_from(0, &input).expect("its end"), 0);
    drop(loan);
    pair.connector.send(b"x", SOON).expect("there is room");
    let view = pair.acceptor.recv_view(SOON).expect("it was sent");
    assert!(view.write_to(0, &input).is_err(), "it is for reading only");
}

pub fn a_loan_can_not_be_committed_longer(way: Way) {
    let pair = way.pair("");
    let loan = lend(&pair.connector, 1, 100);
    let refused = loan.commit(0, 101, SOON).fails_with(Status::Invalid);
    let loan = refused.into_loan().expect("it is lent still");
    assert_eq!(status(loan.commit(0, 101, SOON)), Status::Invalid);
    // Now it is gone, and holds nothing back.
    pair.connector.send(b"next", NOW).expect("there is room");
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("it comes"), b"next");
}

pub fn a_full_ring_lends_nothing(way: Way) {
    let pair = way.pair("ring=64KiB");
    let first = lend(&pair.connector, 1, 24_000);
    let second = lend(&pair.connector, 2, 24_000);
    assert_eq!(status(pair.connector.loan(24_000, NOW)), Status::Again);
    let short = Some(Duration::from_millis(5));
    assert_eq!(status(pair.connector.loan(24_000, short)), Status::TimedOut);
    assert_eq!(status(pair.connector.send(&[7; 24_000], NOW)), Status::Again);
    drop(first);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| status(pair.connector.loan(24_000, SOON)));
        second.commit(0, 24_000, NOW).expect("it was lent");
        assert_payload(&pair.acceptor.recv_vec(SOON).expect("it comes"), 2);
        assert_eq!(waiter.join().expect("no panic"), Status::Ok);
    });
}

pub fn flush_waits_for_what_a_loan_holds_back(way: Way) {
    let pair = way.pair("");
    let loan = lend(&pair.connector, 1, 100);
    pair.connector.send(b"held back", NOW).expect("there is room");
    assert_eq!(status(pair.connector.flush(NOW)), Status::Again);
    thread::scope(|scope| {
        let flush = scope.spawn(|| pair.connector.flush(SOON));
        loan.commit(0, 100, NOW).expect("it was lent");
        flush.join().expect("no panic").expect("nothing is held back");
    });
    assert_payload(&pair.acceptor.recv_vec(SOON).expect("it comes"), 1);
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("it comes"), b"held back");
}

pub fn an_open_loan_alone_holds_nothing_back(way: Way) {
    let pair = way.pair("");
    pair.connector.send(b"before", NOW).expect("there is room");
    let loan = lend(&pair.connector, 1, 100);
    pair.connector.flush(NOW).expect("all that was sent is out");
    loan.commit(0, 100, NOW).expect("it was lent");
}

pub fn a_commit_with_time_leaves_nothing_here(way: Way) {
    let pair = way.pair("ring=64KiB");
    let loan = lend(&pair.connector, 1, LARGE);
    thread::scope(|scope| {
        let receiver = scope.spawn(|| pair.acceptor.recv_message(&mut vec![0; LARGE], SOON));
        loan.commit(7, LARGE, SOON).expect("the peer reads");
        assert_eq!(pending(&pair.connector), 0);
        // The sender makes no further call.
        let info = receiver.join().expect("no panic").expect("all of it comes");
        assert_eq!((info.len, info.tag), (LARGE, 7));
    });
    let stats = pair.connector.stats().expect("it is open");
    assert_eq!((stats.messages_sent, stats.bytes_sent), (1, LARGE as u64));
}

pub fn a_commit_whose_time_runs_out_amid_is_finished_by_flush(way: Way) {
    for time in [NOW, BRIEFLY] {
        let pair = way.pair("ring=64KiB");
        lend(&pair.connector, 1, LARGE).commit(0, LARGE, time).expect("it is taken");
        let left = pending(&pair.connector);
        assert!(left > 0 && left < LARGE as u64, "{left} are left");
        thread::scope(|scope| {
            let receiver = scope.spawn(|| pair.acceptor.recv_vec(SOON));
            pair.connector.flush(SOON).expect("the peer reads");
            let bytes = receiver.join().expect("no panic").expect("all of it comes");
            assert_eq!(bytes.len(), LARGE);
            assert_payload(&bytes, 1);
        });
    }
}

pub fn a_loan_without_room_stays_open(way: Way) {
    let pair = way.pair("ring=4KiB");
    let (kept, discarded) = (lend(&pair.connector, 1, 100_000), lend(&pair.connector, 2, 100_000));
    while pair.connector.send(&[7; 1000], NOW).is_ok() {}
    let sent = pair.connector.stats().expect("it is open").messages_sent;
    let refused = kept.commit(3, 100_000, NOW).fails_with(Status::Again);
    let kept = refused.into_loan().expect("it stays");
    let refused = kept.commit(3, 90_000, BRIEFLY).fails_with(Status::TimedOut);
    let kept = refused.into_loan().expect("it stays");
    assert_payload(&kept.to_vec(), 1);
    drop(discarded.commit(0, 100_000, NOW).expect_err("there is no room").into_loan());
    assert_eq!(pair.connector.stats().expect("it is open").messages_sent, sent);
    thread::scope(|scope| {
        scope.spawn(|| kept.commit(3, 100_000, SOON).expect("the peer reads"));
        for _ in 0..sent {
            assert_eq!(pair.acceptor.recv_vec(SOON).expect("it was sent").len(), 1000);
        }
        let view = pair.acceptor.recv_view(SOON).expect("it was committed");
        assert_eq!((view.info().tag, view.len()), (3, 100_000));
        assert_payload(&view.to_vec(), 1);
    });
    pair.connector.send(b"after", NOW).expect("there is room");
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("it comes"), b"after");
}

pub fn a_commit_waits_for_its_turn(way: Way) {
    let pair = way.pair("ring=4KiB");
    let (waiting, impatient) =
        (lend(&pair.connector, 2, 100_000), lend(&pair.connector, 3, 100_000));
    thread::scope(|scope| {
        silence(&pair.acceptor);
        scope.spawn(|| pair.connector.send(&payload(1, LARGE), SOON).expect("the peer reads"));
        let fd = pair.acceptor.fd().expect("there are descriptors left");
        assert!(readable_within(fd, WATCHDOG), "it is in the middle of its message");
        let refused = impatient.commit(0, 100_000, NOW).fails_with(Status::Again);
        let impatient = refused.into_loan().expect("it stays");
        scope.spawn(|| waiting.commit(0, 100_000, SOON).expect("the peer reads"));
        for number in [1, 2] {
            let bytes = pair.acceptor.recv_vec(SOON).expect("it comes whole");
            assert_payload(&bytes, number);
        }
        impatient.commit(0, 0, SOON).expect("there is room again");
        assert!(pair.acceptor.recv_vec(SOON).expect("it comes").is_empty());
    });
}

pub fn a_loan_in_the_ring_never_waits(way: Way) {
    let pair = way.pair("ring=4KiB");
    let loan = lend(&pair.connector, 1, 1000);
    while pair.connector.send(&[7; 500], NOW).is_ok() {}
    loan.commit(0, 1000, NOW).expect("it has its place");
    assert_payload(&pair.acceptor.recv_vec(SOON).expect("it comes first"), 1);
}
