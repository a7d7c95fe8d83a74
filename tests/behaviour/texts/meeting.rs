//! Connecting and listening: nobody there, somebody else there, and refusals.

use super::Table;
use crate::common::system::{make_directory, own_uid, set_mode};
use crate::common::{SOON, directory, name};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use treenail::Status::{self, Denied, Exists, Io, NoSpace, NotFound, Protocol, TimedOut};
use treenail::{Channel, Fault, Listener, NOW, set_faults};

pub const BRIEFLY: Option<Duration> = Some(Duration::from_millis(20));

/// A path that nothing is at, and the endpoint that means it.
pub fn place(scheme: &str) -> (PathBuf, String) {
    let path = directory().join(name());
    let endpoint = format!("{scheme}:{}", path.display());
    (path, endpoint)
}

pub fn rows(table: &mut Table) {
    nobody(table);
    somebody_else(table);
    listening(table);
    refusals(table);
    without_shared_memory(table);
    in_an_unusual_directory(table);
}

fn nobody(table: &mut Table) {
    let (_, at) = place("shm");
    let says: &[&str] = &["nobody listens at /", "start the listener first, or say ?retry=1"];
    table.row(format!("connect {at}"), NotFound, says, Channel::connect(&at, SOON));
    let says: &[&str] = &["nobody listens at /", "start the listener"];
    let at = format!("{at}?retry=1");
    let retried = Channel::connect(&at, BRIEFLY);
    assert!(!retried.as_ref().is_err_and(|error| error.to_string().contains("say ?retry=1")));
    table.row(format!("connect {at}"), TimedOut, says, retried);
    let again = Channel::connect(&at, NOW);
    table.row(format!("connect {at}"), Status::Again, says, again);
    let at = format!("shm:{}", name());
    let says: &[&str] = &["nobody listens at", ".sock", "start the listener first"];
    table.row(format!("connect {at}"), NotFound, says, Channel::connect(&at, SOON));
    let at = "shm:/nowhere/at/all";
    let says: &[&str] = &["no directory /nowhere/at", "make it, or name another"];
    table.row(format!("connect {at}"), NotFound, says, Channel::connect(at, SOON));
    table.row(format!("listen {at}"), NotFound, says, Listener::open(at));
    let says: &[&str] = &["nobody has connected", "start the other program"];
    let (_, at) = place("shm");
    table.row(format!("create {at}"), TimedOut, says, Channel::create(&at, BRIEFLY));
    table.row(format!("create {at}"), Status::Again, says, Channel::create(&at, NOW));
}

fn somebody_else(table: &mut Table) {
    let (path, at) = place("shm");
    fs::write(&path, "somebody's").expect("the directory is ours");
    let says: &[&str] = &["is no socket", "choose another name"];
    table.row(format!("connect {at}"), NotFound, says, Channel::connect(&at, SOON));
    table.row(format!("listen {at}"), Exists, says, Listener::open(&at));
    let (path, at) = place("shm");
    make_directory(&path, 0o700);
    table.row(format!("connect {at}"), NotFound, says, Channel::connect(&at, SOON));
    table.row(format!("listen {at}"), Exists, says, Listener::open(&at));
    let (path, at) = place("shm");
    let _datagrams = UnixDatagram::bind(&path).expect("the directory is ours");
    let says: &[&str] = &["another program's server", "choose another name"];
    table.row(format!("connect {at}"), Io, says, Channel::connect(&at, SOON));
    let (path, at) = place("shm");
    let server = UnixListener::bind(&path).expect("the directory is ours");
    let says: &[&str] = &["that is alive", "of another program", "choose another name"];
    table.row(format!("listen {at}"), Exists, says, Listener::open(&at));
    let early = format!("{at}?early=0");
    let says: &[&str] = &["does it call accept", "Another program's server"];
    table.row(format!("connect {early}"), TimedOut, says, Channel::connect(&early, BRIEFLY));
    drop(server.accept());
    let says: &[&str] = &["does not speak treenail's", "another program's", "check the name"];
    let speaks = |server: &UnixListener| {
        let (mut client, _) = server.accept().expect("it connects");
        // As this begins, it would be a HELLO.
        client.write_all(&[32, 0, 0, 0, 1]).expect("it is taken");
        client.write_all(&[0; 43]).expect("it is taken");
        client
    };
    thread::scope(|scope| {
        scope.spawn(|| drop(speaks(&server).read(&mut [0; 99])));
        table.row(format!("connect {early}"), Protocol, says, Channel::connect(&early, SOON));
    });
    let channel = Channel::connect(&at, SOON).expect("it listens");
    let _client = speaks(&server);
    table.row(format!("recv {at}"), Protocol, says, channel.recv_vec(SOON));
    let channel = Channel::connect(&at, SOON).expect("it listens");
    let (mut client, _) = server.accept().expect("it connects");
    client.write_all(b"220 smtp.example.org ESMTP\r\n").expect("it is taken");
    let says: &[&str] = &["the peer doesn't keep to treenail's format", "see what program it is"];
    table.row(format!("recv {at}"), Protocol, says, channel.recv_vec(SOON));
}

fn listening(table: &mut Table) {
    let (_, at) = place("local");
    let listener = Listener::open(&at).expect("the name is free");
    let says: &[&str] = &["this very process", "close that one, or choose another name"];
    table.row(format!("listen {at}"), Exists, says, Listener::open(&at));
    let says: &[&str] = &["not without waiting", "wait until its descriptor"];
    table.row(format!("accept {at}"), Status::Again, says, listener.accept(NOW));
    let says: &[&str] = &["nobody connected in time", "start the other program"];
    table.row(format!("accept {at}"), TimedOut, says, listener.accept(BRIEFLY));
    listener.close();
    let says: &[&str] = &["closed by this program", "open a new one"];
    table.row(format!("accept {at}"), Status::Closed, says, listener.accept(SOON));
    let (_, at) = place("shm");
    let at = format!("{at}?group=no-such-group");
    let says: &[&str] = &["no group \"no-such-group\"", "name one that there is"];
    table.row(format!("listen {at}"), NotFound, says, Listener::open(&at));
}

fn refusals(table: &mut Table) {
    let refused = |options: &str| {
        let (_, at) = place("shm");
        let listener = Listener::open(&format!("{at}?{options}")).expect("the name is free");
        (listener, at)
    };
    let (listener, at) = refused("max_channels=1");
    let first = Channel::connect(&at, SOON).expect("it listens");
    let _first = (listener.accept(SOON).expect("it has come"), first);
    let one_more = Channel::connect(&at, SOON).expect("it listens");
    let _ = listener.accept(NOW);
    let says: &[&str] = &["refused: TN_NO_SPACE", "max_channels=1", "close some there, or raise"];
    table.row(format!("recv {at}"), NoSpace, says, one_more.recv_vec(SOON));
    let (listener, at) = refused(&format!("peer_uid={}", own_uid() + 1));
    let denied = Channel::connect(&at, SOON).expect("it listens");
    let _ = listener.accept(NOW);
    let says: &[&str] = &["not admitted", "peer_uid="];
    table.row(format!("recv {at}"), Denied, says, denied.recv_vec(SOON));
    let at = format!("{at}?peer_uid={}", own_uid() + 1);
    table.row(format!("connect {at}"), Denied, says, Channel::connect(&at, SOON));
    let (path, at) = place("shm");
    let server = UnixListener::bind(&path).expect("the directory is ours");
    let at = format!("{at}?early=0&handshake_ms=1");
    let stalled = Channel::connect_start(&at).expect("it listens");
    let (mut client, _) = server.accept().expect("it connects");
    client.write_all(&[32, 0, 0, 0, 1, 0, 0, 0]).expect("it is taken");
    let says: &[&str] = &["did not finish its handshake", "handshake_ms="];
    table.row(format!("connect {at}"), TimedOut, says, stalled.recv_vec(SOON));
    drop::<UnixStream>(client);
}

fn without_shared_memory(table: &mut Table) {
    let (path, at) = place("shm");
    let _listener = Listener::open(&at.replace("shm:", "local:")).expect("the name is free");
    let required = format!("shm:{}?shm=required", path.display());
    thread::scope(|scope| {
        let accepting = scope.spawn(|| _listener.accept(SOON));
        let says: &[&str] = &["no shared memory", "offers no", "leave shm=required out"];
        let refused = Channel::connect(&required, SOON);
        table.row(format!("connect {required}"), Status::Unsupported, says, refused);
        drop(accepting.join());
    });
    set_faults(&[Fault::NoMemfd]);
    let (_, at) = place("shm");
    let listener = Listener::open(&at).expect("the name is free");
    let required = format!("{at}?shm=required");
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(SOON));
        let says: &[&str] = &["no shared memory", "could not make", "leave shm=required out"];
        let refused = Channel::connect(&required, SOON);
        table.row(format!("connect {required}"), Status::Unsupported, says, refused);
        drop(accepting.join());
    });
    set_faults(&[]);
}

/// Where TREENAIL_DIR leads to something else than a directory of this user's own.
fn in_an_unusual_directory(table: &mut Table) {
    let chosen = std::env::var_os("TREENAIL_DIR").expect("it is set");
    let (path, _) = place("shm");
    let set = |path: &std::ffi::OsStr| {
        // SAFETY: this process has no other thread now.
        unsafe { std::env::set_var("TREENAIL_DIR", path) };
    };
    set(path.as_os_str());
    let says: &[&str] = &["nobody listens there", "no directory /", "start the listener first"];
    table.row("connect shm:a", NotFound, says, Channel::connect("shm:a", SOON));
    File::create(&path).expect("the directory is ours");
    let says: &[&str] = &["is no directory", "set TREENAIL_DIR"];
    table.row("connect shm:a", Denied, says, Channel::connect("shm:a", SOON));
    table.row("listen shm:a", Denied, says, Listener::open("shm:a"));
    fs::remove_file(&path).expect("it is ours");
    make_directory(&path, 0o700);
    set_mode(&path, 0o777);
    let says: &[&str] = &["mode 0777", "chmod go-w"];
    table.row("connect shm:a", Denied, says, Channel::connect("shm:a", SOON));
    set(&chosen);
}
