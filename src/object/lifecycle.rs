//! How named objects come and go: exactly one makes an object, nobody sees one that isn't whole,
//! the last one takes its name away, and what dead ones left is replaced.
//!
//! An object is made without a name, and linked to its name once it is whole and held. Whoever
//! opens one takes a slot under the lifecycle lock, and looks there whether the name still is this
//! object's. Whoever leaves does so under that lock too, and is the last if no byte is locked.

mod make;

use self::make::{Plan, make, plan};
use crate::endpoint::names::{Kind, Object, ObjectName};
use crate::error::{Error, Result, Status};
use crate::object::doorbells;
use crate::object::file::{File, LIFECYCLE_TIME_MAX, open_named};
use crate::object::file_names;
use crate::object::holder::Holder;
use crate::object::layout::{FORMAT, Header, MAGIC_WORD, PERSISTS};
use crate::object::memory::Data;
use crate::object::reserve::data_offset;
use crate::object::semaphore::units::UNITS_SIZE;
use crate::os::cause::Cause;
use crate::os::fork::Fd;
use crate::os::named_memory::{self, Facts};
use std::io;
use std::mem::offset_of;
use std::os::fd::AsFd;

/// Bytes of data at most: 1 TiB.
pub const OBJECT_SIZE_MAX: usize = 1 << 40;
/// Tries to open what others make and remove meanwhile.
const TRIES_MAX: u32 = 10_000;

/// Which file an object is, and what it must be.
struct Target {
    file_name: Vec<u8>,
    owner: u32,
    /// Whether that is the effective user.
    is_own: bool,
    kind: Kind,
}

/// Another program's object, open.
struct Native {
    fd: Fd,
    size: usize,
    facts: Facts,
}

/// Makes an object of `size` bytes.
pub fn create(name: &ObjectName, size: usize) -> Result<Holder> {
    check_size(size)?;
    make(&Target::of(name)?, &plan(name, size), None, !name.read_only)
}

/// Opens an object that somebody holds, or that persists.
pub fn open(name: &ObjectName) -> Result<Holder> {
    match &name.object {
        Object::Own(_) => hold(&Target::of(name)?, None, !name.read_only),
        Object::Native(native) => open_native(name, native),
    }
}

/// Opens an object of `size` bytes or more, or makes one. With no size it opens any that is there.
pub fn open_or_create(name: &ObjectName, size: usize) -> Result<Holder> {
    if size == 0 {
        return open(name);
    }
    check_size(size)?;
    let holder = match (&name.object, Target::of(name)) {
        (Object::Own(_), target) => {
            open_or_make(&target?, &plan(name, size), None, !name.read_only)
        }
        // One that isn't there can't be made.
        (Object::Native(_), target) => match (none_if(open(name), Status::NotFound)?, target) {
            (Some(holder), _) => Ok(holder),
            (None, target) => Err(target.err().unwrap_or_else(not_found)),
        },
    }?;
    let found = holder.memory().size();
    if found < size {
        holder.detach();
        let detail = format!(
            "the one that is there has {found} bytes, and {size} are asked for; size 0 opens it as \
             it is"
        );
        return Err(Error::new(Status::TooLarge, detail));
    }
    Ok(holder)
}

/// Makes a semaphore with so many units.
pub fn create_semaphore(name: &ObjectName, units: u32) -> Result<Holder> {
    let plan = Plan { units, ..plan(name, UNITS_SIZE) };
    make(&Target::of(name)?, &plan, None, true)
}

/// Opens a semaphore that somebody holds, or that persists.
pub fn open_semaphore(name: &ObjectName) -> Result<Holder> {
    usable(hold(&Target::of(name)?, None, true)?)
}

/// Opens a semaphore, or makes one with so many units.
pub fn open_or_create_semaphore(name: &ObjectName, units: u32) -> Result<Holder> {
    let plan = Plan { units, ..plan(name, UNITS_SIZE) };
    usable(open_or_make(&Target::of(name)?, &plan, None, true)?)
}

/// A semaphore that may only be read is of no use.
fn usable(holder: Holder) -> Result<Holder> {
    match holder.lock() {
        Some(_) => Ok(holder),
        None => {
            holder.detach();
            Err(Error::new(Status::Denied, "this user may only read the semaphore"))
        }
    }
}

/// Takes an object's name away. Those that hold it keep it.
pub fn remove(name: &ObjectName) -> Result<()> {
    // Whatever it has become: this is how a spoilt one is got rid of.
    let target = Target::of(name)?;
    retry(|| {
        let file = match target.file() {
            Ok(file) => file.ok_or_else(not_found)?,
            Err(error) => return target.clear(error).map(Some),
        };
        file.lock_lifecycle(LIFECYCLE_TIME_MAX)?;
        let named = file.is_named();
        if !file.is_held() {
            doorbells::remove_all(&file);
        }
        let removed = if named { named_memory::remove(&file.name) } else { Ok(()) };
        file.unlock_lifecycle();
        removed.map_err(failed("removing the object"))?;
        Ok(named.then_some(()))
    })
}

/// Opens another program's object, with a companion that has the lock.
fn open_native(name: &ObjectName, native: &str) -> Result<Holder> {
    let writable = !name.read_only;
    let fd = open_named(native.as_bytes(), writable)?.ok_or_else(not_found)?;
    let facts = named_memory::facts(fd.as_fd()).map_err(failed("opening the object"))?;
    let size = usize::try_from(facts.size).unwrap_or(usize::MAX);
    if !facts.is_file || !(1..=OBJECT_SIZE_MAX).contains(&size) {
        return Err(Error::protocol("it is no shared memory, or has no bytes"));
    }
    check_owner(&facts, name.owner.unwrap_or(facts.owner))?;
    let native = Native { fd, size, facts };
    let target = Target::beside(&native.facts)?;
    if !target.is_own {
        let held = none_if(hold(&target, Some(&native), writable), Status::NotFound)?;
        return held.ok_or_else(|| {
            let owner = target.owner;
            let detail = format!("its owner, user {owner}, makes its lock, and must open it first");
            Error::new(Status::Denied, detail)
        });
    }
    // Who may use the data may lock them, and nobody else but the owner.
    let mode = facts.mode & 0o666 | 0o600;
    let plan = Plan { size: 0, mode, group: &None, persists: false, units: 0 };
    open_or_make(&target, &plan, Some(&native), writable)
}

impl Target {
    fn of(name: &ObjectName) -> Result<Target> {
        let Object::Own(own) = &name.object else {
            let detail = "another program's object can only be opened; that makes and removes it";
            return Err(Error::invalid(detail));
        };
        let user = named_memory::user();
        let owner = name.owner.unwrap_or(user);
        let file_name = file_names::of_object(name.kind, owner, own)?;
        Ok(Target { file_name, owner, is_own: owner == user, kind: name.kind })
    }

    /// Of a companion.
    fn beside(native: &Facts) -> Result<Target> {
        let file_name = file_names::of_companion(native)?;
        let is_own = native.owner == named_memory::user();
        Ok(Target { file_name, owner: native.owner, is_own, kind: Kind::Segment })
    }

    /// Opens the file; None if there is none.
    fn file(&self) -> Result<Option<File>> {
        let (mut writable, mut opened) = (true, open_named(&self.file_name, true));
        if opened.as_ref().is_err_and(|error| error.status() == Status::Denied) {
            (writable, opened) = (false, open_named(&self.file_name, false));
        }
        let Some(fd) = opened? else {
            return Ok(None);
        };
        let facts = named_memory::facts(fd.as_fd()).map_err(failed("opening the object"))?;
        check_owner(&facts, self.owner)?;
        if !facts.is_file {
            return Err(Error::protocol("what has the object's name is no shared memory"));
        }
        Ok(Some(File { fd, name: self.file_name.clone(), facts, writable }))
    }

    /// Takes the name away from what can't be opened, unless it is a file of another user.
    fn clear(&self, error: Error) -> Result<()> {
        let facts = named_memory::facts_at(&self.file_name);
        if !facts.is_ok_and(|facts| !facts.is_file || facts.owner == named_memory::user()) {
            return Err(error);
        }
        named_memory::remove(&self.file_name).map_err(|error| match Cause::of(&error) {
            Cause::Directory => Error::protocol("what has the name is a directory"),
            _ => failed("removing what has the object's name")(error),
        })
    }

    /// The object of that name, under its lifecycle lock, and the size of its data; None if there
    /// is none, or was one whose holders are all dead.
    fn find(&self) -> Result<Option<(File, usize)>> {
        retry(|| {
            let Some(file) = self.file()? else {
                return Ok(Some(None));
            };
            file.lock_lifecycle(LIFECYCLE_TIME_MAX)?;
            if !file.is_named() {
                return Ok(None);
            }
            let (size, persists) = read_header(&file, self.kind)?;
            if persists || file.is_held() {
                return Ok(Some(Some((file, size))));
            }
            doorbells::remove_all(&file);
            file.remove();
            Ok(Some(None))
        })
    }
}

fn check_size(size: usize) -> Result<()> {
    match size {
        0 => Err(Error::invalid("the size is 0")),
        1..=OBJECT_SIZE_MAX => Ok(()),
        _ => {
            let detail = format!("the limit is {OBJECT_SIZE_MAX} bytes, and {size} are asked for");
            Err(Error::new(Status::TooLarge, detail))
        }
    }
}

fn check_owner(facts: &Facts, expected: u32) -> Result<()> {
    if facts.owner == expected {
        return Ok(());
    }
    let owner = facts.owner;
    let detail = format!("the object of that name belongs to user {owner}, not to {expected}");
    Err(Error::new(Status::Denied, detail))
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::system(what, &error)
}

/// None for a failure of this status.
fn none_if<T>(result: Result<T>, status: Status) -> Result<Option<T>> {
    match result {
        Err(error) if error.status() == status => Ok(None),
        result => result.map(Some),
    }
}

fn not_found() -> Error {
    Error::new(Status::NotFound, "there is no object of that name that somebody alive holds")
}

/// Repeats what others get in the way of.
fn retry<T>(mut attempt: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    for _ in 0..TRIES_MAX {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
    }
    Err(Error::new(Status::Exists, "others make and remove an object of that name all the time"))
}

/// What can't change any more, read without mapping it: the file could be shorter than that.
pub fn read_header(file: &File, kind: Kind) -> Result<(usize, bool)> {
    let mut bytes = [0; 64];
    let count = named_memory::read_at(file.fd.as_fd(), &mut bytes, 0);
    if count.map_err(failed("reading the object"))? < bytes.len() {
        return Err(Error::protocol("what has the object's name is shorter than its header"));
    }
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let long = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    if long(offset_of!(Header, magic)) != MAGIC_WORD {
        return Err(Error::protocol("what has the object's name is none of this library's"));
    }
    let format = word(offset_of!(Header, format));
    if format != FORMAT {
        let detail = format!("the object is of format {format:#010x}, not {FORMAT:#010x}");
        return Err(Error::protocol(detail));
    }
    if word(offset_of!(Header, kind)) != kind as u32 {
        return Err(Error::protocol("the object is of another kind"));
    }
    let (size, offset) = (long(offset_of!(Header, size)), long(offset_of!(Header, data_offset)));
    let whole = size <= OBJECT_SIZE_MAX as u64
        && (kind == Kind::Segment || size == UNITS_SIZE as u64)
        && offset == data_offset() as u64
        && file.facts.size == offset + size;
    if !whole {
        let length = file.facts.size;
        let detail = format!("the object has {length} bytes, which its header contradicts");
        return Err(Error::protocol(detail));
    }
    Ok((size as usize, word(offset_of!(Header, flags)) & PERSISTS != 0))
}

fn data(size: usize, native: Option<&Native>, writable: bool) -> Data<'_> {
    match native {
        None => Data::Here { size, writable },
        Some(native) => Data::There { fd: native.fd.as_fd(), size: native.size, writable },
    }
}

/// Holds the object at a target.
fn hold(target: &Target, native: Option<&Native>, writable: bool) -> Result<Holder> {
    let (file, size) = target.find()?.ok_or_else(not_found)?;
    let writable = writable && (file.writable || native.is_some());
    // Where this fails, closing the descriptor unlocks it.
    let holder = Holder::new(target.kind, file, data_offset(), data(size, native, writable))?;
    holder.unlock_lifecycle();
    Ok(holder)
}

/// Holds the object at a target, or makes it.
fn open_or_make(
    target: &Target,
    plan: &Plan<'_>,
    native: Option<&Native>,
    writable: bool,
) -> Result<Holder> {
    retry(|| match none_if(hold(target, native, writable), Status::NotFound)? {
        None => none_if(make(target, plan, native, writable), Status::Exists),
        some => Ok(some),
    })
}
