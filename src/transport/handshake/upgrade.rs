//! How a channel moves from its socket into rings: each direction at most once, at a frame between
//! two messages (docs/wire-format.md, "Moving to the rings").

use crate::endpoint::{Endpoint, Meeting, Rings};
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::os::fork::Fd;
use crate::os::local_socket;
use crate::readiness::interest::Interest;
use crate::sync::lock;
use crate::transport::Role;
use crate::transport::carrier::socket;
use crate::transport::handshake::share::{self, Offer};
use crate::transport::handshake::stage::{Due, Progress, Stage};
use crate::transport::peer::{Peer, closed_by_peer};
use crate::transport::ring::RingLink;
use crate::wire::{
    EARLY_SIZE_MAX, FEATURE_LISTENER, FEATURE_RING, Header, Hello, Kind, SHARE_ANSWER_SIZE,
};
use std::fmt::Write as _;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// The number of the message, counted over both directions, with which a listener hands over rings
/// if it did not have the time before: a peer that asks once and leaves has its answer by then.
const MESSAGES_BEFORE_RINGS: u32 = 3;
/// A message of at least this size counts as many.
const LARGE: usize = 64 << 10;

/// Why messages go through the socket.
const NOT_OFFERED: &str = "the peer offers no shared memory (its endpoint is local:, for example)";
const NOT_MADE: &str = "the listener could not make the shared memory; its TREENAIL_LOG says why";
const NOT_MAPPED: &str = "the peer could not map the shared memory; its TREENAIL_LOG says why";
const NO_DESCRIPTORS: &str = "this process has no descriptors left for the shared memory";
const NOT_ACCEPTED: &str = "not yet: the listener has not accepted";
const NOT_MOVED: &str = "not yet: messages move to shared memory with the first ones";

/// What the listener has made, and the connector has not answered yet.
struct Made {
    rings: Arc<RingLink>,
    /// What must still be handed over.
    offer: Option<Offer>,
}

/// How far a channel has moved, and what it has received for this.
pub struct Upgrade {
    endpoint: Arc<Endpoint>,
    pub progress: Progress,
    /// The size of the largest message that the peer takes, as far as this side knows.
    message_size_max: AtomicUsize,
    /// The ring size that the connector asks for.
    ring_wish: u32,
    made: Mutex<Option<Made>>,
    rings: OnceLock<Arc<RingLink>>,
    messages: AtomicU32,
    /// Why messages stay on the socket for good.
    fallback: OnceLock<String>,
}

impl Upgrade {
    fn new(endpoint: &Arc<Endpoint>, stage: Stage, message_size_max: usize, wish: u32) -> Upgrade {
        Upgrade {
            endpoint: Arc::clone(endpoint),
            progress: Progress::new(stage),
            message_size_max: AtomicUsize::new(message_size_max),
            ring_wish: wish,
            made: Mutex::new(None),
            rings: OnceLock::new(),
            messages: AtomicU32::new(0),
            fallback: OnceLock::new(),
        }
    }

    /// The state of a connector that has sent HELLO.
    pub fn of_connector(endpoint: &Arc<Endpoint>) -> Upgrade {
        Upgrade::new(endpoint, Stage::AwaitsHello, EARLY_SIZE_MAX, 0)
    }

    /// The state of a listener that has read the connector's HELLO. A connector that has sent
    /// nothing else gets the rings at once; any other gets its answer first.
    pub fn of_listener(endpoint: &Arc<Endpoint>, socket: &Fd, hello: &Hello) -> Result<Upgrade> {
        if hello.features & FEATURE_LISTENER != 0 {
            return Err(Error::protocol(
                "both sides wait for the other to connect; let one of them connect",
            ));
        }
        let is_silent = || {
            let behind = local_socket::peek::<1>(socket.as_fd());
            behind.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        let most = hello.message_size_max as usize;
        let at = |stage| Upgrade::new(endpoint, stage, most, hello.ring_wish);
        if !offers_rings(endpoint, hello) {
            let upgrade = at(Stage::Socket);
            return upgrade.stay_on_socket(NOT_OFFERED).map(|()| upgrade);
        }
        Ok(match endpoint.rings == Rings::Required || is_silent() {
            true => at(Stage::IsToShare),
            false => at(Stage::MayShare),
        })
    }

    /// The state of a channel without frames.
    pub fn none(endpoint: &Arc<Endpoint>) -> Upgrade {
        Upgrade::new(endpoint, Stage::Socket, usize::MAX, 0)
    }

    /// The stage.
    #[inline]
    pub fn stage(&self) -> Stage {
        self.progress.stage()
    }

    /// Whether this side is at exactly this stage.
    #[inline]
    pub fn is_at(&self, stage: Stage) -> bool {
        self.progress.is_at(stage)
    }

    /// The rings, once a direction uses them or is about to.
    #[inline]
    pub fn rings(&self) -> Option<&Arc<RingLink>> {
        self.rings.get()
    }

    /// The size of the largest message that the peer takes. Until the peer's HELLO has come, the
    /// largest that may be sent without it.
    #[inline]
    pub fn message_size_max(&self) -> usize {
        self.message_size_max.load(Ordering::Relaxed)
    }

    /// The end, if the peer has marked it in its ring.
    pub fn end_in_ring(&self) -> Option<Error> {
        let made = lock(&self.made);
        let rings = self.rings.get().or(made.as_ref().map(|made| &made.rings));
        rings.filter(|rings| rings.is_closed_by_peer()).map(|_| closed_by_peer())
    }

    /// Why messages go through the socket, though the endpoint is shm:; None if they don't, or are
    /// meant to.
    pub fn fallback(&self) -> Option<&str> {
        let in_rings = self.is_at(Stage::Rings);
        let not_yet = || match self.stage() {
            Stage::AwaitsHello => NOT_ACCEPTED,
            _ => NOT_MOVED,
        };
        (self.endpoint.rings != Rings::Never && !in_rings)
            .then(|| self.fallback.get().map_or_else(not_yet, String::as_str))
    }

    /// Notes why messages stay on the socket for good; the first reason counts. A failure if the
    /// endpoint requires rings.
    fn stay_on_socket(&self, why: &str) -> Result<()> {
        if self.endpoint.rings == Rings::Required {
            return Err(no_rings(why));
        }
        if self.endpoint.rings != Rings::Never && self.fallback.set(why.to_owned()).is_ok() {
            log::note(Level::Warn, |line| {
                let endpoint = &self.endpoint.text;
                write!(line, "move {endpoint}: messages go through the socket: {why}")
            });
        }
        Ok(())
    }

    /// Whether a frame must be sent, once no message is half out.
    #[inline]
    pub fn owes(&self) -> bool {
        self.stage().owes()
    }

    /// Counts a message of this many bytes, in either direction.
    #[inline]
    pub fn count(&self, len: usize) {
        if self.is_at(Stage::MayShare) {
            let messages = self.messages.fetch_add(1, Ordering::Relaxed) + 1;
            if messages >= MESSAGES_BEFORE_RINGS || len >= LARGE {
                self.progress.leave(Stage::MayShare, Stage::IsToShare);
            }
        }
    }

    /// A call of this side is about to sleep, so a listener has the time to make rings.
    pub fn idle(&self) {
        if self.is_at(Stage::MayShare) {
            self.progress.leave(Stage::MayShare, Stage::IsToShare);
        }
    }

    /// Takes the listener's HELLO.
    pub fn on_hello(&self, peer: &Peer, hello: &Hello) -> Result<()> {
        // Where a name leads to a listener, it is one, whatever it says.
        if matches!(self.endpoint.meeting, Meeting::On(_)) && hello.features & FEATURE_LISTENER == 0
        {
            return Err(Error::protocol("both sides connect; let one of them create the channel"));
        }
        peer.watch_process(hello.pid)?;
        let next = match offers_rings(&self.endpoint, hello) {
            true => Stage::AwaitsShare,
            false => {
                self.stay_on_socket(NOT_OFFERED)?;
                // No descriptor is expected.
                local_socket::refuse_descriptors(peer.socket.as_fd());
                Stage::Socket
            }
        };
        self.message_size_max.store(hello.message_size_max as usize, Ordering::Relaxed);
        self.progress.leave(Stage::AwaitsHello, next);
        Ok(())
    }

    /// Takes a SHARE frame, with its descriptors unless they were lost.
    pub fn on_share(&self, peer: &Arc<Peer>, payload: &[u8], fds: Option<Vec<Fd>>) -> Result<()> {
        match self.progress.due()? {
            Due::Memory => self.on_memory(peer, payload, fds),
            Due::Answer => self.on_answer(peer, payload),
            Due::Move => self.on_move(peer, payload),
        }
    }

    /// Maps what the connector was handed, or notes that the connector must report that it can't.
    fn on_memory(&self, peer: &Arc<Peer>, payload: &[u8], fds: Option<Vec<Fd>>) -> Result<()> {
        // No more descriptors are expected.
        local_socket::refuse_descriptors(peer.socket.as_fd());
        let mapped = match (payload, fds) {
            ([], _) => Err(NOT_MADE.to_owned()),
            (_, None) => Err(NO_DESCRIPTORS.to_owned()),
            (_, Some(fds)) => match share::open(payload, fds) {
                Err(error) if error.status() == Status::Protocol => return Err(error),
                Err(error) if self.endpoint.rings == Rings::Required => return Err(error),
                mapped => mapped.map_err(|error| error.to_string()),
            },
        };
        match mapped {
            Ok(rings) => {
                let _ = self.rings.set(RingLink::new(peer, rings, Role::Connector));
                self.progress.leave(Stage::AwaitsShare, Stage::Mapped);
                Ok(())
            }
            Err(why) => {
                self.stay_on_socket(&why)?;
                self.progress.leave(Stage::AwaitsShare, Stage::Unmapped);
                Ok(())
            }
        }
    }

    /// Takes the connector's answer: its direction moves here, or both directions stay.
    fn on_answer(&self, peer: &Peer, payload: &[u8]) -> Result<()> {
        let made = lock(&self.made).take();
        match (read_status(payload)?, made) {
            (0, Some(made)) => {
                let _ = self.rings.set(made.rings);
                peer.leave_socket(Interest::READ);
                self.progress.on_answer(Stage::IsToMove);
                Ok(())
            }
            (0, _) => Err(Error::protocol("the peer mapped memory that it was not given")),
            _ => {
                // If this side couldn't make the memory, that is the reason.
                self.stay_on_socket(NOT_MAPPED)?;
                self.progress.on_answer(Stage::Socket);
                Ok(())
            }
        }
    }

    /// Takes the listener's frame by which its direction moves.
    fn on_move(&self, peer: &Peer, payload: &[u8]) -> Result<()> {
        if read_status(payload)? != 0 {
            return Err(Error::protocol("the listener gave up the rings after they were taken"));
        }
        peer.leave_socket(Interest::READ);
        self.progress.on_move();
        Ok(())
    }

    /// Sends what is owed, between two messages; false if the socket has no room for it.
    pub fn push(&self, peer: &Arc<Peer>) -> Result<bool> {
        match self.stage() {
            stage @ Stage::Mapped => self.say_status(peer, 0, stage, Stage::AwaitsMove),
            stage @ Stage::IsToMove => self.say_status(peer, 0, stage, Stage::Rings),
            stage @ Stage::Unmapped => self.say_status(peer, 1, stage, Stage::Socket),
            Stage::IsToShare => self.share(peer),
            _ => Ok(true),
        }
    }

    fn say_status(&self, peer: &Arc<Peer>, status: u32, from: Stage, to: Stage) -> Result<bool> {
        let mut frame = Header::plain(Kind::Share, SHARE_ANSWER_SIZE).encode().to_vec();
        frame.extend_from_slice(&status.to_le_bytes());
        let said = self.progress.say(from, to, || socket::say(peer.socket.as_fd(), &frame))?;
        if said && status == 0 {
            peer.leave_socket(Interest::WRITE);
        }
        Ok(said)
    }

    /// Hands over the listener's rings, or says that there are none.
    fn share(&self, peer: &Arc<Peer>) -> Result<bool> {
        let mut made = lock(&self.made);
        if made.is_none() {
            match Offer::new(&self.endpoint, self.ring_wish, peer.credentials.uid) {
                Ok((offer, rings)) => {
                    let rings = RingLink::new(peer, rings, Role::Listener);
                    *made = Some(Made { rings, offer: Some(offer) });
                }
                Err(error) if self.endpoint.rings == Rings::Required => return Err(error),
                Err(error) => {
                    self.stay_on_socket(&error.to_string())?;
                    let frame = Header::plain(Kind::Share, 0).encode();
                    return self.progress.say(Stage::IsToShare, Stage::AwaitsAnswer, || {
                        socket::say(peer.socket.as_fd(), &frame)
                    });
                }
            }
        }
        let Some(offer) = made.as_ref().and_then(|made| made.offer.as_ref()) else {
            return Err(Error::protocol("shared memory is handed over once"));
        };
        let said = self.progress.say(Stage::IsToShare, Stage::AwaitsAnswer, || {
            let socket = peer.socket.as_fd();
            socket::say_with_fds(socket, &offer.frame(), &offer.descriptors())
        })?;
        if said && let Some(made) = made.as_mut() {
            made.offer = None;
        }
        Ok(said)
    }
}

/// The HELLO of this side.
pub fn own_hello(endpoint: &Endpoint, role: Role) -> Hello {
    let has_rings = endpoint.rings != Rings::Never;
    let part = match role {
        Role::Listener => FEATURE_LISTENER,
        Role::Connector => 0,
    };
    Hello {
        message_size_max: endpoint.max_message,
        features: part | if has_rings { FEATURE_RING } else { 0 },
        ring_wish: if has_rings { endpoint.ring as u32 } else { 0 },
        pid: std::process::id(),
    }
}

/// Whether both sides can use rings.
fn offers_rings(own: &Endpoint, hello: &Hello) -> bool {
    own.rings != Rings::Never && hello.features & FEATURE_RING != 0
}

fn no_rings(why: &str) -> Error {
    let detail = format!(
        "there is no shared memory, which shm=required asks for: {why}; see to that, or leave \
         shm=required out to go through the socket"
    );
    Error::new(Status::Unsupported, detail)
}

fn read_status(payload: &[u8]) -> Result<u32> {
    let status = payload.try_into().map(u32::from_le_bytes);
    status.map_err(|_| Error::protocol("an answer to SHARE of the wrong size"))
}
