//! Named objects seen from outside: listing them neither holds nor locks any. Objects that nobody
//! holds are swept.

use crate::endpoint::name_is_valid;
use crate::endpoint::names::Kind;
use crate::endpoint::pattern::{NamedKind, Pattern};
use crate::error::Result;
use crate::object::file::{File, OBSERVER_BYTES, SLOT_BYTES};
use crate::object::file_names::{self, FileName};
use crate::object::format::read_header;
use crate::object::layout::Header;
use crate::object::reserve::data_offset;
use crate::object::semaphore::units::UnitsWord;
use crate::object::who;
use crate::os::named_memory::{self, FOLDER, Facts};
use crate::os::process;
use std::cell::LazyCell;
use std::collections::HashMap;
use std::mem::offset_of;
use std::os::fd::AsFd;

/// An object of this user's.
pub struct Found {
    file: File,
    object: Kind,
    pub kind: NamedKind,
    pub name: String,
    /// Bytes of data.
    pub bytes: u64,
    /// Whether it stays when nobody holds it.
    pub persists: bool,
}

/// Those that hold an object: by their slots, and those that may only read, which have none.
pub struct Holders {
    slots: Vec<usize>,
    observers: usize,
}

impl Holders {
    /// How many handles these are.
    pub fn count(&self) -> usize {
        self.slots.len() + self.observers
    }
}

/// Calls `act` with each of this user's objects that a pattern matches.
pub fn each(pattern: &Pattern, mut act: impl FnMut(&Found)) -> Result<()> {
    file_names::prefix()?;
    let user = process::user();
    let kinds = [(NamedKind::Segment, Kind::Segment), (NamedKind::Semaphore, Kind::Semaphore)];
    if let Some(name) = pattern.only_name() {
        let meant = |(kind, _): &_| name_is_valid(name) && pattern.has_kind(*kind);
        for (kind, object) in kinds.into_iter().filter(meant) {
            let file_name = file_names::of_object(object, user, name)?;
            Found::open(&file_name, kind, name).iter().for_each(&mut act);
        }
        if !pattern.has_kind(NamedKind::Native) {
            return Ok(());
        }
    }
    let all = file_names::all()?;
    let natives = LazyCell::new(|| natives(&all));
    for file_name in &all {
        let found = match file_names::read(file_name) {
            Some(FileName::Object(object, owner, name)) if owner == user => {
                let (kind, _) = kinds[object as usize - 1];
                let meant = pattern.only_name().is_none() && pattern.fits(kind, name);
                meant.then(|| Found::open(file_name, kind, name)).flatten()
            }
            Some(FileName::Companion(identity)) if pattern.has_kind(NamedKind::Native) => {
                let native = natives.get(identity);
                let name = native.map_or(format!("~{identity}"), |(name, _)| name.clone());
                let meant = pattern.fits(NamedKind::Native, &name);
                let found = meant.then(|| Found::open(file_name, NamedKind::Native, &name));
                let bytes = native.map_or(0, |(_, facts)| facts.size);
                found.flatten().map(|found| Found { bytes, ..found })
            }
            _ => None,
        };
        found.iter().for_each(&mut act);
    }
    Ok(())
}

/// The objects of other programs, each with its name, by what a companion of it is named by.
fn natives(all: &[Vec<u8>]) -> HashMap<String, (String, Facts)> {
    let mut natives = HashMap::new();
    for file_name in all.iter().filter(|name| file_names::read(name).is_none()) {
        if let Ok(facts) = named_memory::facts_at(file_name) {
            let name = format!("/{}", String::from_utf8_lossy(file_name));
            natives.entry(file_names::identity(&facts)).or_insert((name, facts));
        }
    }
    natives
}

impl Found {
    /// None if it is gone, or isn't this user's, or isn't this library's.
    fn open(file_name: &[u8], kind: NamedKind, name: &str) -> Option<Found> {
        let facts = named_memory::facts_at(file_name).ok()?;
        if !facts.is_file || facts.owner != process::user() {
            return None;
        }
        let fd = named_memory::open(file_name, false).ok()?;
        let facts = named_memory::facts(fd.as_fd()).ok()?;
        let file = File { fd, name: file_name.to_owned(), facts, writable: false };
        let object = match kind {
            NamedKind::Semaphore => Kind::Semaphore,
            _ => Kind::Segment,
        };
        let info = read_header(&file, object).ok()?;
        let (name, bytes) = (name.to_owned(), info.size as u64);
        Some(Found { file, object, kind, name, bytes, persists: info.persists })
    }

    pub fn facts(&self) -> &Facts {
        &self.file.facts
    }

    /// Where it is.
    pub fn path(&self) -> String {
        format!("{FOLDER}/{}", String::from_utf8_lossy(&self.file.name))
    }

    /// Who holds it now.
    pub fn holders(&self) -> Holders {
        let observers = who::locked(&self.file, OBSERVER_BYTES).len();
        Holders { slots: who::locked(&self.file, SLOT_BYTES), observers }
    }

    /// The process numbers that the holders with slots wrote there, as each sees its own.
    pub fn pids(&self, holders: &Holders) -> Vec<u32> {
        who::processes(&self.file, &holders.slots)
    }

    /// What else a listing says of it: a segment's version, or a semaphore's free units.
    pub fn count(&self) -> (&'static str, u64) {
        let at = match self.object {
            Kind::Segment => offset_of!(Header, version),
            Kind::Semaphore => data_offset(),
        };
        let mut bytes = vec![0; at + 8];
        // A file that was cut short meanwhile has zeros there.
        let _ = named_memory::read_at(self.file.fd.as_fd(), &mut bytes, 0);
        let value = u64::from_ne_bytes(*bytes.last_chunk().expect("eight bytes"));
        match self.object {
            Kind::Segment => ("version", value),
            Kind::Semaphore => ("units", UnitsWord(value).free().into()),
        }
    }

    /// Removes the name if nobody holds the object and it doesn't persist. Returns what the names
    /// of its holders' files begin with.
    pub fn sweep(&self) -> Option<Vec<u8>> {
        if !self.file.try_lock_all() {
            return None;
        }
        // Looks once more, as this may have changed before it was locked.
        let is_to_go = self.file.is_named()
            && read_header(&self.file, self.object).is_ok_and(|info| !info.persists);
        let swept = is_to_go && named_memory::remove(&self.file.name).is_ok();
        self.file.unlock_all();
        swept.then(|| file_names::of_holders(&self.file.name, &self.file.facts))
    }
}

/// Removes the FIFOs beside objects that were swept: the doorbells of their holders.
pub fn sweep_beside(prefixes: &[Vec<u8>]) {
    if prefixes.is_empty() {
        return;
    }
    for name in file_names::all().unwrap_or_default() {
        let is_beside = prefixes.iter().any(|prefix| name.starts_with(prefix));
        let is_pipe = |facts: Facts| facts.is_fifo && facts.owner == process::user();
        if is_beside && named_memory::facts_at(&name).is_ok_and(is_pipe) {
            let _ = named_memory::remove(&name);
        }
    }
}
