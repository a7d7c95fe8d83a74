//! A channel that is not connected yet: it dials, or listens for the other program, and then waits
//! for the handshake if the endpoint says so.

use crate::endpoint::{Endpoint, Meeting};
use crate::error::{Error, Result, Status};
use crate::os::fork::Fd;
use crate::os::poll::Wanted;
use crate::os::wait_set::{READABLE, clear, set_timer, timer};
use crate::readiness::descriptor::{Token, Watched};
use crate::readiness::interest::Interest;
use crate::readiness::waiters::Source;
use crate::sync::lock;
use crate::sync::waker::{Waker, poll_with_waker};
use crate::transport::handshake::stage::Stage as Progress;
use crate::transport::handshake::{Handshake, greet};
use crate::transport::link::Joined;
use crate::transport::meet::accept::Acceptor;
use crate::transport::meet::counts::Counted;
use crate::transport::meet::given;
use crate::transport::meet::incoming::{Created, no_own_name};
use crate::transport::meet::local::{Dialled, dial};
use std::mem::replace;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The first and the longest pause before dialling is tried again.
const RETRY_MIN: Duration = Duration::from_millis(1);
const RETRY_MAX: Duration = Duration::from_millis(20);

enum Stage {
    /// Dials again at that time.
    Dialling(Instant),
    /// Has the socket, and must say HELLO.
    Dialled(Fd),
    /// Waits for HELLO on a socket that this process was given.
    Answering(Box<Handshake>),
    /// Listens for the other program.
    Listening(Box<Acceptor>),
    /// Waits until the handshake is done.
    Greeting(Box<Greeting>),
    /// The channel is connected, and has taken over everything from here.
    Done,
}

/// A connection whose connector waits until the listener has answered and the rings are there.
struct Greeting {
    joined: Joined,
    /// When the handshake has taken too long. It counts from the listener's first byte.
    deadline: Option<Instant>,
}

impl Greeting {
    /// Takes what has come, and answers. True if a message comes before the rest.
    fn take(&mut self) -> Result<bool> {
        let is_behind = self.joined.recv.take_handshake()?;
        match self.joined.send.push_owed() {
            Err(error) if error.status() != Status::PeerLost => Err(error),
            // A peer that is already gone may have left messages.
            _ => Ok(is_behind),
        }
    }

    /// True once everything has come, or a message behind which the rest comes.
    fn step(&mut self, endpoint: &Endpoint) -> Result<bool> {
        let is_behind = self.take().inspect_err(|error| {
            // The peer is told why, unless it is gone.
            let gone = matches!(error.status(), Status::PeerLost | Status::Closed);
            let refusal = self.joined.link.refusal_of(error);
            self.joined.link.close(Some(&refusal).filter(|_| !gone).map(Vec::as_slice));
        })?;
        let stage = self.joined.link.stage();
        if is_behind || !matches!(stage, Progress::AwaitsHello | Progress::AwaitsShare) {
            return Ok(true);
        }
        if stage == Progress::AwaitsShare || self.joined.recv.has_read_ahead() {
            let deadline = self.deadline.get_or_insert_with(|| Instant::now() + endpoint.handshake);
            if Instant::now() >= *deadline {
                let ms = endpoint.handshake.as_millis();
                let detail = format!(
                    "the listener did not finish its handshake in {ms} ms; see whether it is \
                     stuck, or raise handshake_ms="
                );
                return Err(Error::new(Status::TimedOut, detail));
            }
        }
        Ok(false)
    }

    fn socket(&self) -> &Arc<Fd> {
        &self.joined.link.peer().socket
    }
}

/// A channel that is not connected yet.
pub struct Connecting {
    endpoint: Arc<Endpoint>,
    verb: &'static str,
    stage: Stage,
    retry: Duration,
    /// Why the last dialling failed.
    in_vain: Option<Error>,
    /// Expires when something is due. It is made once a thread watches the descriptor.
    timer: Option<Fd>,
}

impl Connecting {
    /// A channel that connects.
    pub fn dialling(endpoint: &Arc<Endpoint>) -> Result<Connecting> {
        let stage = match &endpoint.meeting {
            Meeting::At(_) => Stage::Dialling(Instant::now()),
            Meeting::On(given) => Stage::Dialled(given::take_connected(*given)?),
            Meeting::AtOwnName | Meeting::AsPair => return Err(no_own_name()),
        };
        Ok(Connecting::at(stage, "connect", endpoint))
    }

    /// A channel that takes the listener's part, for one connection.
    pub fn listening(endpoint: &Arc<Endpoint>) -> Result<Connecting> {
        let stage = match Created::open(endpoint)? {
            Created::Listens(incoming) => {
                Stage::Listening(Box::new(Acceptor::new(endpoint, incoming)?))
            }
            Created::Connected(socket) => {
                Stage::Answering(Box::new(Handshake::begin_given(endpoint, socket)?))
            }
        };
        Ok(Connecting::at(stage, "create", endpoint))
    }

    fn at(stage: Stage, verb: &'static str, endpoint: &Arc<Endpoint>) -> Connecting {
        let endpoint = Arc::clone(endpoint);
        Connecting { endpoint, verb, stage, retry: RETRY_MIN, in_vain: None, timer: None }
    }

    /// The call that began it.
    pub fn verb(&self) -> &'static str {
        self.verb
    }

    /// Says what it waits for.
    pub fn obstacle(&self) -> String {
        match (&self.stage, &self.in_vain) {
            (Stage::Dialling(_), Some(error)) => error.to_string(),
            (Stage::Dialling(_), None) => {
                "the listener's backlog is full; see whether it calls accept".to_owned()
            }
            (Stage::Answering(_), _) => {
                "the other side has not said HELLO; does it connect?".to_owned()
            }
            (Stage::Listening(_), _) => "nobody has connected; start the other program".to_owned(),
            (Stage::Greeting(_), _) => {
                "the listener has not answered; does it call accept? Another program's server \
                 would never answer"
                    .to_owned()
            }
            (Stage::Dialled(_) | Stage::Done, _) => "nothing any more; try again".to_owned(),
        }
    }

    /// The error of a call that may not wait for the connection.
    pub fn again(&self) -> Error {
        let obstacle = self.obstacle();
        let detail = format!(
            "not without waiting, and the timeout was 0: {obstacle}; give it time, or begin with \
             connect_start or create_start, whose channel has a descriptor to wait for"
        );
        Error::new(Status::Again, detail)
    }

    /// Goes on as far as it can without waiting. `show` is given what the channel's descriptors
    /// must show from now on.
    pub fn step(
        &mut self,
        show: impl Fn(&Watched<'_>),
    ) -> Result<Option<(Joined, Option<Counted>)>> {
        loop {
            match &mut self.stage {
                Stage::Listening(acceptor) => {
                    return Ok(acceptor.step()?.map(|(joined, _)| (joined, None)));
                }
                Stage::Greeting(greeting) => {
                    if !greeting.step(&self.endpoint)? {
                        self.set_timer();
                        return Ok(None);
                    }
                    return Ok(self.take_greeted().map(|joined| (joined, None)));
                }
                Stage::Dialling(next) if Instant::now() < *next => {
                    self.set_timer();
                    return Ok(None);
                }
                Stage::Answering(handshake) => {
                    let joined = handshake.step()?;
                    match joined {
                        Some(_) => self.stage = Stage::Done,
                        None => self.set_timer(),
                    }
                    return Ok(joined.map(|joined| (joined, None)));
                }
                Stage::Dialling(_) => self.dial()?,
                Stage::Dialled(_) => {
                    if let Some(joined) = self.greet(&show)? {
                        return Ok(Some((joined, None)));
                    }
                }
                Stage::Done => return Ok(None),
            }
        }
    }

    /// Says HELLO on the socket. The channel is done, unless it waits for the handshake.
    fn greet(&mut self, show: impl Fn(&Watched<'_>)) -> Result<Option<Joined>> {
        let Stage::Dialled(socket) = replace(&mut self.stage, Stage::Done) else {
            return Ok(None);
        };
        let joined = greet(&self.endpoint, socket)?;
        if !self.endpoint.waits_for_handshake() {
            return Ok(Some(joined));
        }
        let greeting = Box::new(Greeting { joined, deadline: None });
        show(&Watched { fd: greeting.socket().as_fd(), events: READABLE, token: Token::Other });
        self.stage = Stage::Greeting(greeting);
        Ok(None)
    }

    /// Takes the result of the handshake, once it is done.
    fn take_greeted(&mut self) -> Option<Joined> {
        match replace(&mut self.stage, Stage::Done) {
            Stage::Greeting(greeting) => Some(greeting.joined),
            _ => None,
        }
    }

    fn dial(&mut self) -> Result<()> {
        let Meeting::At(address) = &self.endpoint.meeting else {
            return Err(no_own_name());
        };
        let advice = match self.endpoint.retry {
            true => "start the listener",
            false => "start the listener first, or say ?retry=1",
        };
        match dial(address, advice) {
            Ok(Dialled::Connected(socket)) => {
                self.stage = Stage::Dialled(socket);
                return Ok(());
            }
            Ok(Dialled::Full) => self.in_vain = None,
            Err(error) if self.endpoint.retry && error.status() == Status::NotFound => {
                self.in_vain = Some(error);
            }
            Err(error) => return Err(error),
        }
        self.stage = Stage::Dialling(Instant::now() + self.retry);
        self.retry = (self.retry * 2).min(RETRY_MAX);
        Ok(())
    }

    /// When `step` must be called again, whatever the descriptors say.
    fn due(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Dialling(next) => Some(*next),
            Stage::Greeting(greeting) => greeting.deadline,
            Stage::Answering(handshake) => handshake.deadline,
            // The acceptor has its own timer.
            Stage::Dialled(_) | Stage::Listening(_) | Stage::Done => None,
        }
    }

    fn set_timer(&mut self) {
        if let Some(timer) = &self.timer {
            clear(timer.as_fd());
            let left = |due: Instant| due.saturating_duration_since(Instant::now());
            set_timer(timer.as_fd(), self.due().map(left));
        }
    }

    /// What the descriptor shows meanwhile, with a timer for what no other descriptor tells.
    pub fn watched(&mut self) -> Vec<Watched<'_>> {
        if self.timer.is_none() && !matches!(self.stage, Stage::Listening(_)) {
            // If the timer can't be made, waiting calls still see the time pass.
            self.timer = timer().ok();
            self.set_timer();
        }
        let timer = self.timer.as_ref().map(AsFd::as_fd);
        let own = match &self.stage {
            Stage::Dialling(_) | Stage::Dialled(_) | Stage::Done => None,
            Stage::Listening(acceptor) => Some(acceptor.wait_set().fd().as_fd()),
            Stage::Answering(handshake) => Some(handshake.socket().as_fd()),
            Stage::Greeting(greeting) => Some(greeting.socket().as_fd()),
        };
        let watched = |fd| Watched { fd, events: READABLE, token: Token::Other };
        timer.into_iter().chain(own).map(watched).collect()
    }
}

/// What a call waits for while a channel is connecting.
pub struct ConnectSource<'a>(pub &'a Mutex<Option<Connecting>>);

impl Source for ConnectSource<'_> {
    fn arm(&self, _: Interest) {}

    fn drain(&self) -> bool {
        false
    }

    fn poll(&self, _: Interest, waker: Option<&Waker>, time: Option<Duration>) -> Result<()> {
        let mut connecting = lock(self.0);
        let Some(stage) = connecting.as_mut() else {
            return Ok(());
        };
        let left = stage.due().map(|due| due.saturating_duration_since(Instant::now()));
        let time = match (time, left) {
            (Some(time), Some(left)) => Some(time.min(left)),
            (time, left) => time.or(left),
        };
        // The lock is not held while this sleeps, so what it sleeps on is shared.
        let (socket, wait_set);
        let own = match &stage.stage {
            Stage::Dialling(_) | Stage::Dialled(_) | Stage::Done => Wanted::nothing(),
            Stage::Listening(acceptor) => {
                wait_set = Arc::clone(acceptor.wait_set());
                Wanted::readable(wait_set.fd().as_fd())
            }
            Stage::Greeting(greeting) => {
                socket = Arc::clone(greeting.socket());
                Wanted::readable(socket.as_fd())
            }
            Stage::Answering(handshake) => {
                socket = Arc::clone(handshake.socket());
                Wanted::readable(socket.as_fd())
            }
        };
        drop(connecting);
        poll_with_waker([own], waker, time)
            .map_err(|error| Error::system("waiting for the connection", &error))?;
        Ok(())
    }
}
