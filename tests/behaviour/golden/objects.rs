//! Named objects of shared memory, as they lie in /dev/shm: what the library makes begins with
//! golden bytes, and golden bytes are what it opens.

use super::plain::golden;
use std::fs;
use std::path::PathBuf;
use treenail::{NOW, Segment, Semaphore, Status};

/// Where the lock's word, the slots, and with pages of 4 KiB the data begin.
const LOCK: usize = 128;
const SLOTS: usize = 512;
const DATA: usize = 45056;
/// Where the flags are, and the one of an object that stays when nobody holds it.
const FLAGS: usize = 32;
const PERSISTS: u8 = 1;

/// A name that nobody else has, and the file of it.
fn place(what: &str, mark: &str) -> (String, PathBuf) {
    let name = format!("golden-{}-{what}", std::process::id());
    // SAFETY: takes no memory.
    let file = format!("/dev/shm/treenail.{}.{name}{mark}", unsafe { libc::geteuid() });
    (name, file.into())
}

/// The golden bytes are of these machines; on others the format word differs.
fn is_usual() -> bool {
    cfg!(target_endian = "little") && treenail::granule() == 4096
}

#[test]
fn a_segment_lies_in_its_file_as_ever() {
    if !is_usual() {
        return;
    }
    let (name, file) = place("made", "");
    let segment = Segment::create(&name, 12345).expect("the name is free");
    segment.write(12344, b"!", NOW).expect("free");
    segment.lock(NOW).expect("free");
    let bytes = fs::read(&file).expect("readable");
    let head = golden("segment");
    assert_eq!(bytes[..head.len()], head);
    assert_eq!((bytes.len(), bytes[DATA + 12344]), (DATA + 12345, b'!'));
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(word(LOCK), 1 | 1 << 11, "the owner: the first slot, taken for the first time");
    assert_eq!((word(SLOTS), word(SLOTS + 4)), (1, 1 << 16), "its generation, twice");
}

#[test]
fn a_segment_of_golden_bytes_is_opened_and_locked() {
    if !is_usual() {
        return;
    }
    let (name, file) = place("found", "");
    let mut bytes = golden("segment");
    bytes[FLAGS] |= PERSISTS;
    bytes.resize(DATA, 0);
    bytes.extend([7; 12345]);
    fs::write(&file, bytes).expect("the name is free");
    let first = Segment::open(&name).expect("it is as good as one that the library made");
    let second = Segment::open(&name).expect("as above");
    assert_eq!((first.size(), first.version(), first.attached()), (12345, 0, 2));
    assert_eq!(first.lock(NOW).expect("free"), Status::Ok);
    assert_eq!(second.lock(NOW).map_err(|error| error.status()), Err(Status::Again));
    first.unlock().expect("held");
    let mut data = [0; 12345];
    second.read(0, &mut data, NOW).expect("free");
    assert_eq!(data, [7; 12345]);
    drop((first, second));
    Segment::remove(&name).expect("it stays until then");
    assert!(!file.exists());
}

#[test]
fn a_semaphore_lies_in_its_file_as_ever() {
    if !is_usual() {
        return;
    }
    let (name, file) = place("semaphore", "~semaphore");
    let semaphore = Semaphore::open_or_create(&name, 5).expect("the name is free");
    let head = golden("semaphore");
    let long = |bytes: &[u8], at: usize| {
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
    };
    let bytes = fs::read(&file).expect("readable");
    assert_eq!(bytes[..head.len()], head);
    assert_eq!(bytes.len(), DATA + 65664);
    assert_eq!(long(&bytes, DATA), 5, "five are free, by nobody's act");
    semaphore.acquire(2, NOW).expect("there are five");
    let bytes = fs::read(&file).expect("readable");
    assert_eq!(long(&bytes, DATA), 3 | 1 << 41, "three, by the first act of the first slot");
    let ledger = DATA + 128;
    let entry = 1 << 32 | 2;
    assert_eq!([ledger, ledger + 8].map(|at| long(&bytes, at)), [entry, entry], "two, by act 1");
}

#[test]
fn a_semaphore_of_golden_bytes_is_opened_and_used() {
    if !is_usual() {
        return;
    }
    let (name, file) = place("units", "~semaphore");
    let mut bytes = golden("semaphore");
    bytes[FLAGS] |= PERSISTS;
    bytes.resize(DATA, 0);
    bytes.extend([5, 0, 0, 0]);
    bytes.resize(DATA + 65664, 0);
    // The second slot has two units, and nobody holds it any more.
    bytes[36..40].copy_from_slice(&2u32.to_le_bytes());
    let entry = (1u64 << 32 | 2).to_le_bytes();
    let ledger = DATA + 128 + 64;
    bytes[ledger..ledger + 8].copy_from_slice(&entry);
    bytes[ledger + 8..ledger + 16].copy_from_slice(&entry);
    fs::write(&file, bytes).expect("the name is free");
    let semaphore =
        Semaphore::open_or_create(&name, 99).expect("as good as one that the library made");
    assert_eq!(semaphore.value().expect("open"), 7);
    semaphore.acquire(7, NOW).expect("all of them");
    drop(semaphore);
    Semaphore::remove(&name).expect("it stays until then");
    assert!(!file.exists());
}
