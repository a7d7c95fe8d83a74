//! The doorbells of an object's holders: FIFOs beside the object. A holder that asked for a
//! descriptor has one for each purpose, which it polls. Other holders open it by its name, and keep
//! it open.

use crate::error::{Error, Result};
use crate::object::file::File;
use crate::object::file_names;
use crate::object::format::FORMAT;
use crate::object::layout::{HOLDERS_MAX, Header, PURPOSES, Purpose, SLOTS_OFFSET, Slot};
use crate::os::cause::Cause;
use crate::os::fifo;
use crate::os::fork::Fd;
use crate::os::named_memory::{self, Facts};
use crate::sync::backoff::random;
use crate::sync::{Mutex, Ordering, lock};
use once_cell::sync::OnceCell;
use std::io;
use std::mem::offset_of;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How many doorbells of others a handle keeps open. It opens further ones each time.
const KEPT_MAX: usize = 64;
/// How many of them a process opens early if it may lose the right to open them.
const OPENED_EARLY_MAX: usize = 16;
/// How many numbers are tried for a name. Each fails only if a stranger has taken that name.
const TRIES_MAX: u32 = 100;
/// If a doorbell is this old and nobody has it open, it isn't one that its maker is about to open.
const AGE_MIN: Duration = Duration::from_secs(60);
/// How many doorbells are swept in one go.
const SWEPT_MAX: usize = 64;
/// By [`Purpose`]: how a doorbell's name ends. Processes with other versions of this library see
/// these names too.
const SUFFIXES: [&str; PURPOSES] = ["changes", "turns"];

/// A handle's own doorbells, and those of others that it has signalled.
#[derive(Default)]
pub struct Doorbells {
    own: [OnceCell<Arc<Fd>>; PURPOSES],
    others: Mutex<Vec<Other>>,
}

struct Other {
    slot: usize,
    purpose: Purpose,
    number: u32,
    fd: Fd,
}

impl Other {
    fn is_current(&self, slots: &[Slot]) -> bool {
        number(&slots[self.slot], self.purpose) == self.number
    }
}

impl Doorbells {
    /// The own doorbell, if it was made.
    pub fn own(&self, purpose: Purpose) -> Option<&Arc<Fd>> {
        self.own[purpose as usize].get()
    }

    /// The own doorbell; the first call makes it.
    pub fn make(&self, file: &File, slot: &Slot, purpose: Purpose) -> Result<&Arc<Fd>> {
        self.own[purpose as usize].get_or_try_init(|| {
            sweep();
            let object = named_memory::facts(file.fd.as_fd());
            let made = object.and_then(|object| make(file, &object, slot, purpose));
            made.map(Arc::new)
                .map_err(|error| Error::system("making the doorbell of a descriptor", &error))
        })
    }

    /// Signals a slot's doorbell; false if it can't be opened.
    pub fn signal(&self, file: &File, slots: &[Slot], slot: usize, purpose: Purpose) -> bool {
        let number = number(&slots[slot], purpose);
        if number == 0 {
            return true;
        }
        let mut others = lock(&self.others);
        let is_it =
            |other: &Other| (other.slot, other.purpose, other.number) == (slot, purpose, number);
        if let Some(known) = others.iter().find(|other| is_it(other)) {
            return fifo::signal(&known.fd).is_ok();
        }
        others.retain(|other| other.is_current(slots));
        others.truncate(KEPT_MAX - 1);
        let opened = open(file, purpose, number).or_else(|error| match Cause::of(&error) {
            Cause::NoDescriptors | Cause::NoDescriptorsAnywhere if !others.is_empty() => {
                others.clear();
                open(file, purpose, number)
            }
            _ => Err(error),
        });
        opened.is_ok_and(|fd| {
            let is_signalled = fifo::signal(&fd).is_ok();
            others.push(Other { slot, purpose, number, fd });
            is_signalled
        })
    }

    /// Opens the doorbells of other holders now, as this process may not have the right to later.
    pub fn open_early(&self, file: &File, slots: &[Slot]) {
        let mut others = lock(&self.others);
        for (slot, of) in slots.iter().enumerate() {
            for purpose in [Purpose::Change, Purpose::Available] {
                let number = number(of, purpose);
                if number == 0 || others.len() == OPENED_EARLY_MAX {
                    continue;
                }
                if let Ok(fd) = open(file, purpose, number) {
                    others.push(Other { slot, purpose, number, fd });
                }
            }
        }
    }
}

/// Removes the names of a slot's doorbells: its holder is dead, or closes its handle.
pub fn remove(file: &File, slot: &Slot) {
    for purpose in [Purpose::Change, Purpose::Available] {
        let number = slot.doorbells[purpose as usize].swap(0, Ordering::SeqCst);
        if number != 0 {
            let _ = named_memory::remove(&name(file, purpose, number));
        }
    }
}

/// Removes the names of all doorbells of an object that nobody holds any more. It isn't mapped, as
/// the file may be shorter than it says.
pub fn remove_all(file: &File) {
    const SLOT: usize = size_of::<Slot>();
    let mut bytes = vec![0; SLOTS_OFFSET + HOLDERS_MAX * SLOT];
    let Ok(count) = named_memory::read_at(file.fd.as_fd(), &mut bytes, 0) else {
        return;
    };
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    if word(offset_of!(Header, format)) != FORMAT {
        return;
    }
    let used = word(offset_of!(Header, slots_used)) as usize;
    let last = (count.saturating_sub(SLOTS_OFFSET) / SLOT).min(used);
    for slot in 0..last {
        for purpose in [Purpose::Change, Purpose::Available] {
            let at = SLOTS_OFFSET + slot * SLOT + offset_of!(Slot, doorbells);
            match word(at + purpose as usize * size_of::<u32>()) {
                0 => {}
                number => drop(named_memory::remove(&name(file, purpose, number))),
            }
        }
    }
}

fn number(slot: &Slot, purpose: Purpose) -> u32 {
    slot.doorbells[purpose as usize].load(Ordering::SeqCst)
}

/// A doorbell's name. It says which object it belongs to, as any holder may write any number into a
/// slot.
fn name(file: &File, purpose: Purpose, number: u32) -> Vec<u8> {
    let end = format!("{number:08x}.{}", SUFFIXES[purpose as usize]);
    [file_names::of_holders(&file.name, &file.facts), end.into_bytes()].concat()
}

fn make(file: &File, object: &Facts, slot: &Slot, purpose: Purpose) -> io::Result<Fd> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..TRIES_MAX {
        // No stranger can guess the number and take the name first.
        let number = ((random() * f64::from(u32::MAX)) as u32).max(1);
        // The slot says it before the FIFO is there, so that whoever reclaims the slot removes it.
        slot.doorbells[purpose as usize].store(number, Ordering::SeqCst);
        match fifo::make(&name(file, purpose, number), object) {
            Ok(fd) => return Ok(fd),
            Err(error) => last = error,
        }
        slot.doorbells[purpose as usize].store(0, Ordering::SeqCst);
        if last.kind() != io::ErrorKind::AlreadyExists {
            break;
        }
    }
    Err(last)
}

/// Opens the doorbell of another holder. If its owner may not write the object, it is a stranger's,
/// and isn't opened.
fn open(file: &File, purpose: Purpose, number: u32) -> io::Result<Fd> {
    let (fd, doorbell) = fifo::open(&name(file, purpose, number))?;
    let object = &file.facts;
    let by_owner = doorbell.owner == object.owner || doorbell.owner == 0;
    let by_group = object.mode & 0o020 != 0 && doorbell.group == object.group;
    let by_anybody = object.mode & 0o002 != 0;
    match doorbell.is_fifo && (by_owner || by_group || by_anybody) {
        true => Ok(fd),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

/// Removes, once in a process, the doorbells that killed holders left. Their objects' names were
/// removed while they were held, so nobody can reclaim their slots.
fn sweep() {
    static SWEPT: AtomicBool = AtomicBool::new(false);
    if SWEPT.swap(true, Ordering::Relaxed) {
        return;
    }
    let names = file_names::all().unwrap_or_default();
    let left = names.iter().filter(|name| is_name(name) && fifo::is_left(name, AGE_MIN));
    left.take(SWEPT_MAX).for_each(|name| drop(named_memory::remove(name)));
}

/// Whether it is a doorbell's name.
fn is_name(name: &[u8]) -> bool {
    let prefix = file_names::prefix().unwrap_or_default();
    let text = std::str::from_utf8(name).ok().filter(|name| name.starts_with(prefix));
    let Some((_, end)) = text.and_then(|text| text.rsplit_once('~')) else {
        return false;
    };
    let parts: Vec<_> = end.split('.').collect();
    let is_hex = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(parts[..], [inode, number, suffix]
        if is_hex(inode) && number.len() == 8 && is_hex(number) && SUFFIXES.contains(&suffix))
}
