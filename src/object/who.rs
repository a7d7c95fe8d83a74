//! Who holds an object, or keeps a call waiting, in words for people. The processes' numbers are
//! what the holders wrote down themselves, each as it sees its own: to be shown, never trusted.

use super::file::{File, OBSERVER_BYTES, SLOT_BYTES};
use super::layout::{SLOTS_OFFSET, Slot};
use crate::os::byte_lock::{self, Bytes};
use crate::os::named_memory;
use std::mem::offset_of;
use std::os::fd::AsFd;

/// Who keeps a call waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// A thread of this process, by the same handle.
    ThisHandle,
    /// This process, by another handle.
    ThisProcess,
    Process(u32),
    Unknown,
}

impl Blocker {
    /// A holder of another handle, which wrote this number down.
    pub fn of(pid: u32) -> Blocker {
        match pid {
            0 => Blocker::Unknown,
            pid if pid == std::process::id() => Blocker::ThisProcess,
            pid => Blocker::Process(pid),
        }
    }

    /// Says who has `what`, and what to do.
    pub fn in_words(self, what: &str) -> String {
        match self {
            Blocker::ThisHandle => {
                format!(
                    "a thread of this program has {what} by this very handle; give it back there"
                )
            }
            Blocker::ThisProcess => format!(
                "this very process has {what} by another handle (did a notebook's cell run \
                 twice?); give it back there, or close that handle"
            ),
            Blocker::Process(pid) => {
                format!("process {pid} has {what}; give it longer, or see what that process does")
            }
            Blocker::Unknown => format!("others have {what}; give it longer, or see who they are"),
        }
    }
}

/// The numbers that the holders of these slots wrote there.
pub fn processes(file: &File, slots: &[usize]) -> Vec<u32> {
    let pid = |index: &usize| {
        let at = SLOTS_OFFSET + index * size_of::<Slot>() + offset_of!(Slot, pid);
        let mut bytes = [0; 4];
        let _ = named_memory::read_at(file.fd.as_fd(), &mut bytes, at);
        u32::from_ne_bytes(bytes)
    };
    slots.iter().map(pid).collect()
}

/// Which of some bytes are locked, in order. Each lock that is found leaves a part before it and a
/// part behind it to be looked at: where few bytes are locked, few calls find them.
pub fn locked(file: &File, bytes: Bytes) -> Vec<usize> {
    let (mut locked, mut left) = (Vec::new(), vec![bytes]);
    while let Some(part) = left.pop() {
        let found = byte_lock::find_locked(file.fd.as_fd(), part);
        let Ok(Some(Bytes(start, len @ 1..))) = found else {
            continue;
        };
        let (end, part_end) = (start + len, part.0 + part.1);
        locked.extend((start..end).map(|at| (at - bytes.0) as usize));
        let around = [Bytes(part.0, start - part.0), Bytes(end, part_end - end)];
        left.extend(around.into_iter().filter(|Bytes(_, len)| *len > 0));
    }
    locked.sort_unstable();
    locked
}

/// Why an object can't be made under its name: who holds it, and what to do.
pub fn why_it_exists(file: &File) -> String {
    let pids = processes(file, &locked(file, SLOT_BYTES));
    match pids.as_slice() {
        _ if pids.contains(&std::process::id()) => {
            "this very process holds it already (did a notebook's cell run twice?); close that \
             handle first, or open what is there"
                .to_owned()
        }
        [pid, others @ ..] => {
            let more = if others.is_empty() {
                String::new()
            } else {
                format!(" and {} more", others.len())
            };
            format!("process {pid}{more} holds it; open what is there, or choose another name")
        }
        [] if !locked(file, OBSERVER_BYTES).is_empty() => {
            "somebody who may only read it holds it; open what is there, or choose another name"
                .to_owned()
        }
        [] => {
            "it was made with persist=1, and stays though nobody holds it; open what is there, or \
               choose another name"
                .to_owned()
        }
    }
}
