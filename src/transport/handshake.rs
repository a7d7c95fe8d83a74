//! What both sides say before the first message: HELLO, and then over shared memory SHARE. A
//! handshake never waits: it is driven by whoever calls, whenever its socket is readable.

use super::peer::{Peer, admit, lost, watch_process};
use super::ring::RingLink;
use super::share::{self, Offer, Rings, SHARED_FDS, wrong_descriptors};
use super::stream::StreamLink;
use super::{Link, RecvEnd, SendEnd};
use crate::endpoint::{Endpoint, Scheme};
use crate::error::{Error, Result, Status};
use crate::os::buffer::Buffer;
use crate::os::fork::Fd;
use crate::os::socket;
use crate::wire::{self, FEATURE_RING, HEADER_SIZE, Header, Hello, Kind, SHARE_ANSWER_SIZE};
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

/// What a handshake has brought together.
pub struct Joined {
    pub link: Link,
    pub send: SendEnd,
    pub recv: RecvEnd,
    /// The largest message that the peer takes.
    pub peer_message_size_max: usize,
    /// Bytes of the ring to the peer; 0 on a stream.
    pub ring_size: u64,
}

enum Stage {
    /// Waiting for the peer's HELLO.
    Hello,
    /// The connector waits for the listener's SHARE.
    Share(Hello),
    /// The listener waits for the answer to its SHARE.
    Answer(Hello, Option<Rings>),
}

/// A handshake under way.
pub struct Handshake {
    endpoint: Arc<Endpoint>,
    listens: bool,
    /// Shared with a thread that sleeps on it.
    socket: Option<Arc<Fd>>,
    credentials: socket::Credentials,
    pidfd: Option<Fd>,
    stage: Stage,
    /// The frame that is coming in.
    frame: Buffer,
    /// Descriptors that came with it.
    fds: Vec<Fd>,
    /// When it has taken too long.
    pub deadline: Instant,
    /// When it began.
    pub began: Instant,
    /// Whether HELLO was said.
    greeted: bool,
}

impl Handshake {
    /// Begins: checks who the peer is, and says HELLO.
    pub fn begin(endpoint: &Arc<Endpoint>, socket: Fd, listens: bool) -> Result<Handshake> {
        if !listens && endpoint.scheme == Scheme::Local {
            socket::refuse_descriptors(socket.as_fd());
        }
        let failed = |error| Error::system("asking who the peer is", &error);
        let credentials = socket::credentials(socket.as_fd()).map_err(failed)?;
        if let Err(error) = admit(endpoint, credentials.uid, listens) {
            if listens && !endpoint.raw {
                let _ = socket::send(socket.as_fd(), &[IoSlice::new(&wire::refusal(&error))]);
            }
            return Err(error);
        }
        let pidfd = match endpoint.raw {
            true => None,
            false => watch_process(&socket, credentials.pid)?,
        };
        let began = Instant::now();
        let mut handshake = Handshake {
            endpoint: Arc::clone(endpoint),
            listens,
            socket: Some(Arc::new(socket)),
            credentials,
            pidfd,
            stage: Stage::Hello,
            frame: Buffer::default(),
            fds: Vec::new(),
            deadline: began + endpoint.handshake,
            began,
            greeted: false,
        };
        // A listener says HELLO in its first step: where the connector's is there already, HELLO
        // and SHARE go out together, and the connector wakes up once.
        if !endpoint.raw && !listens {
            handshake.greet()?;
        }
        Ok(handshake)
    }

    /// The socket, to wait for.
    pub fn socket(&self) -> &Arc<Fd> {
        self.socket.as_ref().expect("a handshake has its socket until it is done")
    }

    /// Says HELLO, if that has not been said.
    fn greet(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.greeted, true) {
            return Ok(());
        }
        match self.say(&self.own_hello().encode()) {
            // Who has gone again may have left a CLOSE that says why.
            Err(error) if error.status() != Status::PeerLost => Err(error),
            _ => Ok(()),
        }
    }

    fn own_hello(&self) -> Hello {
        let offers_rings = self.endpoint.scheme == Scheme::Shm;
        Hello {
            message_size_max: self.endpoint.max_message,
            features: if offers_rings { FEATURE_RING } else { 0 },
            ring_wish: if offers_rings { self.endpoint.ring as u32 } else { 0 },
            pid: std::process::id(),
        }
    }

    /// Goes on as far as it can: the channel once it is done, None as long as it must wait.
    pub fn step(&mut self) -> Result<Option<Joined>> {
        if self.endpoint.raw {
            return Ok(Some(self.join_raw()));
        }
        match self.steps() {
            Err(error) => {
                // The peer is told why, unless it is the one that has gone.
                if !matches!(error.status(), Status::PeerLost | Status::Closed) {
                    let _ = self.greet();
                    let _ = self.say(&wire::refusal(&error));
                }
                Err(error)
            }
            Ok(None) if Instant::now() >= self.deadline => {
                let ms = self.endpoint.handshake.as_millis();
                let detail = format!("the peer did not finish its handshake in {ms} ms");
                Err(Error::new(Status::TimedOut, detail))
            }
            result => result,
        }
    }

    fn steps(&mut self) -> Result<Option<Joined>> {
        while let Some(header) = self.read_frame()? {
            let frame = std::mem::take(&mut self.frame);
            let payload = &frame.bytes()[HEADER_SIZE..];
            if header.kind == Kind::Close {
                return Err(wire::refused(payload));
            }
            let fds = std::mem::take(&mut self.fds);
            let stage = std::mem::replace(&mut self.stage, Stage::Hello);
            let joined = match (stage, header.kind) {
                (Stage::Hello, Kind::Hello) => self.on_hello(Hello::decode(payload)?)?,
                (Stage::Share(hello), Kind::Share) => Some(self.on_share(hello, payload, fds)?),
                (Stage::Answer(hello, rings), Kind::Share) => {
                    Some(self.on_answer(hello, rings, payload)?)
                }
                _ => return Err(Error::protocol("the peer does not keep to the handshake")),
            };
            if joined.is_some() {
                return Ok(joined);
            }
        }
        self.greet()?;
        Ok(None)
    }

    fn on_hello(&mut self, hello: Hello) -> Result<Option<Joined>> {
        // A child that serves in its parent's name says another pid; its parent's death is none
        // of our business.
        if i64::from(hello.pid) != i64::from(self.credentials.pid) {
            self.pidfd = None;
        }
        let rings = self.endpoint.scheme == Scheme::Shm && hello.features & FEATURE_RING != 0;
        if !rings {
            return self.without_rings(&hello, "the peer does not offer it").map(Some);
        }
        if !self.listens {
            self.stage = Stage::Share(hello);
            return Ok(None);
        }
        let rings = match self.share(&hello) {
            Ok(rings) => Some(rings),
            Err(error) if self.endpoint.shm_required => return Err(error),
            Err(_) => {
                self.greet()?;
                self.say(&Header::plain(Kind::Share, 0).encode())?;
                None
            }
        };
        self.stage = Stage::Answer(hello, rings);
        Ok(None)
    }

    /// The listener makes the rings and hands them over.
    fn share(&mut self, hello: &Hello) -> Result<Rings> {
        let offer = Offer::new(&self.endpoint, hello.ring_wish, self.credentials.uid)?;
        let frame = offer.frame();
        self.greet()?;
        let sent = socket::send_with_fds(self.socket().as_fd(), &frame, &offer.descriptors())
            .map_err(|error| Error::system("handing over shared memory", &error))?;
        match sent == frame.len() {
            true => Ok(offer.rings),
            false => Err(lost()),
        }
    }

    /// The connector maps what it was handed, or says that it can't.
    fn on_share(&mut self, hello: Hello, payload: &[u8], fds: Vec<Fd>) -> Result<Joined> {
        let mapped = match payload {
            [] => Err(Error::new(
                Status::Unsupported,
                "shm=required, but the listener could not make shared memory",
            )),
            _ => share::open(payload, fds),
        };
        let answer = |status: u32| {
            let mut frame = Header::plain(Kind::Share, SHARE_ANSWER_SIZE).encode().to_vec();
            frame.extend_from_slice(&status.to_le_bytes());
            frame
        };
        match mapped {
            Ok(rings) => {
                self.say(&answer(0))?;
                Ok(self.join_rings(&hello, rings))
            }
            Err(error) if error.status() == Status::Protocol => Err(error),
            Err(error) if self.endpoint.shm_required => Err(error),
            Err(_) => {
                self.say(&answer(1))?;
                Ok(self.join_stream(&hello))
            }
        }
    }

    fn on_answer(&mut self, hello: Hello, rings: Option<Rings>, payload: &[u8]) -> Result<Joined> {
        let Ok(status) = payload.try_into().map(u32::from_le_bytes) else {
            return Err(Error::protocol("an answer to SHARE of the wrong size"));
        };
        match (status, rings) {
            (0, Some(rings)) => Ok(self.join_rings(&hello, rings)),
            (0, None) => Err(Error::protocol("the peer mapped memory that it was not given")),
            _ => self.without_rings(&hello, "the peer could not map it"),
        }
    }

    fn without_rings(&mut self, hello: &Hello, why: &str) -> Result<Joined> {
        self.greet()?;
        if self.endpoint.shm_required {
            let detail = format!("shm=required, but there is no shared memory: {why}");
            return Err(Error::new(Status::Unsupported, detail));
        }
        Ok(self.join_stream(hello))
    }

    fn join_rings(&mut self, hello: &Hello, rings: Rings) -> Joined {
        let peer = self.peer(false);
        let Rings { shared, own_wake, peer_wake } = rings;
        let most = self.endpoint.max_message as usize;
        let (link, send, recv) =
            RingLink::new(peer, shared, self.listens, own_wake, peer_wake, most);
        let ring_size = send.writer.size();
        let (send, recv) = (SendEnd::Ring(send), RecvEnd::Ring(recv));
        let peer_message_size_max = hello.message_size_max as usize;
        Joined { link: Link::Ring(link), send, recv, peer_message_size_max, ring_size }
    }

    fn join_stream(&mut self, hello: &Hello) -> Joined {
        self.join_on_socket(false, hello.message_size_max as usize)
    }

    fn join_raw(&mut self) -> Joined {
        self.join_on_socket(true, usize::MAX)
    }

    fn join_on_socket(&mut self, raw: bool, peer_message_size_max: usize) -> Joined {
        let peer = self.peer(true);
        let most = self.endpoint.max_message as usize;
        let (link, send, recv) = StreamLink::new(peer, raw, most);
        let (send, recv) = (SendEnd::Stream(send), RecvEnd::Stream(recv));
        Joined { link: Link::Stream(link), send, recv, peer_message_size_max, ring_size: 0 }
    }

    fn peer(&mut self, talks: bool) -> Peer {
        let socket = self.socket.take().expect("a handshake is done once");
        // The descriptors that were due have come. Those of a listener were refused all along.
        if !self.listens {
            socket::refuse_descriptors(socket.as_fd());
        }
        Peer::new(socket, self.credentials, self.pidfd.take(), talks)
    }

    /// Reads the next frame, and not a byte of what follows it; None if not all of it is here.
    fn read_frame(&mut self) -> Result<Option<Header>> {
        loop {
            let have = self.frame.len();
            let Some(bytes) = self.frame.bytes().first_chunk::<HEADER_SIZE>() else {
                if !self.read(HEADER_SIZE - have)? {
                    return Ok(None);
                }
                continue;
            };
            let header = Header::decode(bytes)?;
            let whole = HEADER_SIZE + self.allowed(&header)?;
            if have == whole {
                return Ok(Some(header));
            }
            if !self.read(whole - have)? {
                return Ok(None);
            }
        }
    }

    /// The payload's size, if a frame of this kind may be so long here.
    fn allowed(&self, header: &Header) -> Result<usize> {
        let most = match header.kind {
            Kind::Hello => wire::HELLO_SIZE_MAX,
            Kind::Share => wire::SHARE_SIZE,
            Kind::Close => wire::CLOSE_SIZE_MAX,
            _ => return Err(Error::protocol("the first frame is not a HELLO")),
        };
        match header.length as usize {
            len if len <= most => Ok(len),
            _ => Err(Error::protocol("a handshake frame that is too long")),
        }
    }

    fn read(&mut self, count: usize) -> Result<bool> {
        let socket = self.socket.as_ref().expect("a handshake has its socket").as_fd();
        // Descriptors are taken only where they are due; the kernel drops all others.
        let received = match self.stage {
            Stage::Share(_) => socket::recv_with_fds(socket, &mut self.frame, count, &mut self.fds),
            _ => socket::recv_into(socket, &mut self.frame, count),
        };
        match received {
            Ok(_) if self.fds.len() > SHARED_FDS => Err(wrong_descriptors()),
            Ok(0) => Err(lost()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Error::protocol(error.to_string()))
            }
            Err(error) => Err(Error::system("receiving the peer's handshake", &error)),
        }
    }

    fn say(&self, frame: &[u8]) -> Result<()> {
        let sent = socket::send(self.socket().as_fd(), &[IoSlice::new(frame)]);
        match sent {
            Ok(count) if count == frame.len() => Ok(()),
            Ok(_) => Err(lost()),
            Err(error) => Err(Error::system("sending the handshake", &error)),
        }
    }
}
