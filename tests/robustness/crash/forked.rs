//! A peer that has forked: its child keeps the descriptors, and yet its death is noticed.

use crate::common::child::{self, kill};
use crate::common::page::Page;
use crate::common::{SOON, directory, name, until};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use treenail::{Channel, FOREVER, Listener, Status};

const NOTICE_MAX: Duration = Duration::from_secs(5);
const ROLE: &str = "forked";

/// Forks without the handlers that the library has for it: the child keeps every descriptor.
fn raw_fork() -> libc::pid_t {
    let nothing = 0usize;
    // SAFETY: as fork, in a process whose other threads hold no lock that the child needs.
    let pid = unsafe {
        libc::syscall(libc::SYS_clone, libc::SIGCHLD, nothing, nothing, nothing, nothing)
    };
    assert!(pid >= 0, "{}", std::io::Error::last_os_error());
    pid as libc::pid_t
}

/// Forks a child that lives until it is killed: its number.
fn fork_one_that_lives(raw: bool) -> u64 {
    // SAFETY: as above.
    let pid = if raw { raw_fork() } else { unsafe { libc::fork() } };
    if pid == 0 {
        live_on();
    }
    pid as u64
}

/// The frame with which a program that has no rings introduces itself.
fn hello() -> Vec<u8> {
    let mut frame = vec![32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    frame.extend(b"TREENAIL");
    frame.extend([1, 0, 0, 0]);
    frame.extend((1u32 << 20).to_le_bytes());
    frame.extend([0; 12]);
    frame.extend(std::process::id().to_le_bytes());
    frame
}

#[test]
fn the_parent_of_a_child_that_lives_on() {
    if child::role().as_deref() != Some(ROLE) {
        return;
    }
    let get = |name| std::env::var(name).expect("the parent says");
    let page = Page::open(&PathBuf::from(get("PAGE")));
    let endpoint = get("ENDPOINT");
    let forked = match get("KIND").as_str() {
        "plain" => {
            let name = endpoint.split_once(':').expect("a scheme").1;
            let path = directory().join(format!("{name}.sock"));
            let mut socket = UnixStream::connect(path).expect("the parent listens");
            socket.write_all(&hello()).expect("there is room");
            let mut answer = [0; 48];
            socket.read_exact(&mut answer).expect("the listener's HELLO");
            let pid = fork_one_that_lives(true);
            std::mem::forget(socket);
            pid
        }
        kind => {
            let channel = Channel::connect(&endpoint, SOON).expect("the parent listens");
            let pid = fork_one_that_lives(kind == "raw");
            std::mem::forget(channel);
            pid
        }
    };
    page.set(0, forked);
    live_on()
}

fn live_on() -> ! {
    loop {
        // SAFETY: takes no memory.
        unsafe { libc::pause() };
    }
}

/// Kills a peer whose child lives: how it is noticed.
fn notice(scheme: &str, kind: &str) {
    let path = std::env::temp_dir().join(format!("treenail-page-{}", name()));
    let page = Page::open(&path);
    let endpoint = format!("{scheme}:{}", name());
    let listener = Listener::open(&endpoint).expect("the name is free");
    let page_path = path.to_str().expect("a plain path");
    let settings = [("ENDPOINT", &*endpoint), ("KIND", kind), ("PAGE", page_path)];
    let victim = child::start(the_parent_of_a_child_that_lives_on, ROLE, &settings);
    let channel = listener.accept(SOON).expect("it connects");
    until("it has forked", || page.get(0) != 0);
    std::thread::scope(|scope| {
        let receiver = scope.spawn(|| channel.recv_vec(FOREVER));
        let waits = || channel.stats().expect("it is open").recv_waits;
        until("the survivor waits", || waits() > 0);
        let killed = Instant::now();
        kill(victim);
        let end = receiver.join().expect("no panic");
        assert_eq!(end.expect_err("it is dead").status(), Status::PeerLost);
        let time = killed.elapsed();
        assert!(time < NOTICE_MAX, "noticed after {time:?}");
    });
    // SAFETY: takes no memory. The child of the killed one has its number until init reaps it.
    unsafe { libc::kill(page.get(0) as libc::pid_t, libc::SIGKILL) };
    let _ = std::fs::remove_file(path);
}

#[test]
fn the_death_of_a_peer_that_forked_is_noticed_over_shm() {
    notice("shm", "forked");
}

#[test]
fn the_death_of_a_peer_that_forked_is_noticed_over_local() {
    notice("local", "forked");
}

#[test]
fn a_child_that_keeps_the_descriptors_hides_no_death_over_shm() {
    notice("shm", "raw");
}

#[test]
fn a_child_that_keeps_the_descriptors_hides_no_death_over_local() {
    notice("local", "raw");
}

#[test]
fn the_death_of_a_plain_program_that_forked_is_noticed() {
    notice("local", "plain");
    notice("shm", "plain");
}
