//! The two turns of one side meet at a stage: the answer to a frame is read before the sender of
//! that frame has noted that it is out.

use super::*;
use crate::transport::link::Framing;
use std::os::unix::net::UnixStream;

const MOVES: [u8; 4] = 0u32.to_le_bytes();
const STAYS: [u8; 4] = 1u32.to_le_bytes();

fn link(stage: Stage) -> (Arc<StreamLink>, UnixStream) {
    let (own, other) = UnixStream::pair().expect("descriptors");
    let own = Fd::register(own.into()).expect("a descriptor");
    let credentials = socket::credentials(own.as_fd()).expect("it has a peer");
    let endpoint = Arc::new(Endpoint::parse("shm:x?ring=4KiB").expect("it is right"));
    let upgrade = Upgrade::new(&endpoint, stage, EARLY_SIZE_MAX, 0);
    let peer = Peer::new(Arc::new(own), credentials);
    (StreamLink::new(peer, Framing::Frames, upgrade), other)
}

/// A listener that has handed over rings.
fn listener() -> (Arc<StreamLink>, UnixStream) {
    let (link, other) = link(Stage::IsToShare);
    assert!(link.upgrade.push(&link).expect("memory"), "there is room");
    assert_eq!(link.upgrade.stage(), Stage::AwaitsAnswer);
    (link, other)
}

#[test]
fn an_answer_that_was_read_before_the_offer_was_noted_counts() {
    for (answer, after) in [(MOVES, Stage::IsToMove), (STAYS, Stage::Socket)] {
        let (link, _other) = listener();
        // The reader has seen the stage before this one.
        link.upgrade.on_answer(&link.peer, Stage::IsToShare, &answer).expect("it is due");
        assert_eq!(link.upgrade.stage(), after);
    }
}

#[test]
fn an_answer_that_comes_before_the_offer_is_noted_is_not_taken_back() {
    let (link, _other) = listener();
    link.upgrade.stage.store(Stage::IsToShare as u32, Ordering::SeqCst);
    link.upgrade.said.store(true, Ordering::SeqCst);
    link.upgrade.on_share(&link.peer, &MOVES, Some(Vec::new())).expect("it is due");
    link.upgrade.leave(Stage::IsToShare, Stage::AwaitsAnswer);
    assert_eq!(link.upgrade.stage(), Stage::IsToMove);
}

#[test]
fn a_move_that_was_read_before_this_side_s_was_noted_counts() {
    for stage in [Stage::Mapped, Stage::AwaitsMove] {
        let (link, _other) = link(Stage::AwaitsMove);
        link.upgrade.on_move(&link.peer, stage, &MOVES).expect("it is due");
        assert_eq!(link.upgrade.stage(), Stage::Rings);
    }
}

#[test]
fn a_move_that_nothing_was_said_for_is_refused() {
    let (link, _other) = link(Stage::Mapped);
    let error = link.upgrade.on_share(&link.peer, &MOVES, Some(Vec::new()));
    assert_eq!(error.expect_err("it is not due").status(), Status::Protocol);
    assert_eq!(link.upgrade.stage(), Stage::Mapped);
}
