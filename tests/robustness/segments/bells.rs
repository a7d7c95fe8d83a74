//! How those that wait by a descriptor are told: of many at once, by any user, whoever is killed,
//! and whatever a holder does that means harm.

use crate::common::child::{alone, fork, pause, reap};
use crate::common::event::{Events, is_readable, readable_within};
use crate::common::page::{Page, map};
use crate::common::system::{is_sanitized, limit_descriptors, names_in, own_uid};
use crate::common::{SOON, name, status, until};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use treenail::object::layout::{Header, SLOTS_OFFSET, Slot};
use treenail::{NOW, Segment, Status};

pub fn becomes_readable(segment: &Segment) -> bool {
    readable_within(segment.fd().expect("a descriptor"), SOON.expect("a time"))
}

/// Makes the descriptors unreadable.
pub fn hide(segment: &Segment) {
    segment.fd().expect("a descriptor");
    assert_eq!(status(segment.wait(segment.version(), NOW)), Status::Again);
}

/// The bells beside an object.
pub fn bells(name: &str) -> BTreeSet<String> {
    let mut names = names_in(Path::new("/dev/shm"));
    names.retain(|found| found.contains(&format!(".{name}~")));
    names
}

fn place(name: &str) -> PathBuf {
    Path::new("/dev/shm").join(name)
}

/// The slots of a segment, by a mapping of the test's own.
fn slots(name: &str, count: usize) -> (&'static Header, &'static [Slot]) {
    let path = place(&format!("treenail.{}.{name}", own_uid()));
    let len = SLOTS_OFFSET + count * size_of::<Slot>();
    let header: &Header = map(&path, len).cast_ref();
    // SAFETY: behind the header, and within what was mapped.
    let slots = unsafe {
        let first = std::ptr::from_ref(header).cast::<u8>().add(SLOTS_OFFSET).cast();
        std::slice::from_raw_parts(first, count)
    };
    (header, slots)
}

#[test]
fn two_thousand_segments_of_a_process_have_both_descriptors() {
    const COUNT: u64 = 2000;
    if !alone(two_thousand_segments_of_a_process_have_both_descriptors) {
        return;
    }
    limit_descriptors(20_000);
    let (name, events) = (name(), Events::new());
    let page_path = std::env::temp_dir().join(format!("treenail-page-{name}"));
    let page = Page::open(&page_path);
    let segments: Vec<_> = (0..COUNT)
        .map(|number| Segment::create(&format!("{name}-{number}"), 8).expect("a free name"))
        .collect();
    for (segment, number) in segments.iter().zip(0..) {
        events.add(segment.fd().expect("a descriptor"), number);
        events.add(segment.lock_fd().expect("another"), COUNT + number);
    }
    let other = fork(|| {
        let open = |number| Segment::open(&format!("{name}-{number}")).expect("it is there");
        let segments: Vec<_> = (0..COUNT).map(open).collect();
        for segment in &segments {
            segment.lock(NOW).expect("free");
        }
        page.set(0, 1);
        until("all were refused", || page.get(0) == 2);
        for segment in &segments {
            segment.notify().expect("open");
            segment.unlock().expect("held");
        }
        until("all were told", || page.get(0) == 3);
        0
    });
    until("all are locked", || page.get(0) == 1);
    for segment in &segments {
        assert_eq!(status(segment.wait(0, NOW)), Status::Again);
        assert_eq!(status(segment.lock(NOW)), Status::Again);
    }
    page.set(0, 2);
    let mut told = BTreeSet::new();
    while told.len() < 2 * COUNT as usize {
        for key in events.wait() {
            let segment = &segments[(key % COUNT) as usize];
            // Now and then one is readable for nothing.
            let is_done = match key < COUNT {
                true => segment.wait(0, NOW).is_ok() && segment.wait(1, NOW).is_err(),
                false => segment.lock(NOW).is_ok() && segment.lock(NOW).is_err(),
            };
            assert!(!is_done || told.insert(key), "told twice");
        }
    }
    page.set(0, 3);
    assert_eq!(reap(other), 0);
    let _ = fs::remove_file(page_path);
    drop(segments);
    assert_eq!(names_in(Path::new("/dev/shm")).iter().filter(|one| one.contains(&name)).count(), 0);
}

#[test]
fn two_hundred_processes_with_a_descriptor_each_are_told() {
    // Each takes its time where all is sanitized.
    let count: usize = if is_sanitized() { 50 } else { 200 };
    if !alone(two_hundred_processes_with_a_descriptor_each_are_told) {
        return;
    }
    let name = name();
    let page_path = std::env::temp_dir().join(format!("treenail-page-{name}"));
    let page = Page::open(&page_path);
    let segment = Segment::create(&name, 8).expect("the name is free");
    let children: Vec<_> = (1..=count)
        .map(|number| {
            fork(|| {
                let segment = Segment::open(&name).expect("it is there");
                hide(&segment);
                page.set(number, 1);
                // The first may be called a moment early.
                while status(segment.wait(0, NOW)) == Status::Again {
                    assert!(becomes_readable(&segment), "lost");
                }
                0
            })
        })
        .collect();
    until("all wait", || (1..=count).all(|number| page.get(number) == 1));
    assert_eq!(bells(&name).len(), count);
    segment.notify().expect("open");
    for child in children {
        assert_eq!(reap(child), 0);
    }
    let _ = fs::remove_file(page_path);
    assert_eq!(bells(&name).len(), 0);
}

/// Forks one that has both descriptors, and waits until it is killed.
fn watcher(name: &str) -> libc::pid_t {
    let before = bells(name).len();
    let child = fork(|| {
        let segment = Segment::open(name).expect("it is there");
        segment.lock_fd().expect("a descriptor");
        hide(&segment);
        loop {
            pause();
        }
    });
    until("it watches", || bells(name).len() == before + 2);
    child
}

fn kill(child: libc::pid_t) {
    // SAFETY: a child of this test, whose status isn't asked for.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}

#[test]
fn bells_go_with_their_handles_and_those_of_killed_ones_with_whoever_comes() {
    if !alone(bells_go_with_their_handles_and_those_of_killed_ones_with_whoever_comes) {
        return;
    }
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    assert_eq!(bells(&name).len(), 0, "nobody has asked for one");
    segment.fd().expect("a descriptor");
    assert_eq!(bells(&name).len(), 1);
    segment.lock_fd().expect("another");
    assert_eq!(bells(&name).len(), 2);
    for _ in 0..10 {
        kill(watcher(&name));
        assert_eq!(bells(&name).len(), 4, "nobody has settled it, and no more than one is left");
        segment.notify().expect("open");
        drop(Segment::open(&name).expect("it is there"));
        assert_eq!(bells(&name).len(), 2, "who came has taken its slot");
    }
    let victims = [(); 3].map(|()| watcher(&name));
    victims.into_iter().for_each(kill);
    assert_eq!(bells(&name).len(), 8);
    drop(segment);
    assert_eq!(bells(&name).len(), 0, "the last to go takes all of them away");
    // All are killed.
    let ends: [fn(&str); 2] =
        [|name| drop(Segment::open(name)), |name| drop(Segment::remove(name))];
    for end in ends {
        let maker = fork(|| {
            let segment = Segment::create(&name, 8).expect("the name is free");
            segment.fd().expect("a descriptor");
            segment.notify().expect("open");
            loop {
                pause();
            }
        });
        until("it is made", || !bells(&name).is_empty());
        kill(maker);
        assert_eq!(bells(&name).len(), 1);
        end(&name);
        assert_eq!(bells(&name).len(), 0, "whoever takes the object away takes them as well");
    }
}

#[test]
fn bells_of_an_object_that_nobody_finds_any_more_are_swept() {
    if !alone(bells_of_an_object_that_nobody_finds_any_more_are_swept) {
        return;
    }
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    let (lives, victim) = (watcher(&name), watcher(&name));
    Segment::remove(&name).expect("it is there");
    drop(segment);
    kill(victim);
    let left = bells(&name);
    assert_eq!(left.len(), 4);
    for one in &left {
        make_old(&place(one));
    }
    let other = Segment::create(&format!("{name}-other"), 8).expect("the name is free");
    other.fd().expect("a descriptor");
    assert_eq!(bells(&name).len(), 2, "those of a live one stay");
    kill(lives);
    bells(&name).iter().for_each(|one| fs::remove_file(place(one)).expect("it is there"));
}

fn make_old(path: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    let since = long_ago.duration_since(SystemTime::UNIX_EPOCH).expect("later").as_secs();
    let time = libc::timespec { tv_sec: since as i64, tv_nsec: 0 };
    let path = std::ffi::CString::new(path.to_str().expect("a plain path")).expect("no NUL");
    // SAFETY: the path ends with a NUL, and both times are live.
    let done = unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), [time; 2].as_ptr(), 0) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn a_forked_child_takes_no_bell_away() {
    if !alone(a_forked_child_takes_no_bell_away) {
        return;
    }
    let name = name();
    let segments = [Segment::create(&name, 8), Segment::open(&name)];
    let [first, second] = segments.map(|segment| segment.expect("a good name"));
    hide(&second);
    let child = fork(|| {
        assert_eq!(status(second.fd()), Status::Invalid);
        second.close();
        // SAFETY: the child ends without using it again, and the parent has its own.
        drop(unsafe { std::ptr::read(&raw const second) });
        0
    });
    assert_eq!(reap(child), 0);
    assert_eq!(bells(&name).len(), 1);
    first.notify().expect("open");
    assert!(becomes_readable(&second));
}

/// Without a descriptor to spare it calls by the bells that it has opened before. Of whom it can't
/// call each finds that out by the next look, and looks by itself from then on.
#[test]
fn who_has_no_descriptor_left_is_heard_of_all_the_same() {
    if !alone(who_has_no_descriptor_left_is_heard_of_all_the_same) {
        return;
    }
    let name = name();
    let page_path = std::env::temp_dir().join(format!("treenail-page-{name}"));
    let page = Page::open(&page_path);
    let segment = Segment::create(&name, 8).expect("the name is free");
    hide(&segment);
    let child = fork(|| {
        let segment = Segment::open(&name).expect("it is there");
        segment.notify().expect("open");
        limit_descriptors(0);
        for turn in 1..=3 {
            until("it is one's turn", || page.get(0) == turn);
            segment.notify().expect("open");
            page.set(1, turn);
        }
        until("all is heard", || page.get(0) == 4);
        0
    });
    assert!(becomes_readable(&segment));
    until("all is said", || segment.version() == 1);
    hide(&segment);
    page.set(0, 1);
    assert!(becomes_readable(&segment), "by what it had opened");
    until("all is said", || page.get(1) == 1);
    let late = Segment::open(&name).expect("it is there");
    hide(&late);
    page.set(0, 2);
    until("all is said", || page.get(1) == 2);
    hide(&late);
    page.set(0, 3);
    assert!(becomes_readable(&late), "it looks by itself");
    until("all is said", || page.get(1) == 3);
    page.set(0, 4);
    assert_eq!(reap(child), 0);
    let _ = fs::remove_file(page_path);
}

#[test]
fn nothing_is_written_to_what_is_no_bell() {
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    let other = Segment::open(&name).expect("it is there");
    hide(&other);
    let real = bells(&name).pop_first().expect("the one");
    let (header, slots) = slots(&name, 2);
    let number = |slot: usize| slots[slot].doorbells[0].load(Ordering::SeqCst);
    // The victim's file, and a link to it, lie where bells were.
    let victim = place(&format!("{name}-victim"));
    for link in [false, true] {
        let fake = place(&real.replace(&format!("{:08x}", number(1)), &format!("{:08x}", 77)));
        fs::write(if link { &victim } else { &fake }, b"untouched").expect("ours");
        if link {
            std::os::unix::fs::symlink(&victim, &fake).expect("the name is free");
        }
        let kept = slots[1].doorbells[0].swap(77, Ordering::SeqCst);
        for _ in 0..3 {
            segment.notify().expect("open");
        }
        assert_eq!(fs::read(&fake).expect("readable"), b"untouched");
        slots[1].doorbells[0].store(kept, Ordering::SeqCst);
        fs::remove_file(&fake).expect("it is there");
    }
    fs::remove_file(&victim).expect("it is there");
    assert_ne!(header.subscribed[0].load(Ordering::SeqCst), 0);
    segment.notify().expect("open");
    assert!(becomes_readable(&other), "now it is there again");
}

#[test]
fn a_bell_that_was_filled_is_drained() {
    use std::io::Write;
    let name = name();
    let first = Segment::create(&name, 8).expect("the name is free");
    let second = Segment::open(&name).expect("it is there");
    hide(&second);
    let real = bells(&name).pop_first().expect("the one");
    let mut flood = fs::OpenOptions::new().write(true).open(place(&real)).expect("it is a bell");
    let written = flood.write(&[0; 4096]).expect("there is room");
    assert!(written > 0 && is_readable(second.fd().expect("a descriptor")));
    first.notify().expect("a full one is readable");
    assert_eq!(second.wait(0, NOW).expect("a change"), 1);
    hide(&second);
    assert!(!is_readable(second.fd().expect("a descriptor")));
}
