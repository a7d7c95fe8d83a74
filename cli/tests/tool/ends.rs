//! How the program ends: exit statuses, signals, broken pipes, and the other side's end.

use crate::place::{Place, ended_with, signal, text, until};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Child;

/// Waits until a child prints a line.
fn line_of(child: &mut Child) -> String {
    let mut line = String::new();
    let output = child.stdout.as_mut().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("it is text");
    line
}

#[test]
fn the_status_tells_scripts_what_was_the_matter() {
    let place = Place::new();
    for (status, args) in [
        (0, &["list"][..]),
        (3, &["send", "shm:nobody", "hello"]),
        (3, &["request", "local:nobody", "hello"]),
        (3, &["info", "nobody"]),
        (3, &["remove", "segment:nobody"]),
        (4, &["recv", "shm:quiet", "--timeout", "50ms"]),
        (4, &["send", "--wait", "--timeout", "50ms", "shm:nobody", "hello"]),
        (2, &["recv", "quiet"]),
        (2, &["recv", "shm:quiet?colour=red"]),
        (2, &["list", "nokind:*"]),
        (2, &["send", "--hex", "shm:nobody", "xyz"]),
        (2, &["man", "nothing"]),
        (1, &["send", "shm:nobody", "--file", "missing"]),
    ] {
        ended_with(status, &place.run(args));
    }
    for args in [&["recv"][..], &["nonsense"], &["recv", "shm:a", "--timeout", "soon"], &[]] {
        assert_eq!(place.run(args).status.code(), Some(2), "{args:?}");
    }
    assert!(place.sockets().iter().all(|name| !name.ends_with(".sock")), "a name is left");
}

#[test]
fn a_signal_leaves_no_name() {
    let place = Place::new();
    for command in [&["recv"][..], &["recv", "--keep"], &["listen"], &["echo"], &["echo", "-1"]] {
        for name in ["INT", "TERM", "HUP"] {
            let mut child = place.start(&[command, &["shm:short"]].concat());
            place.await_listener("short");
            signal(&child, name);
            let status = child.wait().expect("it is our child");
            assert_eq!(status.code(), None, "{command:?} ends by SIG{name}, as the shell expects");
            let left = place.sockets();
            assert!(
                left.iter().all(|name| !name.ends_with(".sock")),
                "{command:?} leaves {left:?}"
            );
            let mut told = String::new();
            child.stderr.take().expect("piped").read_to_string(&mut told).expect("text");
            assert_eq!(told, "", "{command:?}");
        }
    }
}

#[test]
fn the_other_side_sees_a_signal_as_a_close() {
    let place = Place::new();
    let mut listener = place.start(&["listen", "shm:talk"]);
    let mut connector = place.start(&["connect", "--wait", "shm:talk"]);
    connector.stdin.as_mut().expect("piped").write_all(b"hello\n").expect("it reads");
    assert_eq!(line_of(&mut listener), "hello\n");
    signal(&listener, "INT");
    ended_with(0, &connector.wait_with_output().expect("it is our child"));
    listener.wait().expect("it is our child");
}

#[test]
fn a_receiver_tells_that_its_sender_was_killed() {
    let place = Place::new();
    let mut receiver = place.start(&["recv", "--lines", "shm:cut"]);
    let mut sender = place.start(&["send", "--wait", "shm:cut"]);
    sender.stdin.as_mut().expect("piped").write_all(b"half").expect("it reads");
    assert_eq!(line_of(&mut receiver), "half\n");
    sender.kill().expect("it is our child");
    sender.wait().expect("it is our child");
    ended_with(1, &receiver.wait_with_output().expect("it is our child"));
}

#[test]
fn a_sender_that_waits_for_input_ends_with_its_receiver() {
    let place = Place::new();
    let mut receiver = place.start(&["recv", "--lines", "--count", "1", "shm:enough"]);
    let mut sender = place.start(&["send", "--wait", "shm:enough"]);
    let input = sender.stdin.as_mut().expect("piped");
    input.write_all(b"the only one").expect("it reads");
    assert_eq!(line_of(&mut receiver), "the only one\n");
    assert!(receiver.wait().expect("it is our child").success());
    // Its input stays open.
    until("the sender ends", || sender.try_wait().expect("it is our child").is_some());
    assert_eq!(sender.wait().expect("it is our child").code(), Some(1));
}

#[test]
fn an_output_that_nobody_reads_ends_it_quietly() {
    let place = Place::new();
    for script in [
        "treenail recv shm:lost | true &
         seq 1000000 | treenail send --wait shm:lost 2> told || grep -q closed told",
        "treenail man | head -n 1 > page",
        "treenail list --json | true",
    ] {
        let output = place.shell(&format!("{script}; wait"));
        assert_eq!(text(&output.stderr), "", "{script}");
        assert!(output.status.success(), "{script}");
    }
}
