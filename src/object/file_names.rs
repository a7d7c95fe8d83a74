//! What the files of named objects are called in /dev/shm.

use crate::endpoint::name_is_valid;
use crate::endpoint::names::Kind;
use crate::error::{Error, Result};
use crate::os::directory::{Directory, LastLink, Purpose};
use crate::os::named_memory::{FOLDER, Facts};
use crate::os::process;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::OnceLock;

const PREFIX: &str = "treenail.";
/// The environment variable with another prefix, for where files of that one may not be made.
const PREFIX_VARIABLE: &str = "TREENAIL_SHM_PREFIX";
/// Bytes of that prefix at most: a file's name has room for it and all that follows.
const PREFIX_SIZE_MAX: usize = 100;
/// No name has a tilde: a segment and a semaphore of one name are two files.
const SEMAPHORE: &str = "~semaphore";

/// What a file's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileName<'a> {
    /// An object of this owner, and its name.
    Object(Kind, u32, &'a str),
    /// The lock of another program's object, by its device and inode.
    Companion(&'a str),
}

/// What all names begin with. It doesn't change while the process lives.
pub fn prefix() -> Result<&'static str> {
    static CHOSEN: OnceLock<Option<OsString>> = OnceLock::new();
    let Some(chosen) = CHOSEN.get_or_init(|| process::variable(PREFIX_VARIABLE)) else {
        return Ok(PREFIX);
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match chosen.to_str() {
        Some(text) if text.len() <= PREFIX_SIZE_MAX && text.bytes().all(allowed) => Ok(text),
        _ => Err(Error::invalid(format!(
            "{PREFIX_VARIABLE} has at most {PREFIX_SIZE_MAX} of A-Z a-z 0-9 . _ -; set it so, or \
             unset it"
        ))),
    }
}

/// The file of an object.
pub fn of_object(kind: Kind, owner: u32, name: &str) -> Result<Vec<u8>> {
    let suffix = match kind {
        Kind::Segment => "",
        Kind::Semaphore => SEMAPHORE,
    };
    Ok(format!("{}{owner}.{name}{suffix}", prefix()?).into_bytes())
}

/// The companion file with the lock of another program's object. Its name is the same for all that
/// see the object: it isn't made of the owner's number, which differs between user namespaces.
pub fn of_companion(native: &Facts) -> Result<Vec<u8>> {
    Ok(format!("{}~{}", prefix()?, identity(native)).into_bytes())
}

/// The identity of another program's object: its device and inode.
pub fn identity(native: &Facts) -> String {
    format!("{:x}.{}", native.device, native.inode)
}

/// What the names of the files beside an object, those of its holders, begin with.
pub fn of_holders(file_name: &[u8], facts: &Facts) -> Vec<u8> {
    [file_name, format!("~{:x}.", facts.inode).as_bytes()].concat()
}

/// Reads a file's name; None if no object has such a name.
pub fn read(file_name: &[u8]) -> Option<FileName<'_>> {
    let rest = std::str::from_utf8(file_name).ok()?.strip_prefix(prefix().ok()?)?;
    if let Some(identity) = rest.strip_prefix('~') {
        return Some(FileName::Companion(identity));
    }
    let (owner, name) = rest.split_once('.')?;
    let (kind, name) = match name.strip_suffix(SEMAPHORE) {
        Some(name) => (Kind::Semaphore, name),
        None => (Kind::Segment, name),
    };
    let owner = owner.parse().ok()?;
    name_is_valid(name).then_some(FileName::Object(kind, owner, name))
}

/// All names in /dev/shm; none if there is no such directory.
pub fn all() -> Result<Vec<Vec<u8>>> {
    let folder = Path::new(FOLDER);
    let names = Directory::open(folder, LastLink::Followed, Purpose::Read)
        .and_then(|folder| folder.names());
    match names {
        Ok(names) => Ok(names.into_iter().map(OsStringExt::into_vec).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::system(&format!("reading {FOLDER}"), &error)),
    }
}
