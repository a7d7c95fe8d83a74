//! Where the two sides meet: a local socket in the user's own directory, or at a path. Dialling,
//! and taking over the name of a listener that was killed.

use crate::endpoint::{Address, Endpoint};
use crate::error::{Error, Result, Status};
use crate::os::directory::{self, Directory, FileId};
use crate::os::fork::{Fd, Owned, adopt};
use crate::os::socket;
use interprocess::ConnectWaitMode;
use interprocess::local_socket::traits::Listener as _;
use interprocess::local_socket::{
    ConnectOptions, GenericFilePath, ListenerNonblockingMode, ListenerOptions, Name, ToFsName,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use interprocess::os::unix::uds_local_socket as uds;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a listener waits for others that change names in the same directory.
const LOCK_TIME_MAX: Duration = Duration::from_secs(2);

/// A directory and a name in it.
struct Place {
    directory: Directory,
    name: OsString,
}

impl Place {
    /// Where an endpoint's socket is. The user's own directory is made on the way if `make`.
    fn of(address: &Address, make: bool) -> Result<Place> {
        match address {
            Address::Name(name) => {
                let path = own_directory(make)?;
                let directory =
                    Directory::open(&path, false).map_err(|error| bad_directory(&path, &error))?;
                check_own(&directory, &path)?;
                Ok(Place { directory, name: format!("{name}.sock").into() })
            }
            Address::Path(bytes) => {
                let path = Path::new(OsStr::from_bytes(bytes));
                let Some(name) = path.file_name() else {
                    return Err(Error::invalid("the path names no file"));
                };
                let parent = match path.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent,
                    _ => Path::new("."),
                };
                let directory =
                    Directory::open(parent, true).map_err(|error| bad_directory(parent, &error))?;
                Ok(Place { directory, name: name.to_owned() })
            }
        }
    }

    fn socket_path(&self, name: &OsStr) -> PathBuf {
        self.directory.socket_path(name)
    }

    /// Locks the directory's names, for as long as the directory is not unlocked.
    fn lock(&self) -> Result<()> {
        let end = Instant::now() + LOCK_TIME_MAX;
        loop {
            match self.directory.try_lock() {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Err(Error::system("locking the directory", &error));
                }
                Err(_) if Instant::now() > end => {
                    let detail = "another process keeps the directory locked; find it with lsof";
                    return Err(Error::new(Status::Io, detail));
                }
                Err(_) => std::thread::sleep(Duration::from_micros(200)),
            }
        }
    }
}

/// The user's own directory. XDG_RUNTIME_DIR isn't asked: programs of one user meet whatever
/// has started them.
fn own_directory(make: bool) -> Result<PathBuf> {
    if let Some(chosen) = std::env::var_os("TREENAIL_DIR").filter(|dir| !dir.is_empty()) {
        return made(chosen.into(), make);
    }
    let uid = socket::own_uid();
    let runtime = PathBuf::from(format!("/run/user/{uid}"));
    let is_ours = Directory::open(&runtime, false)
        .and_then(|directory| directory.owner_and_mode())
        .is_ok_and(|(owner, _)| owner == uid);
    match is_ours {
        true => made(runtime.join("treenail"), make),
        false => made(format!("/tmp/treenail-{uid}").into(), make),
    }
}

fn made(path: PathBuf, make: bool) -> Result<PathBuf> {
    let made = if make { directory::make(&path) } else { Ok(()) };
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::system(&format!("making {}", path.display()), &error))
        }
        _ => Ok(path),
    }
}

/// Others could change what lies in a directory that isn't ours alone.
fn check_own(directory: &Directory, path: &Path) -> Result<()> {
    let failed = |error| bad_directory(path, &error);
    let (owner, mode) = directory.owner_and_mode().map_err(failed)?;
    let uid = socket::own_uid();
    if owner == uid && mode & 0o022 == 0 {
        return Ok(());
    }
    let detail = format!(
        "{} belongs to user {owner} with mode {mode:04o}, and must belong to user {uid} and be \
         writable for nobody else; remove it, or set TREENAIL_DIR to a directory of your own",
        path.display()
    );
    Err(Error::new(Status::Denied, detail))
}

fn bad_directory(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    match error.raw_os_error() {
        Some(libc::ENOENT) => {
            let detail = format!("nobody listens there, as there is no directory {path}");
            Error::new(Status::NotFound, detail)
        }
        Some(libc::ENOTDIR | libc::ELOOP) => {
            let detail = format!("{path} is no directory (a symbolic link is not followed)");
            Error::new(Status::Denied, detail)
        }
        _ => Error::system(&format!("opening {path}"), error),
    }
}

/// What came of dialling.
pub enum Dialled {
    Connected(Fd),
    /// Somebody listens, but its queue of connections is full: try again.
    Full,
}

/// Dials an endpoint once, without waiting.
pub fn dial(endpoint: &Endpoint) -> Result<Dialled> {
    let place = Place::of(&endpoint.address, false)?;
    let path = place.socket_path(&place.name);
    connect(&path).map_err(|error| match error.raw_os_error() {
        Some(libc::ECONNREFUSED | libc::ENOENT) => {
            let detail = format!("nobody listens at {}", shown(&place, &path));
            Error::new(Status::NotFound, detail)
        }
        _ => Error::system(&format!("connecting to {}", shown(&place, &path)), &error),
    })
}

fn shown(place: &Place, path: &Path) -> String {
    match path.starts_with("/proc/self/fd") {
        true => place.name.to_string_lossy().into_owned(),
        false => path.display().to_string(),
    }
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
        // interprocess takes EAGAIN for a connection in progress. On local sockets it is none.
        Ok(stream) if !socket::is_connected(stream.as_fd()) => Ok(Dialled::Full),
        Ok(stream) => Ok(Dialled::Connected(stream)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Dialled::Full),
        Err(error) => Err(error),
    }
}

fn fs_name(path: &Path) -> io::Result<Name<'_>> {
    path.to_fs_name::<GenericFilePath>()
}

/// A socket that listens under a name, which goes when this is dropped.
pub struct Listening {
    listener: Owned<uds::Listener>,
    place: Place,
    file: FileId,
    generation: u32,
}

impl Listening {
    /// Listens at an endpoint, and takes its name over from one that was killed.
    pub fn open(endpoint: &Endpoint) -> Result<Listening> {
        let place = Place::of(&endpoint.address, true)?;
        let group = endpoint.group.as_deref().map(group_id).transpose()?;
        place.lock()?;
        let taken = take_name(&place, endpoint, group);
        place.directory.unlock();
        let (listener, file) = taken?;
        let generation = crate::os::fork::generation();
        Ok(Listening { listener, place, file, generation })
    }

    /// The next connection, if one is waiting.
    pub fn accept(&self) -> Result<Option<Fd>> {
        match adopt(|| self.listener.accept().map(OwnedFd::from)) {
            Ok(socket) => Ok(Some(socket)),
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ECONNABORTED | libc::EINTR) => Ok(None),
                _ => Err(Error::system("accepting", &error)),
            },
        }
    }

    /// The listening socket, to wait for.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Listening {
    /// Removes the name, but only if it is still this socket's; never in a forked child.
    fn drop(&mut self) {
        if self.generation != crate::os::fork::generation() || self.place.lock().is_err() {
            return;
        }
        if self.place.directory.identify(&self.place.name).is_ok_and(|file| file == self.file) {
            let _ = self.place.directory.remove(&self.place.name);
        }
        self.place.directory.unlock();
    }
}

fn group_id(name: &str) -> Result<u32> {
    directory::group_id(name).ok_or_else(|| {
        Error::new(Status::NotFound, format!("there is no group \"{name}\" on this system"))
    })
}

/// Under the directory's lock: binds to a temporary name, sees whether anybody alive has the
/// name, and renames over it. So nobody ever meets a socket that is not listening yet.
fn take_name(
    place: &Place,
    endpoint: &Endpoint,
    group: Option<u32>,
) -> Result<(Owned<uds::Listener>, FileId)> {
    // Whoever holds the lock is alone with this name: what is there was left by one killed.
    let temporary = OsString::from(format!(".treenail-{}.tmp", socket::own_uid()));
    let path = place.socket_path(&temporary);
    let mode = endpoint.mode.unwrap_or(0o600);
    let failed = |what: &'static str| move |error: io::Error| Error::system(what, &error);
    let _ = place.directory.remove(&temporary);
    let listener = adopt(|| {
        let options = ListenerOptions::new().name(fs_name(&path)?).reclaim_name(false);
        let options = options.nonblocking(ListenerNonblockingMode::Accept);
        // Until its mode is set nobody can connect: what is in a queue can't be refused later.
        let options = options.mode(0);
        options.create_sync_as::<uds::Listener>()
    });
    let listener = listener.map_err(failed("binding the socket"))?;
    socket::refuse_descriptors(listener.as_fd());
    let named = (|| {
        // interprocess listens with a backlog of its own choice.
        socket::set_backlog(listener.as_fd(), endpoint.backlog).map_err(failed("listening"))?;
        if let Some(gid) = group {
            let set = place.directory.set_group(&temporary, gid);
            set.map_err(failed("giving the socket to its group"))?;
        }
        // Behind the group, as changing that may take bits away.
        let set = place.directory.set_mode(&temporary, mode);
        set.map_err(failed("setting the socket's mode"))?;
        check_free(place)?;
        place
            .directory
            .rename(&temporary, &place.name)
            .and_then(|()| place.directory.identify(&place.name))
            .map_err(failed("naming the socket"))
    })();
    match named {
        Ok(file) => Ok((listener, file)),
        Err(error) => {
            let _ = place.directory.remove(&temporary);
            Err(error)
        }
    }
}

/// Whether the name is free, or was left behind by a listener that is dead.
fn check_free(place: &Place) -> Result<()> {
    let exists = |why: &str| {
        let name = place.name.to_string_lossy();
        Err(Error::new(Status::Exists, format!("{name} {why}")))
    };
    match place.directory.identify(&place.name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::system("looking at the name", &error)),
        Ok(file) if !file.is_socket => {
            return exists("is there and is no socket; remove it or choose another name");
        }
        Ok(_) => {}
    }
    match socket::is_bound(&place.socket_path(&place.name)) {
        Ok(true) => exists("is in use by a listener that is alive; choose another name, or end it"),
        Ok(false) => Ok(()),
        Err(error) => Err(Error::system("asking whether the name is in use", &error)),
    }
}
