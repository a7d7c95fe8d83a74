//! No wake-up is lost: a thread that sleeps although there is a record, room or the end for it
//! would sleep for ever here, and the checker reports that as a deadlock.

use super::side::{Side, pair};
use super::{check, check_with};
use crate::readiness::Direction::{Receive, Send};
use crate::sync::{Mutex, lock};
use loom::thread;
use std::sync::Arc;

/// A thread that sends these numbers.
fn sends(sender: &Arc<Side>, numbers: impl IntoIterator<Item = u8> + 'static) -> Handle<()> {
    let sender = Arc::clone(sender);
    thread::spawn(move || numbers.into_iter().for_each(|number| sender.send(number)))
}

/// A thread that receives one number.
fn receives(receiver: &Arc<Side>) -> Handle<Option<u8>> {
    let receiver = Arc::clone(receiver);
    thread::spawn(move || receiver.recv())
}

type Handle<T> = thread::JoinHandle<T>;

#[test]
fn loom_wake_the_receiver_sleeps() {
    check(|| {
        let [sender, receiver] = pair([&[], &[]]);
        let sends = sends(&sender, 0..2);
        assert_eq!(receiver.recv(), Some(0));
        assert_eq!(receiver.recv(), Some(1));
        sends.join().unwrap();
    });
}

#[test]
fn loom_wake_both_sides_sleep() {
    check(|| {
        let [sender, receiver] = pair([&[], &[]]);
        let sends = sends(&sender, 0..4);
        (0..4).for_each(|number| assert_eq!(receiver.recv(), Some(number)));
        sends.join().unwrap();
    });
}

#[test]
fn loom_wake_at_the_end() {
    check(|| {
        let [sender, receiver] = pair([&[], &[]]);
        let sends = thread::spawn(move || {
            sender.send(0);
            sender.close();
        });
        assert_eq!(receiver.recv(), Some(0));
        assert_eq!(receiver.recv(), None);
        sends.join().unwrap();
    });
}

#[test]
fn loom_wake_two_receivers() {
    check(|| {
        let [sender, receiver] = pair([&[], &[]]);
        let other = receives(&receiver);
        let sends = sends(&sender, 0..2);
        let both = [receiver.recv(), other.join().unwrap()];
        assert!(both.contains(&Some(0)) && both.contains(&Some(1)));
        sends.join().unwrap();
    });
}

/// The receiving side has said that it is busy, so the sender does not fence. No wake-up is lost.
#[test]
fn loom_wake_two_busy_receivers() {
    check(|| {
        let [sender, receiver] = pair([&[], &[]]);
        sender.send(0);
        assert_eq!(receiver.recv(), Some(0));
        let both = [receives(&receiver), receives(&receiver)];
        (1..3).for_each(|number| sender.send(number));
        let both = both.map(|one| one.join().unwrap());
        assert!(both.contains(&Some(1)) && both.contains(&Some(2)));
    });
}

#[test]
fn loom_wake_two_senders() {
    check(|| {
        let [sender, receiver] = pair([&[], &[]]);
        (0..2).for_each(|number| sender.send(number));
        let both = [sends(&sender, [2]), sends(&sender, [3])];
        assert_eq!([receiver.recv(), receiver.recv()], [Some(0), Some(1)]);
        both.into_iter().for_each(|one| one.join().unwrap());
    });
}

#[test]
fn loom_wake_the_fd() {
    check(|| {
        let [sender, receiver] = pair([&[], &[Receive]]);
        let sends = sends(&sender, 0..2);
        assert_eq!(receiver.recv_by_fd(), Some(0));
        assert_eq!(receiver.recv_by_fd(), Some(1));
        sends.join().unwrap();
    });
}

#[test]
fn loom_wake_a_receiver_and_the_fd() {
    check(|| {
        let [sender, receiver] = pair([&[], &[Receive]]);
        let other = receives(&receiver);
        let sends = sends(&sender, 0..2);
        let both = [receiver.recv_by_fd(), other.join().unwrap()];
        assert!(both.contains(&Some(0)) && both.contains(&Some(1)));
        sends.join().unwrap();
    });
}

#[test]
fn loom_wake_two_receivers_and_the_fd() {
    check_with(-1, || {
        let [sender, receiver] = pair([&[], &[Receive]]);
        let others = [receives(&receiver), receives(&receiver)];
        let sends = sends(&sender, 0..3);
        assert!(receiver.recv_by_fd().is_some());
        others.into_iter().for_each(|other| assert!(other.join().unwrap().is_some()));
        sends.join().unwrap();
    });
}

#[test]
fn loom_wake_a_sender_by_its_fd() {
    check(|| {
        let [sender, receiver] = pair([&[Send], &[]]);
        let sends = {
            let sender = Arc::clone(&sender);
            thread::spawn(move || (0..4).for_each(|number| sender.send_by_fd(number)))
        };
        (0..4).for_each(|number| assert_eq!(receiver.recv(), Some(number)));
        sends.join().unwrap();
    });
}

/// One thread's send was refused, and another's waits: each takes its room, and leaves the other's.
#[test]
fn loom_wake_a_sender_and_a_sender_by_the_fd() {
    check(|| {
        let [sender, receiver] = pair([&[Send], &[]]);
        (0..2).for_each(|number| sender.send(number));
        let by_fd = {
            let sender = Arc::clone(&sender);
            thread::spawn(move || sender.send_by_fd(2))
        };
        let waits = sends(&sender, [3]);
        (0..2).for_each(|number| assert_eq!(receiver.recv(), Some(number)));
        [by_fd, waits].into_iter().for_each(|one| one.join().unwrap());
    });
}

/// One pipe tells of messages and room: a thread that drains it for one leaves the other its event.
#[test]
fn loom_wake_both_fds_of_a_side() {
    check_with(-1, || {
        let [side, peer] = pair([&[Send, Receive], &[]]);
        (0..2).for_each(|number| side.send(number));
        let by_fd = {
            let side = Arc::clone(&side);
            thread::spawn(move || side.send_by_fd(2))
        };
        let receives = {
            let side = Arc::clone(&side);
            thread::spawn(move || side.recv_by_fd())
        };
        assert_eq!(peer.recv(), Some(0));
        peer.send(7);
        by_fd.join().unwrap();
        assert_eq!(receives.join().unwrap(), Some(7));
    });
}

/// A thread that waits takes the place of a descriptor: it drains on behalf of the other.
#[test]
fn loom_wake_a_receiver_and_a_sender_by_the_fd() {
    check_with(-1, || {
        let [side, peer] = pair([&[Send], &[]]);
        (0..2).for_each(|number| side.send(number));
        let by_fd = {
            let side = Arc::clone(&side);
            thread::spawn(move || side.send_by_fd(2))
        };
        let receives = receives(&side);
        assert_eq!(peer.recv(), Some(0));
        peer.send(7);
        by_fd.join().unwrap();
        assert_eq!(receives.join().unwrap(), Some(7));
    });
}

/// A thread waits for another of its side, while a leader sleeps or while there is none.
#[test]
fn loom_wake_in_turn() {
    check(|| {
        let [sender, receiver] = pair([&[], &[]]);
        let reads = receives(&receiver);
        let turn = Arc::new(Mutex::new(false));
        let waits = {
            let (receiver, turn) = (Arc::clone(&receiver), Arc::clone(&turn));
            thread::spawn(move || receiver.wait_until(|| *lock(&turn)))
        };
        *lock(&turn) = true;
        receiver.notify();
        waits.join().unwrap();
        sender.send(0);
        assert_eq!(reads.join().unwrap(), Some(0));
    });
}

/// A thread gives up the lead, as it must wait for another of its side, and then finds that it
/// waits for the peer after all: some thread must poll.
#[test]
fn loom_wake_after_a_turn() {
    check_with(1, || {
        let [sender, receiver] = pair([&[], &[]]);
        let turn = Arc::new(Mutex::new(false));
        let receives = {
            let (receiver, turn) = (Arc::clone(&receiver), Arc::clone(&turn));
            thread::spawn(move || receiver.recv_after(|| *lock(&turn)))
        };
        *lock(&turn) = true;
        receiver.notify();
        sender.send(0);
        assert_eq!(receives.join().unwrap(), Some(0));
    });
}
