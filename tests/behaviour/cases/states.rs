//! Descriptors that show a state: whoever looks sees it, whatever others of this process did.

use super::Way;
use super::readiness::silence;
use crate::common::event::{Events, is_readable, readable_within};
use crate::common::system::is_sanitized;
use crate::common::{SOON, WATCHDOG, messages, payload, status, until};
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant};
use treenail::{Channel, FOREVER, NOW, Status};

/// One size for all messages of a handle: room for one is room for all.
const SIZE: usize = 500;

/// Sends until there is no room.
fn fill(channel: &Channel) {
    loop {
        match channel.send(&[7; SIZE], NOW) {
            Ok(()) => {}
            Err(error) => return assert_eq!(error.status(), Status::Again, "{error}"),
        }
    }
}

/// Receives all that is there: how much.
fn empty(channel: &Channel) -> usize {
    std::iter::from_fn(|| channel.recv_vec(NOW).ok()).count()
}

fn assert_shows(fd: BorrowedFd<'_>, what: &str) {
    assert!(readable_within(fd, WATCHDOG), "{what}");
}

pub fn another_thread_s_send_takes_away_no_room(way: Way) {
    for _ in 0..20 {
        let pair = way.pair("ring=4KiB");
        let channel = &pair.connector;
        let (fd, send_fd) = (channel.fd().expect("room"), channel.send_fd().expect("room"));
        silence(channel);
        // This thread is refused; another one waits, sends, and is gone.
        fill(channel);
        thread::scope(|scope| {
            let waits = || channel.stats().expect("it is open").send_waits;
            let before = waits();
            let other = scope.spawn(|| channel.send(&[8; SIZE], FOREVER));
            until("it waits", || waits() > before);
            until("it has sent", || {
                empty(&pair.acceptor);
                other.is_finished()
            });
            other.join().expect("no panic").expect("room came");
        });
        // A third one only receives.
        silence(channel);
        empty(&pair.acceptor);
        assert_shows(send_fd, "a send would be taken now");
        channel.send(&[9; SIZE], NOW).expect("there is room");
        silence(channel);
        assert!(!is_readable(fd));
    }
}

pub fn whoever_was_away_for_long_still_sees_it(way: Way) {
    let pair = way.pair("ring=4KiB");
    let channel = &pair.connector;
    let (fd, send_fd) = (channel.fd().expect("room"), channel.send_fd().expect("room"));
    silence(channel);
    fill(channel);
    empty(&pair.acceptor);
    let began = Instant::now();
    let mut wakes = 0u32;
    // Meanwhile a loop receives at the other descriptor.
    while began.elapsed() < Duration::from_millis(1500) {
        wakes += u32::from(readable_within(fd, Duration::from_millis(20)));
        assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
        assert!(is_readable(send_fd), "there is room all the time");
    }
    assert!(wakes <= 8, "the receiver woke {wakes} times for nothing");
    channel.send(&[9; SIZE], NOW).expect("there is room");
    // The same for a message that a refused sender does not fetch.
    pair.acceptor.send(b"news", SOON).expect("there is room");
    assert_shows(fd, "a message is there");
    for _ in 0..10 {
        fill(channel);
        assert!(is_readable(fd), "sending calls hide no message");
    }
    assert_eq!(channel.recv_vec(NOW).expect("it was sent"), b"news");
}

pub fn a_receiver_is_not_woken_for_room(way: Way) {
    let messages = messages().min(300_000);
    let pair = way.pair("ring=4KiB");
    let (sender, receiver) = (&pair.connector, &pair.acceptor);
    let refused = thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..messages {
                receiver.recv_view(SOON).expect("a message comes");
            }
        });
        let events = Events::of(sender.send_fd().expect("a descriptor"));
        let (mut sent, mut refused) = (0, 0);
        while sent < messages {
            match sender.send(&[1; 64], NOW) {
                Ok(()) => sent += 1,
                Err(error) => {
                    assert_eq!(error.status(), Status::Again, "{error}");
                    refused += 1;
                    events.wait();
                }
            }
        }
        refused
    });
    let woken = receiver.stats().expect("it is open").wakeups_sent;
    // A sanitizer changes how the two take turns.
    let most = if is_sanitized() { 8 } else { 2 } * refused;
    assert!(woken <= most, "{woken} wake-ups for {refused} sends that were refused");
    let waited = receiver.stats().expect("it is open").recv_waits;
    let woken = sender.stats().expect("it is open").wakeups_sent;
    assert!(woken <= 2 * waited.max(1), "{woken} wake-ups for {waited} waiting receives");
}

pub fn what_a_request_reads_for_others_stays_shown(way: Way) {
    let pair = way.pair("");
    let channel = &pair.connector;
    let fd = channel.fd().expect("room");
    silence(channel);
    let id = channel.request_begin(1, b"?", SOON).expect("there is room");
    pair.acceptor.send(b"news", SOON).expect("there is room");
    for _ in 0..3 {
        assert_shows(fd, "a message has come");
        assert_eq!(status(channel.request_end(id, NOW)), Status::Again);
    }
    assert!(is_readable(fd), "whoever receives has not had it");
    assert_eq!(channel.recv_vec(NOW).expect("it was shown"), b"news");
    silence(channel);
}

pub fn a_reply_that_nobody_fetches_keeps_nobody_awake(way: Way) {
    let pair = way.pair("");
    let channel = &pair.connector;
    let fd = channel.fd().expect("a descriptor");
    let id = channel.request_begin(1, b"?", SOON).expect("there is room");
    let info = pair.acceptor.recv_view(SOON).expect("it was sent").info();
    silence(channel);
    pair.acceptor.reply(&info, b"!", SOON).expect("there is room");
    assert_shows(fd, "the reply has come");
    // The call that reads it finds nothing for itself, and leaves a last event.
    assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
    assert!(is_readable(fd), "whoever asked has not seen it");
    assert_eq!(status(channel.recv_vec(NOW)), Status::Again);
    assert!(!is_readable(fd), "nobody waits for it at the descriptor");
    assert_eq!(channel.request_end(id, NOW).expect("it is there").to_vec(), b"!");
}

pub fn both_descriptors_show_the_end(way: Way) {
    for own in [false, true] {
        let pair = way.pair("ring=4KiB");
        let channel = &pair.connector;
        let fds = [channel.fd().expect("room"), channel.send_fd().expect("room")];
        silence(channel);
        fill(channel);
        assert!(fds.iter().all(|fd| !is_readable(fd)));
        if own {
            channel.close()
        } else {
            pair.acceptor.close()
        }
        for _ in 0..3 {
            fds.into_iter().for_each(|fd| assert_shows(fd, "the end"));
            assert_eq!(status(channel.recv_vec(NOW)), Status::Closed);
            fds.into_iter().for_each(|fd| assert_shows(fd, "the end"));
            assert!(channel.send(&[7; SIZE], NOW).is_err());
        }
    }
}

pub fn a_timed_out_send_shows_when_there_is_room(way: Way) {
    let pair = way.pair("ring=4KiB");
    let channel = &pair.connector;
    let send_fd = channel.send_fd().expect("a descriptor");
    // No call was refused with Again before.
    let short = Some(Duration::from_millis(5));
    let refused = std::iter::repeat_with(|| channel.send(&[7; SIZE], short)).find(Result::is_err);
    assert_eq!(status(refused.expect("it is full at last")), Status::TimedOut);
    assert!(!is_readable(send_fd), "there is no room");
    assert_eq!(status(channel.flush(NOW)), Status::Ok);
    empty(&pair.acceptor);
    assert_shows(send_fd, "there is room");
    channel.send(&[7; SIZE], NOW).expect("there is room");
}

pub fn a_close_over_the_rest_of_a_message_is_a_loss(way: Way) {
    let pair = way.pair("ring=16KiB");
    pair.connector.send(b"before", NOW).expect("there is room");
    pair.connector.send(&payload(0, 4 << 20), NOW).expect("its beginning goes out");
    pair.connector.close();
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("it went out"), b"before");
    assert_eq!(status(pair.acceptor.recv_vec(SOON)), Status::PeerLost);
    assert_eq!(status(pair.acceptor.send(b"x", NOW)), Status::PeerLost);
}

pub fn a_close_leaves_nothing_behind_an_open_loan(way: Way) {
    let pair = way.pair("");
    let loan = pair.connector.loan(100, SOON).expect("there is room");
    pair.connector.send(b"behind", SOON).expect("there is room");
    pair.connector.close();
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("it was sent"), b"behind");
    assert_eq!(status(pair.acceptor.recv_vec(SOON)), Status::Closed);
    assert_eq!(status(loan.commit(0, 100, NOW)), Status::Closed);
}

pub fn what_two_sent_in_vain_goes_out_while_both_receive(way: Way) {
    const LARGE: usize = 4 << 20;
    let pair = way.pair("ring=16KiB");
    let short = Some(Duration::from_millis(50));
    thread::scope(|scope| {
        for (channel, number) in [(&pair.connector, 1), (&pair.acceptor, 2)] {
            scope.spawn(move || {
                channel.send(&payload(number, LARGE), short).expect("its beginning goes out");
                let other = channel.recv_vec(SOON).expect("the rest comes meanwhile");
                assert!(other == payload(3 - number, LARGE));
                channel.flush(SOON).expect("the other one receives, or has");
            });
        }
    });
}
