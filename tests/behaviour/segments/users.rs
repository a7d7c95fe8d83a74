//! Other users: names are a user's own, and rights are the object's.

use crate::common::child::{alone, as_user, fork, name_of, pause, reap};
use crate::common::namespaces::become_root_inside;
use crate::common::objects::{add, counter, segment_path as path};
use crate::common::page::Page;
use crate::common::system::{become_user, companion, is_root, set_mode, set_owner};
use crate::common::{Fails, SOON, at_once, name, not_before, not_checked, status, until, with};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use treenail::{NOW, Segment, Status};

const OTHER: u32 = 65534;
const GROUP: u32 = 54321;

/// Whether the test goes on: alone, and as root, who can become anybody.
fn as_root(test: impl Fn()) -> bool {
    if !is_root() {
        not_checked(name_of(test), "only root can become another user");
        return false;
    }
    alone(test)
}

#[test]
fn names_are_a_user_s_own() {
    if !as_root(names_are_a_user_s_own) {
        return;
    }
    let name = name();
    let ours = Segment::create(&name, 8).expect("the name is free");
    ours.write(0, b"ours", NOW).expect("free");
    let theirs = path(&name).with_file_name(format!("treenail.{OTHER}.{name}"));
    as_user(OTHER, OTHER, || {
        assert_eq!(status(Segment::open(&name)), Status::NotFound);
        let segment = Segment::create(&name, 16).expect("it is free for this user");
        let mut bytes = [1; 4];
        segment.read(0, &mut bytes, NOW).expect("free");
        assert_eq!((bytes, segment.attached()), ([0; 4], 1));
        let found = fs::metadata(&theirs).expect("it is this user's");
        assert_eq!(found.uid(), OTHER);
    });
    assert!(!theirs.exists());
    assert_eq!(ours.attached(), 1);
}

#[test]
fn an_object_under_our_name_that_is_not_ours_is_denied() {
    if !as_root(an_object_under_our_name_that_is_not_ours_is_denied) {
        return;
    }
    let name = name();
    drop(Segment::create(&format!("{name}?persist=1&mode=666"), 8).expect("the name is free"));
    let whole = fs::read(path(&name)).expect("readable");
    set_owner(&path(&name), OTHER);
    for bytes in [whole, b"nothing of ours".to_vec()] {
        // Not by a call that would make it: the kernel protects others' files from that.
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).truncate(true).open(path(&name)).expect("root may");
        file.write_all(&bytes).expect("there is room");
        for result in
            [Segment::open(&name), Segment::create(&name, 8), Segment::open_or_create(&name, 8)]
        {
            let error = result.fails_with(Status::Denied);
            assert!(error.to_string().contains(&OTHER.to_string()), "{error}");
        }
        assert_eq!(status(Segment::remove(&name)), Status::Denied);
    }
    fs::remove_file(path(&name)).expect("root may");
}

#[test]
fn the_mode_says_who_may_use_it() {
    if !as_root(the_mode_says_who_may_use_it) {
        return;
    }
    // The mode, the user's group, and what opening comes to.
    let cases = [
        ("", OTHER, Status::Denied),
        ("mode=0600", GROUP, Status::Denied),
        ("mode=0660", GROUP, Status::Denied),
        ("mode=0660&group=54321", OTHER, Status::Denied),
        ("mode=0660&group=54321", GROUP, Status::Ok),
        ("mode=0666", OTHER, Status::Ok),
    ];
    for (options, group, expected) in cases {
        let name = name();
        let ours = Segment::create(&with(&name, options), 8).expect("the name is free");
        as_user(OTHER, group, || {
            let reached = format!("{name}?owner=0");
            assert_eq!(status(Segment::open(&reached)), expected, "{options}");
            assert_eq!(status(Segment::create(&reached, 8)), Status::Denied, "{options}");
            assert_eq!(status(Segment::remove(&reached)), Status::Denied, "{options}");
            if let Ok(segment) = Segment::open_or_create(&reached, 8) {
                for _ in 0..100 {
                    segment.lock(SOON).expect("free soon");
                    add(&segment);
                    segment.unlock().expect("held");
                }
                segment.lock(NOW).expect("free");
                // Ends as a death: the lock is held.
                std::mem::forget(segment);
            }
        });
        let count = counter(&ours).load(Ordering::SeqCst);
        match expected {
            Status::Ok => assert_eq!((count, ours.lock(SOON).ok()), (100, Some(Status::OwnerDied))),
            _ => assert_eq!((count, ours.lock(NOW).ok()), (0, Some(Status::Ok))),
        }
        assert_eq!(ours.attached(), 1);
    }
}

#[test]
fn only_its_owner_makes_a_segment() {
    if !as_root(only_its_owner_makes_a_segment) {
        return;
    }
    let name = name();
    for owner in [format!("{name}?owner={OTHER}"), format!("{name}?owner=12345")] {
        assert_eq!(status(Segment::create(&owner, 8)), Status::Denied, "{owner}");
        assert_eq!(status(Segment::open_or_create(&owner, 8)), Status::Denied, "{owner}");
        assert_eq!(status(Segment::open(&owner)), Status::NotFound, "{owner}");
    }
    let own = Segment::create(&format!("{name}?owner=0"), 8).expect("root is user 0");
    assert_eq!(Segment::open(&name).expect("the same").attached(), 2);
    drop(own);
}

#[test]
fn with_permission_to_read_there_are_data_version_and_wait() {
    if !as_root(with_permission_to_read_there_are_data_version_and_wait) {
        return;
    }
    let name = name();
    let ours = Segment::create(&format!("{name}?mode=0644"), 8).expect("the name is free");
    ours.write(0, b"readable", NOW).expect("free");
    let page = std::env::temp_dir().join(format!("treenail-page-{name}"));
    let said = Page::open(&page);
    let reader = fork(|| {
        become_user(OTHER);
        let segment = Segment::open(&format!("{name}?owner=0")).expect("it may be read");
        let refused = [
            status(segment.lock(NOW)),
            status(segment.lock_shared(SOON)),
            status(segment.unlock()),
            status(segment.write(0, b"x", NOW)),
            status(segment.read(0, &mut [0; 8], NOW)),
            status(segment.notify()),
            status(segment.fd()),
            status(segment.lock_fd()),
        ];
        assert_eq!(refused, [Status::Denied; 8]);
        // SAFETY: the data are as large as that, and live as long as the segment.
        let bytes = unsafe { std::slice::from_raw_parts(segment.data().as_ptr(), 8) };
        assert_eq!((bytes, segment.version(), segment.size()), (&b"readable"[..], 1, 8));
        assert_eq!(status(segment.wait(1, NOW)), Status::Again);
        let short = Duration::from_millis(20);
        assert_eq!(status(not_before(short, || segment.wait(1, Some(short)))), Status::TimedOut);
        said.set(0, 1);
        assert_eq!(segment.wait(1, SOON).expect("a change"), 2);
        assert_eq!(segment.attached(), 2);
        at_once(|| segment.close());
        assert_eq!(status(segment.wait(2, SOON)), Status::Closed);
        0
    });
    until("it waits", || {
        pause();
        said.get(0) == 1
    });
    assert_eq!(ours.attached(), 2, "a reader counts");
    ours.notify().expect("open");
    assert_eq!(reap(reader), 0);
    assert_eq!(ours.attached(), 1);
    assert_eq!(ours.lock(NOW).expect("free"), Status::Ok);
    assert!(path(&name).exists(), "a reader takes no name away");
    let _ = fs::remove_file(page);
}

#[test]
fn whoever_may_only_read_keeps_it_alive_and_can_not_keep_it_from_others() {
    if !as_root(whoever_may_only_read_keeps_it_alive_and_can_not_keep_it_from_others) {
        return;
    }
    let name = name();
    let ours = Segment::create(&format!("{name}?mode=0644"), 8).expect("the name is free");
    ours.write(0, b"stays", NOW).expect("free");
    let page = std::env::temp_dir().join(format!("treenail-page-{name}"));
    let said = Page::open(&page);
    let reader = fork(|| {
        become_user(OTHER);
        let _segment = Segment::open(&format!("{name}?owner=0")).expect("it may be read");
        said.set(0, 1);
        until("it may go", || {
            pause();
            said.get(0) == 2
        });
        0
    });
    until("it reads", || said.get(0) == 1);
    drop(ours);
    assert_eq!(status(Segment::create(&name, 8)), Status::Exists, "somebody holds it");
    let again = Segment::open(&name).expect("somebody holds it");
    let mut bytes = [0; 5];
    again.read(0, &mut bytes, NOW).expect("free");
    assert_eq!(&bytes, b"stays");
    said.set(0, 2);
    assert_eq!(reap(reader), 0);
    drop(again);
    assert!(!path(&name).exists());
    let _ = fs::remove_file(page);
}

#[test]
fn whoever_may_not_open_what_is_its_own_can_remove_it() {
    if !as_root(whoever_may_not_open_what_is_its_own_can_remove_it) {
        return;
    }
    let name = name();
    as_user(OTHER, OTHER, || {
        let path = path(&name);
        fs::write(&path, b"no matter what").expect("the name is free");
        set_mode(&path, 0);
        assert_eq!(status(Segment::open(&name)), Status::Denied);
        Segment::remove(&name).expect("it is this user's");
        assert!(!path.exists());
    });
}

#[test]
fn what_its_owner_may_only_read_can_be_made() {
    if !as_root(what_its_owner_may_only_read_can_be_made) {
        return;
    }
    let name = name();
    as_user(OTHER, OTHER, || {
        let maker = Segment::create(&format!("{name}?mode=0400"), 8).expect("the name is free");
        let found = fs::metadata(path(&name)).expect("it is there");
        assert_eq!(found.mode() & 0o7777, 0o400);
        maker.write(0, b"readable", NOW).expect("free");
        let reader = Segment::open(&name).expect("it may be read");
        assert_eq!(status(reader.lock(NOW)), Status::Denied);
        assert_eq!((reader.version(), maker.attached()), (1, 2));
        drop((reader, maker));
        assert!(!path(&name).exists());
    });
}

#[test]
fn another_program_s_object_has_a_lock_once_its_owner_opens_it() {
    if !as_root(another_program_s_object_has_a_lock_once_its_owner_opens_it) {
        return;
    }
    let name = name();
    let (native, file) = (format!("native:/{name}"), Path::new("/dev/shm").join(&name));
    fs::write(&file, b"foreign").expect("the name is free");
    set_mode(&file, 0o666);
    as_user(OTHER, OTHER, || {
        let error = Segment::open(&native).fails_with(Status::Denied);
        assert!(error.to_string().contains("its owner, user 0,"), "{error}");
    });
    let ours = Segment::open(&native).expect("it is there");
    as_user(OTHER, OTHER, || {
        let theirs = Segment::open(&native).expect("it has a lock");
        theirs.write(0, b"f", NOW).expect("free");
    });
    assert_eq!(ours.version(), 1);
    fs::remove_file(&file).expect("it is there");
}

#[test]
fn another_program_s_object_has_one_lock_for_all_user_namespaces() {
    let test = another_program_s_object_has_one_lock_for_all_user_namespaces;
    if !as_root(test) {
        return;
    }
    let name = name();
    let (native, file) = (format!("native:/{name}"), Path::new("/dev/shm").join(&name));
    fs::write(&file, b"foreign").expect("the name is free");
    set_mode(&file, 0o600);
    set_owner(&file, OTHER);
    as_user(OTHER, OTHER, || {
        let outside = Segment::open(&native).expect("it is this user's");
        outside.lock(NOW).expect("free");
        let inside = fork(|| {
            if become_root_inside(name_of(test)) {
                let segment = Segment::open(&native).expect("it is root's, as seen from here");
                assert_eq!(status(segment.lock(NOW)), Status::Again, "outside has it");
                assert_eq!(segment.attached(), 2);
                segment.close();
            }
            0
        });
        assert_eq!(reap(inside), 0);
        outside.unlock().expect("held");
        // A container alone, whose companion others find.
        outside.close();
        assert!(!companion(&file).exists());
        let inside = fork(|| {
            if become_root_inside(name_of(test)) {
                let segment = Segment::open(&native).expect("it is root's, as seen from here");
                segment.lock(NOW).expect("free");
                assert!(companion(&file).exists());
            }
            0
        });
        assert_eq!(reap(inside), 0);
        let next = Segment::open(&native).expect("it is this user's");
        next.lock(NOW).expect("free");
    });
    assert!(!companion(&file).exists(), "it goes with its last holder");
    fs::remove_file(&file).expect("it is there");
}

#[test]
fn an_owner_that_is_not_mapped_is_nobody_s_number() {
    let test = an_owner_that_is_not_mapped_is_nobody_s_number;
    if !as_root(test) {
        return;
    }
    let name = name();
    let _ours = Segment::create(&format!("{name}?mode=0666"), 8).expect("the name is free");
    as_user(OTHER, OTHER, || {
        Segment::open(&format!("{name}?owner=0")).expect("it may be used by everybody");
        if become_root_inside(name_of(test)) {
            // This user is 0 here, and who is 0 outside is mapped to nobody.
            for name in [name.clone(), format!("{name}?owner=0"), format!("{name}?owner=65534")] {
                let result = status(Segment::open(&name));
                assert!(matches!(result, Status::Denied | Status::NotFound), "{name}: {result:?}");
            }
            assert_eq!(status(Segment::create(&name, 8)), Status::Denied);
        }
    });
}

#[test]
fn another_program_s_object_of_a_user_is_that_user_s() {
    if !as_root(another_program_s_object_of_a_user_is_that_user_s) {
        return;
    }
    let name = name();
    let (native, file) = (format!("native:/{name}"), Path::new("/dev/shm").join(&name));
    fs::write(&file, b"foreign").expect("the name is free");
    set_owner(&file, OTHER);
    // Root may do anything, but a lock that it makes for itself would be none.
    let error = Segment::open(&format!("{native}?owner=0")).fails_with(Status::Denied);
    assert!(error.to_string().contains("belongs to user 65534, not to 0"), "{error}");
    as_user(OTHER, OTHER, || {
        let theirs = Segment::open(&format!("{native}?owner={OTHER}")).expect("it is theirs");
        theirs.lock(NOW).expect("free");
    });
    fs::remove_file(&file).expect("it is there");
}
