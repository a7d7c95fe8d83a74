//! How far a channel has moved into rings, and how the two threads of a side move it further.
//!
//! The thread that receives takes what the peer says about it, and the thread that sends says what
//! is owed. The answer to a frame may be read before its sender has noted that the frame is out:
//! then the answer counts.

use crate::error::{Error, Result};
use crate::readiness::interest::Interest;
use crate::sync::{AtomicU32, Ordering};

/// How far a channel has moved. C: the stage of a connector; L: the stage of a listener.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// C: the listener's HELLO has not come.
    AwaitsHello,
    /// C: SHARE has not come yet.
    AwaitsShare,
    /// C: the rings are mapped, and the listener must be told. After that this side sends through
    /// its ring.
    Mapped,
    /// C: there are no rings, and the listener must be told.
    Unmapped,
    /// C: this side sends through its ring. The listener moves when it likes.
    AwaitsMove,
    /// L: this side may hand over rings.
    MayShare,
    /// L: this side must hand over rings.
    IsToShare,
    /// L: the connector has not answered yet.
    AwaitsAnswer,
    /// L: this side receives through its ring, and must tell the connector that it sends through
    /// its own.
    IsToMove,
    /// Both directions use the socket for good.
    Socket,
    /// Both directions use rings.
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
    /// Which directions use rings.
    pub fn moved(self) -> Interest {
        match self {
            Stage::AwaitsMove => Interest::WRITE,
            Stage::IsToMove => Interest::READ,
            Stage::Rings => Interest::BOTH,
            _ => Interest::NONE,
        }
    }

    /// Whether this side must send a frame.
    pub fn owes(self) -> bool {
        matches!(self, Stage::Mapped | Stage::Unmapped | Stage::IsToShare | Stage::IsToMove)
    }

    /// Whether the stage no longer changes.
    pub fn is_final(self) -> bool {
        matches!(self, Stage::Socket | Stage::Rings)
    }

    /// Whether the peer must send the next frame, and a call that only sends looks for it.
    pub fn listens(self) -> bool {
        matches!(self, Stage::AwaitsHello | Stage::AwaitsShare | Stage::AwaitsAnswer)
    }
}

/// What a SHARE frame from the peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// C: it brings the memory, or says that there is none.
    Memory,
    /// L: it answers the listener's SHARE.
    Answer,
    /// C: the listener's last frame on the socket.
    Move,
}

/// The stage of one side.
pub struct Progress {
    stage: AtomicU32,
    /// 1: the frame that ends the stage is on its way, so its answer may come.
    said: AtomicU32,
}

impl Progress {
    /// A side at this stage.
    pub fn new(stage: Stage) -> Progress {
        Progress { stage: AtomicU32::new(stage as u32), said: AtomicU32::new(0) }
    }

    /// The stage.
    #[inline]
    pub fn stage(&self) -> Stage {
        STAGES[self.stage.load(Ordering::Acquire) as usize]
    }

    /// Whether this side is at exactly this stage.
    #[inline]
    pub fn is_at(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Acquire) == stage as u32
    }

    /// Leaves a stage, unless the other thread has done so.
    pub fn leave(&self, from: Stage, to: Stage) {
        let (from, to) = (from as u32, to as u32);
        let _ = self.stage.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Sends the frame that ends a stage; false if there was no room for it.
    pub fn say(&self, from: Stage, to: Stage, send: impl FnOnce() -> Result<bool>) -> Result<bool> {
        // This comes before the frame is out, as its answer may come at once.
        self.said.store(1, Ordering::SeqCst);
        let said = send();
        if matches!(said, Ok(true)) {
            self.leave(from, to);
        }
        self.said.store(0, Ordering::SeqCst);
        said
    }

    /// What the SHARE frame is that was read.
    pub fn due(&self) -> Result<Due> {
        // Read before the stage: a thread that takes it back has left the stage.
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

    /// L: the answer was read. The thread that sends may not have noted yet what it answers.
    pub fn on_answer(&self, to: Stage) {
        self.leave(Stage::IsToShare, to);
        self.leave(Stage::AwaitsAnswer, to);
    }

    /// C: the listener has moved. The thread that sends may not have noted yet that this side has.
    pub fn on_move(&self) {
        self.leave(Stage::Mapped, Stage::Rings);
        self.leave(Stage::AwaitsMove, Stage::Rings);
    }
}
