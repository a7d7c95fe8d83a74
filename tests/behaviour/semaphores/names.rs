//! How semaphores come and go: names, options, what else may have the name, other users.

use crate::common::child::{alone, as_user};
use crate::common::objects::{semaphore_path as path, value};
use crate::common::system::{is_root, own_uid, set_owner};
use crate::common::{Fails, at_once, name, not_checked, status, with};
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use treenail::object::format::FORMAT;
use treenail::object::layout::Header;
use treenail::{NOW, Segment, Semaphore, Status};

#[test]
fn the_last_to_go_takes_it_away() {
    let name = name();
    let first = Semaphore::open_or_create(&name, 1).expect("the name is free");
    assert!(path(&name).exists());
    let second = Semaphore::open_or_create(&name, 1).expect("it is there");
    drop(first);
    assert!(path(&name).exists());
    second.close();
    assert!(!path(&name).exists());
    drop(second);
    assert_eq!(status(Semaphore::remove(&name)), Status::NotFound);
}

#[test]
fn one_is_made_or_opened_as_is_asked_for() {
    let name = name();
    assert_eq!(status(Semaphore::open(&name)), Status::NotFound);
    let made = Semaphore::create(&name, 3).expect("the name is free");
    let error = Semaphore::create(&name, 3).fails_with(Status::Exists);
    assert!(error.to_string().contains(&format!("create {name}")), "{error}");
    let opened = Semaphore::open(&name).expect("it is there");
    opened.acquire(2, NOW).expect("there are three");
    let either = Semaphore::open_or_create(&name, 7).expect("it is there");
    assert_eq!(value(&either), 1);
    drop((made, opened, either));
    let error = Semaphore::open(&name).fails_with(Status::NotFound);
    assert!(error.to_string().contains(&format!("open {name}")), "{error}");
    assert_eq!(value(&Semaphore::open_or_create(&name, 7).expect("the name is free")), 7);
    drop(Semaphore::create(&format!("{name}?persist=1"), 2).expect("the name is free"));
    assert_eq!(status(Semaphore::create(&name, 2)), Status::Exists, "it persists");
    assert_eq!(value(&Semaphore::open(&name).expect("it persists")), 2);
    Semaphore::remove(&name).expect("it is there");
}

#[test]
fn a_segment_and_a_semaphore_may_have_one_name() {
    let name = name();
    let semaphore = Semaphore::open_or_create(&name, 3).expect("the name is free");
    assert_eq!(status(Segment::open(&name)), Status::NotFound);
    let segment = Segment::create(&name, 8).expect("no segment has it");
    assert_eq!(value(&Semaphore::open_or_create(&name, 9).expect("it is there")), 3);
    Segment::remove(&name).expect("it is there");
    assert!(path(&name).exists(), "only the segment's name");
    drop((segment, semaphore));
    // One that lies under the other's name is none.
    drop(Segment::create(&format!("{name}?persist=1"), 8).expect("the name is free"));
    let segment = path(&name).with_file_name(format!("treenail.{}.{name}", own_uid()));
    fs::rename(segment, path(&name)).expect("both are ours");
    assert_eq!(status(Semaphore::open_or_create(&name, 1)), Status::Protocol);
    Semaphore::remove(&name).expect("whatever it is");
}

#[test]
fn a_persistent_one_keeps_its_units() {
    let name = name();
    let made =
        Semaphore::open_or_create(&format!("{name}?persist=1"), 5).expect("the name is free");
    made.acquire(2, NOW).expect("there are five");
    let kept = Semaphore::open_or_create(&format!("{name}?undo=0"), 0).expect("it is there");
    kept.acquire(1, NOW).expect("there are three");
    drop((made, kept));
    let again = Semaphore::open_or_create(&name, 99).expect("it stays");
    assert_eq!(value(&again), 4, "what the handle with undo had came back");
    Semaphore::remove(&name).expect("it is there");
    assert_eq!(status(Semaphore::remove(&name)), Status::NotFound);
    let fresh = Semaphore::open_or_create(&name, 1).expect("the name is free");
    again.release(1).expect("it is still held");
    assert_eq!((value(&again), value(&fresh)), (5, 1));
}

#[test]
fn bad_names_and_options_are_refused_with_a_text() {
    let long = "n".repeat(300);
    let names = ["", ".", "..", ".a", "a/b", "/a", "a b", "größe", "名", &long, "native:/a", "a~b"];
    let options = ["access=ro", "access=rw", "undo=2", "undo=", "mode=9", "size=1", "persist=yes"];
    let with_options = options.map(|option| format!("{}?{option}", name()));
    for name in names.into_iter().chain(with_options.iter().map(String::as_str)) {
        let error = Semaphore::open_or_create(name, 1).fails_with(Status::Invalid);
        assert!(!error.to_string().is_empty());
        assert_eq!(status(Semaphore::remove(name)), Status::Invalid, "{name}");
    }
    assert_eq!(status(Segment::open("x?undo=1")), Status::Invalid, "a segment has no such option");
    let longest = format!("{:x<64}", name());
    assert_eq!(value(&Semaphore::open_or_create(&longest, 1).expect("64 bytes")), 1);
}

#[test]
fn the_mode_is_as_said_whatever_the_umask() {
    for (options, mode) in [("", 0o600), ("mode=0666", 0o666), ("mode=640&undo=0", 0o640)] {
        let name = name();
        let _semaphore =
            Semaphore::open_or_create(&with(&name, options), 1).expect("the name is free");
        let found = fs::metadata(path(&name)).expect("it is there").permissions().mode();
        assert_eq!(found & 0o7777, mode);
    }
}

#[test]
fn what_is_no_semaphore_is_a_protocol_error_and_can_be_removed() {
    let write = |path: &PathBuf| fs::OpenOptions::new().write(true).open(path).expect("ours");
    let at = std::mem::offset_of!(Header, format) as u64;
    let spoil: [&dyn Fn(&PathBuf); 5] = [
        &|path| write(path).set_len(0).expect("shorter"),
        &|path| fs::write(path, b"something else").expect("writable"),
        &|path| write(path).set_len(40_000).expect("shorter"),
        &|path| write(path).set_len(1 << 20).expect("longer"),
        &|path| write(path).write_all_at(&(FORMAT ^ 1).to_ne_bytes(), at).expect("writable"),
    ];
    for (index, spoil) in spoil.iter().enumerate() {
        let name = name();
        drop(Semaphore::open_or_create(&format!("{name}?persist=1"), 8).expect("the name is free"));
        spoil(&path(&name));
        assert_eq!(
            status(at_once(|| Semaphore::open_or_create(&name, 1))),
            Status::Protocol,
            "{index}"
        );
        Semaphore::remove(&name).unwrap_or_else(|error| panic!("{index}: {error}"));
        assert_eq!(value(&Semaphore::open_or_create(&name, 2).expect("the name is free")), 2);
    }
}

#[test]
fn other_users_reach_it_only_where_the_mode_lets_them() {
    if !is_root() {
        not_checked("other users' semaphores", "only root can become another user");
        return;
    }
    if !alone(other_users_reach_it_only_where_the_mode_lets_them) {
        return;
    }
    let cases = [
        ("", Status::Denied),
        ("mode=0640&group=54321", Status::Denied),
        ("mode=0660&group=54321", Status::Ok),
        ("mode=0666", Status::Ok),
    ];
    for (options, expected) in cases {
        let name = name();
        let ours = Semaphore::open_or_create(&with(&name, options), 3).expect("the name is free");
        as_user(65534, 54321, || {
            let own = Semaphore::open_or_create(&name, 9).expect("a name of this user's own");
            assert_eq!(value(&own), 9);
            let opened = Semaphore::open_or_create(&format!("{name}?owner=0"), 9);
            let acquired = opened.and_then(|semaphore| {
                semaphore.acquire(2, NOW)?;
                // Ends as a death, with two units.
                std::mem::forget(semaphore);
                Ok(())
            });
            assert_eq!(status(acquired), expected, "{options}");
            assert_eq!(status(Semaphore::remove(&format!("{name}?owner=0"))), Status::Denied);
        });
        assert_eq!(value(&ours), 3, "{options}");
    }
    let name = name();
    drop(
        Semaphore::open_or_create(&format!("{name}?persist=1&mode=666"), 8)
            .expect("the name is free"),
    );
    set_owner(&path(&name), 65534);
    assert_eq!(
        status(Semaphore::open_or_create(&name, 1)),
        Status::Denied,
        "another's under our name"
    );
    fs::remove_file(path(&name)).expect("root may");
}
