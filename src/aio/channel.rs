//! A channel whose calls are awaited.

use super::tell::Tell;
use super::wait::{Either, Patience, first, forget, is_again, readable, when_readable, yield_now};
use crate::NOW;
use crate::channel::core::Core;
use crate::channel::{Channel, Info, View};
use crate::error::{Error, Result};
use crate::os::reactor::{Kept, watch};
use std::fmt;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::unix::AsyncFd;

/// A [`Channel`] whose calls are awaited, on tokio. It needs the cargo feature `tokio`.
///
/// Every task may use it at any time, through a reference or an `Arc`. The calls have no timeouts:
/// use `tokio::time::timeout`. A future that is dropped loses nothing: what it would have received
/// goes to the next call, and what it would have sent is sent whole or not at all. If it is dropped
/// after the message was taken but before all of it is out, later calls send the rest, and
/// [`AsyncChannel::flush`] waits for that.
///
/// ```
/// use treenail::{AsyncChannel, AsyncListener};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> treenail::Result<()> {
/// let listener = AsyncListener::open("shm:doc-tokio")?;
/// let server = tokio::spawn(async move {
///     let channel = listener.accept().await?;
///     let name = channel.recv_vec().await?;
///     channel.send(&[b"hello ", &name[..]].concat()).await
/// });
/// let channel = AsyncChannel::connect("shm:doc-tokio").await?;
/// channel.send(b"tokio").await?;
/// assert_eq!(channel.recv_vec().await?, b"hello tokio");
/// server.await.unwrap()?;
/// # Ok(())
/// # }
/// ```
pub struct AsyncChannel {
    // In this order: tokio forgets the descriptors before the channel closes them.
    pub(super) messages: AsyncFd<Kept<Channel>>,
    pub(super) room: AsyncFd<Kept<Channel>>,
    pub(super) channel: Arc<Channel>,
    pub(super) tell: Tell,
}

impl AsyncChannel {
    /// Takes over a channel, in any state. From here on only tasks should wait on it.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O (`enable_io`).
    pub fn new(channel: Channel) -> Result<AsyncChannel> {
        channel.send_fd()?;
        channel.fd()?;
        let channel = Arc::new(channel);
        let failed = |error: io::Error| {
            let error = Error::system("giving its descriptors to tokio", &error);
            error.during("new", &channel.core.endpoint.text)
        };
        let made = "it was made above";
        Ok(AsyncChannel {
            messages: watch(&channel, |channel| channel.fd().expect(made)).map_err(failed)?,
            room: watch(&channel, |channel| channel.send_fd().expect(made)).map_err(failed)?,
            tell: Tell::new(),
            channel,
        })
    }

    /// Connects to a listener: `connect("shm:NAME")`, as [`Channel::connect`] does. With `retry=1`
    /// it tries again while nobody listens. Panics where [`AsyncChannel::new`] does.
    pub async fn connect(endpoint: &str) -> Result<AsyncChannel> {
        AsyncChannel::new(Channel::connect_start(endpoint)?)?.opened().await
    }

    /// For exactly two programs: listens, accepts the first connection, and stops listening. Panics
    /// where [`AsyncChannel::new`] does.
    pub async fn create(endpoint: &str) -> Result<AsyncChannel> {
        AsyncChannel::new(Channel::create_start(endpoint)?)?.opened().await
    }

    /// Makes a private channel and returns both its ends, as [`Channel::pair`] does: for tests, and
    /// for tasks of one process. It doesn't wait. Panics where [`AsyncChannel::new`] does.
    pub fn pair(options: &str) -> Result<(AsyncChannel, AsyncChannel)> {
        let (one, other) = Channel::pair(options)?;
        Ok((AsyncChannel::new(one)?, AsyncChannel::new(other)?))
    }

    async fn opened(self) -> Result<AsyncChannel> {
        self.flush().await?;
        Ok(self)
    }

    /// The channel, for calls that don't wait: who the peer is, statistics, loans.
    pub fn get_ref(&self) -> &Channel {
        &self.channel
    }

    /// Gives the channel back, for calls that threads wait in.
    pub fn into_inner(self) -> Channel {
        let AsyncChannel { messages, room, channel, .. } = self;
        drop((messages, room));
        Arc::into_inner(channel).expect("nothing else holds it")
    }

    /// Sends one message, which may be empty. It waits for room while the peer doesn't read.
    pub async fn send(&self, data: &[u8]) -> Result<()> {
        self.send_out(|channel| channel.send(data, NOW)).await
    }

    /// Sends one message with a tag.
    pub async fn send_tagged(&self, tag: u32, data: &[u8]) -> Result<()> {
        self.send_out(|channel| channel.send_tagged(tag, data, NOW)).await
    }

    /// Sends one message that consists of parts, with a tag.
    pub async fn sendv(&self, tag: u32, parts: &[IoSlice<'_>]) -> Result<()> {
        self.send_out(|channel| channel.sendv(tag, parts, NOW)).await
    }

    /// Sends as many messages as there is room for, with one wake-up, and at least one; returns how
    /// many. It waits for room for the first one only.
    pub async fn send_many(&self, messages: &[IoSlice<'_>]) -> Result<usize> {
        self.when_room(|channel| channel.send_many(messages, NOW)).await
    }

    /// Answers a request, once: see [`Channel::reply`].
    pub async fn reply(&self, request: &Info, data: &[u8]) -> Result<()> {
        self.send_out(|channel| channel.reply(request, data, NOW)).await
    }

    /// Waits until everything that sends have taken is out of this process.
    pub async fn flush(&self) -> Result<()> {
        self.when_room(|channel| channel.flush(NOW)).await
    }

    /// Receives one message into `buf`, and returns its size. A message that is larger than `buf`
    /// stays, and [`Error::needed`] says how much room it needs.
    pub async fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        Ok(self.recv_message(buf).await?.len)
    }

    /// Receives one message of any size.
    pub async fn recv_vec(&self) -> Result<Vec<u8>> {
        self.when_there(|channel| channel.recv_vec(NOW)).await
    }

    /// Receives one message into `buf`, with its tag, id and flags.
    pub async fn recv_message(&self, buf: &mut [u8]) -> Result<Info> {
        self.when_there(|channel| channel.recv_message(buf, NOW)).await
    }

    /// Receives one message in place, without a copy if the transport can. Several views may be
    /// open at a time; each holds room in the ring until it is dropped.
    pub async fn recv_view(&self) -> Result<View<'_>> {
        self.when_there(|channel| channel.recv_view(NOW)).await
    }

    /// Receives as many messages as are there and fit, at most `max`, and waits for the first one
    /// only: see [`Channel::recv_many`].
    pub async fn recv_many(
        &self,
        buf: &mut [u8],
        out: &mut Vec<(Info, Range<usize>)>,
        max: usize,
    ) -> Result<usize> {
        self.when_there(|channel| channel.recv_many(buf, out, max, NOW)).await
    }

    /// Ends the channel: from here on every call in every task is [`Status::Closed`], and the peer
    /// is told. It doesn't wait, and what sends that have returned took is out already.
    ///
    /// [`Status::Closed`]: crate::Status::Closed
    pub fn close(&self) {
        self.channel.close();
    }

    /// Sends, and waits until nothing of it is left in this process.
    async fn send_out(&self, attempt: impl Fn(&Channel) -> Result<()>) -> Result<()> {
        self.when_room(attempt).await?;
        match self.channel.core.owes_remainder() {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// Makes a sending attempt until there was room for it.
    async fn when_room<T>(&self, attempt: impl Fn(&Channel) -> Result<T>) -> Result<T> {
        when_readable(&self.room, || attempt(&self.channel)).await
    }

    /// Makes a receiving attempt until a message has come.
    async fn when_there<'a, T>(
        &'a self,
        attempt: impl FnMut(&'a Channel) -> Result<T>,
    ) -> Result<T> {
        self.when_handed(attempt, Core::may_be_passed).await
    }

    /// Makes an attempt until what it is for has come. `is_left` tells whether that may be here
    /// already, although the attempt was refused.
    pub(super) async fn when_handed<'a, T>(
        &'a self,
        mut attempt: impl FnMut(&'a Channel) -> Result<T>,
        is_left: impl Fn(&Core) -> bool,
    ) -> Result<T> {
        let mut patience = Patience::default();
        loop {
            let outcome = self.when_handed_or_choked(&mut attempt, &is_left).await;
            if !patience.wait(&outcome).await {
                return outcome;
            }
        }
    }

    async fn when_handed_or_choked<'a, T>(
        &'a self,
        attempt: &mut impl FnMut(&'a Channel) -> Result<T>,
        is_left: &impl Fn(&Core) -> bool,
    ) -> Result<T> {
        let core = &self.channel.core;
        let mut try_it = || {
            let before = core.handed_on();
            let outcome = attempt(&self.channel);
            self.tell.tell(core);
            (before, outcome)
        };
        let (mut before, mut outcome) = try_it();
        while is_again(&outcome) {
            let mut told = pin!(self.tell.told());
            told.as_mut().enable();
            // What was handed on while it looked may be for this task.
            if core.handed_on() != before {
                (before, outcome) = try_it();
                continue;
            }
            // Another thread in the middle of a call may have kept the attempt from it.
            if is_left(core) {
                yield_now().await;
                (before, outcome) = try_it();
                continue;
            }
            let ready = first(told, readable(&self.messages)).await;
            (before, outcome) = try_it();
            if let (Either::Right(guard), true) = (ready, is_again(&outcome)) {
                forget(guard).await;
            }
        }
        outcome
    }
}

impl fmt::Debug for AsyncChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsyncChannel({})", self.channel.core.endpoint.text)
    }
}
