//! What handles on named objects have in common: the name, the hold, the descriptor, and the end.

mod ready;
pub(crate) mod refused;

use self::ready::Ready;
use self::refused::Wish;
use crate::endpoint::object::{Kind, ObjectName};
use crate::error::{Error, Result, Status};
use crate::os::fork::generation;
use crate::shm::attach;
use crate::shm::holder::Holder;
use crate::shm::lock::Gave;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

/// A handle on a named object.
pub struct Object {
    kind: Kind,
    name: Arc<str>,
    generation: u32,
    /// Why a call is refused that would have to wait: for its turn, and for a change.
    again: [Error; 2],
    pub holder: Holder,
    pub ready: Ready,
}

impl Object {
    /// Reads a name, and takes hold of that object by `hold`.
    pub fn new(
        kind: Kind,
        verb: &'static str,
        name: &str,
        hold: impl FnOnce(&ObjectName) -> Result<Holder>,
    ) -> Result<(Object, ObjectName)> {
        let name = ObjectName::parse(kind, name)?;
        let holder = hold(&name).map_err(|error| error.during(verb, &name.text))?;
        let (generation, ready) = (generation(), Ready::new());
        let again = kind.waits().map(|verb| Error::again().during(verb, &name.text));
        let object =
            Object { kind, name: Arc::clone(&name.text), generation, again, holder, ready };
        Ok((object, name))
    }

    /// Takes the name of an object away.
    pub fn remove(kind: Kind, name: &str) -> Result<()> {
        let name = ObjectName::parse(kind, name)?;
        attach::remove(&name).map_err(|error| error.during("remove", &name.text))
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
            false => Err(crate::channel::core::forked()),
            true if self.holder.is_detached() => Err(self.closed()),
            true => Ok(()),
        }
    }

    /// Goes for a wish by `attempt`. One that may not wait, and is refused, settles the descriptor
    /// and then looks again.
    pub fn acquire<T>(
        &self,
        wish: Wish,
        timeout: Option<Duration>,
        attempt: impl Fn() -> std::result::Result<T, Gave>,
    ) -> std::result::Result<T, Gave> {
        let got = match attempt() {
            Err(Gave::Up) if timeout == crate::NOW && self.ready.settle(&self.holder, wish) => {
                let found = attempt();
                self.ready.after(found.is_ok(), self.holder.is_hindered());
                found
            }
            got => got,
        };
        if got.is_ok() {
            self.ready.granted(wish);
        }
        got
    }

    /// A descriptor that becomes readable when there is something to look for.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        self.ready.fd(&self.holder)
    }

    pub fn close(&self) {
        if self.is_own() && self.holder.detach() {
            self.ready.mark();
        }
    }

    /// Says what was tried on what.
    #[cold]
    pub fn said(&self, error: Error, verb: &'static str) -> Error {
        error.during(verb, &self.name)
    }

    #[cold]
    pub fn closed(&self) -> Error {
        let noun = self.kind.noun();
        Error::new(Status::Closed, format!("the {noun} was closed by this program"))
    }

    /// Why a call that waits for a change gave up.
    #[cold]
    pub fn unchanged(&self, timeout: Option<Duration>) -> Error {
        match timeout {
            crate::NOW => self.again[1].clone(),
            _ => Error::new(Status::TimedOut, "it did not come about in time"),
        }
    }

    /// Why a call that waits gave up; `full` where there was no room.
    #[cold]
    pub fn refusal(&self, gave: Gave, timeout: Option<Duration>, full: &'static str) -> Error {
        match gave {
            Gave::Way => self.closed(),
            Gave::Room => Error::new(Status::NoSpace, full),
            Gave::Up if timeout == crate::NOW => self.again[0].clone(),
            Gave::Up => Error::new(Status::TimedOut, "it did not come about in time"),
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
