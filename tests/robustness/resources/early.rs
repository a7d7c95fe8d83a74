//! A sender that came before the channel was open, and another call that opened it.

use crate::common::event::is_readable;
use crate::common::{SOON, name, status, with_early};
use treenail::{Channel, Listener, NOW, Status};

#[test]
fn a_sender_that_came_too_early_is_called_back() {
    let endpoint = format!("local:{}", name());
    let listener = Listener::open(&endpoint).expect("the name is free");
    let waiting = with_early(&endpoint);
    let connector = Channel::connect_start(&waiting).expect("somebody listens");
    let fd = connector.send_fd().expect("a descriptor");
    assert_eq!(status(connector.send(b"early", NOW)), Status::Again);
    let acceptor = listener.accept(SOON).expect("somebody connects");
    // This call opens the channel, and finds nothing in it.
    assert_eq!(status(connector.recv_vec(NOW)), Status::Again);
    assert!(is_readable(fd), "there is room to send");
    connector.send(b"late", NOW).expect("there is room");
    assert_eq!(status(connector.recv_vec(NOW)), Status::Again);
    assert!(is_readable(fd), "nobody was refused");
    assert_eq!(acceptor.recv_vec(SOON).expect("it was sent"), b"late");
}
