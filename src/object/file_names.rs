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
/// What is put in its place, where others may not be made.
const PREFIX_VARIABLE: &str = "TREENAIL_SHM_PREFIX";
/// Bytes of that at most: with all that follows it is a file's name.
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

/// What all of them begin with, as long as the process lives.
pub fn prefix() -> Result<&'static str> {
    static CHOSEN: OnceLock<Option<OsString>> = OnceLock::new();
    let Some(chosen) = CHOSEN.get_or_init(|| process::variable(PREFIX_VARIABLE)) else {
        return Ok(PREFIX);
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match chosen.to_str() {
        Some(text) if text.len() <= PREFIX_SIZE_MAX && text.bytes().all(allowed) => Ok(text),
        _ => Err(Error::invalid(format!(
            "{PREFIX_VARIABLE} has at most {PREFIX_SIZE_MAX} of A-Z a-z 0-9 . _ -"
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

/// The file of the lock of another program's object, named by what is the same for all that see
/// the object: not by its owner, who has another number in another user namespace.
pub fn of_companion(native: &Facts) -> Result<Vec<u8>> {
    Ok(format!("{}~{}", prefix()?, identity(native)).into_bytes())
}

/// What tells an object of another program from all others.
pub fn identity(native: &Facts) -> String {
    format!("{:x}.{}", native.device, native.inode)
}

/// What the files of a dead object's holders begin with, that lie beside it.
pub fn of_holders(file_name: &[u8], facts: &Facts) -> Vec<u8> {
    [file_name, format!("~{:x}.", facts.inode).as_bytes()].concat()
}

/// Reads a file's name; None for what is no object's.
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

/// All names in /dev/shm; none where there is none.
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
