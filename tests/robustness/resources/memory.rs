//! Memory that is too short for a message: TN_NO_SPACE, and the channel goes on.

use crate::common::child::{self, alone_for, kill};
use crate::common::{Fails, SOON, assert_payload, name, number_of, payload, status, with};
use std::fs;
use std::io::IoSlice;
use std::time::Duration;
use treenail::{Channel, FOREVER, Listener, NOW, Status};
/// For what is large, where the machine is busy.
const LONG: Option<Duration> = Some(Duration::from_secs(60));
const OPTIONS: &str = "max_message=200MiB&inbox=200MiB&ring=1MiB";
/// More than is left, and than the allocator keeps for a thread.
const LARGE: usize = 80 << 20;
/// Bytes of memory that are left.
const LEFT: u64 = 40 << 20;

/// Sends what it is asked for, in a process with memory of its own.
#[test]
fn the_other_side() {
    if child::role().as_deref() != Some("serves") {
        return;
    }
    let endpoint = std::env::var("ENDPOINT").expect("the parent says");
    let channel = Channel::connect(&endpoint, SOON).expect("the parent listens");
    let mut next = 0;
    loop {
        let Ok(view) = channel.recv_view(FOREVER) else { return };
        let (info, asked) = (view.info(), view.to_vec());
        drop(view);
        if info.is_request() {
            channel.reply(&info, &payload(1, LARGE), FOREVER).expect("it is read");
        } else if asked == b"large" {
            channel.send(&payload(next, LARGE), FOREVER).expect("it is read");
            next += 1;
        } else {
            channel.send(&asked[..asked.len().min(9)], FOREVER).expect("it is read");
        }
    }
}

fn size() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages: u64 = text.split(' ').next().expect("the first").parse().expect("a number");
    pages * 4096
}

/// Limits this process' memory to what it has and `more`; None ends the limit.
fn limit(more: Option<u64>) {
    let most = more.map_or(libc::RLIM_INFINITY, |more| size() + more);
    let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the structure is live during the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

/// Runs `act` with a channel to a process that serves, in a child of its own.
fn in_a_child(test: impl Fn(), act: fn(&Channel)) {
    if !alone_for(test, Duration::from_secs(300)) {
        return;
    }
    for scheme in ["shm", "local"] {
        let endpoint = format!("{scheme}:{}", name());
        let listener = Listener::open(&with(&endpoint, OPTIONS)).expect("the name is free");
        let endpoint = with(&endpoint, OPTIONS);
        let server = child::start(the_other_side, "serves", &[("ENDPOINT", &endpoint)]);
        let channel = listener.accept(SOON).expect("it connects");
        act(&channel);
        drop(channel);
        kill(server);
    }
}

fn small_ones_still_come(channel: &Channel) {
    channel.send(b"and now?", SOON).expect("there is room");
    assert_eq!(channel.recv_vec(SOON).expect("it is answered"), b"and now?");
}

/// Receives until that fails for want of memory.
fn until_no_space(mut receive: impl FnMut() -> Status) {
    let status = receive();
    assert_eq!(status, Status::NoSpace);
    // It stays so, as the message stays.
    assert_eq!(receive(), Status::NoSpace);
}

#[test]
fn a_message_larger_than_memory_waits_until_there_is_some() {
    in_a_child(a_message_larger_than_memory_waits_until_there_is_some, |channel| {
        for call in 0..2 {
            channel.send(b"large", SOON).expect("there is room");
            limit(Some(LEFT));
            until_no_space(|| match call {
                0 => status(channel.recv_vec(SOON)),
                _ => status(channel.recv_view(SOON)),
            });
            channel.send(b"small", SOON).expect("there is room");
            limit(None);
            assert_payload(&channel.recv_vec(LONG).expect("there is memory now"), call);
            assert_eq!(channel.recv_vec(SOON).expect("it is answered"), b"small");
        }
    });
}

#[test]
fn what_a_request_meets_and_its_reply_wait_until_there_is_memory() {
    in_a_child(what_a_request_meets_and_its_reply_wait_until_there_is_memory, |channel| {
        channel.send(b"large", SOON).expect("there is room");
        limit(Some(LEFT));
        // The message is in the way of the reply, and goes to the inbox.
        assert_eq!(status(channel.request(1, b"?", SOON)), Status::NoSpace);
        limit(None);
        assert_payload(&channel.recv_vec(LONG).expect("there is memory now"), 0);
        let id = channel.request_begin(1, b"?", SOON).expect("there is room");
        limit(Some(LEFT));
        assert_eq!(status(channel.recv_vec(SOON)), Status::NoSpace, "the reply is in its way");
        limit(None);
        assert_payload(&channel.request_end(id, LONG).expect("there is memory now").to_vec(), 1);
        small_ones_still_come(channel);
    });
}

#[test]
fn what_memory_is_too_short_for_is_not_sent() {
    in_a_child(what_memory_is_too_short_for_is_not_sent, |channel| {
        let large = payload(7, LARGE);
        let many = vec![IoSlice::new(b"x"); LARGE / size_of::<IoSlice<'_>>()];
        limit(Some(LEFT));
        channel.loan(LARGE, NOW).fails_with(Status::NoSpace);
        // Part of it would have to stay here when the time is over.
        assert_eq!(status(channel.send(&large, NOW)), Status::NoSpace);
        assert_eq!(status(channel.send(&large, SOON)), Status::NoSpace);
        assert_eq!(status(channel.request(1, &large, SOON)), Status::NoSpace);
        assert_eq!(status(channel.send_many(&[IoSlice::new(&large)], NOW)), Status::NoSpace);
        assert_eq!(status(channel.send_many(&many, NOW)), Status::NoSpace);
        assert_eq!(status(channel.sendv(1, &many, NOW)), Status::NoSpace);
        small_ones_still_come(channel);
        // Some of a batch is taken.
        let batch = [IoSlice::new(b"first"), IoSlice::new(&large)];
        assert_eq!(channel.send_many(&batch, NOW).expect("the first"), 1);
        assert_eq!(channel.recv_vec(SOON).expect("it is answered"), b"first");
        // Nothing has to stay here where there is time enough.
        channel.send(&large, FOREVER).expect("the peer reads");
        assert_eq!(number_of(&channel.recv_vec(SOON).expect("it is answered")), 7);
        limit(None);
        small_ones_still_come(channel);
    });
}
