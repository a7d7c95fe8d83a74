//! TREENAIL_LOG: which lines there are, and that none does harm, wherever it goes.

use crate::common::child::{self, alone, finish, fork, name_of, reap};
use crate::common::system::{is_root, is_sanitized, set_mode, set_owner};
use crate::common::{Fails, NEVER_MIND, SOON, directory, move_into_rings, name, not_checked};
use crate::common::{status, until, with, with_early};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use treenail::wire::Hello;
use treenail::{Channel, Listener, NOW, Segment, Status};

/// Listens and stops so often, which is a line each time.
const LISTENS: usize = 50;

/// What a child does: its role is the name of one of these.
#[test]
fn the_program() {
    match child::role().as_deref() {
        Some("listens") => (0..LISTENS).for_each(|_| listen()),
        Some("listens with SIGPIPE") => {
            // SAFETY: Rust's runtime ignores it; other programs don't.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            (0..LISTENS).for_each(|_| listen());
        }
        Some("forks") => {
            listen();
            assert_eq!(reap(fork(|| (listen(), 0).1)), 0);
        }
        Some("has events") => have_events(),
        _ => {}
    }
}

fn listen() {
    drop(Listener::open(&format!("shm:{}", name())).expect("the name is free"));
}

/// The program in this role, with this log.
fn program(role: &str, log: &str) -> Command {
    let mut command = child::command(name_of(the_program), role);
    command.env("TREENAIL_LOG", log).stderr(Stdio::inherit());
    command
}

fn run(mut command: Command) {
    assert!(finish(command.spawn().expect("it can be started"), NEVER_MIND), "it fails");
}

/// A file for a log, that there isn't yet.
fn fresh_file() -> PathBuf {
    directory().join(name() + ".log")
}

/// The lines of a log without their times, each checked for its form: process, level, text.
fn lines(path: &Path) -> Vec<(u32, String, String)> {
    let text = fs::read_to_string(path).expect("it was written");
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(parts).collect()
}

fn parts(line: &str) -> (u32, String, String) {
    let mut words = line.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_else(|| panic!("\"{line}\" is cut off"));
    let (time, who, level, text) = (word(), word(), word(), word());
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{line}");
    let process = who.strip_prefix("treenail[").and_then(|who| who.strip_suffix(']'));
    let process = process.and_then(|process| process.parse().ok());
    (process.unwrap_or_else(|| panic!("{line}")), level.to_owned(), text.to_owned())
}

/// One of each kind of event, in this order.
fn have_events() {
    let path = directory().join("events");
    let at = |scheme: &str| format!("{scheme}:{}", path.display());
    let listener = Listener::open(&with(&at("shm"), "max_channels=1&handshake_ms=1"));
    let listener = listener.expect("the name is free");
    let accept_nobody = || listener.accept(NOW).fails_with(Status::Again);
    // A channel in rings, while another client is one too many.
    thread::scope(|scope| {
        let connector = scope.spawn(|| Channel::connect(&with_early(&at("shm")), SOON));
        let acceptor = listener.accept(SOON).expect("it connects");
        let connector = connector.join().expect("no panic").expect("somebody listens");
        move_into_rings(&connector, &acceptor);
        let _one_more = UnixStream::connect(&path).expect("somebody listens");
        accept_nobody();
        connector.close();
        assert_eq!(status(acceptor.recv_vec(SOON)), Status::Closed);
        assert_eq!(status(acceptor.recv_vec(SOON)), Status::Closed);
    });
    let silent = UnixStream::connect(&path).expect("somebody listens");
    until("it is dropped", || {
        accept_nobody();
        listener.stats().expect("it is ours").timed_out == 1
    });
    drop(silent);
    // A client without rings, which dies.
    let mut client = UnixStream::connect(&path).expect("somebody listens");
    let hello = Hello { message_size_max: 1000, features: 0, ring_wish: 0, pid: 0 };
    client.write_all(&hello.encode()).expect("there is room");
    let acceptor = listener.accept(SOON).expect("it has said HELLO");
    drop(client);
    assert_eq!(status(acceptor.recv_vec(SOON)), Status::PeerLost);
    assert_eq!(status(acceptor.send(b"", SOON)), Status::PeerLost);
    drop(listener);
    Channel::connect(&at("shm"), NOW).fails_with(Status::NotFound);
    // A lock whose owner dies.
    let segment = Segment::create("log-of-a-lock", 8).expect("the name is free");
    let owner = fork(|| {
        let segment = Segment::open("log-of-a-lock").expect("it is there");
        segment.lock(SOON).expect("it is free");
        // SAFETY: ends the process at once, with the lock.
        unsafe { libc::_exit(0) }
    });
    assert_eq!(reap(owner), 0);
    assert_eq!(segment.lock(SOON).expect("it comes"), Status::OwnerDied);
    segment.unlock().expect("it is held");
}

/// What the log of [`have_events`] has, in its order: the level, and words of the text.
const EVENTS: [(&str, &[&str]); 12] = [
    ("info", &["listen shm:", "clients meet it at /"]),
    ("info", &["accept shm:", "process ", " of user ", " is there"]),
    ("info", &["connect shm:", "process ", " of user ", " is there"]),
    ("warn", &["accept shm:", "max_channels=1", "(TN_NO_SPACE, to process "]),
    ("info", &["end shm:", "the peer has closed the channel", "(TN_CLOSED)"]),
    ("warn", &["accept shm:", "did not finish its handshake", "(TN_TIMED_OUT, to process "]),
    ("warn", &["move shm:", "messages go through the socket: the peer offers no shared memory"]),
    ("info", &["accept shm:", "process ", " is there"]),
    ("warn", &["end shm:", "the peer died", "(TN_PEER_LOST)"]),
    ("warn", &["connect shm:", "nobody listens at /", "(TN_NOT_FOUND)"]),
    ("warn", &["lock log-of-a-lock", "died while it had the lock"]),
    ("", &[]),
];

#[test]
fn each_event_is_a_line() {
    if !alone(each_event_is_a_line) {
        return;
    }
    for (setting, levels) in
        [("", "warn info"), (",info", "warn info"), (",warn", "warn"), (",whatever", "warn info")]
    {
        let path = fresh_file();
        run(program("has events", &format!("{}{setting}", path.display())));
        let mut lines = lines(&path);
        // The two ends of the first channel are in no order.
        lines.sort_by_key(|(_, _, text)| {
            text.starts_with("connect shm:") && text.contains("is there")
        });
        if let Some(connected) = lines.pop_if(|(_, _, text)| text.contains("is there")) {
            lines.insert(2, connected);
        }
        let expected =
            EVENTS.iter().filter(|(level, _)| !level.is_empty() && levels.contains(level));
        let expected: Vec<_> = expected.collect();
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
        for ((_, level, text), (expected, words)) in lines.iter().zip(expected) {
            assert_eq!(level, expected, "{text}");
            assert!(words.iter().all(|word| text.contains(word)), "{text}\nlacks one of {words:?}");
        }
    }
}

#[test]
fn a_log_is_this_user_s_alone_and_goes_on_behind_what_is_there() {
    let path = fresh_file();
    for round in 1..=2 {
        run(program("listens", &path.display().to_string()));
        assert_eq!(lines(&path).len(), round * LISTENS);
    }
    let mode = fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn several_processes_write_whole_lines_into_one_file() {
    let path = fresh_file();
    let log = path.display().to_string();
    let start = |_| program("listens", &log).spawn().expect("it can be started");
    let children: Vec<Child> = (0..4).map(start).collect();
    let mut expected: Vec<u32> = children.iter().map(Child::id).collect();
    assert!(children.into_iter().all(|child| finish(child, NEVER_MIND)));
    let lines = lines(&path);
    let mut processes: Vec<u32> = lines.iter().map(|(process, ..)| *process).collect();
    assert_eq!(processes.len(), expected.len() * LISTENS);
    processes.sort_unstable();
    processes.dedup();
    expected.sort_unstable();
    assert_eq!(processes, expected);
}

#[test]
fn a_forked_child_goes_on_under_its_own_number() {
    let path = fresh_file();
    run(program("forks", &path.display().to_string()));
    let lines = lines(&path);
    assert_eq!(lines.len(), 2);
    assert_ne!(lines[0].0, lines[1].0);
}

#[test]
fn nothing_is_written_where_it_is_off() {
    let path = fresh_file();
    for log in ["", "stderr"] {
        let mut command = program("listens", log);
        command.stderr(File::create(&path).expect("the directory is ours"));
        run(command);
        assert_eq!(lines(&path).len(), if log.is_empty() { 0 } else { LISTENS });
    }
}

#[test]
fn what_cannot_be_written_is_dropped() {
    let (target, link, second) = (fresh_file(), fresh_file(), fresh_file());
    File::create(&target).expect("the directory is ours");
    symlink(&target, &link).expect("the directory is ours");
    run(program("listens", &link.display().to_string()));
    fs::hard_link(&target, &second).expect("the directory is ours");
    run(program("listens", &second.display().to_string()));
    assert_eq!(lines(&target).len(), 0, "a log went through a link");
    run(program("listens", "/dev/full"));
    run(program("listens", &directory().display().to_string()));
    run(program("listens", "/nowhere/at/all"));
}

/// A pipe: its reading end and its writing end.
fn pipe() -> [OwnedFd; 2] {
    let mut ends = [0; 2];
    // SAFETY: two live numbers.
    assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
    // SAFETY: the call just made them.
    ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) })
}

#[test]
fn a_standard_error_that_nobody_reads_does_no_harm() {
    use std::os::unix::process::CommandExt;
    let mut closed = program("listens", "stderr");
    // SAFETY: one call, which may be made between fork and exec.
    unsafe { closed.pre_exec(|| (libc::close(libc::STDERR_FILENO), Ok(())).1) };
    run(closed);
    let [reading, writing] = pipe();
    drop(reading);
    run(dies_of_sigpipe(writing));
    let [_reading, writing] = pipe();
    let mut full = File::from(writing.try_clone().expect("a descriptor"));
    // SAFETY: takes no memory.
    unsafe { libc::fcntl(full.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    while full.write(&[b'x'; 4096]).is_ok() {}
    // SAFETY: the same.
    unsafe { libc::fcntl(full.as_raw_fd(), libc::F_SETFL, 0) };
    run(dies_of_sigpipe(writing));
}

/// The program with this standard error, in which SIGPIPE has its effect.
fn dies_of_sigpipe(standard_error: OwnedFd) -> Command {
    let mut command = program("listens with SIGPIPE", "stderr");
    command.stderr(standard_error);
    command
}

#[test]
fn a_pipe_with_a_name_takes_lines_while_somebody_reads() {
    let path = fresh_file();
    let text = std::ffi::CString::new(path.display().to_string()).expect("no NUL");
    // SAFETY: the path ends with a NUL.
    assert_eq!(unsafe { libc::mkfifo(text.as_ptr(), 0o600) }, 0);
    run(program("listens", &path.display().to_string()));
    let mut options = File::options();
    let mut reader = options.read(true).custom_flags(libc::O_NONBLOCK).open(&path).expect("ours");
    run(program("forks", &path.display().to_string()));
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("it was written");
    assert_eq!(text.lines().map(parts).count(), 2);
}

/// Whoever starts a program that has more rights than he has doesn't make it write files.
#[test]
fn a_program_with_more_rights_writes_none() {
    let test = a_program_with_more_rights_writes_none;
    if !is_root() {
        return not_checked(name_of(test), "only root can give a program away");
    }
    if is_sanitized() {
        return not_checked(name_of(test), "the leak checker may not look into such a program");
    }
    if !alone(test) {
        return;
    }
    let program_with = directory().join("with-more-rights");
    fs::copy(std::env::current_exe().expect("its path"), &program_with).expect("there is room");
    set_owner(&program_with, 65534);
    set_owner(directory(), 65534);
    let path = fresh_file();
    for (mode, is_written) in [(0o4755, false), (0o755, true)] {
        set_mode(&program_with, mode);
        let plain = program("listens", &path.display().to_string());
        let mut command = Command::new(&program_with);
        command.args(plain.get_args()).stderr(Stdio::inherit());
        command.envs(plain.get_envs().filter_map(|(key, value)| Some((key, value?))));
        use std::os::unix::process::CommandExt;
        command.uid(if is_written { 65534 } else { 12345 });
        set_mode(directory(), 0o755);
        run(command);
        assert_eq!(path.exists(), is_written);
    }
    set_owner(directory(), 0);
    set_mode(directory(), 0o700);
}
