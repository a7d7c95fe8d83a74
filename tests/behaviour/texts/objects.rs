//! Segments and semaphores.

use super::Table;
use super::meeting::BRIEFLY;
use crate::common::child::{fork, reap};
use crate::common::objects::segment_path;
use crate::common::{SOON, name, status, until};
use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use treenail::Status::{Again, Closed, Denied, Exists, Invalid, NotFound, Protocol};
use treenail::Status::{TimedOut, TooLarge};
use treenail::{NOW, Segment, Semaphore};

const UNITS_MAX: u32 = i32::MAX as u32;

pub fn rows(table: &mut Table) {
    making(table);
    what_others_left(table);
    locks_here(table);
    locks_elsewhere(table);
    using(table);
    changes(table);
    units(table);
}

fn making(table: &mut Table) {
    let name = name();
    let says: &[&str] = &["no object of that name", "start the program that makes it"];
    table.row(format!("open {name}"), NotFound, says, Segment::open(&name));
    table.row(format!("open {name}"), NotFound, says, Semaphore::open(&name));
    table.row(format!("remove {name}"), NotFound, says, Segment::remove(&name));
    let says: &[&str] = &["the size is 0", "say how many"];
    table.row(format!("create {name}"), Invalid, says, Segment::create(&name, 0));
    let says: &[&str] = &["the limit is", "ask for less"];
    table.row(format!("create {name}"), TooLarge, says, Segment::create(&name, usize::MAX));
    let says: &[&str] = &["no group", "name one that there is"];
    let at = format!("{name}?group=no-such-group");
    table.row(format!("create {at}"), Invalid, says, Segment::create(&at, 8));
    let says: &[&str] = &["only its owner can make it", "leave owner= out"];
    let at = format!("{name}?owner=12345");
    table.row(format!("create {at}"), Denied, says, Segment::create(&at, 8));
    let segment = Segment::create(&name, 8).expect("the name is free");
    let says: &[&str] = &["this very process holds it", "close that handle first, or open"];
    table.row(format!("create {name}"), Exists, says, Segment::create(&name, 8));
    let says: &[&str] = &["has 8 bytes, and 9 are asked for", "size 0 opens it"];
    table.row(format!("open_or_create {name}"), TooLarge, says, Segment::open_or_create(&name, 9));
    drop(segment);
    let at = format!("{name}?persist=1");
    drop(Segment::create(&at, 8).expect("the name is free"));
    let says: &[&str] = &["persist=1", "open what is there, or choose another name"];
    table.row(format!("create {name}"), Exists, says, Segment::create(&name, 8));
    let native = "native:/there-is-no-such-object";
    table.row(format!("open {native}"), NotFound, &["no object"], Segment::open(native));
    let says: &[&str] = &["can only be opened", "that makes and removes it"];
    table.row(format!("create {native}"), Invalid, says, Segment::create(native, 8));
    Segment::remove(&name).expect("it is there");
    let says: &[&str] = &["at most", "say fewer"];
    table.row(format!("create {name}"), TooLarge, says, Semaphore::create(&name, u32::MAX));
}

/// Names in /dev/shm that something else has.
fn what_others_left(table: &mut Table) {
    let choose: &'static [&'static str] = &["choose another name"];
    let mut each = |make: &dyn Fn(&std::path::Path), says: &'static [&'static str]| {
        let name = name();
        let path = segment_path(&name);
        make(&path);
        table.row(format!("open {name}"), Protocol, says, Segment::open(&name));
        table.row(format!("create {name}"), Protocol, choose, Segment::create(&name, 8));
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
    };
    each(&|path| fs::write(path, "short").expect("free"), &["shorter than its header", "choose"]);
    each(&|path| fs::write(path, [b'x'; 9000]).expect("free"), &["none of this library's"]);
    each(&|path| fs::create_dir(path).expect("free"), &["is no shared memory", "choose"]);
    each(&|path| symlink("/nowhere", path).expect("free"), &["is no shared memory"]);
    let spoilt = |at: usize| {
        let (good, name) = (name(), name());
        let segment = Segment::create(&good, 8).expect("the name is free");
        let mut bytes = fs::read(segment_path(&good)).expect("it is ours");
        drop(segment);
        bytes[at] ^= 1;
        (bytes, name)
    };
    for (at, says) in [
        (8, &["is of format", "same version of treenail"] as &[&str]),
        (12, &["of another kind", "choose another name"]),
        (16, &["its header contradicts", "choose another name"]),
    ] {
        let (bytes, name) = spoilt(at);
        fs::write(segment_path(&name), bytes).expect("free");
        table.row(format!("open {name}"), Protocol, says, Segment::open(&name));
        fs::remove_file(segment_path(&name)).expect("it is ours");
    }
    let directory = name();
    fs::create_dir(segment_path(&directory)).expect("free");
    let says: &[&str] = &["is a directory", "choose another name"];
    table.row(format!("remove {directory}"), Protocol, says, Segment::remove(&directory));
    fs::remove_dir(segment_path(&directory)).expect("it is ours");
}

fn locks_here(table: &mut Table) {
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    let says: &[&str] = &["does not hold the lock", "lock it first"];
    table.row(format!("unlock {name}"), Invalid, says, segment.unlock());
    segment.lock(SOON).expect("it is free");
    let says: &[&str] = &["a thread of this program has the lock", "give it back there"];
    table.row(format!("lock {name}"), TimedOut, says, segment.lock(BRIEFLY));
    let says: &[&str] = &["not without waiting", "somebody has the lock", "wait until"];
    table.row(format!("lock {name}"), Again, says, segment.lock(NOW));
    let second = Segment::open(&name).expect("it is there");
    let says: &[&str] = &["this very process has the lock by another handle", "cell", "close"];
    table.row(format!("lock {name}"), TimedOut, says, second.lock(BRIEFLY));
    table.row(format!("lock_shared {name}"), TimedOut, says, second.lock_shared(BRIEFLY));
    table.row(format!("write {name}"), TimedOut, says, second.write(0, b"x", BRIEFLY));
    table.row(format!("read {name}"), TimedOut, says, second.read(0, &mut [0], BRIEFLY));
    table.row(format!("lock {name}"), Again, says, second.lock(NOW));
    segment.unlock().expect("it is held");
    second.lock_shared(SOON).expect("it is free");
    table.row(format!("lock {name}"), TimedOut, says, segment.lock(BRIEFLY));
}

fn locks_elsewhere(table: &mut Table) {
    for shared in [false, true] {
        let name = name();
        let segment = Segment::create(&name, 8).expect("the name is free");
        let semaphore = Semaphore::create(&name, 1).expect("the name is free");
        let owner = fork(|| {
            let segment = Segment::open(&name).expect("it is there");
            let semaphore = Semaphore::open(&name).expect("it is there");
            semaphore.acquire(1, SOON).expect("there is one");
            match shared {
                true => segment.lock_shared(SOON).expect("it is free"),
                false => segment.lock(SOON).expect("it is free"),
            };
            segment.wait(0, SOON).expect("it is told to end");
            0
        });
        until("the other process has it", || match status(segment.lock(NOW)) {
            Again => true,
            _ => (segment.unlock().expect("it is held"), false).1,
        });
        let process = format!("process {owner} has the lock; give it longer");
        let error = segment.lock(BRIEFLY).expect_err("the other process has it");
        assert!(error.to_string().contains(&process), "{error}");
        let says: &[&str] = &["see what that process does"];
        table.row(format!("lock {name}"), TimedOut, says, segment.lock(BRIEFLY));
        let error = Segment::create(&name, 8).expect_err("it is there");
        assert!(error.to_string().contains("this very process"), "{error}");
        let error = semaphore.acquire(1, BRIEFLY).expect_err("the other process has it");
        let process = format!("process {owner} has the units; give it longer");
        assert!(error.to_string().contains(&process), "{error}");
        segment.notify().expect("it is open");
        assert_eq!(reap(owner), 0);
    }
    let (name, told) = (name(), name());
    let told = Segment::create(&told, 8).expect("the name is free");
    let maker = fork(|| {
        let _held = Segment::create(&name, 8).expect("the name is free");
        let told = Segment::open(&told_name(&told)).expect("it is there");
        told.wait(0, SOON).expect("it is told to end");
        0
    });
    until("it is made", || segment_path(&name).exists());
    let error = Segment::create(&name, 8).expect_err("the other process has it");
    assert!(error.to_string().contains(&format!("process {maker} holds it; open")), "{error}");
    let says: &[&str] = &["holds it", "open what is there, or choose another name"];
    table.row(format!("create {name}"), Exists, says, Segment::create(&name, 8));
    told.notify().expect("it is open");
    assert_eq!(reap(maker), 0);
}

/// The name of a segment, which its text begins with.
fn told_name(segment: &Segment) -> String {
    let text = format!("{segment:?}");
    text.trim_start_matches("Segment(").trim_end_matches(')').to_owned()
}

fn using(table: &mut Table) {
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    let says: &[&str] = &["2 bytes at 7 are not within the 8 bytes", "keep to those"];
    table.row(format!("write {name}"), Invalid, says, segment.write(7, b"ab", SOON));
    table.row(format!("read {name}"), Invalid, says, segment.read(7, &mut [0; 2], SOON));
    let at = format!("{name}?access=ro");
    let reader = Segment::open(&at).expect("it is there");
    let says: &[&str] = &["open for reading only", "open it with access=rw"];
    table.row(format!("write {at}"), Denied, says, reader.write(0, b"a", SOON));
    segment.close();
    let says: &[&str] = &["closed by this program", "open it anew"];
    table.row(format!("lock {name}"), Closed, says, segment.lock(SOON));
    table.row(format!("lock_shared {name}"), Closed, says, segment.lock_shared(SOON));
    table.row(format!("unlock {name}"), Closed, says, segment.unlock());
    table.row(format!("write {name}"), Closed, says, segment.write(0, b"a", SOON));
    table.row(format!("notify {name}"), Closed, says, segment.notify());
    table.row(format!("wait {name}"), Closed, says, segment.wait(0, SOON));
    table.row(format!("fd {name}"), Closed, says, segment.fd());
    table.row(format!("lock_fd {name}"), Closed, says, segment.lock_fd());
    let semaphore = Semaphore::create(&name, 1).expect("the name is free");
    semaphore.close();
    table.row(format!("acquire {name}"), Closed, says, semaphore.acquire(1, SOON));
    table.row(format!("release {name}"), Closed, says, semaphore.release(1));
    table.row(format!("value {name}"), Closed, says, semaphore.value());
    table.row(format!("fd {name}"), Closed, says, semaphore.fd());
}

fn changes(table: &mut Table) {
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    let says: &[&str] = &["not without waiting", "nothing has changed", "give it time"];
    table.row(format!("wait {name}"), Again, says, segment.wait(0, NOW));
    let says: &[&str] = &["no change came in time", "give it longer"];
    table.row(format!("wait {name}"), TimedOut, says, segment.wait(0, BRIEFLY));
}

fn units(table: &mut Table) {
    let name = name();
    let semaphore = Semaphore::create(&name, 1).expect("the name is free");
    let says: &[&str] = &["the number of units is 0", "say 1 or more"];
    table.row(format!("acquire {name}"), Invalid, says, semaphore.acquire(0, SOON));
    let says: &[&str] = &["at most", "say fewer"];
    table.row(format!("acquire {name}"), TooLarge, says, semaphore.acquire(UNITS_MAX + 1, SOON));
    table.row(format!("release {name}"), TooLarge, says, semaphore.release(UNITS_MAX));
    semaphore.acquire(1, SOON).expect("there is one");
    let says: &[&str] = &["not without waiting", "somebody has the units", "wait until"];
    table.row(format!("acquire {name}"), Again, says, semaphore.acquire(1, NOW));
    let says: &[&str] = &["has the units by this very handle", "give it back there"];
    table.row(format!("acquire {name}"), TimedOut, says, semaphore.acquire(1, BRIEFLY));
    let second = Semaphore::open(&name).expect("it is there");
    let says: &[&str] = &["this very process has the units by another handle", "close"];
    table.row(format!("acquire {name}"), TimedOut, says, second.acquire(1, BRIEFLY));
    semaphore.release(1).expect("it is held");
    let says: &[&str] = &["others have the units", "give it longer"];
    table.row(format!("acquire {name}"), TimedOut, says, second.acquire(9, BRIEFLY));
    let says: &[&str] = &["this very process holds it"];
    thread::scope(|scope| {
        let made = scope.spawn(|| Semaphore::create(&name, 1)).join().expect("no panic");
        table.row(format!("create {name}"), Exists, says, made);
    });
}
