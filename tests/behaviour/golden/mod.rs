//! The bytes on the wire, checked against a live connection by a peer without the library: what
//! the library says is compared with golden bytes, and golden bytes are what it is told. And the
//! bytes of named objects in shared memory, likewise.

mod objects;
mod plain;
mod violations;

use crate::common::{Fails, status};
use plain::{Place, Plain, SOON, frame, golden};
use std::io::IoSlice;
use std::os::unix::net::UnixListener;
use std::thread;
use treenail::{Channel, Listener, NOW, Status, TransportKind};

const WAIT: Option<std::time::Duration> = Some(SOON);

/// A library's listener and a plain client whose handshake is done.
fn accepted(place: &Place) -> (Listener, Channel, Plain) {
    let endpoint = place.endpoint("local", "?max_message=1000");
    let listener = Listener::open(&endpoint).expect("the path is free");
    let mut client = Plain::connect(place);
    client.say(&golden("hello-minimal"));
    let channel = listener.accept(WAIT).expect("a small program is welcome");
    client.expect("hello-local-listener", std::process::id());
    (listener, channel, client)
}

/// A library's client and a plain listener; `serve` is what the latter does.
fn connected(scheme: &str, options: &str, serve: impl FnOnce(Plain) + Send) -> Channel {
    let place = Place::new();
    let listener = place.listen();
    let endpoint = place.endpoint(scheme, options);
    thread::scope(|scope| {
        scope.spawn(|| serve(accept_plain(&listener)));
        Channel::connect(&endpoint, WAIT).expect("a small program is welcome")
    })
}

fn accept_plain(listener: &UnixListener) -> Plain {
    Plain::new(listener.accept().expect("the library connects").0)
}

#[test]
fn a_listener_says_hello_and_takes_and_gives_data() {
    let place = Place::new();
    let (_listener, channel, mut client) = accepted(&place);
    client.say(&golden("data"));
    client.say(&golden("data-empty"));
    let mut buffer = [0; 16];
    let info = channel.recv_message(&mut buffer, WAIT).expect("golden data is a message");
    assert_eq!((info.len, info.tag, info.id, info.flags), (5, 0x0102_0304, 0, 0));
    assert_eq!(&buffer[..5], b"hello");
    let info = channel.recv_message(&mut buffer, WAIT).expect("an empty message is one too");
    assert_eq!((info.len, info.tag), (0, 0));
    let parts = [IoSlice::new(b"he"), IoSlice::new(b"llo")];
    channel.sendv(0x0102_0304, &parts, WAIT).expect("there is room");
    client.expect("data", 0);
    channel.send(b"", WAIT).expect("there is room");
    client.expect("data-empty", 0);
}

#[test]
fn a_connector_says_hello_and_takes_and_gives_data() {
    let (give, take) = std::sync::mpsc::channel();
    let channel = connected("local", "?max_message=1000", |mut server| {
        server.expect("hello-local", std::process::id());
        server.say(&golden("hello-minimal-listener"));
        server.say(&golden("data"));
        give.send(server).expect("the test waits for it");
    });
    let mut server = take.recv().expect("the handshake is done");
    assert_eq!(channel.recv_vec(WAIT).expect("golden data is a message"), b"hello");
    assert_eq!(channel.peer().expect("there is a peer").transport, TransportKind::Local);
    let parts = [IoSlice::new(b"hello")];
    channel.sendv(0x0102_0304, &parts, WAIT).expect("there is room");
    server.expect("data", 0);
}

#[test]
fn a_request_s_reply_carries_its_tag_and_id() {
    let place = Place::new();
    let (_listener, channel, mut client) = accepted(&place);
    client.say(&golden("request"));
    let mut buffer = [0; 16];
    let info = channel.recv_message(&mut buffer, WAIT).expect("a request is a message");
    assert!(info.is_request() && !info.is_reply());
    assert_eq!((info.len, info.tag, info.id), (8, 9, 0x0a0b_0c0d));
    channel.reply(&info, b"answer", WAIT).expect("there is room");
    client.expect("reply", 0);
}

#[test]
fn a_started_request_has_an_id_and_gets_its_reply() {
    let place = Place::new();
    let (_listener, channel, mut client) = accepted(&place);
    let id = channel.request_start(3, b"?", WAIT).expect("there is room");
    let request = client.frame().expect("a frame");
    assert!(id != 0);
    assert_eq!(request.bytes, frame(2, 1, 3, id, b"?"));
    client.say(&frame(2, 2, 3, id, b"!"));
    let view = channel.recv_view(WAIT).expect("the reply");
    assert!(view.info().is_reply());
    assert_eq!((view.info().id, view.info().tag, view.to_vec()), (id, 3, b"!".to_vec()));
}

#[test]
fn a_reply_that_nobody_waits_for_is_dropped() {
    let place = Place::new();
    let (_listener, channel, mut client) = accepted(&place);
    client.say(&golden("reply"));
    client.say(&golden("data"));
    assert_eq!(channel.recv_vec(WAIT).expect("what comes after it"), b"hello");
}

#[test]
fn fragments_become_one_message_and_a_ping_between_them_is_answered() {
    let place = Place::new();
    let (_listener, channel, mut client) = accepted(&place);
    client.say(&golden("data-fragments"));
    let mut buffer = [0; 16];
    let info = channel.recv_message(&mut buffer, WAIT).expect("one message");
    assert_eq!((&buffer[..info.len], info.tag), (&b"abcdef"[..], 7));
    let pong = client.frame().expect("a frame");
    assert_eq!(pong.bytes, frame(4, 0, 0, 0, b"hi"));
}

#[test]
fn a_ping_comes_back_as_pong() {
    let place = Place::new();
    let (_listener, channel, mut client) = accepted(&place);
    client.say(&golden("ping"));
    client.say(&golden("data"));
    client.say(&golden("pong"));
    assert_eq!(channel.recv_vec(WAIT).expect("pings are no messages"), b"hello");
    client.expect("pong", 0);
    let status = channel.recv_vec(NOW).expect_err("nor are pongs").status();
    assert_eq!(status, Status::Again);
}

#[test]
fn bytes_one_by_one_are_understood() {
    let place = Place::new();
    let listener = Listener::open(&place.endpoint("local", "")).expect("the path is free");
    let mut client = Plain::connect(&place);
    thread::scope(|scope| {
        scope.spawn(|| {
            for name in ["hello-minimal", "data", "data-fragments"] {
                golden(name).iter().for_each(|byte| client.say(&[*byte]));
            }
        });
        let channel = listener.accept(WAIT).expect("a slow program is welcome");
        assert_eq!(channel.recv_vec(WAIT).expect("a message"), b"hello");
        assert_eq!(channel.recv_vec(WAIT).expect("a message"), b"abcdef");
    });
}

#[test]
fn a_hello_of_the_future_is_understood() {
    for scheme in ["local", "shm"] {
        let place = Place::new();
        let listener = Listener::open(&place.endpoint(scheme, "")).expect("the path is free");
        let mut client = Plain::connect(&place);
        client.say(&golden("hello-of-the-future"));
        client.say(&golden("data"));
        let channel = listener.accept(WAIT).expect("what isn't known is ignored");
        assert_eq!(channel.recv_vec(WAIT).expect("a message"), b"hello");
    }
}

#[test]
fn an_orderly_close_is_a_frame_and_then_the_end() {
    let place = Place::new();
    let (_listener, channel, mut client) = accepted(&place);
    channel.send(b"last", WAIT).expect("there is room");
    channel.close();
    assert_eq!(client.frame().expect("what was sent").payload, b"last");
    let close = client.frame().expect("a CLOSE");
    assert_eq!(close.kind, 5);
    assert_eq!(close.bytes, frame(5, 0, 0, 0, &close.payload));
    assert!(String::from_utf8(close.payload).is_ok());
    assert!(client.frame().is_none());
}

#[test]
fn a_peer_s_close_comes_after_what_it_sent() {
    for close in ["close", "close-empty"] {
        let place = Place::new();
        let (_listener, channel, mut client) = accepted(&place);
        client.say(&golden("data"));
        client.say(&golden(close));
        drop(client); // a CLOSE that was seen outranks the hang-up
        assert_eq!(channel.recv_vec(WAIT).expect("what came before"), b"hello");
        for _ in 0..2 {
            channel.recv_vec(WAIT).fails_with(Status::Closed);
        }
        channel.send(b"x", WAIT).fails_with(Status::Closed);
    }
}

#[test]
fn an_end_without_close_is_a_lost_peer_and_half_a_message_is_dropped() {
    for cut in [0, 1, 15, 16, 20] {
        let place = Place::new();
        let (_listener, channel, mut client) = accepted(&place);
        client.say(&golden("data"));
        client.say(&golden("data")[..cut]);
        drop(client);
        assert_eq!(channel.recv_vec(WAIT).expect("the whole message"), b"hello");
        assert_eq!(status(channel.recv_vec(WAIT)), Status::PeerLost, "cut at {cut}");
    }
}

#[test]
fn a_sender_keeps_to_what_the_peer_takes() {
    let place = Place::new();
    let listener = Listener::open(&place.endpoint("local", "")).expect("the path is free");
    let mut client = Plain::connect(&place);
    let mut hello = golden("hello-minimal");
    hello[28..32].copy_from_slice(&10u32.to_le_bytes());
    client.say(&hello);
    let channel = listener.accept(WAIT).expect("a modest program is welcome");
    channel.send(b"01234567890", WAIT).fails_with(Status::TooLarge);
    channel.send(b"0123456789", WAIT).expect("ten bytes");
    assert_eq!(client.frame().expect("the library's").kind, 1);
    assert_eq!(client.frame().expect("the message").payload, b"0123456789");
}

#[test]
fn a_shm_connector_speaks_frames_with_who_has_no_rings() {
    let channel = connected("shm", "?ring=64KiB", |mut server| {
        server.expect("hello-shm", std::process::id());
        server.say(&golden("hello-minimal-listener"));
        server.say(&golden("data"));
    });
    assert_eq!(channel.recv_vec(WAIT).expect("a message"), b"hello");
    assert_eq!(channel.peer().expect("it is known").transport, TransportKind::Local);
}

#[test]
fn a_shm_connector_speaks_frames_when_there_is_no_memory_after_all() {
    let place = Place::new();
    let listener = place.listen();
    let connected = Channel::connect(&place.endpoint("shm", "?ring=64KiB"), WAIT);
    let channel = connected.expect("somebody listens");
    let mut server = accept_plain(&listener);
    server.expect("hello-shm", std::process::id());
    let mut hello = golden("hello-minimal-listener");
    hello[32] |= 1; // offers rings
    server.say(&hello);
    server.say(&golden("share-none"));
    server.say(&golden("data"));
    assert_eq!(channel.recv_vec(WAIT).expect("a message"), b"hello");
    let answer = server.frame().expect("the answer to SHARE");
    assert_eq!((answer.kind, answer.payload.len()), (7, 4));
    assert!(answer.payload != [0; 4], "nothing can have been mapped");
    channel.send(b"over the socket", WAIT).expect("there is room");
    assert_eq!(server.frame().expect("a frame").payload, b"over the socket");
}

#[test]
fn rings_that_are_required_are_not_done_without() {
    let place = Place::new();
    let listener = place.listen();
    let endpoint = place.endpoint("shm", "?shm=required");
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut server = accept_plain(&listener);
            server.say(&golden("hello-minimal-listener"));
            server.reason_at_the_end();
        });
        Channel::connect(&endpoint, WAIT).map(drop).fails_with(Status::Unsupported);
    });
}

#[test]
fn a_shm_listener_shares_rings_and_does_without_when_they_are_refused() {
    let place = Place::new();
    let endpoint = place.endpoint("shm", "?ring=4KiB&ring_max=64KiB&max_message=1000");
    let listener = Listener::open(&endpoint).expect("the path is free");
    let mut client = Plain::connect(&place);
    let mut hello = golden("hello-minimal");
    hello[32] = 1; // offers rings
    hello[40..44].copy_from_slice(&5000u32.to_le_bytes());
    client.say(&hello);
    thread::scope(|scope| {
        scope.spawn(|| {
            client.expect("hello-shm-listener", std::process::id());
            let share = client.frame().expect("SHARE");
            assert_eq!((share.kind, share.payload.len()), (7, 48));
            check_share(&share.payload);
            client.say(&golden("share-refused"));
            client.say(&golden("data"));
        });
        let channel = listener.accept(WAIT).expect("frames go through the socket");
        assert_eq!(channel.recv_vec(WAIT).expect("a message"), b"hello");
        assert_eq!(channel.peer().expect("it is known").transport, TransportKind::Local);
    });
}

/// The fields of SHARE, for a wish of 5000 bytes at a listener with `ring=4KiB`.
fn check_share(payload: &[u8]) {
    let word = |at: usize| u64::from_le_bytes(payload[at..at + 8].try_into().expect("8 bytes"));
    assert_ne!(payload[..4], [0; 4], "the ring format");
    assert_eq!(payload[4..8], [0; 4], "reserved");
    let (total, to_listener, to_connector) = (word(8), (word(16), word(24)), (word(32), word(40)));
    let page = treenail::granule() as u64;
    assert_eq!(to_listener.1, page.max(8192), "the wish, rounded up to a power of two");
    assert_eq!(to_connector.1, page, "the listener's own, and at least a page");
    for (offset, size) in [to_listener, to_connector] {
        assert!(offset >= page && offset % page == 0 && offset + size <= total);
    }
}

#[test]
fn the_plain_peer_makes_the_golden_frames() {
    assert_eq!(frame(2, 0, 0x0102_0304, 0, b"hello"), golden("data"));
    assert_eq!(frame(2, 1, 9, 0x0a0b_0c0d, b"question"), golden("request"));
    assert_eq!(frame(3, 0, 0, 0, b"there"), golden("ping"));
}
