//! Whether the other side is still there: its socket hangs up when it dies, and its pidfd tells
//! even if it has forked and a child of it keeps the socket open.

use super::descriptor::{Token, Watched};
use crate::endpoint::{Endpoint, PeerUid};
use crate::error::{Error, Result, Status};
use crate::os::clock::{ticks, ticks_a_millisecond};
use crate::os::event::READABLE;
use crate::os::fork::Fd;
use crate::os::kick::Kick;
use crate::os::poll::{Wanted, poll};
use crate::os::socket::{self, Credentials};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

const THERE: u32 = 0;
const GONE: u32 = 1;
const STRAY: u32 = 2;

/// The socket to the peer, and what is known of it.
pub struct Peer {
    pub socket: Arc<Fd>,
    pub credentials: Credentials,
    /// None where the kernel has none, or where a child may serve in the name of its parent.
    pidfd: Option<Fd>,
    /// Whether bytes on the socket are messages; else they are nonsense.
    talks: bool,
    state: AtomicU32,
    /// When it was last looked at, in ticks.
    looked: AtomicU64,
    period: u64,
}

impl Peer {
    /// Watches the peer behind `socket`. `talks`: messages come through the socket itself.
    pub fn new(socket: Arc<Fd>, credentials: Credentials, pidfd: Option<Fd>, talks: bool) -> Peer {
        Peer {
            socket,
            credentials,
            pidfd,
            talks,
            state: AtomicU32::new(THERE),
            // Long ago: the first call looks.
            looked: AtomicU64::new(ticks().wrapping_sub(2 * ticks_a_millisecond())),
            period: ticks_a_millisecond(),
        }
    }

    /// What a descriptor watches of it: the socket for these events, and its process.
    pub fn watched(&self, events: u32, token: Token) -> Vec<Watched<'_>> {
        let socket = Watched { fd: self.socket.as_fd(), events, token };
        let process = self.pidfd.as_ref().map(|pidfd| Watched {
            fd: pidfd.as_fd(),
            events: READABLE,
            token: Token::End,
        });
        std::iter::once(socket).chain(process).collect()
    }

    /// Whether it can do what this program can anyway: it is of the same user, or root's.
    pub fn is_trusted(&self) -> bool {
        is_trusted(self.credentials.uid)
    }

    /// Whether its end has been seen. What it sent before is received first.
    #[inline]
    pub fn is_gone(&self) -> bool {
        self.state.load(Ordering::Acquire) != THERE
    }

    /// Why nothing more can come.
    pub fn loss(&self) -> Error {
        match self.state.load(Ordering::Acquire) {
            STRAY => Error::protocol("the peer sent bytes where none belong"),
            _ => lost(),
        }
    }

    /// Looks at its end about once a millisecond, so that one who is busy sees it too.
    #[inline]
    pub fn look_sometimes(&self) {
        let now = ticks();
        if now.wrapping_sub(self.looked.load(Ordering::Relaxed)) > self.period {
            self.looked.store(now, Ordering::Relaxed);
            self.look();
        }
    }

    /// Looks sometimes, and tells whether its end has just been seen.
    pub fn is_found_gone(&self) -> bool {
        !self.is_gone() && {
            self.look_sometimes();
            self.is_gone()
        }
    }

    /// Looks at its end now.
    #[cold]
    pub fn look(&self) {
        let mut wanted = self.wanted(Wanted::nothing(), None);
        if !self.is_gone() && poll(&mut wanted, Some(Duration::ZERO)).is_ok() {
            self.judge(&wanted);
        }
    }

    /// Sleeps until `own` is ready, the peer's end, a kick or the end of `time`.
    pub fn poll(&self, own: Wanted, kick: Option<&Kick>, time: Option<Duration>) -> Result<()> {
        let mut wanted = self.wanted(own, kick);
        poll(&mut wanted, time).map_err(|error| Error::system("waiting", &error))?;
        if let Some(kick) = kick.filter(|_| wanted[3].is_readable()) {
            kick.clear();
        }
        self.judge(&wanted);
        Ok(())
    }

    fn wanted(&self, own: Wanted, kick: Option<&Kick>) -> [Wanted; 4] {
        let kick = kick.map_or(Wanted::nothing(), |kick| Wanted::readable(kick.as_fd()));
        let pidfd = self.pidfd.as_ref();
        let pidfd = pidfd.map_or(Wanted::nothing(), |fd| Wanted::readable(fd.as_fd()));
        // Where the socket carries messages, `own` is the socket.
        let silent = (!self.talks).then(|| Wanted::readable(self.socket.as_fd()));
        [own, silent.unwrap_or(Wanted::nothing()), pidfd, kick]
    }

    fn judge(&self, wanted: &[Wanted; 4]) {
        if wanted[1].is_readable() {
            let mut byte = [MaybeUninit::uninit()];
            match socket::recv(self.socket.as_fd(), &mut byte) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Ok(1..) => self.state.store(STRAY, Ordering::Release),
                _ => self.state.store(GONE, Ordering::Release),
            }
        } else if wanted[2].is_readable() {
            self.state.store(GONE, Ordering::Release);
        }
    }
}

/// The end without a close.
pub fn lost() -> Error {
    let detail = "the peer died or dropped the connection without closing it; connect again";
    Error::new(Status::PeerLost, detail)
}

/// The end in good order.
pub fn closed_by_peer() -> Error {
    Error::new(Status::Closed, "the peer has closed the channel")
}

/// Whether a user can do what this program can anyway.
fn is_trusted(uid: u32) -> bool {
    uid == socket::own_uid() || uid == 0
}

/// Whether the endpoint lets this user in. Root connects to whoever listens, as connect(2) does.
pub fn admit(endpoint: &Endpoint, uid: u32, listens: bool) -> Result<()> {
    let admitted = match endpoint.peer_uid {
        PeerUid::Any => true,
        PeerUid::Only(only) => uid == only,
        PeerUid::SameOrRoot => is_trusted(uid) || (!listens && socket::own_uid() == 0),
    };
    if admitted {
        return Ok(());
    }
    let detail = format!(
        "the peer is user {uid}, who is not admitted; peer_uid={uid} or peer_uid=any admits it"
    );
    Err(Error::new(Status::Denied, detail))
}

/// A pidfd of the peer, where the kernel can give one.
pub fn watch_process(socket: &Fd, pid: i32) -> Result<Option<Fd>> {
    if pid <= 0 {
        return Ok(None); // it lives in a pid namespace that this process can't see
    }
    match socket::peer_pidfd(socket.as_fd(), pid) {
        Ok(fd) => Ok(Some(fd)),
        Err(error) => match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => {
                Err(Error::system("watching the peer's process", &error))
            }
            _ => Ok(None),
        },
    }
}
