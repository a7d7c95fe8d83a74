//! What a row of the benchmark is made of.

/// A program that can run contestants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Floors,
    Locks,
    Ours,
    OursLocks,
    OursCpp,
    Python,
    Iceoryx2,
    Zeromq,
    Nng,
    Boost,
    BoostLocks,
    RawSync,
    /// Only where Qt is.
    QtLocks,
    QtSockets,
    QtMemory,
    QtMessages,
}

impl Program {
    /// Whether it is compiled against the library; the others only run with it, or without.
    pub fn is_linked(self) -> bool {
        matches!(self, Program::Ours | Program::OursLocks | Program::OursCpp)
    }

    /// Whether it runs with no library but of this tree's ABI, as its binding is made for that.
    pub fn needs_this_abi(self) -> bool {
        matches!(
            self,
            Program::Python | Program::QtSockets | Program::QtMemory | Program::QtMessages
        )
    }
}

/// What a program is called with.
pub type Args = &'static [&'static str];

/// One pair of processes: a program and its arguments.
#[derive(Clone, Copy)]
pub struct Contestant {
    pub label: &'static str,
    pub program: Program,
    pub args: Args,
}

/// What must be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Our time is at most this many times the rival's.
    TimeAtMost(f64),
    /// Our rate is at least this many times the rival's.
    RateAtLeast(f64),
    /// Our p99 is at most this many milliseconds.
    P99AtMostMs(f64),
    /// We take at most this many milliseconds.
    MsAtMost(f64),
    /// We take at most this many KiB.
    KibAtMost(f64),
}

/// Somebody to compare with; without a target it is there to be seen.
pub struct Rival {
    pub contestant: Contestant,
    pub target: Option<Target>,
}

/// One line of the contract. The first rival is the floor, if there is one.
pub struct Row {
    pub name: &'static str,
    pub what: &'static str,
    pub ours: Contestant,
    /// For rows that are judged by themselves.
    pub limit: Option<Target>,
    pub rivals: &'static [Rival],
    /// Measured once, without a warm-up: what is counted is memory, not time.
    pub once: bool,
}

pub const fn contestant(label: &'static str, program: Program, args: Args) -> Contestant {
    Contestant { label, program, args }
}

pub const fn seen(label: &'static str, program: Program, args: Args) -> Rival {
    Rival { contestant: contestant(label, program, args), target: None }
}

pub const fn peer(label: &'static str, program: Program, args: Args, times: f64) -> Rival {
    Rival { contestant: contestant(label, program, args), target: Some(Target::RateAtLeast(times)) }
}

pub const fn row(
    name: &'static str,
    what: &'static str,
    ours: Contestant,
    rivals: &'static [Rival],
) -> Row {
    Row { name, what, ours, limit: None, rivals, once: false }
}
