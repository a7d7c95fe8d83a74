//! How named objects are made: they are whole, and held, before they get their names.

use super::target::{Native, Target, data, failed, retry};
use crate::endpoint::names::{Kind, ObjectName};
use crate::error::{Error, Result, Status};
use crate::object::file::{Access, File};
use crate::object::format::FORMAT;
use crate::object::holder::{Accounting, Holder};
use crate::object::layout::{MAGIC_WORD, PERSISTS};
use crate::object::reserve::{at_first, data_offset};
use crate::object::semaphore::units::UnitsWord;
use crate::object::who::why_it_exists;
use crate::os::directory::group_id;
use crate::os::fork::Fd;
use crate::os::named_memory::{self, Facts};
use crate::sync::Ordering;
use crate::sync::backoff::Pauses;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// An object this small is made before it is known whether its name is free, as mostly it is.
const SMALL_SIZE_MAX: usize = 1 << 20;
/// How long it tries to make an object where there is no room: if several processes make the same
/// one at a time, all but one will give back what they have reserved.
const ROOM_TIME_MAX: Duration = Duration::from_millis(2000);
/// The longest pause between two such tries.
const ROOM_PAUSE_MAX: Duration = Duration::from_millis(500);

/// What is made if there is no object yet.
pub struct Plan<'a> {
    pub size: usize,
    pub mode: u32,
    pub group: &'a Option<String>,
    pub persists: bool,
    /// The free units of a semaphore.
    pub units: u32,
}

/// What a name asks for.
pub fn plan(name: &ObjectName, size: usize) -> Plan<'_> {
    Plan { size, mode: name.mode, group: &name.group, persists: name.persists, units: 0 }
}

/// Makes an object whole, holds it, and only then gives it its name.
pub fn make(
    target: &Target,
    plan: &Plan<'_>,
    native: Option<&Native>,
    access: Access,
) -> Result<Holder> {
    if !target.is_own {
        return Err(Error::new(
            Status::Denied,
            "only its owner can make it; leave owner= out, or let that user make it",
        ));
    }
    let group = plan.group.as_ref().map(|group| {
        group_id(group).ok_or_else(|| {
            Error::invalid(format!("there is no group \"{group}\"; name one that there is"))
        })
    });
    let group = group.transpose()?;
    let (all, parts) = ((data_offset() + plan.size) as u64, at_first(target.kind, plan.size));
    let size = parts.iter().map(|part| part.end - part.start).sum();
    let pauses = Pauses::new(ROOM_PAUSE_MAX, ROOM_TIME_MAX);
    let room_may_come = || size <= named_memory::room().all && pauses.pause();
    let attempt = || match named_memory::make(all, &parts, plan.mode, group) {
        Err(error) if is_full(&error) && room_may_come() => Ok(None),
        made => finish(made.map_err(failed("reserving memory"))?, target, plan, native, access),
    };
    let mut seems_free = plan.size <= SMALL_SIZE_MAX;
    retry(|| {
        if std::mem::take(&mut seems_free) {
            // Looks at the name before it says that this failed.
            return Ok(attempt().unwrap_or(None));
        }
        match target.find()? {
            Some((file, _)) => Err(Error::new(Status::Exists, why_it_exists(&file))),
            // It doesn't even try: of many processes that try at once all might fail, again and
            // again.
            None if named_memory::room().free < size && room_may_come() => Ok(None),
            None => attempt(),
        }
    })
}

/// Makes an object of the reserved memory; None if the name isn't free any more.
fn finish(
    (fd, facts): (Fd, Facts),
    target: &Target,
    plan: &Plan<'_>,
    native: Option<&Native>,
    access: Access,
) -> Result<Option<Holder>> {
    let file = File { fd, name: target.file_name.clone(), facts, writable: true };
    let data = data(plan.size, native, access);
    let holder = Holder::new(target.kind, file, data_offset(), data)?;
    initialise(&holder, target.kind, plan);
    match named_memory::publish(holder.fd().as_fd(), plan.mode, &target.file_name) {
        Ok(()) => Ok(Some(holder)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(failed("naming the object")(error)),
    }
}

/// Fills the header. No other process sees the object before it has its name.
fn initialise(holder: &Holder, kind: Kind, plan: &Plan<'_>) {
    if let Some(semaphore) = holder.units(Accounting::None) {
        semaphore.units.word.store(UnitsWord::new(plan.units, 0, 0).0, Ordering::Relaxed);
    }
    let header = holder.header();
    header.magic.store(MAGIC_WORD, Ordering::Relaxed);
    header.format.store(FORMAT, Ordering::Relaxed);
    header.kind.store(kind as u32, Ordering::Relaxed);
    header.size.store(plan.size as u64, Ordering::Relaxed);
    header.data_offset.store(data_offset() as u64, Ordering::Relaxed);
    let flags = if plan.persists { PERSISTS } else { 0 };
    header.flags.store(flags, Ordering::Release);
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StorageFull
}
