//! No room: what doesn't fit is refused when it is made, and what was made can be used.

use crate::common::child::{alone, fork, reap};
use crate::common::namespaces::{hide, own_shm};
use crate::common::objects::segment_path as path;
use crate::common::system::{
    descriptors, descriptors_end, is_sanitized, limit_descriptors, names_in, own_uid,
};
use crate::common::{Fails, SOON, name, not_checked, status};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use treenail::object::layout::CONTROL_SIZE;
use treenail::{NOW, Segment, Semaphore, Status, granule};

const PART: usize = 200_000;
/// Room for a few parts.
const SHM: &std::ffi::CStr = c"size=1m,mode=1777";

fn shm() -> usize {
    names_in(Path::new("/dev/shm")).len()
}

/// Writes every byte by pointer, where a page that isn't there would be SIGBUS.
fn write_all(segment: &Segment, byte: u8) {
    // SAFETY: the data are as large as that, and live as long as the segment.
    unsafe { segment.data().as_ptr().write_bytes(byte, segment.size()) };
    let mut bytes = vec![!byte; segment.size()];
    segment.read(0, &mut bytes, NOW).expect("free");
    assert!(bytes.iter().all(|found| *found == byte));
}

/// Objects of this process, and how many descriptors it has.
fn held() -> (BTreeSet<String>, usize) {
    let own = format!("t{}-", std::process::id());
    let mut objects = names_in(Path::new("/dev/shm"));
    objects.retain(|name| name.contains(&own));
    (objects, descriptors())
}

/// Each way to make one says that there is no space, and leaves nothing.
fn assert_refused(size: usize) {
    let before = held();
    for make in [Segment::create, Segment::open_or_create] {
        let name = name();
        let error = make(&name, size).fails_with(Status::NoSpace);
        assert!(error.to_string().contains(&name), "{error}");
        assert_eq!(status(Segment::open(&name)), Status::NotFound);
    }
    assert_eq!(before, held());
}

#[test]
fn a_limit_of_file_sizes_is_no_space_and_no_signal() {
    if !alone(a_limit_of_file_sizes_is_no_space_and_no_signal) {
        return;
    }
    let child = fork(|| {
        let limit = libc::rlimit { rlim_cur: 2 * PART as u64, rlim_max: 2 * PART as u64 };
        // SAFETY: the structure is live during the call.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
        for size in [2 * PART, 100 * PART, 1 << 40] {
            assert_refused(size);
        }
        let error = Segment::create(&name(), 2 * PART).expect_err("it doesn't fit");
        assert!(error.to_string().contains("ulimit -f"), "{error}");
        let name = name();
        write_all(&Segment::create(&name, PART).expect("it fits"), 1);
        assert!(!path(&name).exists());
        0
    });
    assert_eq!(reap(child), 0);
}

/// Writes a file until not a page is left.
fn fill_up() {
    let mut file = File::create("/dev/shm/filler").expect("the folder is ours");
    let full = loop {
        if let Err(error) = file.write_all(&[1; 4096]) {
            break error;
        }
    };
    assert_eq!(full.raw_os_error(), Some(libc::ENOSPC));
}

#[test]
fn a_full_folder_is_no_space_when_one_is_made_and_never_a_signal() {
    if !alone(a_full_folder_is_no_space_when_one_is_made_and_never_a_signal) {
        return;
    }
    let child = fork(|| {
        if !own_shm("a full /dev/shm", SHM) {
            return 0;
        }
        let mut made = Vec::new();
        let refusal = loop {
            match Segment::create(&name(), PART) {
                Ok(segment) => made.push(segment),
                Err(error) => break error.status(),
            }
        };
        assert_eq!(refusal, Status::NoSpace);
        assert!((3..6).contains(&made.len()), "{} fit", made.len());
        assert_eq!(shm(), made.len());
        for size in [PART, 1 << 30, 1 << 40] {
            assert_refused(size);
        }
        drop(made.pop());
        made.push(Segment::create(&name(), PART).expect("there is room again"));
        fill_up();
        for segment in &made {
            write_all(segment, 2);
        }
        assert_refused(1);
        assert_eq!(status(Semaphore::open_or_create(&name(), 1)), Status::NoSpace);
        assert_used_as_ever();
        assert_eq!(shm(), made.len() + 1, "and the filler");
        drop(made);
        assert_eq!(shm(), 1, "only the filler");
        0
    });
    assert_eq!(reap(child), 0);
}

/// Whatever is done with one that was made needs no room; its first holder made it in time.
fn assert_used_as_ever() {
    fs::remove_file("/dev/shm/filler").expect("it is there");
    let name = name();
    let first = Segment::create(&name, 5000).expect("it fits");
    fill_up();
    let others: Vec<_> = (0..50).map(|_| Segment::open(&name).expect("nothing is made")).collect();
    for other in &others {
        other.fd().expect("descriptors are no files there");
        other.write(0, &[3; 5000], NOW).expect("free");
        other.lock_shared(NOW).expect("free");
        other.unlock().expect("held");
        other.notify().expect("open");
    }
    assert_eq!((first.version(), first.attached()), (100, 51));
    write_all(&first, 4);
}

/// Bytes of memory that a file takes.
fn memory(path: &Path) -> u64 {
    fs::metadata(path).expect("it is held").blocks() * 512
}

#[test]
fn one_that_few_hold_takes_three_pages_at_most() {
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    let semaphore = Semaphore::create(&name, 1).expect("the name is free");
    semaphore.acquire(1, NOW).expect("there is one");
    segment.write(0, &[1; 8], NOW).expect("free");
    let page = granule() as u64;
    let (file, units) = (path(&name), path(&format!("{name}~semaphore")));
    assert!(memory(&file) <= 3 * page, "a segment takes {}", memory(&file));
    assert!(memory(&units) <= 3 * page, "a semaphore takes {}", memory(&units));
}

/// Opens as many as there is room for in a full folder, and uses each. A slot that was given back
/// takes no room, and where there is room again there are more.
fn assert_grows<T>(what: &str, first: T, open: impl Fn() -> treenail::Result<T>, go: impl Fn(&T)) {
    fill_up();
    let mut all = vec![first];
    let full = loop {
        match open() {
            Ok(one) => all.push(one),
            Err(error) => break error,
        }
    };
    assert_eq!(full.status(), Status::NoSpace, "{what}: {full}");
    assert!((20..1000).contains(&all.len()), "{what}: {} fit", all.len());
    all.iter().for_each(&go);
    let (count, descriptors) = (all.len(), descriptors());
    all.pop();
    all.push(open().expect("a slot that was used"));
    assert_eq!(status(open()), Status::NoSpace, "{what}");
    fs::remove_file("/dev/shm/filler").expect("it is there");
    all.extend(std::iter::repeat_with(|| open().expect("there is room")).take(1000 - count));
    fill_up();
    all.iter().for_each(&go);
    all.truncate(count);
    assert_eq!(descriptors, crate::common::system::descriptors(), "{what}");
    fs::remove_file("/dev/shm/filler").expect("it is there");
}

#[test]
fn slots_grow_where_there_is_room_and_never_by_a_signal() {
    if granule() >= CONTROL_SIZE {
        return not_checked("slots in a full /dev/shm", "one page has those of all holders here");
    }
    if !alone(slots_grow_where_there_is_room_and_never_by_a_signal) {
        return;
    }
    let child = fork(|| {
        if !own_shm("slots in a full /dev/shm", SHM) {
            return 0;
        }
        limit_descriptors(4096);
        let name = name();
        let first = Segment::create(&name, 5000).expect("it fits");
        assert_grows(
            "a segment",
            first,
            || Segment::open(&name),
            |one| {
                one.lock_shared(NOW).expect("free");
                one.unlock().expect("held");
            },
        );
        let first = Semaphore::create(&name, 2000).expect("it fits");
        assert_grows(
            "a semaphore",
            first,
            || Semaphore::open(&name),
            |one| {
                one.acquire(1, NOW).expect("there are two thousand");
            },
        );
        0
    });
    assert_eq!(reap(child), 0);
}

#[test]
fn no_file_left_is_no_space_either() {
    if !alone(no_file_left_is_no_space_either) {
        return;
    }
    let child = fork(|| {
        if !own_shm("no inode in /dev/shm", c"nr_inodes=4,mode=1777") {
            return 0;
        }
        let made: Vec<_> = std::iter::from_fn(|| Segment::create(&name(), 8).ok()).collect();
        assert!((1..4).contains(&made.len()), "{} fit", made.len());
        assert_refused(8);
        0
    });
    assert_eq!(reap(child), 0);
}

#[test]
fn another_program_s_object_has_a_lock_only_if_there_is_room_for_one() {
    if !alone(another_program_s_object_has_a_lock_only_if_there_is_room_for_one) {
        return;
    }
    let child = fork(|| {
        if !own_shm("a companion in a full /dev/shm", SHM) {
            return 0;
        }
        fs::write("/dev/shm/foreign", [5; 100]).expect("there is room");
        fill_up();
        assert_eq!(status(Segment::open("native:/foreign")), Status::NoSpace);
        assert_eq!(shm(), 2);
        fs::remove_file("/dev/shm/filler").expect("it is there");
        write_all(&Segment::open("native:/foreign").expect("there is room"), 6);
        assert_eq!(names_in(Path::new("/dev/shm")), ["foreign".to_owned()].into(), "{}", own_uid());
        0
    });
    assert_eq!(reap(child), 0);
}

#[test]
fn no_room_for_another_hides_neither_a_dead_one_nor_one_that_is_held() {
    if !alone(no_room_for_another_hides_neither_a_dead_one_nor_one_that_is_held) {
        return;
    }
    let child = fork(|| {
        if !own_shm("room for one", SHM) {
            return 0;
        }
        let name = name();
        let dying = fork(|| {
            std::mem::forget(Segment::create(&name, 3 * PART).expect("there is room"));
            0
        });
        assert_eq!(reap(dying), 0);
        let held = Segment::create(&name, 3 * PART).expect("a dead one makes room");
        assert_eq!(status(Segment::create(&name, 3 * PART)), Status::Exists);
        assert_eq!(held.attached(), 1);
        limit_descriptors(descriptors_end() + 1);
        assert_eq!(status(Segment::create(&name, 8)), Status::Exists);
        0
    });
    assert_eq!(reap(child), 0);
}

#[test]
fn many_that_make_a_large_one_at_once_all_get_it() {
    if !alone(many_that_make_a_large_one_at_once_all_get_it) {
        return;
    }
    // Where all is sanitized each has part of the room for a long time, and gets in the way of more.
    let count: usize = if is_sanitized() { 3 } else { 8 };
    let child = fork(|| {
        if !own_shm("room for one of two", c"size=16m,mode=1777") {
            return 0;
        }
        for _ in 0..5 {
            let (name, gun) = (name(), name());
            let start = Segment::create(&gun, 8).expect("there is room");
            let maker = || {
                let start = Segment::open(&gun).expect("it is there");
                start.wait(0, SOON).expect("all begin at once");
                drop(Segment::open_or_create(&name, 9 << 20).expect("one makes it"));
                0
            };
            let children: Vec<_> = (0..count).map(|_| fork(maker)).collect();
            start.notify().expect("open");
            for child in children {
                assert_eq!(reap(child), 0);
            }
        }
        0
    });
    assert_eq!(reap(child), 0);
}

#[test]
fn what_the_system_lacks_is_named() {
    if !alone(what_the_system_lacks_is_named) {
        return;
    }
    for (folder, missing) in [(c"/dev", "no /dev/shm"), (c"/proc", "no /proc")] {
        let child = fork(|| {
            if hide(missing, folder) {
                let error = Segment::create(&name(), 8).fails_with(Status::Unsupported);
                assert!(error.to_string().contains(missing), "{error}");
            }
            0
        });
        assert_eq!(reap(child), 0);
    }
}
