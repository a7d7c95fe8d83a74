//! A request is answered once.

use super::Way;
use crate::common::{SOON, status};
use std::time::Duration;
use treenail::{Channel, Info, NOW, Status};

/// As many unanswered requests are remembered.
const REMEMBERED: usize = 65_536;

/// Asks without waiting for the reply, which is dropped: the request, as the other side has it.
fn ask(from: &Channel, to: &Channel) -> Info {
    let id = from.request_begin(1, b"", SOON).expect("there is room");
    from.request_cancel(id).expect("it was begun");
    let info = to.recv_message(&mut [], SOON).expect("it was sent");
    assert!(info.is_request() && info.id == id);
    info
}

/// Answers a request; reads the replies on the other side, so that there is room.
fn answer(from: &Channel, to: &Channel, request: &Info) -> Status {
    let result = status(from.reply(request, b"", SOON));
    assert_eq!(status(to.recv_vec(NOW)), Status::Again);
    result
}

pub fn a_second_reply_is_invalid(way: Way) {
    let pair = way.pair("");
    let (client, server) = (&pair.connector, &pair.acceptor);
    let (mut buffer, mut batch) = ([0; 64], Vec::new());
    for form in 0..3 {
        client.request_start(form, b"?", SOON).expect("there is room");
        let info = match form {
            0 => server.recv_message(&mut buffer, SOON).expect("it was sent"),
            1 => server.recv_view(SOON).expect("it was sent").info(),
            _ => {
                server.recv_many(&mut buffer, &mut batch, 5, SOON).expect("it was sent");
                batch[0].0
            }
        };
        server.reply(&info, b"!", SOON).expect("it was asked");
        assert_eq!(status(server.reply(&info, b"once more", SOON)), Status::Invalid);
        let other_id = Info { id: info.id + 1, ..info };
        assert_eq!(status(server.reply(&other_id, b"to nobody", SOON)), Status::Invalid);
        assert_eq!(status(client.reply(&info, b"astray", SOON)), Status::Invalid);
        assert_eq!(client.recv_vec(SOON).expect("it was answered"), b"!");
        assert_eq!(status(client.recv_vec(NOW)), Status::Again);
    }
}

pub fn a_request_taken_without_its_id_can_not_be_answered(way: Way) {
    let pair = way.pair("");
    let id = pair.connector.request_start(1, b"?", SOON).expect("there is room");
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("it was sent"), b"?");
    let guessed = Info { len: 1, tag: 1, id, flags: 1 };
    assert_eq!(status(pair.acceptor.reply(&guessed, b"!", SOON)), Status::Invalid);
}

pub fn a_reply_that_found_no_room_may_be_tried_again(way: Way) {
    let pair = way.pair("ring=4KiB");
    let (client, server) = (&pair.connector, &pair.acceptor);
    let id = client.request_begin(1, b"?", SOON).expect("there is room");
    let info = server.recv_view(SOON).expect("it was sent").info();
    let mut sent = 0;
    while server.send(&[7; 1000], NOW).is_ok() {
        sent += 1;
    }
    assert_eq!(status(server.reply(&info, &[8; 1000], NOW)), Status::Again);
    let short = Some(Duration::from_millis(5));
    assert_eq!(status(server.reply(&info, &[8; 1000], short)), Status::TimedOut);
    for _ in 0..sent {
        assert_eq!(client.recv_vec(SOON).expect("it was sent").len(), 1000);
    }
    server.reply(&info, b"!", SOON).expect("there is room again");
    assert_eq!(status(server.reply(&info, b"once more", SOON)), Status::Invalid);
    assert_eq!(client.request_end(id, SOON).expect("it was answered").to_vec(), b"!");
}

#[test]
fn a_request_that_waits_long_for_its_answer_is_remembered() {
    let pair = Way::Shm.pair("");
    let (client, server) = (&pair.connector, &pair.acceptor);
    let slow = ask(client, server);
    for _ in 0..2 * REMEMBERED + 10 {
        let quick = ask(client, server);
        assert_eq!(answer(server, client, &quick), Status::Ok);
    }
    assert_eq!(answer(server, client, &slow), Status::Ok);
    assert_eq!(answer(server, client, &slow), Status::Invalid);
}

#[test]
fn the_last_unanswered_requests_are_remembered() {
    let pair = Way::Shm.pair("");
    let (client, server) = (&pair.connector, &pair.acceptor);
    let asked: Vec<Info> = (0..3 * REMEMBERED).map(|_| ask(client, server)).collect();
    let (forgotten, remembered) = asked.split_at(2 * REMEMBERED);
    for request in remembered.iter().step_by(100).chain(remembered.last()) {
        assert_eq!(answer(server, client, request), Status::Ok);
    }
    for request in remembered.iter().step_by(100).chain(remembered.last()) {
        assert_eq!(answer(server, client, request), Status::Invalid);
    }
    assert_eq!(answer(server, client, &forgotten[0]), Status::Ok, "who knows");
    let next = ask(client, server);
    assert_eq!(answer(server, client, &next), Status::Ok);
    assert_eq!(answer(server, client, &next), Status::Invalid);
}
