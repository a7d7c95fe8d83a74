//! Endpoints, names and patterns that are wrong.

use super::Table;
use treenail::Status::{Invalid, NotFound};
use treenail::{Channel, Listener, NOW, Segment, Semaphore, list, sweep};

/// Endpoints, and words of what is said of them.
const ENDPOINTS: [(&str, &[&str]); 22] = [
    ("chat", &["no scheme", "write shm:NAME"]),
    ("pigeon:chat", &["unknown scheme \"pigeon\"", "there are shm:, local: and fd:"]),
    ("shm://chat", &["no slashes behind shm:", "write shm:chat"]),
    ("shm:", &["a name has 1 to 64"]),
    ("shm:a b", &["a name has 1 to 64", "path"]),
    ("shm:/tmp/", &["ends in a slash", "name a socket file"]),
    ("shm:%zz", &["two hexadecimal digits", "%25"]),
    ("shm:%00", &["NUL byte", "leave it out"]),
    ("shm:a?group=%ff", &["not UTF-8", "write it in that"]),
    ("shm:a?colour=red", &["unknown option \"colour\"", "there are ring"]),
    ("shm:a?ring=1", &["bad value \"1\" for ring", "valid are 4KiB to 1GiB"]),
    ("shm:a?ring=8KiB&ring=8KiB", &["twice", "once"]),
    ("shm:a?spin=no", &["for spin", "valid are"]),
    ("shm:a?mode=9", &["for mode", "octal"]),
    ("shm:a?peer_uid=me", &["for peer_uid", "a user's number"]),
    ("shm:a?raw=1", &["raw=1 is not for shm:", "write local:"]),
    ("local:a?shm=required", &["shm=required is not for local:", "leave it out"]),
    ("shm:a?ring=1MiB&ring_max=64KiB", &["over ring_max", "raise ring_max"]),
    ("shm:a?", &["unknown option"]),
    ("fd:1", &["standard input", "pass the socket under a number"]),
    ("fd:x", &["the number of an open descriptor", "write fd:3"]),
    ("fd:9?shm=required&raw=1", &["exclude each other", "leave one of them out"]),
];

/// Names of segments, and words of what is said of them.
const NAMES: [(&str, &[&str]); 8] = [
    ("", &["a name has 1 to 64", "choose one"]),
    ("a/b", &["a name has 1 to 64", "native:/NAME"]),
    ("a?access=x", &["for access", "rw or ro"]),
    ("a?undo=1", &["unknown option \"undo\"", "there are access"]),
    ("a?mode=x", &["for mode", "octal"]),
    ("native:a", &["a native name is a slash", "write native:/NAME"]),
    ("native:/treenail.0.a", &["this library's own", "plain name"]),
    ("a%00", &["NUL byte"]),
];

pub fn rows(table: &mut Table) {
    for (endpoint, says) in ENDPOINTS {
        table.row(format!("connect {endpoint}"), Invalid, says, Channel::connect(endpoint, NOW));
        let started = Channel::connect_start(endpoint);
        table.row(format!("connect {endpoint}"), Invalid, says, started);
        table.row(format!("listen {endpoint}"), Invalid, says, Listener::open(endpoint));
        table.row(format!("create {endpoint}"), Invalid, says, Channel::create(endpoint, NOW));
    }
    let long = format!("shm:{}", "x".repeat(5000));
    let shown = format!("{}...", &long[..64]);
    let says: &[&str] = &["at most 4096 bytes", "shorten it"];
    table.row(format!("connect {shown}"), Invalid, says, Channel::connect(&long, NOW));
    table.row(format!("open {shown}"), Invalid, says, Segment::open(&long));
    for (name, says) in NAMES {
        let shown = if name.is_empty() { "\"\"" } else { name };
        table.row(format!("open {shown}"), Invalid, says, Segment::open(name));
        table.row(format!("create {shown}"), Invalid, says, Segment::create(name, 8));
        let made = Segment::open_or_create(name, 8);
        table.row(format!("open_or_create {shown}"), Invalid, says, made);
        table.row(format!("remove {shown}"), Invalid, says, Segment::remove(name));
    }
    let options = "x".repeat(5000);
    let says: &[&str] = &["at most 4096 bytes", "shorten them"];
    let pair = Channel::pair(&options);
    table.row(format!("make pair?{}...", &options[..59]), Invalid, says, pair);
    let says: &[&str] = &["with * a listener chooses a name", "connect to what it tells"];
    table.row("connect shm:*", Invalid, says, Channel::connect("shm:*", NOW));
    let says: &[&str] = &["systemd has passed no socket", "start it by a systemd socket unit"];
    table.row("connect fd:systemd", NotFound, says, Channel::connect("fd:systemd", NOW));
    let says: &[&str] = &["only segments", "leave native: out"];
    table.row("open native:/a", Invalid, says, Semaphore::open("native:/a"));
    let says: &[&str] = &["a name has 1 to 64", "choose one"];
    table.row("open a b", Invalid, says, Semaphore::open("a b"));
    for (pattern, says) in [
        ("x", &["a pattern is kind:name", "kinds: listener"] as &[&str]),
        ("pigeon:*", &["no kind is \"pigeon\"", "kinds: listener"]),
    ] {
        table.row(format!("list {pattern}"), Invalid, says, list(Some(pattern)));
        table.row(format!("sweep {pattern}"), Invalid, says, sweep(Some(pattern)));
    }
}
