//! Whether the peer is still there: its socket hangs up when it dies. Its pidfd tells too, even if
//! it has forked and a child keeps the socket open.

use super::Role;
use crate::endpoint::{Endpoint, PeerUid, Trust};
use crate::error::{Error, Result, Status};
use crate::os::cause::Cause;
use crate::os::clock::{ticks, ticks_a_millisecond};
use crate::os::fork::Fd;
use crate::os::local_socket::{self, Credentials};
use crate::os::poll::{Wanted, poll};
use crate::os::process;
use crate::os::wait_set::READABLE;
use crate::readiness::descriptor::{Token, Watched};
use crate::readiness::interest::Interest;
use crate::sync::waker::{Waker, poll_with_waker};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const THERE: u32 = 0;
const GONE: u32 = 1;
const STRAY: u32 = 2;

/// The socket to the peer, and what this side knows of the peer.
pub struct Peer {
    pub socket: Arc<Fd>,
    pub credentials: Credentials,
    /// None before the peer's HELLO, if the kernel has none, and if a child may serve in the name
    /// of its parent.
    pidfd: OnceLock<Fd>,
    /// Which directions go through the socket, as the bits of an `Interest`. Without READ, bytes on
    /// it are nonsense.
    on_socket: AtomicU32,
    state: AtomicU32,
    /// When this side last looked at it, in ticks.
    looked: AtomicU64,
    period: u64,
}

/// Indices in the list of what a thread sleeps on.
const SOCKET: usize = 1;
const PROCESS: usize = 2;

/// What a thread wants from the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketUse {
    /// To learn of its end.
    End,
    /// Bytes to read.
    Read,
    /// Room to write.
    Write,
    /// Both bytes and room.
    Both,
}

impl Peer {
    /// Watches the peer at the other side of `socket`, through which its messages come.
    pub fn new(socket: Arc<Fd>, credentials: Credentials) -> Peer {
        Peer {
            socket,
            credentials,
            pidfd: OnceLock::new(),
            on_socket: AtomicU32::new(Interest::BOTH.bits()),
            state: AtomicU32::new(THERE),
            // This lies long ago, so that the first call looks.
            looked: AtomicU64::new(ticks().wrapping_sub(2 * ticks_a_millisecond())),
            period: ticks_a_millisecond(),
        }
    }

    /// Watches the peer's process from here on, as its HELLO has come, if it is the process that
    /// the kernel names. A child that serves in its parent's name gives another number, and its
    /// parent's death does not matter here.
    pub fn watch_process(&self, said: u32) -> Result<()> {
        let pid = self.credentials.pid;
        // A process in a pid namespace that this process can't see has none.
        if pid <= 0 || i64::from(said) != i64::from(pid) {
            return Ok(());
        }
        match local_socket::watch_peer(self.socket.as_fd(), pid) {
            Ok(fd) => {
                let _ = self.pidfd.set(fd);
                Ok(())
            }
            Err(error) => match Cause::of(&error) {
                Cause::NoDescriptors | Cause::NoDescriptorsAnywhere | Cause::NoMemory => {
                    Err(Error::system("watching the peer's process", &error))
                }
                _ => Ok(()),
            },
        }
    }

    /// Notes that messages of this direction go through a ring from here on.
    pub fn leave_socket(&self, direction: Interest) {
        self.on_socket.fetch_and(!direction.bits(), Ordering::AcqRel);
    }

    /// Whether messages of this direction go through the socket.
    fn uses_socket(&self, direction: Interest) -> bool {
        self.on_socket.load(Ordering::Acquire) & direction.bits() != 0
    }

    /// What a descriptor watches of the peer: the socket for these events, and its process.
    pub fn watched(&self, events: u32, token: Token) -> Vec<Watched<'_>> {
        let socket = Watched { fd: self.socket.as_fd(), events, token };
        let process = self.pidfd.get().map(|pidfd| Watched {
            fd: pidfd.as_fd(),
            events: READABLE,
            token: Token::End,
        });
        std::iter::once(socket).chain(process).collect()
    }

    /// How far this side trusts it.
    pub fn trust(&self) -> Trust {
        if is_trusted(self.credentials.uid) { Trust::Full } else { Trust::None }
    }

    /// Whether its end has been seen. What it sent before the end is received first.
    #[inline]
    pub fn is_gone(&self) -> bool {
        self.state.load(Ordering::Acquire) != THERE
    }

    /// The error that says why nothing more can come.
    pub fn loss(&self) -> Error {
        match self.state.load(Ordering::Acquire) {
            STRAY => Error::protocol("the peer sent bytes where none belong"),
            _ => lost(),
        }
    }

    /// Notes that bytes came on the socket that belong nowhere.
    pub fn note_stray(&self) {
        self.state.store(STRAY, Ordering::Release);
    }

    /// Notes that the peer has ended on the socket: it no longer reads what goes through the ring.
    pub fn note_end(&self) {
        let _ = self.state.compare_exchange(THERE, GONE, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Looks for its end about once a millisecond, so that a busy thread sees it too.
    #[inline]
    pub fn look_sometimes(&self) {
        let now = ticks();
        if now.wrapping_sub(self.looked.load(Ordering::Relaxed)) > self.period {
            self.looked.store(now, Ordering::Relaxed);
            self.look();
        }
    }

    /// Looks sometimes; true if its end has just been seen.
    pub fn is_found_gone(&self) -> bool {
        !self.is_gone() && {
            self.look_sometimes();
            self.is_gone()
        }
    }

    /// Looks for its end now.
    #[cold]
    pub fn look(&self) {
        if self.is_gone()
            || self.pidfd.get().is_none()
                && self.uses_socket(Interest::READ)
                && self.uses_socket(Interest::WRITE)
        {
            return;
        }
        let mut wanted = self.wanted(SocketUse::End, Wanted::nothing());
        if poll(&mut wanted, Some(Duration::ZERO)).is_ok() {
            self.judge(&wanted, SocketUse::End);
        }
    }

    /// Sleeps until the socket or `wake_ups` is ready, the peer ends, `waker` wakes this thread, or
    /// the time is over.
    pub fn poll(
        &self,
        on_socket: SocketUse,
        wake_ups: Wanted,
        waker: Option<&Waker>,
        time: Option<Duration>,
    ) -> Result<()> {
        let wanted = self.wanted(on_socket, wake_ups);
        let wanted = poll_with_waker(wanted, waker, time)
            .map_err(|error| Error::system("waiting", &error))?;
        self.judge(&wanted, on_socket);
        Ok(())
    }

    fn wanted(&self, on_socket: SocketUse, wake_ups: Wanted) -> [Wanted; 3] {
        let socket = self.socket.as_fd();
        let receives = self.uses_socket(Interest::READ);
        let socket = match on_socket {
            // A thread that sends or receives on the socket meets the end there.
            SocketUse::End if receives && self.uses_socket(Interest::WRITE) => Wanted::nothing(),
            SocketUse::End if receives => Wanted::hung_up(socket),
            SocketUse::End | SocketUse::Read => Wanted::readable(socket),
            SocketUse::Write if receives => Wanted::writable(socket),
            SocketUse::Write | SocketUse::Both => Wanted::readable(socket).or_writable(),
        };
        let process = self.pidfd.get().map(|fd| Wanted::readable(fd.as_fd()));
        [wake_ups, socket, process.unwrap_or(Wanted::nothing())]
    }

    fn judge(&self, wanted: &[Wanted; 3], on_socket: SocketUse) {
        if !self.uses_socket(Interest::READ) && wanted[SOCKET].is_readable() {
            let mut byte = [MaybeUninit::uninit()];
            match local_socket::recv(self.socket.as_fd(), &mut byte) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Ok(1..) => self.note_stray(),
                _ => self.state.store(GONE, Ordering::Release),
            }
        } else if wanted[PROCESS].is_readable()
            || on_socket == SocketUse::End && wanted[SOCKET].is_readable()
        {
            self.state.store(GONE, Ordering::Release);
        }
    }
}

/// The error for an end without a close.
pub fn lost() -> Error {
    let detail = "the peer died or dropped the connection without closing it; connect again";
    Error::new(Status::PeerLost, detail)
}

/// The error for an end in good order.
pub fn closed_by_peer() -> Error {
    Error::new(Status::Closed, "the peer has closed the channel; connect again to go on")
}

/// Whether this user can do anyway what this program can.
fn is_trusted(uid: u32) -> bool {
    uid == process::user() || uid == 0
}

/// Whether the endpoint lets this user in. Root may connect to any listener, as with connect(2).
pub fn admit(endpoint: &Endpoint, uid: u32, role: Role) -> Result<()> {
    let admitted = match endpoint.peer_uid {
        PeerUid::Any => true,
        PeerUid::Only(only) => uid == only,
        PeerUid::SameOrRoot => is_trusted(uid) || (role == Role::Connector && process::user() == 0),
    };
    if admitted {
        return Ok(());
    }
    let detail = format!(
        "the peer is user {uid}, who is not admitted; peer_uid={uid} or peer_uid=any admits it"
    );
    Err(Error::new(Status::Denied, detail))
}
