//! What a side does before there is a channel: a connector sends HELLO, and a listener waits for
//! it. A handshake never waits: any call drives it whenever its socket is readable.

pub mod share;
pub mod stage;
pub mod upgrade;

use crate::endpoint::{Endpoint, Rings};
use crate::error::{Error, Result, Status};
use crate::memory::Buffer;
use crate::os::cause::Cause;
use crate::os::fork::Fd;
use crate::os::local_socket;
use crate::transport::Role;
use crate::transport::handshake::upgrade::{Upgrade, own_hello};
use crate::transport::link::Joined;
use crate::transport::peer::{Peer, admit, lost};
use crate::transport::stream::Framing;
use crate::wire::{self, HEADER_SIZE, HELLO_SIZE, HELLO_SIZE_MAX, Header, Hello, Kind};
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

/// The connector's side: checks the listener's process, and sends HELLO. That is all of connecting:
/// the listener's frames come with its messages.
pub fn greet(endpoint: &Arc<Endpoint>, socket: Fd) -> Result<Joined> {
    if endpoint.rings == Rings::Never {
        local_socket::refuse_descriptors(socket.as_fd());
    }
    let credentials = credentials_of_admitted(endpoint, &socket, Role::Connector)?;
    let peer = Peer::new(Arc::new(socket), credentials);
    if !endpoint.raw {
        match say(&peer.socket, &own_hello(endpoint, Role::Connector).encode()) {
            // A peer that is already gone may have left a CLOSE that says why.
            Err(error) if error.status() != Status::PeerLost => return Err(error),
            _ => {}
        }
    }
    Ok(match endpoint.raw {
        true => join(endpoint, peer, Framing::Raw, Upgrade::none(endpoint)),
        false => join(endpoint, peer, Framing::Frames, Upgrade::of_connector(endpoint)),
    })
}

/// A listener's handshake that goes on: the connector's HELLO has not come.
pub struct Handshake {
    endpoint: Arc<Endpoint>,
    /// None once the handshake is done.
    peer: Option<Peer>,
    /// The frame that is coming in.
    frame: Buffer,
    /// When the handshake has taken too long. None until something has come, if nobody has
    /// connected just now.
    pub deadline: Option<Instant>,
    /// When it began.
    pub began: Instant,
    own: OwnHello,
}

/// Whether this side has said HELLO.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OwnHello {
    Owed,
    Said,
}

impl Handshake {
    /// Begins a handshake: checks the connector's process.
    pub fn begin(endpoint: &Arc<Endpoint>, socket: Fd) -> Result<Handshake> {
        let credentials = credentials_of_admitted(endpoint, &socket, Role::Listener)?;
        let began = Instant::now();
        Ok(Handshake {
            endpoint: Arc::clone(endpoint),
            peer: Some(Peer::new(Arc::new(socket), credentials)),
            frame: Buffer::default(),
            deadline: Some(began + endpoint.handshake),
            began,
            own: OwnHello::Owed,
        })
    }

    /// Begins a handshake on a socket that this process was given. The peer may begin much later,
    /// or take itself for the listener too: so this side says HELLO at once.
    pub fn begin_given(endpoint: &Arc<Endpoint>, socket: Fd) -> Result<Handshake> {
        local_socket::refuse_descriptors(socket.as_fd());
        let mut handshake = Handshake::begin(endpoint, socket)?;
        handshake.deadline = None;
        handshake.say_hello()?;
        Ok(handshake)
    }

    /// Says HELLO, once. A connector that is gone by now may have left messages.
    fn say_hello(&mut self) -> Result<()> {
        if self.own == OwnHello::Said || self.endpoint.raw {
            return Ok(());
        }
        self.own = OwnHello::Said;
        match say(self.socket(), &own_hello(&self.endpoint, Role::Listener).encode()) {
            Err(error) if error.status() != Status::PeerLost => Err(error),
            _ => Ok(()),
        }
    }

    /// The socket to wait for.
    pub fn socket(&self) -> &Arc<Fd> {
        &self.peer().socket
    }

    /// The process at the other side.
    pub fn who(&self) -> local_socket::Credentials {
        self.peer().credentials
    }

    fn peer(&self) -> &Peer {
        self.peer.as_ref().expect("a handshake has its peer until it is done")
    }

    /// Goes on as far as it can. Returns the channel once the handshake is done, and None while it
    /// must wait.
    pub fn step(&mut self) -> Result<Option<Joined>> {
        if self.endpoint.raw {
            return Ok(Some(self.join(Framing::Raw, Upgrade::none(&self.endpoint))));
        }
        match self.read_hello() {
            Ok(Some(hello)) => self.answer(&hello).map(Some),
            Ok(None) if self.is_overdue() => Err(self.too_slow()),
            Ok(None) => Ok(None),
            Err(error) => {
                self.refuse(&error);
                Err(error)
            }
        }
    }

    /// The error of a handshake that has taken too long.
    pub fn too_slow(&self) -> Error {
        let ms = self.began.elapsed().as_millis();
        let detail = format!(
            "the peer did not finish its handshake in {ms} ms; see whether it is treenail's, and \
             not stuck, or raise handshake_ms="
        );
        Error::new(Status::TimedOut, detail)
    }

    /// Whether it has taken too long.
    pub fn is_overdue(&mut self) -> bool {
        if self.deadline.is_none() && !self.frame.bytes().is_empty() {
            self.deadline = Some(Instant::now() + self.endpoint.handshake);
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Answers the connector's HELLO.
    fn answer(&mut self, hello: &Hello) -> Result<Joined> {
        let known = self.peer().watch_process(hello.pid);
        let upgrade =
            known.and_then(|()| Upgrade::of_listener(&self.endpoint, self.socket(), hello));
        let upgrade = upgrade.inspect_err(|error| self.refuse(error))?;
        self.say_hello()?;
        let mut joined = self.join(Framing::Frames, upgrade);
        // A connector that waits for the rings gets them now. A failure here ends the channel.
        match joined.send.push_owed() {
            Err(error) if error.status() != Status::PeerLost => {
                let _ = say(&joined.link.peer().socket, &wire::refusal(&error));
                Err(error)
            }
            _ => Ok(joined),
        }
    }

    /// Tells the peer why, unless the peer is gone.
    fn refuse(&self, error: &Error) {
        if !matches!(error.status(), Status::PeerLost | Status::Closed) {
            let _ = say(self.socket(), &wire::refusal(error));
        }
    }

    fn join(&mut self, framing: Framing, upgrade: Upgrade) -> Joined {
        let peer = self.peer.take().expect("a handshake is done once");
        join(&self.endpoint, peer, framing, upgrade)
    }

    /// Reads the connector's HELLO, and not a byte of what follows it. None if part of it is
    /// missing.
    fn read_hello(&mut self) -> Result<Option<Hello>> {
        loop {
            let have = self.frame.len();
            let missing = match self.frame.bytes().first_chunk::<HEADER_SIZE>() {
                // No HELLO is shorter.
                None => HEADER_SIZE + HELLO_SIZE - have,
                Some(header) => {
                    let header = Header::decode(header)?;
                    let whole = HEADER_SIZE + check_first(&header)?;
                    if have >= whole {
                        return self.decode(&header).map(Some);
                    }
                    whole - have
                }
            };
            if !self.read(missing)? {
                return Ok(None);
            }
        }
    }

    fn decode(&self, header: &Header) -> Result<Hello> {
        let payload = &self.frame.bytes()[HEADER_SIZE..][..header.length as usize];
        match header.kind {
            Kind::Close => Err(wire::refused(payload)),
            _ => Hello::decode(payload),
        }
    }

    fn read(&mut self, count: usize) -> Result<bool> {
        let socket = self.peer.as_ref().expect("it is under way").socket.as_fd();
        match local_socket::recv_into(socket, &mut self.frame, count) {
            Ok(0) => Err(lost()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Error::system("receiving the peer's handshake", &error)),
        }
    }
}

/// The payload's size, if a frame with this header may come first.
fn check_first(header: &Header) -> Result<usize> {
    let most = match header.kind {
        Kind::Hello => HELLO_SIZE_MAX,
        Kind::Close => wire::CLOSE_SIZE_MAX,
        _ => return Err(Error::protocol("the first frame is not a HELLO")),
    };
    match header.length as usize {
        len if len <= most => Ok(len),
        _ => Err(Error::protocol("a handshake frame that is too long")),
    }
}

/// The process at the other side, if the endpoint admits it. A connector that is not admitted is
/// told so.
fn credentials_of_admitted(
    endpoint: &Endpoint,
    socket: &Fd,
    role: Role,
) -> Result<local_socket::Credentials> {
    let failed = |error| Error::system("asking who the peer is", &error);
    let credentials = local_socket::credentials(socket.as_fd()).map_err(failed)?;
    match admit(endpoint, credentials.uid, role) {
        Err(error) if role == Role::Listener && !endpoint.raw => {
            let _ = say(socket, &wire::refusal(&error));
            Err(error)
        }
        admitted => admitted.map(|()| credentials),
    }
}

fn join(endpoint: &Endpoint, peer: Peer, framing: Framing, upgrade: Upgrade) -> Joined {
    Joined::new(peer, framing, upgrade, endpoint.max_message as usize)
}

fn say(socket: &Fd, frame: &[u8]) -> Result<()> {
    match local_socket::send(socket.as_fd(), &[IoSlice::new(frame)]) {
        Ok(count) if count == frame.len() => Ok(()),
        Ok(_) => Err(lost()),
        Err(error) => match Cause::of(&error) {
            Cause::PeerGone => Err(lost()),
            _ => Err(Error::system("sending the handshake", &error)),
        },
    }
}
