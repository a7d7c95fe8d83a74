//! What handles on all kinds of named objects have in common: the name, the hold, the descriptors,
//! and closing.

use super::descriptor::{ObjectDescriptor, Recheck};
use crate::endpoint::names::{Kind, ObjectName};
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::object::holder::Holder;
use crate::object::layout::Purpose;
use crate::object::lifecycle;
use crate::object::wait::WaitError;
use crate::object::who::Blocker;
use crate::os::fork::generation;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// How often a refused call looks again while another holder is about to make a change: a publisher
/// also signals before its change, so a moment later the change may be there.
const YIELDS_MAX: u32 = 20;

const NO_CHANGE: &str = "no change came in time; give it longer, or see whether the program that \
                         makes changes notifies of them";

/// A handle on a named object.
pub struct Object {
    kind: Kind,
    name: Arc<str>,
    generation: u32,
    /// The errors of calls that would have to wait.
    would_block: WouldBlock,
    pub holder: Holder,
    /// Shows another version.
    pub changes: ObjectDescriptor,
    /// Shows that the lock, or units, may be free.
    pub available: ObjectDescriptor,
}

/// The errors of calls that would have to wait, which event loops get all the time: they are made
/// once, so that they can't say which process it is.
struct WouldBlock {
    /// For the lock or units, which somebody has.
    by_others: Error,
    /// For what this process has by another handle.
    by_this_process: Error,
    /// For a change.
    change: Error,
}

impl WouldBlock {
    fn of(kind: Kind, name: &Arc<str>) -> WouldBlock {
        let [take, wait] = kind.waits();
        let error = |verb, why: String| {
            let detail = format!("not without waiting, and the timeout was 0: {why}");
            Error::new(Status::Again, detail).during(verb, name)
        };
        let what = kind.shared();
        let others = "give it time, or wait until its descriptor is readable";
        WouldBlock {
            by_others: error(take, format!("somebody has {what}; {others}")),
            by_this_process: error(take, Blocker::ThisProcess.in_words(what)),
            change: error(wait, format!("nothing has changed; {others}")),
        }
    }
}

impl Object {
    /// Reads a name, and holds that object by `hold`.
    pub fn new(
        kind: Kind,
        verb: &'static str,
        name: &str,
        hold: impl FnOnce(&ObjectName) -> Result<Holder>,
    ) -> Result<(Object, ObjectName)> {
        let name = ObjectName::parse(kind, name).map_err(|error| error.tried(verb))?;
        let holder = hold(&name).map_err(|error| error.during(verb, &name.text))?;
        let (changes, available) =
            (ObjectDescriptor::new(Purpose::Change), ObjectDescriptor::new(Purpose::Available));
        let would_block = WouldBlock::of(kind, &name.text);
        let (text, generation) = (Arc::clone(&name.text), generation());
        let object =
            Object { kind, name: text, generation, would_block, holder, changes, available };
        Ok((object, name))
    }

    /// Removes the name of an object.
    pub fn remove(kind: Kind, name: &str) -> Result<()> {
        let name = ObjectName::parse(kind, name).map_err(|error| error.tried("remove"))?;
        lifecycle::remove(&name).map_err(|error| error.during("remove", &name.text))
    }

    /// Whether this process made the handle, and hasn't closed it.
    #[inline]
    pub fn is_alive(&self) -> bool {
        self.is_own() && !self.holder.is_detached()
    }

    /// Whether this process made the handle.
    #[inline]
    pub fn is_own(&self) -> bool {
        self.generation == generation()
    }

    pub fn alive(&self) -> Result<()> {
        match self.is_own() {
            false => Err(Error::forked()),
            true if self.holder.is_detached() => Err(self.closed()),
            true => Ok(()),
        }
    }

    /// Runs `attempt`. If the call may not wait and is refused, this makes its descriptor
    /// unreadable and tries again. `recheck` says when the descriptor is shown again; it is told
    /// whether another holder is about to make a change.
    pub fn attempt<T>(
        &self,
        descriptor: &ObjectDescriptor,
        timeout: Option<Duration>,
        recheck: impl FnOnce(bool) -> Recheck,
        attempt: impl Fn() -> std::result::Result<T, WaitError>,
    ) -> std::result::Result<T, WaitError> {
        let mut got = attempt();
        if timeout != crate::NOW
            || !matches!(got, Err(WaitError::TimedOut))
            || !descriptor.hide(&self.holder)
        {
            return got;
        }
        let mut others_publish = false;
        for _ in 0..=YIELDS_MAX {
            got = attempt();
            others_publish = self.holder.others_publish(descriptor.purpose());
            if !matches!(got, Err(WaitError::TimedOut)) || !others_publish {
                break;
            }
            std::thread::yield_now();
        }
        match &got {
            Err(WaitError::TimedOut) => descriptor.show_later(recheck(others_publish)),
            _ => descriptor.show(),
        }
        got
    }

    pub fn close(&self) {
        if self.is_own() && self.holder.detach() {
            self.changes.show();
            self.available.show();
        }
    }

    /// Writes down a loss.
    #[cold]
    pub fn note(&self, what: &str) {
        log::note(Level::Warn, |line| write!(line, "lock {}: {what}", self.name));
    }

    /// The error of a verb on this object.
    #[cold]
    pub fn with_context(&self, error: Error, verb: &'static str) -> Error {
        error.during(verb, &self.name)
    }

    #[cold]
    pub fn closed(&self) -> Error {
        let noun = self.kind.noun();
        Error::new(Status::Closed, format!("the {noun} was closed by this program; open it anew"))
    }

    /// The error of a call that waited for a change in vain.
    #[cold]
    pub fn unchanged(&self, timeout: Option<Duration>) -> Error {
        match timeout {
            crate::NOW => self.would_block.change.clone(),
            _ => Error::new(Status::TimedOut, NO_CHANGE),
        }
    }

    /// The error of a call that waited in vain; `overflow` says what can't be counted any further,
    /// and `blocker` who has what it waits for.
    #[cold]
    pub fn refusal(
        &self,
        error: WaitError,
        timeout: Option<Duration>,
        overflow: &'static str,
        blocker: impl FnOnce() -> Blocker,
    ) -> Error {
        match error {
            WaitError::Closed => self.closed(),
            WaitError::Overflow => Error::new(Status::NoSpace, overflow),
            WaitError::TimedOut if timeout == crate::NOW => match blocker() {
                Blocker::ThisProcess => self.would_block.by_this_process.clone(),
                _ => self.would_block.by_others.clone(),
            },
            WaitError::TimedOut => {
                let text = blocker().in_words(self.kind.shared());
                Error::new(Status::TimedOut, text)
            }
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.close();
    }
}
