//! How named objects come and go. Exactly one process makes an object, no process sees one that
//! isn't whole, the last holder removes its name, and an object whose holders are all dead is
//! replaced.
//!
//! An object is made without a name, and linked to its name once it is whole and held. Whoever
//! opens it takes a slot under the lifecycle lock, and checks there that the name still is this
//! object's. Whoever closes it does so under that lock too, and is the last holder if no byte is
//! locked.

mod make;

mod target;

use self::make::{Plan, make, plan};
use self::target::{Native, Target, check_owner, data, failed, none_if, not_found, retry};
use crate::endpoint::names::{Object, ObjectName};
use crate::error::{Error, Result, Status};
use crate::object::doorbells;
use crate::object::file::{Access, LIFECYCLE_TIME_MAX, open_named};
use crate::object::format::{OBJECT_SIZE_MAX, is_possible};
use crate::object::holder::Holder;
use crate::object::reserve::data_offset;
use crate::object::semaphore::units::UNITS_SIZE;
use crate::os::named_memory;
use std::os::fd::AsFd;

/// Makes an object of `size` bytes.
pub fn create(name: &ObjectName, size: usize) -> Result<Holder> {
    check_size(size)?;
    make(&Target::of(name)?, &plan(name, size), None, Access::of(name))
}

/// Opens an object that somebody holds, or that persists.
pub fn open(name: &ObjectName) -> Result<Holder> {
    match &name.object {
        Object::Own(_) => hold(&Target::of(name)?, None, Access::of(name)),
        Object::Native(native) => open_native(name, native),
    }
}

/// Opens an object of `size` bytes or more, or makes one. Size 0 opens any object.
pub fn open_or_create(name: &ObjectName, size: usize) -> Result<Holder> {
    if size == 0 {
        return open(name);
    }
    check_size(size)?;
    let holder = match (&name.object, Target::of(name)) {
        (Object::Own(_), target) => {
            open_or_make(&target?, &plan(name, size), None, Access::of(name))
        }
        // Only the other program can make it.
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
    make(&Target::of(name)?, &plan, None, Access::ReadWrite)
}

/// Opens a semaphore that somebody holds, or that persists.
pub fn open_semaphore(name: &ObjectName) -> Result<Holder> {
    usable(hold(&Target::of(name)?, None, Access::ReadWrite)?)
}

/// Opens a semaphore, or makes one with so many units.
pub fn open_or_create_semaphore(name: &ObjectName, units: u32) -> Result<Holder> {
    let plan = Plan { units, ..plan(name, UNITS_SIZE) };
    usable(open_or_make(&Target::of(name)?, &plan, None, Access::ReadWrite)?)
}

const MAY_ONLY_READ: &str = "this user may only read the semaphore; let its owner make it with a \
                             mode= that lets others write";

/// A semaphore that may only be read is of no use.
fn usable(holder: Holder) -> Result<Holder> {
    match holder.lock() {
        Some(_) => Ok(holder),
        None => {
            holder.detach();
            Err(Error::new(Status::Denied, MAY_ONLY_READ))
        }
    }
}

/// Removes an object's name. Its holders keep it.
pub fn remove(name: &ObjectName) -> Result<()> {
    // Whatever has the name is removed: so one gets rid of a spoilt object.
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
    let access = Access::of(name);
    let fd = open_named(native.as_bytes(), access)?.ok_or_else(not_found)?;
    let facts = named_memory::facts(fd.as_fd()).map_err(failed("opening the object"))?;
    if !facts.is_file || facts.size == 0 || !is_possible(facts.size) {
        return Err(Error::protocol(
            "it is no shared memory, or has no bytes; name what shm_open has made",
        ));
    }
    check_owner(&facts, name.owner.unwrap_or(facts.owner))?;
    let native = Native { fd, size: facts.size as usize, facts };
    let target = Target::beside(&native.facts)?;
    if !target.is_own {
        let held = none_if(hold(&target, Some(&native), access), Status::NotFound)?;
        return held.ok_or_else(|| {
            let owner = target.owner;
            let detail = format!(
                "its owner, user {owner}, makes its lock; let a program of that user open it first"
            );
            Error::new(Status::Denied, detail)
        });
    }
    // Whoever may use the data may lock them, and so may the owner.
    let mode = facts.mode & 0o666 | 0o600;
    let plan = Plan { size: 0, mode, group: &None, persists: false, units: 0 };
    open_or_make(&target, &plan, Some(&native), access)
}

fn check_size(size: usize) -> Result<()> {
    match size {
        0 => Err(Error::invalid("the size is 0; say how many bytes it shall have")),
        size if is_possible(size as u64) => Ok(()),
        _ => {
            let detail = format!(
                "the limit is {OBJECT_SIZE_MAX} bytes, and {size} are asked for; ask for less"
            );
            Err(Error::new(Status::TooLarge, detail))
        }
    }
}

/// Holds the object at a target.
fn hold(target: &Target, native: Option<&Native>, access: Access) -> Result<Holder> {
    let (file, size) = target.find()?.ok_or_else(not_found)?;
    let access = if file.writable || native.is_some() { access } else { Access::ReadOnly };
    // If this fails, closing the descriptor unlocks the object.
    let holder = Holder::new(target.kind, file, data_offset(), data(size, native, access))?;
    holder.unlock_lifecycle();
    Ok(holder)
}

/// Holds the object at a target, or makes it.
fn open_or_make(
    target: &Target,
    plan: &Plan<'_>,
    native: Option<&Native>,
    access: Access,
) -> Result<Holder> {
    retry(|| match none_if(hold(target, native, access), Status::NotFound)? {
        None => none_if(make(target, plan, native, access), Status::Exists),
        some => Ok(some),
    })
}
