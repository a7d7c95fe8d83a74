//! What a channel lends: messages in place, to read or to write.

use super::core::Core;
use crate::channel::info::Info;
use crate::channel::lent::LentId;
use crate::channel::lent::LoanParts;
use crate::channel::lent::ViewParts;
use crate::channel::loan::is_still_lent;
use crate::error::{Error, Status};
use crate::memory::{Bytes, Lent};
use crate::os::transfer;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::time::Duration;

/// A message that was received in place. Dropping it gives its room back. It can't outlive its
/// channel:
///
/// ```
/// fn look(channel: treenail::Channel) -> treenail::Result<Vec<u8>> {
///     let view = channel.recv_view(treenail::NOW)?;
///     let bytes = view.to_vec();
///     drop(view);
///     drop(channel);
///     Ok(bytes)
/// }
/// ```
/// ```compile_fail,E0505
/// fn look(channel: treenail::Channel) -> treenail::Result<Vec<u8>> {
///     let view = channel.recv_view(treenail::NOW)?;
///     drop(channel);
///     Ok(view.to_vec())
/// }
/// ```
pub struct View<'a> {
    core: &'a Core,
    parts: ViewParts,
    bytes: Bytes,
}

impl<'a> View<'a> {
    pub(crate) fn new(core: &'a Core, parts: ViewParts) -> View<'a> {
        View { core, bytes: Bytes::new(parts.bytes), parts }
    }

    /// Its tag, id and flags.
    pub fn info(&self) -> Info {
        self.parts.head.into()
    }

    /// Hands the bytes from `offset` on to a descriptor (a file, a pipe, a socket), without a copy
    /// in between. Returns how many it took: fewer than there are where write(2) takes fewer.
    /// Panics if `offset` is past the end.
    pub fn write_to(&self, offset: usize, fd: impl AsFd) -> io::Result<usize> {
        transfer::write(fd.as_fd(), self.bytes.from(offset))
    }

    /// The id that releases it, its bytes and its info. The view itself is not dropped.
    pub(crate) fn into_parts(self) -> (LentId, Lent, Info) {
        let (id, bytes, info) = (self.parts.id, self.parts.bytes, self.info());
        std::mem::forget(self);
        (id, bytes, info)
    }
}

impl Deref for View<'_> {
    type Target = Bytes;
    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({:?})", self.info())
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        let _ = self.core.release(self.parts.id);
    }
}

/// Room for a message that is written in place. Dropping it discards the message. It can't be
/// written to after it is committed:
///
/// ```
/// fn write(mut loan: treenail::Loan<'_>) -> treenail::Result<()> {
///     loan.write_at(0, b"hello");
///     Ok(loan.commit(0, 5, treenail::FOREVER)?)
/// }
/// ```
/// ```compile_fail,E0382
/// fn write(mut loan: treenail::Loan<'_>) -> treenail::Result<()> {
///     loan.commit(0, 5, treenail::FOREVER)?;
///     Ok(loan.write_at(0, b"hello"))
/// }
/// ```
pub struct Loan<'a> {
    core: &'a Core,
    parts: Option<LoanParts>,
    bytes: Bytes,
}

impl<'a> Loan<'a> {
    pub(super) fn new(core: &'a Core, parts: LoanParts) -> Loan<'a> {
        Loan { core, bytes: Bytes::new(parts.bytes), parts: Some(parts) }
    }

    /// Writes `bytes` from `offset` on. Panics if they reach past the end.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        self.bytes.write_at(offset, bytes);
    }

    /// Fills the bytes from `offset` on out of a descriptor (a file, a pipe, a socket), without a
    /// copy in between. Returns how many came, as read(2) does: 0 is the end, or no room. Panics if
    /// `offset` is past the end.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let listener = treenail::Listener::open("shm:doc-read-from")?;
    /// # let channel = treenail::Channel::connect("shm:doc-read-from", treenail::FOREVER)?;
    /// let (input, mut output) = std::io::pipe()?;
    /// std::io::Write::write_all(&mut output, b"from a pipe")?;
    /// let mut loan = channel.loan(1 << 16, treenail::FOREVER)?;
    /// let len = loan.read_from(0, &input)?;
    /// loan.commit(0, len, treenail::FOREVER).map_err(treenail::Error::from)?;
    ///
    /// let receiver = listener.accept(treenail::FOREVER)?;
    /// let view = receiver.recv_view(treenail::FOREVER)?;
    /// assert_eq!(view.to_vec(), b"from a pipe");
    /// assert_eq!(view.write_to(0, &output)?, view.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_from(&mut self, offset: usize, fd: impl AsFd) -> io::Result<usize> {
        transfer::read(fd.as_fd(), self.bytes.from(offset))
    }

    /// Where to write; 16-byte aligned.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr()
    }

    /// Sends the first `len` bytes as a message. A loan in the ring never waits; any other loan is
    /// sent as [`Channel::send`](crate::Channel::send) sends. If nothing of it could be sent, the
    /// error gives the loan back.
    pub fn commit(
        mut self,
        tag: u32,
        len: usize,
        timeout: Option<Duration>,
    ) -> std::result::Result<(), CommitError<'a>> {
        let parts = self.parts.take().expect("commit takes the loan");
        let (id, lent) = (parts.id, parts.bytes.len());
        let sent = self.core.commit_lent(id, lent, tag, len, timeout);
        sent.map_err(|error| {
            let loan = is_still_lent(error.status()).then(|| {
                self.parts = Some(parts);
                self
            });
            CommitError { error, loan }
        })
    }

    /// The id that commits it, and its room. The loan itself is not dropped.
    pub(crate) fn into_parts(mut self) -> (LentId, Lent) {
        let parts = self.parts.take().expect("nothing has taken the loan");
        (parts.id, parts.bytes)
    }
}

/// A commit that failed. `?` makes it an [`Error`], which discards the loan.
#[derive(Debug)]
pub struct CommitError<'a> {
    error: Error,
    loan: Option<Loan<'a>>,
}

impl<'a> CommitError<'a> {
    /// The status, for the program to branch on.
    pub fn status(&self) -> Status {
        self.error.status()
    }

    /// The loan, to be committed again: after [`Status::Again`] and [`Status::TimedOut`], and if
    /// `len` or the tag was refused. After any other failure there is no loan any more.
    pub fn into_loan(self) -> Option<Loan<'a>> {
        self.loan
    }
}

impl fmt::Display for CommitError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for CommitError<'_> {}

impl From<CommitError<'_>> for Error {
    fn from(error: CommitError<'_>) -> Error {
        error.error
    }
}

impl Deref for Loan<'_> {
    type Target = Bytes;
    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for Loan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan({} bytes)", self.len())
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(parts) = &self.parts {
            let _ = self.core.discard(parts.id);
        }
    }
}
