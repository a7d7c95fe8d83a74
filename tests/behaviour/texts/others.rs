//! Pollers, handles of a parent, and a process without descriptors.

use super::Table;
use super::meeting::{BRIEFLY, place};
use crate::common::child::{fork, reap};
use crate::common::system::{descriptors_end, limit_descriptors};
use crate::common::{SOON, directory, name, pair};
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use treenail::Status::{Again, Exists, Invalid, NoSpace, NotFound, PeerLost, TimedOut};
use treenail::{Channel, Listener, NOW, Poller, Segment, Semaphore};

pub fn rows(table: &mut Table) {
    pollers(table);
    losses(table);
    inherited(table);
    without_descriptors(table);
}

fn pollers(table: &mut Table) {
    let poller = Poller::new().expect("a descriptor");
    let pair = pair("local", "");
    poller.add_channel(&pair.connector, 7).expect("the key is free");
    let says: &[&str] = &["the key is in use", "choose another, or remove that one first"];
    table.row("poller add key 7", Exists, says, poller.add_channel(&pair.acceptor, 7));
    let says: &[&str] = &["under another key", "remove that first"];
    table.row("poller add key 8", Exists, says, poller.add_channel(&pair.connector, 8));
    let says: &[&str] = &["nothing in this poller has the key", "remove each once"];
    table.row("poller remove key 9", NotFound, says, poller.remove(9));
    let path = directory().join(name());
    let file = File::create(&path).expect("the directory is ours");
    let says: &[&str] = &["can't be polled", "read them without waiting"];
    table.row("poller add key 9", Invalid, says, poller.add_fd(&file, 9));
    let number = file.as_raw_fd();
    drop(file);
    // SAFETY: it is only handed to epoll_ctl, which refuses one that isn't open.
    let closed = unsafe { BorrowedFd::borrow_raw(number) };
    let says: &[&str] = &["is not open", "add it while it is"];
    table.row("poller add key 9", Invalid, says, poller.add_fd(&closed.as_fd(), 9));
    let mut keys = Vec::new();
    let says: &[&str] = &["room for one key", "a max of 1 or more"];
    table.row("poller wait", Invalid, says, poller.wait(&mut keys, 0, SOON));
    let says: &[&str] = &["not without waiting", "give it time"];
    while poller.wait(&mut keys, 9, NOW).is_ok() {
        let _ = pair.connector.recv_vec(NOW);
    }
    table.row("poller wait", Again, says, poller.wait(&mut keys, 9, NOW));
    let says: &[&str] = &["nothing became ready in time", "give it longer"];
    table.row("poller wait", TimedOut, says, poller.wait(&mut keys, 9, BRIEFLY));
    fs::remove_file(path).expect("it is ours");
}

fn losses(table: &mut Table) {
    let (_, at) = place("local");
    let listener = Listener::open(&at).expect("the name is free");
    let client = fork(|| {
        let channel = Channel::connect(&at, SOON);
        // SAFETY: ends the process at once, without a close.
        unsafe { libc::_exit(i32::from(channel.is_err())) }
    });
    let channel = listener.accept(SOON).expect("it connects");
    assert_eq!(reap(client), 0);
    let says: &[&str] = &["the peer died", "connect again"];
    table.row(format!("recv {at}"), PeerLost, says, channel.recv_vec(SOON));
    table.row(format!("send {at}"), PeerLost, says, channel.send(b"", SOON));
}

/// What a forked child is told of its parent's handles.
fn inherited(table: &mut Table) {
    let told = directory().join(name());
    let pair = pair("shm", "");
    let (name, poller) = (name(), Poller::new().expect("a descriptor"));
    let segment = Segment::create(&name, 8).expect("the name is free");
    let semaphore = Semaphore::create(&name, 1).expect("the name is free");
    let (there, here) = (&pair.endpoint, format!("{}?early=0", pair.endpoint));
    let calls = || {
        [
            (format!("send {here}"), pair.connector.send(b"x", NOW).err()),
            (format!("recv {here}"), pair.connector.recv_vec(NOW).err()),
            (format!("fd {here}"), pair.connector.fd().err()),
            (format!("accept {there}"), pair.listener.accept(NOW).err()),
            (format!("stats {there}"), pair.listener.stats().err()),
            (format!("fd {there}"), pair.listener.fd().err()),
            (format!("lock {name}"), segment.lock(NOW).err()),
            (format!("acquire {name}"), semaphore.acquire(1, NOW).err()),
            ("poller wake".to_owned(), poller.wake().err()),
            ("poller fd".to_owned(), poller.fd().err()),
            ("poller remove key 1".to_owned(), poller.remove(1).err()),
        ]
    };
    let child = fork(|| {
        let texts = calls().map(|(tried, error)| match error {
            Some(error) => format!("{tried}\n{error}\n"),
            None => format!("{tried}\nit succeeds\n"),
        });
        i32::from(fs::write(&told, texts.concat()).is_err())
    });
    assert_eq!(reap(child), 0);
    let text = fs::read_to_string(&told).expect("it was written");
    let lines: Vec<&str> = text.lines().collect();
    for row in lines.chunks(2) {
        let says: &'static [&'static str] = &["before this process was forked", "make a new one"];
        let expected = super::Expected { tried: row[0].to_owned(), status: Invalid, says };
        table.text_row(&expected, Invalid, row[1].to_owned());
    }
}

fn without_descriptors(table: &mut Table) {
    let (_, at) = place("shm");
    let listener = Listener::open(&at).expect("the name is free");
    let _client = Channel::connect(&at, SOON).expect("it listens");
    let name = name();
    let (end, mut old) = (descriptors_end(), libc::rlimit { rlim_cur: 0, rlim_max: 0 });
    // SAFETY: one live structure.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut old) };
    limit_descriptors(end);
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    let says: &[&str] = &["Too many open files", "raise the limit (ulimit -n)"];
    let results = [
        (format!("connect {at}"), Channel::connect(&at, SOON).err()),
        (format!("accept {at}"), listener.accept(NOW).err()),
        (format!("listen {at}2"), Listener::open(&format!("{at}2")).err()),
        (format!("create {name}"), Segment::create(&name, 8).err()),
        (format!("open_or_create {name}"), Semaphore::open_or_create(&name, 1).err()),
        ("poller new".to_owned(), Poller::new().err()),
    ];
    limit_descriptors(old.rlim_cur);
    drop(taken);
    for (tried, error) in results {
        table.row(tried, NoSpace, says, error.map_or(Ok(()), Err));
    }
}
