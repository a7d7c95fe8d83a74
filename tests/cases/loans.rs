//! Messages written in place.

use crate::Way;
use crate::common::{Random, SOON, assert_payload, number_of, payload, status};
use std::thread;
use std::time::Duration;
use treenail::{Channel, Loan, NOW, Status};

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
        second.commit(22, 200).expect("it was lent");
        // All is held back behind the first.
        assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
        first.commit(11, 100).expect("it was lent");
        for (number, tag, len) in [(1, 11, 100), (2, 22, 200), (3, 0, 50)] {
            let view = pair.acceptor.recv_view(SOON).expect("it was committed");
            assert_eq!((view.info().tag, view.len()), (tag, len));
            assert_payload(&view.to_vec(), number);
        }
    }
}

pub fn loans_out_of_order_all_arrive(way: Way) {
    const COUNT: u64 = 2000;
    let pair = way.pair("ring=16KiB");
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
                commit(&pair.connector, loan, len);
            }
        }
        receiver.join().expect("no panic");
    });
}

/// Commits; what is left of an earlier message may have to go out first.
fn commit(channel: &Channel, loan: Loan<'_>, len: usize) {
    if channel.stats().expect("it is open").pending_bytes > 0 {
        channel.flush(SOON).expect("the peer reads");
    }
    loan.commit(0, len).expect("it was lent");
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
                loan.commit(9, short).expect("it was lent");
                let view = pair.acceptor.recv_view(SOON).expect("it was committed");
                assert_eq!((view.info().tag, view.len()), (9, short));
                assert_payload(&view.to_vec(), number);
            }
            _ => {
                loan.commit(0, 0).expect("an empty one is a message too");
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
            loan.commit(0, len).expect("it was lent");
            pair.connector.flush(SOON).expect("the peer reads");
            let bytes = receiver.join().expect("no panic").expect("it comes");
            assert_eq!(bytes.len(), len);
            assert_payload(&bytes, len as u64);
        });
    }
}

pub fn a_loan_can_not_be_committed_longer(way: Way) {
    let pair = way.pair("");
    let loan = lend(&pair.connector, 1, 100);
    assert_eq!(status(loan.commit(0, 101)), Status::Invalid);
    // It is gone, and holds nothing back.
    pair.connector.send(b"next", NOW).expect("there is room");
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("it comes"), b"next");
}

pub fn a_full_ring_lends_nothing(way: Way) {
    let pair = way.pair("ring=4KiB");
    let first = lend(&pair.connector, 1, 1500);
    let second = lend(&pair.connector, 2, 1500);
    assert_eq!(status(pair.connector.loan(1500, NOW)), Status::Again);
    let short = Some(Duration::from_millis(5));
    assert_eq!(status(pair.connector.loan(1500, short)), Status::TimedOut);
    assert_eq!(status(pair.connector.send(&[7; 1500], NOW)), Status::Again);
    drop(first);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| status(pair.connector.loan(1500, SOON)));
        second.commit(0, 1500).expect("it was lent");
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
        loan.commit(0, 100).expect("it was lent");
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
    loan.commit(0, 100).expect("it was lent");
}
