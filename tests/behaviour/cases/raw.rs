//! `raw=1`: bytes without frames, to talk with programs that exist already.

use super::Way;
use crate::common::{SOON, assert_payload, directory, name, payload, status};
use std::io::{IoSlice, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use treenail::{Channel, Listener, NOW, Status};

const LEN: usize = 3 << 20;

fn receive(channel: &Channel, len: usize) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 70_001]);
    while all.len() < len {
        match all.len() % 4 {
            0 => all.extend(channel.recv_vec(SOON).expect("bytes come")),
            1 => all.extend(channel.recv_view(SOON).expect("bytes come").to_vec()),
            2 => {
                let count = channel.recv(&mut buffer[..5], SOON).expect("bytes come");
                assert!((1..=5).contains(&count), "as much as is there and fits");
                all.extend(&buffer[..count]);
            }
            _ => {
                let mut places = Vec::new();
                let result = channel.recv_many(&mut buffer, &mut places, 3, SOON);
                result.expect("bytes come");
                places.into_iter().for_each(|(_, place)| all.extend(&buffer[place]));
            }
        }
    }
    all
}

pub fn bytes_arrive_in_order_whatever_the_pieces(way: Way) {
    let pair = way.pair("");
    for (from, to) in [(&pair.connector, &pair.acceptor), (&pair.acceptor, &pair.connector)] {
        thread::scope(|scope| {
            scope.spawn(|| {
                let bytes = payload(1, LEN);
                let (first, rest) = bytes.split_at(LEN / 2);
                from.send(first, SOON).expect("the peer reads");
                for chunk in rest.chunks(999) {
                    let (one, two) = chunk.split_at(chunk.len() / 2);
                    let parts = [IoSlice::new(one), IoSlice::new(two)];
                    let mut sent = 0;
                    match chunk.len() % 2 {
                        0 => from.sendv(0, &parts, SOON).expect("the peer reads"),
                        _ => {
                            while sent < 2 {
                                let more = from.send_many(&parts[sent..], SOON);
                                sent += more.expect("the peer reads");
                            }
                        }
                    }
                }
                from.flush(SOON).expect("the peer reads");
            });
            assert_payload(&receive(to, LEN), 1);
        });
    }
}

pub fn frames_have_no_meaning(way: Way) {
    let pair = way.pair("");
    // A CLOSE frame, were there frames.
    let frame = [0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    pair.connector.send(&frame, SOON).expect("there is room");
    pair.connector.send(&[0xff; 64], SOON).expect("there is room");
    let all = receive(&pair.acceptor, 80);
    assert_eq!((&all[..16], &all[16..]), (&frame[..], &[0xff; 64][..]));
    assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
}

pub fn tags_and_requests_are_refused(way: Way) {
    let pair = way.pair("");
    let channel = &pair.connector;
    let results = [
        status(channel.sendv(1, &[IoSlice::new(b"x")], SOON)),
        status(channel.send_tagged(1, b"x", SOON)),
        status(channel.request(1, b"x", SOON)),
        status(channel.request_start(1, b"x", SOON)),
        status(channel.loan(1, SOON).expect("a buffer").commit(1, 1, SOON)),
    ];
    for result in results {
        assert!(matches!(result, Status::Unsupported | Status::Invalid), "{result:?}");
    }
    assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
}

pub fn a_plain_program_joins(way: Way) {
    let name = name();
    let path = directory().join(format!("{name}.sock"));
    let endpoint = format!("local:{name}?raw=1");
    let listener = Listener::open(&endpoint).expect("the name is free");
    let mut plain = UnixStream::connect(&path).expect("somebody listens");
    let channel = listener.accept(SOON).expect("it has connected");
    assert_eq!(channel.peer().expect("it is there").transport, way.transport());
    talk(&mut plain, &channel);
    drop((listener, channel));
    let listener = UnixListener::bind(&path).expect("the name is free again");
    let channel = Channel::connect(&endpoint, SOON).expect("somebody listens");
    let (mut plain, _) = listener.accept().expect("it has connected");
    talk(&mut plain, &channel);
    let _ = std::fs::remove_file(path);
}

fn talk(plain: &mut UnixStream, channel: &Channel) {
    plain.write_all(b"hello").expect("there is room");
    assert_eq!(receive(channel, 5), b"hello");
    channel.send(b"to you", SOON).expect("there is room");
    let mut buffer = [0; 6];
    plain.read_exact(&mut buffer).expect("it was sent");
    assert_eq!(&buffer, b"to you");
    plain.write_all(b"bye").expect("there is room");
    plain.shutdown(std::net::Shutdown::Both).expect("it is open");
    assert_eq!(receive(channel, 3), b"bye");
    assert_eq!(status(channel.recv_vec(SOON)), Status::Closed);
}
