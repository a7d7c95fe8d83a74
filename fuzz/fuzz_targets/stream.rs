//! A connection whose every byte comes from the fuzzer: handshake and receiving end never panic,
//! wait or take more memory than came.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use treenail::wire::Hello;
use treenail::{Channel, Listener, NOW, Status};

/// Messages that are taken of one input at most.
const MESSAGES_MAX: usize = 100;

/// The library's listener, and where it is.
struct Meeting {
    listener: Listener,
    path: PathBuf,
}

impl Meeting {
    fn new() -> Meeting {
        let path = std::env::temp_dir().join(format!("treenail-fuzz-{}", std::process::id()));
        let options = "max_message=10000&inbox=10000&handshake_ms=3600000&backlog=65535";
        let listener = Listener::open(&format!("local:{}?{options}", path.display()));
        Meeting { listener: listener.expect("the path is free"), path }
    }
}

thread_local!(static MEETING: Meeting = Meeting::new());

fuzz_target!(|bytes: &[u8]| {
    let Some((&how, bytes)) = bytes.split_first() else { return };
    MEETING.with(|meeting| {
        let mut peer = UnixStream::connect(&meeting.path).expect("there is a listener");
        // A whole HELLO by itself is hard to guess.
        if how & 1 == 0 {
            let hello = Hello { message_size_max: 1000, features: 0, ring_wish: 0, pid: 1 };
            peer.write_all(&hello.encode()).expect("there is room");
        }
        let (first, second) = bytes.split_at(bytes.len() * usize::from(how >> 4) / 16);
        peer.write_all(first).expect("there is room");
        let accepted = meeting.listener.accept(NOW);
        let _ = peer.write_all(second);
        if how & 2 == 0 {
            drop(peer);
        }
        match accepted.or_else(|_| meeting.listener.accept(NOW)) {
            Ok(channel) => receive(&channel, how >> 2 & 3),
            Err(error) => assert_eq!(error.status(), Status::Again),
        }
    });
});

/// Takes all that came, in one of several ways.
fn receive(channel: &Channel, way: u8) {
    let (mut buffer, mut ranges) = ([0; 300], Vec::new());
    for _ in 0..MESSAGES_MAX {
        let result = match way {
            0 => channel.recv_vec(NOW).map(drop),
            1 => channel.recv(&mut buffer, NOW).map(drop),
            2 => channel.recv_view(NOW).map(|view| drop(view.to_vec())),
            _ => channel.recv_many(&mut buffer, &mut ranges, 5, NOW).map(drop),
        };
        match result.map_err(|error| error.status()) {
            Ok(()) => {}
            Err(Status::TooLarge) => drop(channel.recv_vec(NOW)),
            Err(Status::Again | Status::Closed | Status::PeerLost | Status::Protocol) => break,
            Err(other) => panic!("a peer's bytes came to {other:?}"),
        }
    }
    let _ = channel.send(b"anybody?", NOW);
}
