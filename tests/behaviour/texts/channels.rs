//! Calls on channels that are connected.

use super::Table;
use super::meeting::BRIEFLY;
use crate::common::{Pair, SOON, pair, pair_of};
use std::io::IoSlice;
use treenail::Status::{self, Again, Invalid, NoSpace, TimedOut, TooLarge};
use treenail::{Channel, NOW};

/// As many loans as may be open where they are no part of a ring.
const LOANS_MAX: usize = 1024;

pub fn rows(table: &mut Table) {
    for scheme in ["shm", "local"] {
        waiting(table, scheme);
        sizes(table, scheme);
        misuse(table, scheme);
        inboxes(table, scheme);
        ends(table, scheme);
    }
    choked(table);
    raw(table);
    connecting(table);
    early(table);
}

/// The call, with the endpoint at which the ends have met.
fn on(verb: &str, pair: &Pair, options: &str) -> String {
    format!("{verb} {}?{options}", pair.endpoint)
}

fn waiting(table: &mut Table, scheme: &str) {
    let pair = pair_of(scheme, "ring=4KiB", "ring=4KiB");
    let options = "early=0&ring=4KiB";
    let channel = &pair.connector;
    let says: &[&str] = &["not without waiting", "nothing has come", "wait until fd"];
    table.row(on("recv", &pair, options), Again, says, channel.recv_vec(NOW));
    let own: &'static [&'static str] = &["nothing came in time", "give it longer", ", process "];
    table.row(on("recv", &pair, options), TimedOut, own, channel.recv_vec(BRIEFLY));
    table.row(on("recv_view", &pair, options), TimedOut, own, channel.recv_view(BRIEFLY));
    table.row(on("request", &pair, options), TimedOut, own, channel.request(1, b"?", BRIEFLY));
    while channel.send(&[0; 1000], NOW).is_ok() {}
    let says: &[&str] = &["not without waiting", "no room", "wait until send_fd"];
    table.row(on("send", &pair, options), Again, says, channel.send(&[0; 1000], NOW));
    let says: &[&str] = match scheme {
        "shm" => &["the ring stayed full", "raise ring=", "process"],
        _ => &["the socket stayed full", "give it longer", "process"],
    };
    let sent = channel.send(&[0; 1000], BRIEFLY);
    assert!(scheme == "shm" || !format!("{sent:?}").contains("raise ring="), "{sent:?}");
    table.row(on("send", &pair, options), TimedOut, says, sent);
    let parts = [IoSlice::new(&[0; 1000])];
    table.row(on("sendv", &pair, options), TimedOut, says, channel.sendv(1, &parts, BRIEFLY));
    let sent = channel.send_many(&parts, BRIEFLY);
    table.row(on("send_many", &pair, options), TimedOut, says, sent);
    if scheme == "shm" {
        let lent = channel.loan(1000, BRIEFLY).map(|_| ());
        table.row(on("loan", &pair, options), TimedOut, says, lent);
    }
}

fn sizes(table: &mut Table, scheme: &str) {
    let pair = pair_of(scheme, "", "max_message=1000");
    let says: &[&str] = &["has 1001 bytes", "the peer takes 1000", "send it in parts, or raise"];
    let sent = pair.connector.send(&[0; 1001], SOON);
    assert!(!format!("{sent:?}").contains("wait"), "a limit isn't waited for: {sent:?}");
    table.row(on("send", &pair, "early=0"), TooLarge, says, sent);
    let lent = pair.connector.loan(1001, SOON).map(|_| ());
    table.row(on("loan", &pair, "early=0"), TooLarge, says, lent);
    pair.connector.send(b"12345", SOON).expect("there is room");
    let says: &[&str] = &["has 5 bytes and the buffer 3", "call again with more room"];
    let at = format!("recv {}?max_message=1000", pair.endpoint);
    table.row(at, TooLarge, says, pair.acceptor.recv(&mut [0; 3], SOON));
}

fn misuse(table: &mut Table, scheme: &str) {
    let pair = pair(scheme, "");
    let on = |verb: &str| format!("{verb} {}?early=0", pair.endpoint);
    let loan = pair.connector.loan(10, SOON).expect("there is room");
    let says: &[&str] = &["of a loan of 10", "commit at most"];
    table.row(on("commit"), Invalid, says, loan.commit(0, 11, SOON));
    pair.acceptor.send(b"plain", SOON).expect("there is room");
    let view = pair.connector.recv_view(SOON).expect("it was sent");
    if scheme == "local" {
        let loans: Vec<_> = (0..LOANS_MAX).map(|_| pair.connector.loan(1, SOON)).collect();
        let says: &[&str] = &["1024 loans are open", "commit or discard some"];
        table.row(on("loan"), NoSpace, says, pair.connector.loan(1, SOON).map(|_| ()));
        drop(loans);
    }
    let says: &[&str] = &["is not a request", "reply only to those"];
    table.row(on("reply"), Invalid, says, pair.connector.reply(&view.info(), b"", SOON));
    drop(view);
    pair.acceptor.request_start(1, b"?", SOON).expect("there is room");
    let view = pair.connector.recv_view(SOON).expect("it was sent");
    let request = view.info();
    drop(view);
    pair.connector.reply(&request, b"!", SOON).expect("it was asked");
    let says: &[&str] = &["no request with this id", "answer each request once"];
    table.row(on("reply"), Invalid, says, pair.connector.reply(&request, b"!", SOON));
    let says: &[&str] = &["no request of this channel", "end each request once"];
    table.row(on("request_end"), Invalid, says, pair.connector.request_end(77, SOON));
    table.row(on("request_cancel"), Invalid, says, pair.connector.request_cancel(77));
}

/// Messages that come before a reply have no place.
fn inboxes(table: &mut Table, scheme: &str) {
    let pair = pair_of(scheme, "inbox=0", "");
    pair.acceptor.send(b"not the reply", SOON).expect("there is room");
    let says: &[&str] = &["the inbox is full", "receive them, or raise inbox="];
    let reply = pair.connector.request(1, b"?", SOON);
    table.row(on("request", &pair, "early=0&inbox=0"), NoSpace, says, reply);
}

fn ends(table: &mut Table, scheme: &str) {
    let ends = pair(scheme, "");
    let on = |verb: &str| format!("{verb} {}?early=0", ends.endpoint);
    ends.acceptor.close();
    let says: &[&str] = &["the peer has closed the channel", "connect again"];
    table.row(on("recv"), Status::Closed, says, ends.connector.recv_vec(SOON));
    table.row(on("send"), Status::Closed, says, ends.connector.send(b"", SOON));
    let says: &[&str] = &["closed by this program", "make a new one"];
    ends.connector.close();
    table.row(on("recv"), Status::Closed, says, ends.connector.recv_vec(SOON));
    table.row(on("flush"), Status::Closed, says, ends.connector.flush(SOON));
    table.row(on("busy_poll"), Status::Closed, says, ends.connector.busy_poll());
    table.row(on("peer"), Status::Closed, says, ends.connector.peer());
    table.row(on("stats"), Status::Closed, says, ends.connector.stats());
}

fn choked(table: &mut Table) {
    let pair = pair_of("shm", "ring=4KiB", "ring=4KiB");
    // A ring has at least a page.
    let some = |bytes| vec![0; bytes * treenail::granule() / 4096];
    let mut views = Vec::new();
    for _ in 0..3 {
        pair.acceptor.send(&some(800), SOON).expect("there is room");
        views.push(pair.connector.recv_view(SOON).expect("it was sent"));
    }
    let says: &[&str] = &["open views hold more than half", "release some views, or raise ring="];
    pair.acceptor.send(&some(1800), NOW).expect_err("the views hold the room");
    let received = pair.connector.recv_vec(NOW);
    table.row(on("recv", &pair, "early=0&ring=4KiB"), NoSpace, says, received);
}

fn raw(table: &mut Table) {
    let pair = pair_of("local", "raw=1", "raw=1");
    let says: &[&str] = &["raw=1 has no frames", "leave raw=1 out"];
    let sent = pair.connector.sendv(1, &[IoSlice::new(b"x")], SOON);
    table.row(on("sendv", &pair, "early=0&raw=1"), Status::Unsupported, says, sent);
    let asked = pair.connector.request(1, b"x", SOON);
    table.row(on("request", &pair, "early=0&raw=1"), Status::Unsupported, says, asked);
}

/// Messages that were sent before this side's limit was known.
fn early(table: &mut Table) {
    let (_, at) = super::meeting::place("local");
    let listener = treenail::Listener::open(&format!("{at}?max_message=10")).expect("free");
    let channel = Channel::connect(&at, SOON).expect("it listens");
    channel.send(&[0; 11], SOON).expect("there is room");
    let acceptor = listener.accept(SOON).expect("it has come");
    let says: &[&str] = &["over this side's max_message of 10", "raise max_message= here"];
    let here = format!("recv {at}?max_message=10");
    table.row(&here, Status::Protocol, says, acceptor.recv_vec(SOON));
    table.row(here.replace("recv", "send"), Status::Protocol, says, acceptor.send(b"", SOON));
    let says: &[&str] = &["a message of 11 bytes, where max_message is 10", "send it in parts"];
    table.row(format!("recv {at}"), TooLarge, says, channel.recv_vec(SOON));
}

/// A message that is too long to be sent before the other side has answered.
fn connecting(table: &mut Table) {
    let (_, at) = super::meeting::place("shm");
    let _listener = treenail::Listener::open(&at).expect("the name is free");
    let channel = Channel::connect(&at, SOON).expect("it listens");
    let says: &[&str] = &["the listener has not answered in time", "give it longer"];
    let sent = channel.send(&[0; 100_000], BRIEFLY);
    table.row(format!("send {at}"), TimedOut, says, sent);
}
