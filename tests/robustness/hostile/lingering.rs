//! Peers that hand over what takes seconds to close: a TCP socket with bytes that nobody reads, and
//! a time to linger for them. Whoever drops its last descriptor waits; that is never a call here.

use super::pages::{Arena, VICTIMS};
use super::shared::{Place, WAIT, alone, in_time, made, status};
use super::talk::{Raw, data, greet, hello};
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::Duration;
use treenail::wire::Kind;
use treenail::{Channel, NOW, Status};

const SHORT: Option<Duration> = Some(Duration::from_millis(100));
/// Far longer than a call that is in time takes.
const LINGER_SECONDS: i32 = 8;

/// Whether this kernel can refuse descriptors (Linux 6.16).
fn can_be_refused() -> bool {
    const SO_PASSRIGHTS: i32 = 83;
    let off = 0i32;
    // SAFETY: reads a live variable, and takes no other memory.
    let known = unsafe {
        let socket = made(libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0));
        let (fd, value) = (socket.as_raw_fd(), (&raw const off).cast());
        libc::setsockopt(fd, libc::SOL_SOCKET, SO_PASSRIGHTS, value, 4) == 0
    };
    if !known {
        eprintln!("NOT CHECKED: descriptors that linger: this kernel can't refuse them");
    }
    known
}

/// A socket whose last close takes long, and its other end, which must live as long.
fn lingering() -> (OwnedFd, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let address = listener.local_addr().expect("it is bound");
    let mut socket = TcpStream::connect(address).expect("it listens");
    let (peer, _) = listener.accept().expect("it connected");
    socket.set_nonblocking(true).expect("it can be");
    let block = vec![0; 1 << 16];
    loop {
        match socket.write(&block) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    let linger = libc::linger { l_onoff: 1, l_linger: LINGER_SECONDS };
    let (value, len) = ((&raw const linger).cast(), size_of_val(&linger) as u32);
    // SAFETY: reads a live variable of this length.
    let set = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, len)
    };
    assert_eq!(set, 0);
    socket.set_nonblocking(false).expect("it can be");
    (socket.into(), peer)
}

/// Sends bytes with a socket that lingers, of which this side keeps no copy; the bytes alone where
/// that is refused.
fn say_with_lingering(raw: &mut Raw, bytes: &[u8]) -> TcpStream {
    let (socket, peer) = lingering();
    if raw.say_with(bytes, &[socket.as_raw_fd()]) {
        drop(socket);
    } else {
        assert!(raw.say(bytes));
        // The last copy takes its time.
        thread::spawn(move || drop(socket));
    }
    peer
}

#[test]
fn one_that_came_before_accept_holds_up_none() {
    if !can_be_refused() {
        return;
    }
    if !alone(one_that_came_before_accept_holds_up_none) {
        return;
    }
    for scheme in ["local", "shm"] {
        let place = Place::new();
        let listener = place.listener(scheme, "");
        let mut raw = Raw::connect(&place);
        let _peer = say_with_lingering(&mut raw, &hello(0));
        let channel = in_time(SHORT, || listener.accept(SHORT)).expect("the HELLO is fine");
        assert_eq!(in_time(SHORT, || status(channel.recv_vec(SHORT))), Status::TimedOut);
    }
}

#[test]
fn one_of_a_user_who_is_not_admitted_holds_up_none() {
    if !can_be_refused() {
        return;
    }
    if !alone(one_of_a_user_who_is_not_admitted_holds_up_none) {
        return;
    }
    for scheme in ["local", "shm"] {
        let place = Place::new();
        let listener = place.listener(scheme, "peer_uid=4242");
        let mut raw = Raw::connect(&place);
        let _peer = say_with_lingering(&mut raw, &hello(0));
        assert_eq!(in_time(SHORT, || status(listener.accept(SHORT))), Status::TimedOut);
    }
}

#[test]
fn one_that_is_never_accepted_holds_up_no_close() {
    if !can_be_refused() {
        return;
    }
    if !alone(one_that_is_never_accepted_holds_up_no_close) {
        return;
    }
    let place = Place::new();
    let listener = place.listener("local", "");
    let mut raw = Raw::connect(&place);
    let _peer = say_with_lingering(&mut raw, &hello(0));
    in_time(NOW, || drop(listener));
}

#[test]
fn one_on_data_holds_up_neither_recv_nor_close() {
    if !can_be_refused() {
        return;
    }
    if !alone(one_on_data_holds_up_neither_recv_nor_close) {
        return;
    }
    for scheme in ["local", "shm"] {
        let place = Place::new();
        let listener = place.listener(scheme, "");
        let mut raw = Raw::connect(&place);
        assert!(raw.say(&hello(0)));
        let channel = listener.accept(WAIT).expect("the HELLO is fine");
        let _peer = say_with_lingering(&mut raw, &data(b"slow"));
        assert_eq!(in_time(WAIT, || channel.recv_vec(WAIT)).expect("it came"), b"slow");
        let _peer = say_with_lingering(&mut raw, &data(b"unread"));
        in_time(NOW, || drop(channel));
    }
}

#[test]
fn one_from_a_listener_holds_up_no_connector_of_local() {
    if !can_be_refused() {
        return;
    }
    if !alone(one_from_a_listener_holds_up_no_connector_of_local) {
        return;
    }
    let place = Place::new();
    let server = Raw::listen(&place);
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let mut raw = Raw::accept(&server);
            raw.expect(Kind::Hello);
            let peer = say_with_lingering(&mut raw, &hello(0));
            let also = say_with_lingering(&mut raw, &data(b"slow"));
            (raw, peer, also)
        });
        let endpoint = place.endpoint("local", "");
        let channel = in_time(WAIT, || Channel::connect(&endpoint, WAIT)).expect("it is fine");
        let _kept = serving.join().expect("the library connects");
        assert_eq!(in_time(WAIT, || channel.recv_vec(WAIT)).expect("it came"), b"slow");
    });
}

#[test]
fn one_from_a_listener_without_rings_holds_up_no_connector_of_shm() {
    if !can_be_refused() {
        return;
    }
    if !alone(one_from_a_listener_without_rings_holds_up_no_connector_of_shm) {
        return;
    }
    let place = Place::new();
    let server = Raw::listen(&place);
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let mut raw = Raw::accept(&server);
            greet(&mut raw);
            raw
        });
        let endpoint = place.endpoint("shm", "early=0");
        let channel = Channel::connect(&endpoint, WAIT).expect("it is fine");
        let mut raw = serving.join().expect("the library connects");
        let _peer = say_with_lingering(&mut raw, &data(b"slow"));
        assert_eq!(in_time(WAIT, || channel.recv_vec(WAIT)).expect("it came"), b"slow");
    });
}

#[test]
fn one_beside_rings_holds_up_neither_side() {
    if !can_be_refused() {
        return;
    }
    if !alone(one_beside_rings_holds_up_neither_side) {
        return;
    }
    for victim in VICTIMS {
        let (channel, mut hostile) = Arena::new(victim, "").join();
        let _peer = say_with_lingering(&mut hostile.raw, b"x");
        assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::Protocol);
        in_time(NOW, || drop(channel));
    }
}
