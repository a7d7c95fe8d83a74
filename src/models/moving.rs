//! How the two threads of one side move it into rings, while the peer answers as soon as it can.

use crate::error::Result;
use crate::sync::{Mutex, lock};
use crate::transport::handshake::stage::{Due, Progress, Stage};
use loom::thread;
use std::sync::Arc;

/// SHARE frames on a socket, by their status.
type Socket = Mutex<Vec<u32>>;

/// One side, and its socket in each direction.
struct Side {
    progress: Progress,
    sent: Socket,
    received: Socket,
}

impl Side {
    fn new(stage: Stage) -> Arc<Side> {
        let (sent, received) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        Arc::new(Side { progress: Progress::new(stage), sent, received })
    }

    fn say(&self, from: Stage, to: Stage) -> Result<bool> {
        self.progress.say(from, to, || {
            lock(&self.sent).push(0);
            Ok(true)
        })
    }

    /// The thread that sends says what is owed.
    fn send(&self) {
        let said = match self.progress.stage() {
            Stage::IsToShare => self.say(Stage::IsToShare, Stage::AwaitsAnswer),
            Stage::Mapped => self.say(Stage::Mapped, Stage::AwaitsMove),
            Stage::IsToMove => self.say(Stage::IsToMove, Stage::Rings),
            _ => Ok(true),
        };
        assert!(said.expect("nothing goes wrong"));
    }

    /// The thread that receives takes what has come; false if nothing has.
    fn receive(&self, status_after: Stage) -> bool {
        let frame = lock(&self.received).pop();
        if frame.is_some() {
            match self.progress.due().expect("what an honest peer says is due") {
                Due::Answer => self.progress.on_answer(status_after),
                Due::Move => self.progress.on_move(),
                Due::Memory => unreachable!("it has come before"),
            }
        }
        frame.is_some()
    }

    /// The peer answers the first frame, once.
    fn answer(&self) {
        if lock(&self.sent).pop().is_some() {
            lock(&self.received).push(0);
        }
    }
}

/// Lets a side say everything, its peer answer and the side take the answer, in every order. At the
/// end, when each has had another try, the side is at the stage `end`.
fn get(from: Stage, status_after: Stage, end: Stage) {
    let side = Side::new(from);
    let turn = |act: fn(&Side, Stage)| {
        let side = Arc::clone(&side);
        thread::spawn(move || act(&side, status_after))
    };
    let sending = turn(|side, _| side.send());
    let answering = turn(|side, _| side.answer());
    let receiving = turn(|side, after| {
        side.receive(after);
    });
    for one in [sending, answering, receiving] {
        one.join().expect("no panic");
    }
    // The peer may have tried too early to see the frame.
    side.answer();
    side.receive(status_after);
    side.send();
    assert_eq!(side.progress.stage(), end);
}

#[test]
fn loom_a_listener_moves_whenever_its_answer_comes() {
    super::check(|| get(Stage::IsToShare, Stage::IsToMove, Stage::Rings));
}

#[test]
fn loom_a_listener_stays_whenever_its_answer_comes() {
    super::check(|| get(Stage::IsToShare, Stage::Socket, Stage::Socket));
}

#[test]
fn loom_a_connector_moves_whenever_the_listener_does() {
    super::check(|| get(Stage::Mapped, Stage::IsToMove, Stage::Rings));
}
