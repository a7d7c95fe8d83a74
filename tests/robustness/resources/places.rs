//! The places of a name, one before and one after login: a listener in either is found, and has
//! the name alone.

use crate::common::child::{alone, fork, name_of, reap, root_for};
use crate::common::namespaces::own_places;
use crate::common::system::{make_directory, own_uid, set_mode};
use crate::common::{Fails, SOON, not_before, status, until};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use treenail::{Channel, Listener, NOW, Status};

const NOBODY: u32 = 65534;

pub fn runtime() -> PathBuf {
    format!("/run/user/{}", own_uid()).into()
}

pub fn first() -> PathBuf {
    runtime().join("treenail")
}

pub fn second() -> PathBuf {
    format!("/tmp/treenail-{}", own_uid()).into()
}

/// What logind does.
pub fn log_in() {
    make_directory(&runtime(), 0o700);
}

/// Runs `act` where `/run/user` and `/tmp` are empty, and nothing else says where names are.
pub fn among_places(test: impl Fn() + Copy, act: impl FnOnce()) {
    if !alone(test) {
        return;
    }
    let ended = fork(|| {
        // SAFETY: the child has one thread.
        unsafe { std::env::remove_var("TREENAIL_DIR") };
        if own_places(name_of(test)) {
            act();
        }
        0
    });
    assert_eq!(reap(ended), 0);
}

fn assert_echo(listener: &Listener, endpoint: &str) {
    let (connector, acceptor) = std::thread::scope(|scope| {
        let connector = scope.spawn(|| Channel::connect(endpoint, SOON));
        let acceptor = listener.accept(SOON).expect("somebody connects");
        (connector.join().expect("no panic").expect("somebody listens"), acceptor)
    });
    connector.send(b"found", SOON).expect("there is room");
    assert_eq!(acceptor.recv_vec(SOON).expect("it was sent"), b"found");
}

pub fn lock(path: &Path) -> File {
    let directory = File::open(path).expect("it is ours");
    // SAFETY: takes no memory.
    assert_eq!(unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX) }, 0);
    directory
}

fn is_locked(path: &Path) -> bool {
    let directory = File::open(path).expect("it is ours");
    // SAFETY: takes no memory.
    unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) != 0 }
}

#[test]
fn a_listener_from_before_login_is_found_and_has_its_name_alone() {
    among_places(a_listener_from_before_login_is_found_and_has_its_name_alone, || {
        for endpoint in ["local:early", "shm:early"] {
            let listener = Listener::open(endpoint).expect("free");
            assert!(second().join("early.sock").exists());
            log_in();
            assert_echo(&listener, endpoint);
            let other = Listener::open(endpoint).fails_with(Status::Exists);
            assert!(other.to_string().contains("/tmp/treenail-"), "{other}");
            drop(listener);
            let listener = Listener::open(endpoint).expect("free again");
            assert!(first().join("early.sock").exists());
            assert!(!second().join("early.sock").exists());
            assert_echo(&listener, endpoint);
            std::fs::remove_dir_all(runtime()).expect("it is ours");
        }
    });
}

#[test]
fn a_dead_socket_in_the_first_place_hides_nobody_in_the_second() {
    among_places(a_dead_socket_in_the_first_place_hides_nobody_in_the_second, || {
        let listener = Listener::open("local:dead").expect("free");
        log_in();
        make_directory(&first(), 0o700);
        drop(UnixListener::bind(first().join("dead.sock")).expect("free"));
        assert_echo(&listener, "local:dead");
    });
}

#[test]
fn a_text_names_all_places_where_nobody_listens() {
    among_places(a_text_names_all_places_where_nobody_listens, || {
        let error = Channel::connect("local:none", NOW).fails_with(Status::NotFound);
        let (text, uid) = (error.to_string(), own_uid());
        let expected = format!(
            "connect local:none: nobody listens at /run/user/{uid}/treenail/none.sock or \
             /tmp/treenail-{uid}/none.sock; start the listener first, or say ?retry=1"
        );
        assert_eq!(text, expected);
    });
}

#[test]
fn a_directory_that_another_user_made_shuts_nobody_out() {
    if !root_for(a_directory_that_another_user_made_shuts_nobody_out) {
        return;
    }
    among_places(a_directory_that_another_user_made_shuts_nobody_out, || {
        let spoil: [fn(); 4] = [
            || {
                make_directory(&second(), 0o700);
                chown(second(), Some(NOBODY), None).expect("root may");
            },
            || make_directory(&second(), 0o777),
            || std::fs::write(second(), "no directory").expect("free"),
            || symlink("/nowhere", second()).expect("free"),
        ];
        for spoil in spoil {
            spoil();
            // retry=1 goes on.
            let error = Channel::connect("local:shut", NOW).fails_with(Status::NotFound);
            assert!(error.to_string().contains("passed over"), "{error}");
            let error = Listener::open("local:shut").fails_with(Status::Denied);
            assert!(!error.to_string().contains("remove"), "{error}");
            log_in();
            let listener = Listener::open("local:shut").expect("it binds in the first");
            assert_echo(&listener, "local:shut");
            drop(listener);
            std::fs::remove_dir_all(runtime()).expect("it is ours");
            let removed = std::fs::remove_file(second());
            removed.or_else(|_| std::fs::remove_dir(second())).expect("root may");
        }
    });
}

#[test]
fn a_runtime_directory_of_another_user_is_skipped() {
    if !root_for(a_runtime_directory_of_another_user_is_skipped) {
        return;
    }
    among_places(a_runtime_directory_of_another_user_is_skipped, || {
        log_in();
        chown(runtime(), Some(NOBODY), None).expect("root may");
        let listener = Listener::open("local:theirs").expect("it binds in the second");
        assert!(second().join("theirs.sock").exists());
        assert_echo(&listener, "local:theirs");
    });
}

#[test]
fn listening_holds_the_locks_of_both_places_the_second_one_first() {
    among_places(listening_holds_the_locks_of_both_places_the_second_one_first, || {
        log_in();
        make_directory(&first(), 0o700);
        make_directory(&second(), 0o700);
        let held = lock(&second());
        let refused = not_before(Duration::from_millis(1500), || Listener::open("local:locks"));
        assert_eq!(status(refused), Status::Io);
        drop(held);
        let held = lock(&first());
        let opening = std::thread::spawn(|| Listener::open("local:locks"));
        until("it waits for the first with the second locked", || is_locked(&second()));
        drop(held);
        opening.join().expect("no panic").expect("free");
        assert!(!is_locked(&first()) && !is_locked(&second()));
    });
}

#[test]
fn a_directory_that_is_said_is_the_only_place() {
    among_places(a_directory_that_is_said_is_the_only_place, || {
        log_in();
        let said = Path::new("/tmp/said");
        let _unsaid = Listener::open("local:said").expect("free");
        // SAFETY: the child has one thread.
        unsafe { std::env::set_var("TREENAIL_DIR", said) };
        assert_eq!(status(Channel::connect("local:said", NOW)), Status::NotFound);
        let listener = Listener::open("local:said").expect("another name");
        assert!(said.join("said.sock").exists());
        assert_echo(&listener, "local:said");
        set_mode(said, 0o770);
        assert_eq!(status(Channel::connect("local:said", NOW)), Status::Denied);
    });
}

/// Two that begin when there is no directory yet, one of which sees the login: one has the name.
#[test]
fn one_of_many_that_begin_at_login_has_the_name() {
    among_places(one_of_many_that_begin_at_login_has_the_name, || {
        for _ in 0..50 {
            let opening: Vec<_> =
                (0..4).map(|_| std::thread::spawn(|| Listener::open("local:login"))).collect();
            log_in();
            let opened: Vec<_> =
                opening.into_iter().map(|thread| thread.join().expect("no panic")).collect();
            let count = opened.iter().filter(|listener| listener.is_ok()).count();
            assert_eq!(count, 1, "{opened:?}");
            drop(opened);
            std::fs::remove_dir_all(runtime()).expect("it is ours");
            let _ = std::fs::remove_dir_all(second());
        }
    });
}

#[test]
fn whoever_waited_for_a_lock_looks_anew_where_to_bind() {
    among_places(whoever_waited_for_a_lock_looks_anew_where_to_bind, || {
        make_directory(&second(), 0o700);
        let held = lock(&second());
        let opening = std::thread::spawn(|| Listener::open("local:anew"));
        until("it has opened what it waits for", || descriptors_of(&second()) == 2);
        log_in();
        std::fs::rename(second(), "/tmp/moved").expect("it is ours");
        let first_come = Listener::open("local:anew").expect("free");
        assert!(first().join("anew.sock").exists());
        drop(held);
        let late = opening.join().expect("no panic");
        assert_eq!(status(late), Status::Exists);
        drop(first_come);
    });
}

/// How often this process has it open.
fn descriptors_of(path: &Path) -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").expect("/proc").flatten();
    let targets = entries.flat_map(|entry| std::fs::read_link(entry.path()));
    targets.filter(|target| target == path).count()
}
