//! TREENAIL_SHM_PREFIX: what names in /dev/shm begin with, where others may not be made.

use crate::common::child::{self, alone, finish, name_of, start};
use crate::common::objects::segment_path;
use crate::common::system::{is_root, own_uid, set_mode, set_owner};
use crate::common::{Fails, NEVER_MIND, directory, name, not_checked, status};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use treenail::{NOW, Segment, Semaphore, Status, list, sweep};

const PREFIX: &str = "TREENAIL_SHM_PREFIX";

/// What a child with this environment comes to.
fn expect(test: impl Fn(), prefix: &str) {
    let done = finish(start(test, "prefix", &[(PREFIX, prefix)]), NEVER_MIND);
    assert!(done, "with {prefix:?}");
}

fn is_child() -> bool {
    child::role().as_deref() == Some("prefix")
}

#[test]
fn names_begin_with_what_is_said() {
    if !is_child() {
        return expect(names_begin_with_what_is_said, "snap.app.");
    }
    let (name, uid) = (name(), own_uid());
    let segment = Segment::create(&name, 8).expect("the name is free");
    let _semaphore = Semaphore::create(&name, 1).expect("the name is free");
    // It is read once.
    // SAFETY: this process has one thread.
    unsafe { std::env::set_var(PREFIX, "other.") };
    assert_eq!(Segment::open(&name).expect("it is held").attached(), 2);
    let there = |file: String| Path::new("/dev/shm").join(file).exists();
    assert!(there(format!("snap.app.{uid}.{name}")));
    assert!(there(format!("snap.app.{uid}.{name}~semaphore")));
    assert!(!there(format!("treenail.{uid}.{name}")));
    // Another's object, as snaps may name it, and its lock.
    let native = Path::new("/dev/shm").join(format!("snap.app.{name}"));
    fs::write(&native, "foreign").expect("free");
    let opened = Segment::open(&format!("native:/snap.app.{name}")).expect("it is there");
    opened.lock(NOW).expect("free");
    assert_eq!(list(Some(&format!("*:{name}"))).expect("a pattern").lines().count(), 2);
    assert_eq!(list(Some(&format!("*:/snap.app.{name}"))).expect("a pattern").lines().count(), 1);
    drop(opened);
    fs::remove_file(&native).expect("it is ours");
    let dead = child::fork(|| {
        std::mem::forget(Segment::create(&format!("{name}-dead"), 8).expect("free"));
        0
    });
    assert_eq!(child::reap(dead), 0);
    assert_eq!(sweep(Some(&format!("*:{name}*"))).expect("a pattern"), 1);
    drop(segment);
    assert!(!there(format!("snap.app.{uid}.{name}")));
}

#[test]
fn an_empty_one_says_nothing() {
    if !is_child() {
        return expect(an_empty_one_says_nothing, "");
    }
    let name = name();
    let _segment = Segment::create(&name, 8).expect("the name is free");
    assert!(segment_path(&name).exists());
}

#[test]
fn a_bad_one_is_refused() {
    let test = a_bad_one_is_refused;
    if !is_child() {
        for bad in ["a/b", "../", "a~", "\u{e4}", &"a".repeat(101)] {
            expect(test, bad);
        }
        return;
    }
    let name = name();
    fs::write(format!("/dev/shm/{name}"), "foreign").expect("free");
    let results = [
        Segment::create(&name, 8).map(drop),
        Segment::open(&name).map(drop),
        Segment::open(&format!("native:/{name}")).map(drop),
        Segment::remove(&name),
        Semaphore::create(&name, 1).map(drop),
        list(Some("segment:*")).map(drop),
        sweep(Some("segment:*")).map(drop),
    ];
    fs::remove_file(format!("/dev/shm/{name}")).expect("it is ours");
    for result in results {
        let error = result.fails_with(Status::Invalid);
        assert!(error.to_string().contains("TREENAIL_SHM_PREFIX has at most 100"), "{error}");
    }
}

/// Whoever starts a program that has more rights than he has doesn't say which names it uses.
#[test]
fn a_program_with_more_rights_doesn_t_look() {
    let test = a_program_with_more_rights_doesn_t_look;
    if is_child() {
        let name = name();
        let segment = Segment::create(&name, 8).expect("the name is free");
        assert_eq!(status(Segment::open(&name)), Status::Ok);
        let prefixed = format!("/dev/shm/snap.app.{}.{name}", own_uid());
        assert!(!Path::new(&prefixed).exists() && segment_path(&name).exists());
        drop(segment);
        // AddressSanitizer would look for leaks as the program ends, and fail: it has to trace the
        // program for that, which these rights don't let it, nor read its options.
        // SAFETY: ends the process at once; nothing of it is needed any more.
        unsafe { libc::_exit(0) }
    }
    if !is_root() {
        return not_checked(name_of(test), "only root can give a program away");
    }
    if !alone(test) {
        return;
    }
    let program = directory().join("with-more-rights");
    fs::copy(std::env::current_exe().expect("its path"), &program).expect("there is room");
    set_owner(&program, 65534);
    set_mode(&program, 0o4755);
    set_mode(directory(), 0o711);
    let plain = child::command(name_of(test), "prefix");
    let mut command = Command::new(&program);
    command.args(plain.get_args()).env(PREFIX, "snap.app.").uid(12345);
    command.envs(plain.get_envs().filter_map(|(key, value)| Some((key, value?))));
    assert!(finish(command.spawn().expect("it can be started"), NEVER_MIND));
    // Others count what is there.
    fs::remove_file(program).expect("it is there");
}
