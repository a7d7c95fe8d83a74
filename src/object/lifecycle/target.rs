//! Which file an object is, and what is found there.

use crate::endpoint::names::{Kind, Object, ObjectName};
use crate::error::{Error, Result, Status};
use crate::object::doorbells;
use crate::object::file::{Access, File, LIFECYCLE_TIME_MAX, open_named};
use crate::object::file_names;
use crate::object::format::{ObjectInfo, read_header};
use crate::object::memory::Data;
use crate::os::cause::Cause;
use crate::os::fork::Fd;
use crate::os::named_memory::{self, Facts};
use crate::os::process;
use std::io;
use std::os::fd::AsFd;

/// How often it tries to open what others make and remove meanwhile.
const TRIES_MAX: u32 = 10_000;

/// Which file an object is, and what it must be.
pub struct Target {
    pub file_name: Vec<u8>,
    pub owner: u32,
    /// Whether that is the effective user.
    pub is_own: bool,
    pub kind: Kind,
}

/// Another program's object, open.
pub struct Native {
    pub fd: Fd,
    pub size: usize,
    pub facts: Facts,
}

impl Target {
    pub fn of(name: &ObjectName) -> Result<Target> {
        let Object::Own(own) = &name.object else {
            let detail = "another program's object can only be opened; that makes and removes it";
            return Err(Error::invalid(detail));
        };
        let user = process::user();
        let owner = name.owner.unwrap_or(user);
        let file_name = file_names::of_object(name.kind, owner, own)?;
        Ok(Target { file_name, owner, is_own: owner == user, kind: name.kind })
    }

    /// The companion of another program's object.
    pub fn beside(native: &Facts) -> Result<Target> {
        let file_name = file_names::of_companion(native)?;
        let is_own = native.owner == process::user();
        Ok(Target { file_name, owner: native.owner, is_own, kind: Kind::Segment })
    }

    /// Opens the file; None if there is no such file.
    pub fn file(&self) -> Result<Option<File>> {
        let (mut writable, mut opened) = (true, open_named(&self.file_name, Access::ReadWrite));
        if opened.as_ref().is_err_and(|error| error.status() == Status::Denied) {
            (writable, opened) = (false, open_named(&self.file_name, Access::ReadOnly));
        }
        let Some(fd) = opened? else {
            return Ok(None);
        };
        let facts = named_memory::facts(fd.as_fd()).map_err(failed("opening the object"))?;
        check_owner(&facts, self.owner)?;
        if !facts.is_file {
            return Err(Error::protocol(
                "what has the object's name is no shared memory; choose another name",
            ));
        }
        Ok(Some(File { fd, name: self.file_name.clone(), facts, writable }))
    }

    /// Removes the name of what can't be opened, unless it is another user's file.
    pub fn clear(&self, error: Error) -> Result<()> {
        let facts = named_memory::facts_at(&self.file_name);
        if !facts.is_ok_and(|facts| !facts.is_file || facts.owner == process::user()) {
            return Err(error);
        }
        named_memory::remove(&self.file_name).map_err(|error| match Cause::of(&error) {
            Cause::Directory => {
                Error::protocol("what has the name is a directory; choose another name")
            }
            _ => failed("removing what has the object's name")(error),
        })
    }

    /// The object, under its lifecycle lock, and the size of its data. None if there is none; if
    /// all its holders are dead, this removes it first.
    pub fn find(&self) -> Result<Option<(File, usize)>> {
        retry(|| {
            let Some(file) = self.file()? else {
                return Ok(Some(None));
            };
            file.lock_lifecycle(LIFECYCLE_TIME_MAX)?;
            if !file.is_named() {
                return Ok(None);
            }
            let ObjectInfo { size, persists } = read_header(&file, self.kind)?;
            if persists || file.is_held() {
                return Ok(Some(Some((file, size))));
            }
            doorbells::remove_all(&file);
            file.remove();
            Ok(Some(None))
        })
    }
}

pub fn check_owner(facts: &Facts, expected: u32) -> Result<()> {
    if facts.owner == expected {
        return Ok(());
    }
    let owner = facts.owner;
    let detail = format!(
        "the object of that name belongs to user {owner}, not to {expected}; say owner={owner} to \
         use that one"
    );
    Err(Error::new(Status::Denied, detail))
}

pub fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::system(what, &error)
}

/// Turns a failure of this status into None.
pub fn none_if<T>(result: Result<T>, status: Status) -> Result<Option<T>> {
    match result {
        Err(error) if error.status() == status => Ok(None),
        result => result.map(Some),
    }
}

const NOBODY_HOLDS: &str = "there is no object of that name that somebody alive holds; start the \
                            program that makes it first";

pub fn not_found() -> Error {
    Error::new(Status::NotFound, NOBODY_HOLDS)
}

const OTHERS_MEDDLE: &str = "others make and remove an object of that name all the time; choose \
                             another name";

/// Repeats an attempt as long as it returns None, as other processes got in its way.
pub fn retry<T>(mut attempt: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    for _ in 0..TRIES_MAX {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
    }
    Err(Error::new(Status::Exists, OTHERS_MEDDLE))
}

pub fn data(size: usize, native: Option<&Native>, access: Access) -> Data<'_> {
    match native {
        None => Data::Here { size, access },
        Some(native) => Data::There { fd: native.fd.as_fd(), size: native.size, access },
    }
}
