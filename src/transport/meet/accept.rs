//! Accepting: a listening socket and its handshakes. Each call drives all of them as far as they
//! go, and none holds up another.

use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::os::fork::Fd;
use crate::os::local_socket::{Credentials, credentials};
use crate::os::wait_set::{READABLE, WaitSet, clear, set_timer, timer};
use crate::transport::handshake::Handshake;
use crate::transport::link::Joined;
use crate::transport::meet::counts::{Counted, Counts};
use crate::transport::meet::incoming::Incoming;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Once all places for handshakes are taken, one that has taken this long is dropped for a new one.
const PATIENCE: Duration = Duration::from_millis(100);

/// How many connections a call takes in one go. Clients that are refused and come again must not
/// keep a call beyond its time.
const CONNECTIONS_MAX: u32 = 16;

/// How long a handshake counts as just begun.
const FRESH: Duration = Duration::from_millis(1);

/// How often a listener looks whether its socket's file is there, while no client comes.
const LOOK_PERIOD: Duration = Duration::from_secs(5);

const LISTENER: u64 = 0;
const TIMER: u64 = 1;
/// The token of the listener's own close.
pub const END: u64 = 2;
const FIRST: u64 = 3;

/// Whether the listener takes connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accepting {
    On,
    /// All places are taken, or no descriptor is left: the listening sockets are not watched.
    Paused,
}

impl Accepting {
    /// The events that the listening sockets are watched for.
    fn events(self) -> u32 {
        match self {
            Accepting::On => READABLE,
            Accepting::Paused => 0,
        }
    }
}

/// A handshake that waits for its peer, as one of those that are pending.
struct UnderWay {
    handshake: Handshake,
    _counted: Counted,
}

/// A listening socket with its handshakes.
pub struct Acceptor {
    endpoint: Arc<Endpoint>,
    incoming: Incoming,
    /// Everything that the acceptor waits for, in one descriptor.
    wait_set: Arc<WaitSet>,
    /// Made at once, so that a lack of descriptors can't leave a listener without it.
    timer: Fd,
    /// When the timer expires.
    timer_at: Option<Instant>,
    handshakes: HashMap<u64, UnderWay>,
    next_token: u64,
    /// Whether the listening socket is in the epoll. It is out if there is no place or no
    /// descriptor.
    accepting: Accepting,
    /// Whether other processes hindered the last look.
    look_soon: bool,
    counts: Arc<Counts>,
    /// When the last handshake began.
    began: Instant,
}

impl Acceptor {
    /// Accepts what comes in there.
    pub fn new(endpoint: &Arc<Endpoint>, incoming: Incoming) -> Result<Acceptor> {
        let failed = |error| Error::system("making the listener's descriptor", &error);
        let wait_set = Arc::new(WaitSet::new().map_err(failed)?);
        let timer = timer().map_err(failed)?;
        for socket in incoming.descriptors() {
            wait_set.set(socket, READABLE, LISTENER).map_err(failed)?;
        }
        wait_set.set(timer.as_fd(), READABLE, TIMER).map_err(failed)?;
        let mut acceptor = Acceptor {
            endpoint: Arc::clone(endpoint),
            incoming,
            wait_set,
            timer,
            timer_at: None,
            handshakes: HashMap::new(),
            next_token: FIRST,
            accepting: Accepting::On,
            look_soon: false,
            counts: Arc::default(),
            began: Instant::now(),
        };
        acceptor.reset_timer(&[]);
        Ok(acceptor)
    }

    /// What comes in.
    pub fn incoming(&self) -> &Incoming {
        &self.incoming
    }

    /// The wait set, which is readable whenever [`Acceptor::step`] may get on.
    pub fn wait_set(&self) -> &Arc<WaitSet> {
        &self.wait_set
    }

    /// What has become of the connections so far.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Drives everything as far as it goes. Returns a channel if one is done.
    pub fn step(&mut self) -> Result<Option<(Joined, Counted)>> {
        let mut ready = Vec::new();
        let waited = self.wait_set.wait(&mut ready, Some(Duration::ZERO));
        waited.map_err(|error| Error::system("looking for connections", &error))?;
        // Handshakes come first: those that are done make room for others.
        for &token in ready.iter().filter(|&&token| token >= FIRST) {
            if let Some(done) = self.drive(token) {
                return Ok(Some(done));
            }
        }
        self.drop_overdue();
        if ready.contains(&TIMER) {
            self.look();
        }
        if (self.accepting == Accepting::On || ready.contains(&TIMER))
            && let Some(done) = self.take_connections(&ready)?
        {
            self.reset_timer(&ready);
            return Ok(Some(done));
        }
        self.reset_timer(&ready);
        Ok(None)
    }

    /// Looks whether the socket's file is there, and listens anew if it is gone.
    pub fn look(&mut self) {
        let events = self.accepting.events();
        let watch = |socket: BorrowedFd<'_>| self.wait_set.set(socket, events, LISTENER);
        self.look_soon = self.incoming.renew(watch);
    }

    fn drop_overdue(&mut self) {
        let now = Instant::now();
        let is_over = |it: &UnderWay| it.handshake.deadline.is_some_and(|end| now >= end);
        let overdue = |(token, it): (&u64, &UnderWay)| is_over(it).then_some(*token);
        let overdue: Vec<u64> = self.handshakes.iter().filter_map(overdue).collect();
        overdue.into_iter().for_each(|token| self.drop_slow(token));
    }

    /// Accepts some of the waiting connections, and begins their handshakes.
    fn take_connections(&mut self, ready: &[u64]) -> Result<Option<(Joined, Counted)>> {
        for _ in 0..CONNECTIONS_MAX {
            if !self.has_place() {
                self.watch_sockets(Accepting::Paused)?;
                return Ok(None);
            }
            let socket = match self.incoming.accept() {
                Ok(Some(socket)) => socket,
                Ok(None) => {
                    self.watch_sockets(Accepting::On)?;
                    return Ok(None);
                }
                Err(error) => {
                    // Without descriptors the connection stays in the queue: asking again at
                    // once would only burn the processor.
                    self.watch_sockets(Accepting::Paused)?;
                    self.reset_timer(ready);
                    return Err(error);
                }
            };
            if let Some(done) = self.begin(socket) {
                return Ok(Some(done));
            }
        }
        // The listening socket shows what is left.
        self.watch_sockets(Accepting::On).map(|()| None)
    }

    /// Begins the handshake of a new connection. It is done at once if its HELLO is here.
    fn begin(&mut self, socket: Fd) -> Option<(Joined, Counted)> {
        // A client that is refused, or already gone, is no failure of the listener.
        let asks = log::is_on(Level::Warn);
        let who = asks.then(|| credentials(socket.as_fd()).ok()).flatten();
        match self.try_begin(socket) {
            Ok(joined) => joined.map(|joined| self.done(joined)),
            Err(error) => {
                self.note_refusal(error, who);
                None
            }
        }
    }

    /// Counts a connection that becomes no channel, and writes it down.
    fn note_refusal(&self, error: Error, who: Option<Credentials>) {
        self.counts.end_without_channel(&error);
        log::note(Level::Warn, |line| {
            let error = error.during("accept", &self.endpoint.text);
            write!(line, "{error} ({}", error.status().name())?;
            match who {
                Some(who) => write!(line, ", to process {} of user {})", who.pid, who.uid),
                None => line.write_char(')'),
            }
        });
    }

    /// Drops a handshake that has taken too long.
    fn drop_slow(&mut self, token: u64) {
        if let Some(UnderWay { handshake, .. }) = self.handshakes.remove(&token) {
            self.note_refusal(handshake.too_slow(), Some(handshake.who()));
        }
    }

    fn try_begin(&mut self, socket: Fd) -> Result<Option<Joined>> {
        let channels = self.counts.channels.load(Ordering::Relaxed) as usize;
        if channels + self.handshakes.len() >= self.endpoint.max_channels as usize {
            return Err(self.refuse_one_more(&socket));
        }
        let mut handshake = Handshake::begin(&self.endpoint, socket)?;
        if let Some(joined) = handshake.step()? {
            return Ok(Some(joined));
        }
        // Its HELLO has not come. If the listener can't wait for that it drops the connection,
        // which the client sees.
        self.handshakes.try_reserve(1).map_err(|_| Error::no_memory())?;
        self.began = handshake.began;
        let token = self.next_token;
        self.next_token += 1;
        self.wait_set
            .set(handshake.socket().as_fd(), READABLE, token)
            .map_err(|error| Error::system("watching a connection", &error))?;
        let counted = Counted::handshake(&self.counts);
        self.handshakes.insert(token, UnderWay { handshake, _counted: counted });
        Ok(None)
    }

    fn done(&self, joined: Joined) -> (Joined, Counted) {
        (joined, Counted::channel(&self.counts))
    }

    fn refuse_one_more(&self, socket: &Fd) -> Error {
        let most = self.endpoint.max_channels;
        let detail = format!(
            "the listener has its max_channels={most} channels already; close some there, or raise \
             max_channels="
        );
        let error = Error::new(Status::NoSpace, detail);
        let refusal = crate::wire::refusal(&error);
        let _ = crate::os::local_socket::send(socket.as_fd(), &[std::io::IoSlice::new(&refusal)]);
        error
    }

    /// Goes on with one handshake. One that fails is dropped, and holds up no other.
    fn drive(&mut self, token: u64) -> Option<(Joined, Counted)> {
        let UnderWay { handshake, .. } = self.handshakes.get_mut(&token)?;
        let who = handshake.who();
        match handshake.step() {
            Ok(None) => None,
            Ok(Some(joined)) => {
                self.wait_set.remove(joined.link.peer().socket.as_fd());
                self.handshakes.remove(&token);
                Some(self.done(joined))
            }
            Err(error) => {
                self.handshakes.remove(&token);
                self.note_refusal(error, Some(who));
                None
            }
        }
    }

    /// Whether another handshake may begin. If all places are taken, the oldest is dropped once it
    /// has had its time: an honest one takes a millisecond.
    fn has_place(&mut self) -> bool {
        if self.handshakes.len() < self.endpoint.backlog as usize {
            return true;
        }
        let oldest = self.handshakes.iter().min_by_key(|(_, it)| it.handshake.began);
        let Some((&token, UnderWay { handshake, .. })) = oldest else {
            return true;
        };
        let patient = handshake.began.elapsed() < PATIENCE;
        if !patient {
            self.drop_slow(token);
        }
        !patient
    }

    fn watch_sockets(&mut self, accepting: Accepting) -> Result<()> {
        if accepting != self.accepting {
            self.accepting = accepting;
            let events = accepting.events();
            for socket in self.incoming.descriptors() {
                let set = self.wait_set.set(socket, events, LISTENER);
                set.map_err(|error| Error::system("watching the listening socket", &error))?;
            }
        }
        Ok(())
    }

    /// Sets the timer to the next time that something is due.
    fn reset_timer(&mut self, ready: &[u64]) {
        let now = Instant::now();
        let deadline = self.handshakes.values().filter_map(|it| it.handshake.deadline).min();
        let due = deadline.map_or(LOOK_PERIOD, |deadline| deadline.saturating_duration_since(now));
        let due = due.min(match (self.accepting, self.look_soon) {
            (Accepting::Paused, _) => PATIENCE / 10,
            (Accepting::On, true) => PATIENCE,
            (Accepting::On, false) => LOOK_PERIOD,
        });
        // One that goes off too early only makes for one more step.
        let at = now + due;
        if ready.contains(&TIMER) || self.timer_at.is_none_or(|set| at < set) {
            clear(self.timer.as_fd());
            set_timer(self.timer.as_fd(), Some(due));
            self.timer_at = Some(at);
        }
    }

    /// Whether a handshake has just begun. An honest peer finishes it almost at once.
    pub fn is_busy(&self) -> bool {
        !self.handshakes.is_empty() && self.began.elapsed() < FRESH
    }
}
