//! Where a name is: the directories that its socket may lie in, which user must own them, and the
//! locks under which names change there.

use crate::endpoint::Address;
use crate::error::{Error, Result, Status};
use crate::os::cause::Cause;
use crate::os::directory::{self, Directory, FileId, LastLink, Purpose};
use crate::os::local_socket;
use crate::os::process;
use crate::transport::meet::own::OwnFile;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a listener waits for other processes that change names in the same directories.
const LOCK_TIME_MAX: Duration = Duration::from_secs(2);
/// How often to try to lock directories that other processes make and remove meanwhile.
const DIRECTORY_TRIES_MAX: u32 = 100;

/// The directories of a user's names, in the order in which connecting tries them. XDG_RUNTIME_DIR
/// is not asked: programs of one user meet, however they were started.
fn own_directories() -> Vec<PathBuf> {
    if let Some(chosen) = std::env::var_os("TREENAIL_DIR").filter(|dir| !dir.is_empty()) {
        return vec![chosen.into()];
    }
    let uid = process::user();
    vec![format!("/run/user/{uid}/treenail").into(), format!("/tmp/treenail-{uid}").into()]
}

/// When to give up waiting for those processes.
pub fn lock_deadline() -> Instant {
    Instant::now() + LOCK_TIME_MAX
}

/// Locks a directory's names. Other processes may keep them locked until `end`.
pub fn lock(directory: &Directory, end: Instant) -> Result<()> {
    loop {
        let path = directory.path().display();
        match directory.try_lock() {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                return Err(Error::system(&format!("locking {path}"), &error));
            }
            Err(_) if Instant::now() >= end => {
                let detail = format!("another process keeps {path} locked; find it with lsof");
                return Err(Error::new(Status::Io, detail));
            }
            Err(_) => std::thread::sleep(Duration::from_micros(200)),
        }
    }
}

/// A directory and a name in it.
pub struct Place {
    pub directory: Directory,
    pub name: OsString,
}

impl Place {
    /// The path of `name` in the same directory, as a socket's address says it.
    pub fn socket_path(&self, name: &OsStr) -> PathBuf {
        self.directory.socket_path(name)
    }

    /// Locks the directory's names. The lock lasts until the directory is unlocked.
    pub fn lock(&self, end: Instant) -> Result<()> {
        lock(&self.directory, end)
    }

    /// The file that has the name.
    pub fn identify(&self) -> io::Result<FileId> {
        self.directory.identify(&self.name)
    }

    /// Whether a living listener has the name.
    fn is_taken(&self) -> Result<bool> {
        local_socket::is_bound(&self.socket_path(&self.name))
            .map_err(|error| Error::system("asking whether the name is in use", &error))
    }
}

/// A place as it is written. It may not exist.
pub struct Candidate {
    path: PathBuf,
    name: OsString,
    is_own: bool,
    /// Whether there are other places to try.
    is_one_of_many: bool,
}

/// The places of an address.
pub fn candidates(address: &Address) -> Result<Vec<Candidate>> {
    let bytes = match address {
        Address::Name(name) => {
            let paths = own_directories();
            let is_one_of_many = paths.len() > 1;
            let name: OsString = format!("{name}.sock").into();
            let own = |path| Candidate { path, name: name.clone(), is_own: true, is_one_of_many };
            return Ok(paths.into_iter().map(own).collect());
        }
        Address::Path(bytes) => bytes,
    };
    let path = Path::new(OsStr::from_bytes(bytes));
    let Some(name) = path.file_name() else {
        return Err(Error::invalid("the path names no file; name a socket file"));
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok(vec![Candidate {
        path: parent.unwrap_or(Path::new(".")).to_owned(),
        name: name.to_owned(),
        is_own: false,
        is_one_of_many: false,
    }])
}

/// The directories of the user's names that exist and belong to the user.
pub fn own(purpose: Purpose) -> Result<Vec<Directory>> {
    let mut found = Vec::new();
    for path in own_directories() {
        match open_own(&path, purpose) {
            Ok(directory) => found.push(directory),
            Err(error) if matches!(error.status(), Status::NotFound | Status::Denied) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn open_own(path: &Path, purpose: Purpose) -> Result<Directory> {
    let directory = Directory::open(path, LastLink::Refused, purpose);
    let directory = directory.map_err(|error| bad_directory(path, &error))?;
    check_own(&directory, path).map(|()| directory)
}

/// The same address, made independent of the working directory.
pub fn absolute(address: &Address) -> Address {
    let path = match address {
        Address::Path(bytes) => std::path::absolute(OsStr::from_bytes(bytes)).ok(),
        Address::Name(_) => None,
    };
    path.map_or_else(|| address.clone(), |path| Address::Path(path.into_os_string().into_vec()))
}

impl Candidate {
    /// Whether to go on without this place, as it is one of many and is not there or does not
    /// belong to the user. Otherwise any user could shut out others by making a directory in /tmp.
    pub fn is_skipped_for(&self, error: &Error) -> bool {
        self.is_one_of_many && matches!(error.status(), Status::NotFound | Status::Denied)
    }

    /// Opens the place.
    pub fn open(&self, purpose: Purpose) -> Result<Place> {
        let directory = match self.is_own {
            true => open_own(&self.path, purpose)?,
            false => Directory::open(&self.path, LastLink::Followed, purpose).map_err(|error| {
                match Cause::of(&error) {
                    Cause::NotFound => no_directory(&self.path),
                    _ => bad_directory(&self.path, &error),
                }
            })?,
        };
        Ok(Place { directory, name: self.name.clone() })
    }

    /// Makes the directory, if it is the user's own and does not exist.
    fn make(&self) -> Result<()> {
        let made = if self.is_own { directory::make(&self.path) } else { Ok(()) };
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(Error::system(&format!("making {}", self.path.display()), &error))
            }
            _ => Ok(()),
        }
    }
}

/// The whole path, as users know it.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.join(&self.name).display())
    }
}

/// Refuses a directory that does not belong to this user alone: others could change what lies in
/// it.
fn check_own(directory: &Directory, path: &Path) -> Result<()> {
    let failed = |error| bad_directory(path, &error);
    let (owner, mode) = directory.owner_and_mode().map_err(failed)?;
    let uid = process::user();
    if owner == uid && mode & 0o022 == 0 {
        return Ok(());
    }
    let advice = match owner == uid {
        true => "take those rights away with chmod go-w",
        false => "set TREENAIL_DIR to a directory of your own",
    };
    let detail = format!(
        "{} belongs to user {owner} with mode {mode:04o}, and must belong to user {uid} and be \
         writable for nobody else; {advice}",
        path.display()
    );
    Err(Error::new(Status::Denied, detail))
}

fn no_directory(path: &Path) -> Error {
    let path = path.display();
    let detail = format!("there is no directory {path}; make it, or name another");
    Error::new(Status::NotFound, detail)
}

fn bad_directory(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    match Cause::of(error) {
        Cause::NotFound => {
            let detail = format!(
                "nobody listens there, as there is no directory {path}; start the listener first"
            );
            Error::new(Status::NotFound, detail)
        }
        Cause::NotDirectory | Cause::Link => {
            let detail = format!(
                "{path} is no directory (a symbolic link is not followed); set TREENAIL_DIR to a \
                 directory of your own"
            );
            Error::new(Status::Denied, detail)
        }
        _ => Error::system(&format!("opening {path}"), error),
    }
}

const DIRECTORIES_CHANGE: &str = "others make and remove the directories all the time; choose \
                                  another directory";

/// The places of an address, locked: no other process takes its name meanwhile.
pub struct Claim {
    /// The first is the one to bind in.
    places: Vec<Place>,
}

impl Claim {
    /// Makes the directory to bind in, and locks all directories of the address that exist. Other
    /// processes may keep them locked until `end`.
    pub fn on(address: &Address, end: Instant) -> Result<Claim> {
        let mut failure = Error::new(Status::Io, DIRECTORIES_CHANGE);
        for _ in 0..DIRECTORY_TRIES_MAX {
            match Claim::try_on(address, end) {
                Ok(Some(claim)) => return Ok(claim),
                Ok(None) => {}
                Err(error) if error.status() == Status::NotFound => failure = error,
                Err(error) => return Err(error),
            }
        }
        Err(failure)
    }

    /// None if the directories have changed meanwhile.
    fn try_on(address: &Address, end: Instant) -> Result<Option<Claim>> {
        let candidates = candidates(address)?;
        let chosen = to_bind_in(&candidates);
        let mut places = Vec::new();
        // Every process goes from the last to the first, so that no two wait for each other.
        for (index, candidate) in candidates.iter().enumerate().rev() {
            if index == chosen {
                candidate.make()?;
            }
            let place = match candidate.open(Purpose::Read) {
                Err(error) if index != chosen && candidate.is_skipped_for(&error) => continue,
                place => place?,
            };
            place.lock(end)?;
            let at = if index == chosen { 0 } else { places.len() };
            places.insert(at, place);
        }
        let unchanged = to_bind_in(&candidates) == chosen
            && places.iter().all(|place| place.directory.is_there());
        Ok(unchanged.then_some(Claim { places }))
    }

    /// The place to bind in.
    pub fn place(&self) -> &Place {
        &self.places[0]
    }

    /// Whether the name is free in all places, or was left behind by a listener that is dead.
    pub fn check_free(&self) -> Result<()> {
        for (index, place) in self.places.iter().enumerate() {
            let exists = |why: &str| {
                let path = place.directory.path().join(&place.name);
                Err(Error::new(Status::Exists, format!("{} {why}", path.display())))
            };
            match place.identify() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::system("looking at the name", &error)),
                Ok(file) if OwnFile::has(&file) => {
                    return exists(
                        "is in use by a listener of this very process (did a notebook's cell run \
                         twice?); close that one, or choose another name",
                    );
                }
                Ok(file) if file.is_socket && place.is_taken()? => {
                    return exists(
                        "is in use by a listener that is alive, of treenail or of another program; \
                         choose another name, or end that program",
                    );
                }
                Ok(file) if !file.is_socket && index == 0 => {
                    return exists("is there and is no socket; choose another name");
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Unlocks all places, and keeps the one to bind in.
    pub fn into_place(mut self) -> Place {
        let place = self.places.swap_remove(0);
        place.directory.unlock();
        place
    }
}

/// Which of these to bind in: the first whose parent exists and belongs to the user, or else the
/// last.
fn to_bind_in(candidates: &[Candidate]) -> usize {
    let is_ours = |candidate: &Candidate| {
        let parent = candidate.path.parent().unwrap_or(&candidate.path);
        let owner = Directory::open(parent, LastLink::Refused, Purpose::Search)
            .and_then(|parent| parent.owner_and_mode());
        owner.is_ok_and(|(owner, _)| owner == process::user())
    };
    let last = candidates.len() - 1;
    candidates[..last].iter().position(is_ours).unwrap_or(last)
}
