//! A two-way channel of messages: what most programs use of this library.

mod connecting;
mod connection;
pub(crate) mod core;
mod descriptors;
pub(crate) mod drive;
mod exclusive;
mod in_flight;
mod inbox;
mod info;
mod inspect;
pub(crate) mod lent;
mod loan;
mod pair;
mod rearm;
mod recv;
mod recv_state;
mod release;
mod remainder;
mod request;
mod requests;
mod send;
mod send_state;
mod spin;
pub(crate) mod spinner;
#[cfg(feature = "tokio")]
mod tasks;
mod unanswered;
mod upgrade;
mod views;

use self::lent::LentId;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Status};
use crate::memory::uninit;
use crate::readiness::Direction;
use crate::sync::lock;
use crate::transport::link::Joined;
use crate::transport::meet::counts::Counted;
use crate::transport::message::Label;
pub use info::{Info, Peer, Stats, TransportKind};
pub use views::{CommitError, Loan, View};

use connecting::Connecting;
use core::Core;
use std::fmt;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A two-way channel of messages to one peer.
///
/// Every thread may use it at any time; no thread owns anything of it. The peer receives what a
/// send took whole, in order, or not at all.
///
/// ```
/// use treenail::{Channel, FOREVER, Listener};
///
/// let listener = Listener::open("shm:doc-channel")?;
/// let client = std::thread::spawn(|| -> treenail::Result<Vec<u8>> {
///     let channel = Channel::connect("shm:doc-channel", FOREVER)?;
///     channel.send(b"hello", FOREVER)?;
///     channel.recv_vec(FOREVER)
/// });
/// let channel = listener.accept(FOREVER)?;
/// assert_eq!(channel.recv_vec(FOREVER)?, b"hello");
/// channel.send(b"and goodbye", FOREVER)?;
/// assert_eq!(client.join().unwrap()?, b"and goodbye");
/// # Ok::<(), treenail::Error>(())
/// ```
pub struct Channel {
    pub(crate) core: Arc<Core>,
}

impl Channel {
    /// Connects to a listener: `connect("shm:NAME", timeout)`. It returns once a program listens
    /// there. What is sent before the other side accepts waits in the socket and arrives first. If
    /// the handshake is refused, the next call and all later ones say so. With `early=0` it waits
    /// for the handshake. With `retry=1` it keeps trying until the timeout while nobody listens.
    pub fn connect(endpoint: &str, timeout: Option<Duration>) -> Result<Channel> {
        let channel = Channel::connect_start(endpoint)?;
        channel.opened("connect", timeout)
    }

    /// Connects as [`Channel::connect`] does, but without waiting. Calls give [`Status::Again`]
    /// until the channel is connected (while the listener's backlog is full, while nobody listens
    /// with `retry=1`, or during the handshake with `early=0`), or wait if they are given time.
    ///
    /// [`Status::Again`]: crate::Status::Again
    pub fn connect_start(endpoint: &str) -> Result<Channel> {
        let endpoint = Endpoint::parse(endpoint).map_err(|error| error.tried("connect"))?;
        let endpoint = Arc::new(endpoint);
        let connecting = Connecting::dialling(&endpoint);
        let connecting = connecting.map_err(|error| error.during("connect", &endpoint.text))?;
        let core = Arc::new(Core::new(endpoint, Some(connecting)));
        core.step_connecting()?;
        Ok(Channel { core })
    }

    /// For exactly two programs: listens, accepts the first connection, and stops listening.
    pub fn create(endpoint: &str, timeout: Option<Duration>) -> Result<Channel> {
        let channel = Channel::create_start(endpoint)?;
        channel.opened("create", timeout)
    }

    /// Listens as [`Channel::create`] does, but without waiting for the other program. Calls behave
    /// as after [`Channel::connect_start`].
    pub fn create_start(endpoint: &str) -> Result<Channel> {
        let endpoint = Endpoint::parse(endpoint).map_err(|error| error.tried("create"))?;
        let endpoint = Arc::new(endpoint);
        let connecting = Connecting::listening(&endpoint);
        let connecting = connecting.map_err(|error| error.during("create", &endpoint.text))?;
        Ok(Channel { core: Arc::new(Core::new(endpoint, Some(connecting))) })
    }

    pub(crate) fn joined(
        endpoint: &Arc<Endpoint>,
        joined: Joined,
        slot: Option<Counted>,
    ) -> Channel {
        Channel { core: Arc::new(Core::joined(Arc::clone(endpoint), joined, slot)) }
    }

    fn opened(self, verb: &'static str, timeout: Option<Duration>) -> Result<Channel> {
        match self.core.connection(Direction::Receive, timeout) {
            Ok(_) => Ok(self),
            Err(error) if error.status() == Status::Again => {
                // There was nothing to receive yet.
                let connecting = lock(&self.core.connecting);
                let error = connecting.as_ref().map_or_else(Error::again, Connecting::again);
                Err(error.during(verb, &self.core.endpoint.text))
            }
            Err(error) => Err(error.during(verb, &self.core.endpoint.text)),
        }
    }

    #[inline]
    fn explain<T>(&self, verb: &'static str, result: Result<T>) -> Result<T> {
        self.core.explain(verb, result)
    }

    /// Sends one message, which may be empty.
    #[inline]
    pub fn send(&self, data: &[u8], timeout: Option<Duration>) -> Result<()> {
        self.explain("send", self.core.send(Label::default(), &[data], timeout))
    }

    /// Sends one message with a tag.
    #[inline]
    pub fn send_tagged(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<()> {
        self.send_as("send_tagged", tag, &[data], timeout)
    }

    /// Sends one message that consists of parts, with a tag.
    pub fn sendv(&self, tag: u32, parts: &[IoSlice<'_>], timeout: Option<Duration>) -> Result<()> {
        let parts = self.explain("sendv", slices(parts))?;
        self.send_parts(tag, &parts, timeout)
    }

    pub(crate) fn send_parts(
        &self,
        tag: u32,
        parts: &[&[u8]],
        timeout: Option<Duration>,
    ) -> Result<()> {
        self.send_as("sendv", tag, parts, timeout)
    }

    fn send_as(
        &self,
        verb: &'static str,
        tag: u32,
        parts: &[&[u8]],
        timeout: Option<Duration>,
    ) -> Result<()> {
        let sent = self.core.check_tag(tag);
        self.explain(verb, sent.and_then(|()| self.core.send(Label::tagged(tag), parts, timeout)))
    }

    /// Sends many messages with one wake-up, and returns how many were taken.
    pub fn send_many(&self, messages: &[IoSlice<'_>], timeout: Option<Duration>) -> Result<usize> {
        let messages = self.explain("send_many", slices(messages))?;
        self.send_slices(&messages, timeout)
    }

    pub(crate) fn send_slices(
        &self,
        messages: &[&[u8]],
        timeout: Option<Duration>,
    ) -> Result<usize> {
        self.explain("send_many", self.core.send_many(messages, timeout))
    }

    /// Receives one message into `buf`, and returns its size. A message that is larger than `buf`
    /// stays, and [`Error::needed`] says how much room it needs.
    #[inline]
    pub fn recv(&self, buf: &mut [u8], timeout: Option<Duration>) -> Result<usize> {
        self.recv_len(uninit(buf), timeout)
    }

    /// Receives one message of any size.
    pub fn recv_vec(&self, timeout: Option<Duration>) -> Result<Vec<u8>> {
        self.explain("recv", self.core.recv_buffer(timeout))
    }

    /// Receives one message into `buf`, with its tag, id and flags.
    pub fn recv_message(&self, buf: &mut [u8], timeout: Option<Duration>) -> Result<Info> {
        self.recv_info(uninit(buf), timeout)
    }

    /// Receives one message in place, without a copy if the transport can. Several views may be
    /// open at a time; each holds room in the ring until it is dropped.
    pub fn recv_view(&self, timeout: Option<Duration>) -> Result<View<'_>> {
        let parts = self.explain("recv_view", self.core.recv_view(timeout))?;
        self.core.note_request(parts.head);
        Ok(View::new(&self.core, parts))
    }

    /// Receives as many messages as are there and fit, at most `max`. `out` says of each message
    /// its size, tag, id and flags, and its place in `buf`. Each begins 16-byte aligned. The call
    /// waits for the first message only.
    pub fn recv_many(
        &self,
        buf: &mut [u8],
        out: &mut Vec<(Info, Range<usize>)>,
        max: usize,
        timeout: Option<Duration>,
    ) -> Result<usize> {
        out.clear();
        self.recv_batch(uninit(buf), max, timeout, |info, place| out.push((info, place)))
    }

    /// Lends room to write a message of up to `len` bytes in place. Messages that are sent after it
    /// are held back until it is committed or dropped.
    pub fn loan(&self, len: usize, timeout: Option<Duration>) -> Result<Loan<'_>> {
        let parts = self.explain("loan", self.core.loan(len, timeout))?;
        Ok(Loan::new(&self.core, parts))
    }

    /// Sends a request and waits for its reply. Other messages that come meanwhile wait in the
    /// inbox for a receiving call.
    pub fn request(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<View<'_>> {
        let parts = self.explain("request", self.core.request(tag, data, timeout))?;
        Ok(View::new(&self.core, parts))
    }

    /// Sends a request, as [`Channel::request`] does, and returns its id. [`Channel::request_end`]
    /// fetches the reply by this id. For programs that wait in an event loop, or in several steps.
    pub fn request_begin(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<u32> {
        self.explain("request_begin", self.core.request_begin(tag, data, timeout))
    }

    /// Returns the reply to the request that was begun under this id. [`crate::Status::Again`] and
    /// [`crate::Status::TimedOut`] mean that it has not come yet, and that the program may wait for
    /// it again; any other failure ends the request.
    pub fn request_end(&self, id: u32, timeout: Option<Duration>) -> Result<View<'_>> {
        let parts = self.explain("request_end", self.core.request_end(id, timeout))?;
        Ok(View::new(&self.core, parts))
    }

    /// Gives up the request that was begun or started under this id: its reply is dropped when it
    /// comes.
    pub fn request_cancel(&self, id: u32) -> Result<()> {
        self.explain("request_cancel", self.core.request_cancel(id))
    }

    /// Sends a request whose reply is received like a message, and returns the request's id.
    pub fn request_start(&self, tag: u32, data: &[u8], timeout: Option<Duration>) -> Result<u32> {
        self.explain("request_start", self.core.request_start(tag, data, timeout))
    }

    /// Answers a request that came by [`Channel::recv_message`], `recv_view` or `recv_many`, once.
    /// A second answer is [`crate::Status::Invalid`]; the library may miss it only if more than
    /// 65,536 requests were unanswered. A reply that could not be sent may be tried again.
    pub fn reply(&self, request: &Info, data: &[u8], timeout: Option<Duration>) -> Result<()> {
        if !request.is_request() || request.id == 0 {
            let error =
                Error::invalid("the message to reply to is not a request; reply only to those");
            return self.explain("reply", Err(error));
        }
        self.explain("reply", self.core.reply(request.tag, request.id, data, timeout))
    }

    /// Waits until everything that sends have taken is out of this process.
    pub fn flush(&self, timeout: Option<Duration>) -> Result<()> {
        self.explain("flush", self.core.flush(timeout))
    }

    /// Looks for 50 µs at most whether there is something to receive. This is for an event loop
    /// that has just handled a message and would sleep, although the next message comes at once.
    pub fn busy_poll(&self) -> Result<bool> {
        self.explain("busy_poll", self.core.busy_poll())
    }

    /// Ends the channel: from here on every call in every thread is [`Status::Closed`], and the
    /// peer is told. It does not wait; flush first if a send left a remainder.
    ///
    /// [`Status::Closed`]: crate::Status::Closed
    pub fn close(&self) {
        self.core.close();
    }
}

/// Converts the parts to plain slices.
fn slices<'a>(pieces: &'a [IoSlice<'_>]) -> Result<Vec<&'a [u8]>> {
    let mut slices: Vec<&[u8]> = Vec::new();
    slices.try_reserve_exact(pieces.len()).map_err(|_| Error::no_memory())?;
    slices.extend(pieces.iter().map(|piece| &**piece));
    Ok(slices)
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({})", self.core.endpoint.text)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl Channel {
    #[inline]
    pub(crate) fn recv_len(
        &self,
        buf: &mut [MaybeUninit<u8>],
        timeout: Option<Duration>,
    ) -> Result<usize> {
        self.explain("recv", self.core.recv(buf, timeout)).map(|head| head.len)
    }

    #[inline]
    pub(crate) fn recv_info(
        &self,
        buf: &mut [MaybeUninit<u8>],
        timeout: Option<Duration>,
    ) -> Result<Info> {
        let head = self.explain("recv_message", self.core.recv(buf, timeout))?;
        self.core.note_request(head);
        Ok(head.into())
    }

    pub(crate) fn recv_batch(
        &self,
        buf: &mut [MaybeUninit<u8>],
        max: usize,
        timeout: Option<Duration>,
        mut each: impl FnMut(Info, Range<usize>),
    ) -> Result<usize> {
        let each = |head, place| {
            self.core.note_request(head);
            each(Info::from(head), place);
        };
        self.explain("recv_many", self.core.recv_many(buf, max, timeout, each))
    }

    pub(crate) fn discard(&self, id: LentId) -> Result<()> {
        self.explain("discard", self.core.discard(id))
    }

    pub(crate) fn release(&self, id: LentId) -> Result<()> {
        self.explain("release", self.core.release(id))
    }
}
