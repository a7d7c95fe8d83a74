//! How two sides meet: by a local socket in one of the user's own directories, or at a path. This
//! file dials, and takes over the name of a listener that was killed.

use crate::endpoint::{Address, Endpoint};
use crate::error::{Error, Result, Status};
use crate::log::{self, Level};
use crate::os::cause::Cause;
use crate::os::directory::{self, FileId, Purpose};
use crate::os::fork::{Fd, Owned, adopt};
use crate::os::local_socket;
use crate::os::process;
use crate::transport::meet::own::OwnFile;
use crate::transport::meet::places::{self, Candidate, Claim, Place};
use interprocess::ConnectWaitMode;
use interprocess::local_socket::traits::Listener as _;
use interprocess::local_socket::{
    ConnectOptions, GenericFilePath, ListenerNonblockingMode, ListenerOptions, Name, ToFsName,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use interprocess::os::unix::uds_local_socket as uds;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an accepting call waits for other processes that change names in the same directory.
const LOOK_LOCK_TIME_MAX: Duration = Duration::from_millis(5);

/// The result of dialling.
pub enum Dialled {
    Connected(Fd),
    /// A listener is there, but its queue of connections is full: try again.
    Full,
}

/// Dials an address once, without waiting: the first of its places with a listener.
/// `advice` says what to do if there is none.
pub fn dial(address: &Address, advice: &str) -> Result<Dialled> {
    // The places without a listener, and why each was passed over. The text is made only if there
    // is no listener at all.
    let mut nobody: Vec<(Candidate, Option<Error>)> = Vec::new();
    for candidate in places::candidates(address)? {
        let place = match candidate.open(Purpose::Search) {
            Err(error) if candidate.is_skipped_for(&error) => {
                let denied = error.status() == Status::Denied;
                nobody.push((candidate, denied.then_some(error)));
                continue;
            }
            place => place?,
        };
        match connect(&place.socket_path(&place.name)) {
            Ok(dialled) => return Ok(dialled),
            Err(error) => match Cause::of(&error) {
                Cause::NotListening if place.identify().is_ok_and(|file| !file.is_socket) => {
                    let detail = format!("{candidate} is no socket; choose another name");
                    return Err(Error::new(Status::NotFound, detail));
                }
                Cause::NotListening | Cause::NotFound => nobody.push((candidate, None)),
                _ => return Err(Error::system(&format!("connecting to {candidate}"), &error)),
            },
        }
    }
    let in_words = |(candidate, why): &(Candidate, Option<Error>)| match why {
        Some(error) => format!("{candidate} (passed over: {error})"),
        None => candidate.to_string(),
    };
    let nobody: Vec<String> = nobody.iter().map(in_words).collect();
    let detail = format!("nobody listens at {}; {advice}", nobody.join(" or "));
    Err(Error::new(Status::NotFound, detail))
}

fn connect(path: &Path) -> io::Result<Dialled> {
    let stream = adopt(|| {
        let options = ConnectOptions::new().name(fs_name(path)?);
        options
            .wait_mode(ConnectWaitMode::Deferred)
            .connect_sync_as::<uds::Stream>()
            .map(OwnedFd::from)
    });
    match stream {
        // interprocess takes EAGAIN for a connection in progress. On a local socket it is not one.
        Ok(stream) if !local_socket::is_connected(stream.as_fd()) => Ok(Dialled::Full),
        Ok(stream) => Ok(Dialled::Connected(stream)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Dialled::Full),
        Err(error) => Err(error),
    }
}

fn fs_name(path: &Path) -> io::Result<Name<'_>> {
    path.to_fs_name::<GenericFilePath>()
}

/// What `accept` gives, or None if no connection is waiting.
pub fn accept_from(accept: impl FnOnce() -> io::Result<Fd>) -> Result<Option<Fd>> {
    match accept() {
        Ok(socket) => Ok(Some(socket)),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {
                Ok(None)
            }
            _ => Err(Error::system("accepting", &error)),
        },
    }
}

/// A socket that listens under a name. Dropping it removes the name.
struct Bound {
    listener: Owned<uds::Listener>,
    place: Place,
    file: FileId,
    generation: u32,
    _own: OwnFile,
}

impl Bound {
    fn accept(&self) -> Result<Option<Fd>> {
        accept_from(|| adopt(|| self.listener.accept().map(OwnedFd::from)))
    }

    /// Whether the name still belongs to this socket.
    fn has_name(&self) -> bool {
        self.place.identify().is_ok_and(|file| file.is(&self.file))
    }
}

impl Drop for Bound {
    /// Removes the name, but only if it still belongs to this socket, and never in a forked child.
    fn drop(&mut self) {
        let is_own = self.generation == crate::os::fork::generation();
        if !is_own || !self.has_name() || self.place.lock(places::lock_deadline()).is_err() {
            return;
        }
        if self.has_name() {
            let _ = self.place.directory.remove(&self.place.name);
        }
        self.place.directory.unlock();
    }
}

/// Listens at an address. If the socket's file is removed, by a program that cleans /tmp or with
/// all of /run/user/UID at logout, it makes a new socket.
pub struct Listening {
    endpoint: Arc<Endpoint>,
    address: Address,
    group: Option<u32>,
    root: Option<FileId>,
    bound: Bound,
    /// The previous socket, as long as connections wait in its queue.
    before: Option<Bound>,
}

impl Listening {
    /// Listens at an address, and takes over its name from a listener that was killed.
    pub fn open(endpoint: &Arc<Endpoint>, address: &Address) -> Result<Listening> {
        let group = endpoint.group.as_deref().map(group_id).transpose()?;
        let address = places::absolute(address);
        let claim = Claim::on(&address, places::lock_deadline())?;
        let bound = take_name(claim, endpoint, group)?;
        log::note(Level::Info, |line| {
            let path = bound.place.directory.path().join(&bound.place.name);
            write!(line, "listen {}: clients meet it at {}", endpoint.text, path.display())
        });
        let (endpoint, root) = (Arc::clone(endpoint), directory::root());
        Ok(Listening { endpoint, address, group, root, bound, before: None })
    }

    /// The next connection, if one is waiting.
    pub fn accept(&mut self) -> Result<Option<Fd>> {
        if let Some(before) = &self.before {
            if let Some(socket) = before.accept()? {
                return Ok(Some(socket));
            }
            self.before = None;
        }
        self.bound.accept()
    }

    /// The listening sockets to wait for.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let all = std::iter::once(&self.bound).chain(&self.before);
        all.map(|bound| bound.listener.as_fd())
    }

    /// Listens anew if the socket's file is gone and no living listener has the name. `watch` gets
    /// the new socket first. True if another process kept the directory locked: try again soon.
    pub fn renew(&mut self, watch: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>) -> bool {
        // A process that has another root now can't tell what others see.
        let is_reachable =
            || self.bound.place.directory.is_there() || self.root != directory::root();
        if self.before.is_some() || (self.bound.has_name() && is_reachable()) {
            return false;
        }
        let claim = match Claim::on(&self.address, Instant::now() + LOOK_LOCK_TIME_MAX) {
            Ok(claim) => claim,
            Err(error) => return error.status() == Status::Io,
        };
        if claim.check_free().is_err() {
            return false;
        }
        let fresh = take_name(claim, &self.endpoint, self.group);
        if let Some(fresh) = fresh.ok().filter(|fresh| watch(fresh.listener.as_fd()).is_ok()) {
            self.before = Some(std::mem::replace(&mut self.bound, fresh));
        }
        false
    }
}

fn group_id(name: &str) -> Result<u32> {
    directory::group_id(name).ok_or_else(|| {
        Error::new(
            Status::NotFound,
            format!("there is no group \"{name}\"; name one that there is"),
        )
    })
}

/// Under the locks of the claim: binds to a temporary name, checks whether a living listener has
/// the name, and renames over it. So no client ever meets a socket that does not listen yet.
fn take_name(claim: Claim, endpoint: &Endpoint, group: Option<u32>) -> Result<Bound> {
    let place = claim.place();
    // Only the holder of the lock uses this name: a file that is there was left by a killed
    // process.
    let temporary = OsString::from(format!(".treenail-{}.tmp", process::user()));
    let path = place.socket_path(&temporary);
    let mode = endpoint.mode.unwrap_or(0o600);
    let failed = |what: &'static str| move |error: io::Error| Error::system(what, &error);
    let _ = place.directory.remove(&temporary);
    let listener = adopt(|| {
        let options = ListenerOptions::new().name(fs_name(&path)?).reclaim_name(false);
        let options = options.nonblocking(ListenerNonblockingMode::Accept);
        // No client can connect until the mode is set: a connection in the queue can't be refused
        // later.
        let options = options.mode(0);
        options.create_sync_as::<uds::Listener>()
    });
    let listener = listener.map_err(failed("binding the socket"))?;
    local_socket::refuse_descriptors(listener.as_fd());
    let named = (|| {
        // interprocess listens with a backlog of its own choice.
        local_socket::set_backlog(listener.as_fd(), endpoint.backlog)
            .map_err(failed("listening"))?;
        if let Some(gid) = group {
            let set = place.directory.set_group(&temporary, gid);
            set.map_err(failed("giving the socket to its group"))?;
        }
        // This comes after the group, as changing the group may clear mode bits.
        let set = place.directory.set_mode(&temporary, mode);
        set.map_err(failed("setting the socket's mode"))?;
        claim.check_free()?;
        place
            .directory
            .rename(&temporary, &place.name)
            .and_then(|()| place.identify())
            .map_err(failed("naming the socket"))
    })();
    match named {
        Ok(file) => {
            let (place, generation) = (claim.into_place(), crate::os::fork::generation());
            Ok(Bound { listener, place, file, generation, _own: OwnFile::of(file) })
        }
        Err(error) => {
            let _ = place.directory.remove(&temporary);
            Err(error)
        }
    }
}
