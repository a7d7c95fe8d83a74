//! Socket files in the user's own directories, seen from outside. Those without a listener are
//! removed.

use crate::endpoint::name_is_valid;
use crate::endpoint::pattern::{NamedKind, Pattern};
use crate::error::{Error, Result};
use crate::os::directory::{Directory, FileId, Purpose};
use crate::os::local_socket;
use crate::os::process;
use crate::transport::meet::places;
use std::ffi::OsString;
use std::path::PathBuf;

/// A socket file.
pub struct Found<'a> {
    directory: &'a Directory,
    file_name: OsString,
    pub name: String,
    pub id: FileId,
    /// Whether a listener is there.
    pub alive: bool,
}

impl Found<'_> {
    /// The path of the socket file.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join(&self.file_name)
    }
}

/// Calls `act` for each socket file that the pattern matches.
pub fn each(pattern: &Pattern, mut act: impl FnMut(&Found<'_>)) -> Result<()> {
    if pattern.has_kind(NamedKind::Listener) {
        for directory in places::own(Purpose::Read)? {
            each_in(&directory, pattern, &mut act)?;
        }
    }
    Ok(())
}

/// Removes the socket files without a listener, and returns how many. Names change under the
/// directory's lock.
pub fn sweep(pattern: &Pattern) -> Result<usize> {
    let mut count = 0;
    if pattern.has_kind(NamedKind::Listener) {
        for directory in places::own(Purpose::Read)? {
            places::lock(&directory, places::lock_deadline())?;
            each_in(&directory, pattern, &mut |found| {
                if !found.alive && directory.remove(&found.file_name).is_ok() {
                    count += 1;
                }
            })?;
        }
    }
    Ok(count)
}

fn each_in(
    directory: &Directory,
    pattern: &Pattern,
    act: &mut dyn FnMut(&Found<'_>),
) -> Result<()> {
    let failed = |error| Error::system(&format!("reading {}", directory.path().display()), &error);
    for file_name in directory.names().map_err(failed)? {
        let Some(name) = file_name.to_str().and_then(|name| name.strip_suffix(".sock")) else {
            continue;
        };
        if !name_is_valid(name) || !pattern.fits(NamedKind::Listener, name) {
            continue;
        }
        let (name, id) = (name.to_owned(), directory.identify(&file_name));
        // A socket that can't be asked is left alone.
        let asked = local_socket::is_bound(&directory.socket_path(&file_name));
        if let (Ok(id), Ok(alive)) = (id, asked)
            && id.is_socket
            && id.owner == process::user()
        {
            act(&Found { directory, file_name, name, id, alive });
        }
    }
    Ok(())
}
