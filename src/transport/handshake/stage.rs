//! How far a channel has got on its way into rings, and how the two turns of a side get it further.
//!
//! The receiving turn takes what the peer says of it, and the sending turn says what is owed. The
//! answer to a frame may be read before its sender has noted that it is out: then it is the answer
//! that counts.

use crate::error::{Error, Result};
use crate::readiness::interest::Interest;
use crate::sync::{AtomicU32, Ordering};

/// How far a channel has got. C: of a connector; L: of a listener.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// C: the listener's HELLO has not come.
    AwaitsHello,
    /// C: SHARE has not come, and will.
    AwaitsShare,
    /// C: the rings are mapped, and the listener is to be told. Then sending goes through its ring.
    Mapped,
    /// C: there are no rings, and the listener is to be told.
    Unmapped,
    /// C: sending goes through its ring; the listener moves when it likes.
    AwaitsMove,
    /// L: rings may be handed over.
    MayShare,
    /// L: they are to be handed over.
    IsToShare,
    /// L: the connector has not answered.
    AwaitsAnswer,
    /// L: receiving goes through its ring, and the connector is to be told that sending does.
    IsToMove,
    /// Both directions go through the socket, for good.
    Socket,
    /// Both directions go through rings.
    Rings,
}

const STAGES: [Stage; 11] = [
    Stage::AwaitsHello,
    Stage::AwaitsShare,
    Stage::Mapped,
    Stage::Unmapped,
    Stage::AwaitsMove,
    Stage::MayShare,
    Stage::IsToShare,
    Stage::AwaitsAnswer,
    Stage::IsToMove,
    Stage::Socket,
    Stage::Rings,
];

impl Stage {
    /// Which directions go through rings.
    pub fn moved(self) -> Interest {
        match self {
            Stage::AwaitsMove => Interest::WRITE,
            Stage::IsToMove => Interest::READ,
            Stage::Rings => Interest::BOTH,
            _ => Interest::NONE,
        }
    }

    /// Whether this side is to say something.
    pub fn owes(self) -> bool {
        matches!(self, Stage::Mapped | Stage::Unmapped | Stage::IsToShare | Stage::IsToMove)
    }

    /// Whether nothing changes any more.
    pub fn is_final(self) -> bool {
        matches!(self, Stage::Socket | Stage::Rings)
    }

    /// Whether the next thing is the peer's to say, and a call that only sends looks for it.
    pub fn listens(self) -> bool {
        matches!(self, Stage::AwaitsHello | Stage::AwaitsShare | Stage::AwaitsAnswer)
    }
}

/// What a SHARE frame of the peer's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// C: the memory, or that there is none.
    Memory,
    /// L: the answer to it.
    Answer,
    /// C: the listener's last frame on the socket.
    Move,
}

/// The stage of one side.
pub struct Progress {
    stage: AtomicU32,
    /// 1: the frame that ends the stage is on its way, and its answer may come.
    said: AtomicU32,
}

impl Progress {
    /// At this stage.
    pub fn new(stage: Stage) -> Progress {
        Progress { stage: AtomicU32::new(stage as u32), said: AtomicU32::new(0) }
    }

    /// How far it has got.
    #[inline]
    pub fn stage(&self) -> Stage {
        STAGES[self.stage.load(Ordering::Acquire) as usize]
    }

    /// Whether it has got so far, and no further.
    #[inline]
    pub fn is_at(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Acquire) == stage as u32
    }

    /// Leaves a stage, unless the other turn has done so.
    pub fn leave(&self, from: Stage, to: Stage) {
        let (from, to) = (from as u32, to as u32);
        let _ = self.stage.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Sends the frame that ends a stage: false if there was no room for it.
    pub fn say(&self, from: Stage, to: Stage, send: impl FnOnce() -> Result<bool>) -> Result<bool> {
        // Before it is out, as its answer may come at once.
        self.said.store(1, Ordering::SeqCst);
        let said = send();
        if matches!(said, Ok(true)) {
            self.leave(from, to);
        }
        self.said.store(0, Ordering::SeqCst);
        said
    }

    /// What a SHARE frame is that has been read.
    pub fn due(&self) -> Result<Due> {
        // Read before the stage: who takes it back has left the stage.
        let said = self.said.load(Ordering::SeqCst) != 0;
        match self.stage() {
            Stage::AwaitsShare => Ok(Due::Memory),
            Stage::AwaitsAnswer => Ok(Due::Answer),
            Stage::IsToShare if said => Ok(Due::Answer),
            Stage::AwaitsMove => Ok(Due::Move),
            Stage::Mapped if said => Ok(Due::Move),
            _ => Err(Error::protocol("a SHARE frame that is not due")),
        }
    }

    /// L: the answer was read. The sending turn may not have noted yet what it answers.
    pub fn on_answer(&self, to: Stage) {
        self.leave(Stage::IsToShare, to);
        self.leave(Stage::AwaitsAnswer, to);
    }

    /// C: the listener has moved. The sending turn may not have noted yet that this side has.
    pub fn on_move(&self) {
        self.leave(Stage::Mapped, Stage::Rings);
        self.leave(Stage::AwaitsMove, Stage::Rings);
    }
}
