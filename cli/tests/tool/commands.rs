//! What each command does when all goes well.

use crate::place::{Place, ended_with, text};
use std::fs;
use std::io::{BufRead, BufReader, Write};

/// Runs a script, which must succeed, and tell nothing on standard error: what it prints.
fn says(script: &str) -> String {
    let place = Place::new();
    let output = place.shell(script);
    let told = text(&output.stderr);
    assert!(output.status.success(), "{script}\n{told}");
    assert_eq!(told, "", "{script}");
    assert!(place.sockets().iter().all(|name| !name.ends_with(".sock")), "{script} leaves a name");
    text(&output.stdout)
}

#[test]
fn bytes_come_out_as_they_went_in() {
    for scheme in ["shm", "local"] {
        let script = format!(
            "seq 700000 > original
             treenail recv {scheme}:copy > copy &
             treenail send --wait {scheme}:copy < original; wait $!
             cat original | treenail send --wait --listen {scheme}:copy &
             treenail recv --wait --connect {scheme}:copy | cat > second; wait $!
             cmp original copy; cmp original second"
        );
        assert_eq!(says(&script), "");
    }
}

#[test]
fn input_is_cut_into_pieces_that_the_other_side_takes() {
    let script = "seq 20000 > original
        treenail recv 'shm:small?max_message=1000' > copy &
        treenail send --wait 'shm:small?early=0' < original; wait $!; cmp original copy";
    assert_eq!(says(script), "");
}

#[test]
fn arguments_lines_and_files_are_messages() {
    let recv = "treenail recv --json shm:m &\n";
    let ends = [
        ("treenail send --wait shm:m a 'b c' ''", vec!["a", "b c", ""]),
        ("printf 'a\\n\\nb' | treenail send --wait --lines shm:m", vec!["a", "", "b"]),
        ("printf a > x; printf b | treenail send --wait shm:m -f x -f -", vec!["a", "b"]),
        ("treenail send --wait --hex shm:m '61 62' 63", vec!["ab", "c"]),
        ("echo 6162 | treenail send --wait --hex shm:m", vec!["ab"]),
        ("treenail send --wait --count 2 shm:m a b", vec!["a", "b", "a", "b"]),
        ("printf 'a\\nb' | treenail send --wait shm:m", vec!["a\\nb"]),
    ];
    for (send, messages) in ends {
        let lines = messages.iter().map(|message| {
            let len = message.replace("\\n", "n").len();
            format!("{{\"len\":{len},\"tag\":0,\"text\":\"{message}\"}}\n")
        });
        assert_eq!(says(&format!("{recv}{send}; wait $!")), lines.collect::<String>(), "{send}");
    }
}

#[test]
fn messages_are_written_in_the_form_that_is_asked_for() {
    let send = "treenail send --wait --tag 7 shm:m a b; wait $!";
    for (form, written) in [
        ("", "ab"),
        ("--lines", "a\nb\n"),
        ("--hex", "61\n62\n"),
        ("--json --count 1", "{\"len\":1,\"tag\":7,\"text\":\"a\"}\n"),
        ("--tag 8", ""),
        ("--tag 7", "ab"),
    ] {
        // The sender may find that the receiver has enough before it has sent all.
        let send = if form.contains("count") { send.replace("a b", "a") } else { send.to_owned() };
        assert_eq!(says(&format!("treenail recv {form} shm:m &\n{send}")), written, "{form}");
    }
}

#[test]
fn a_file_is_one_message_however_large() {
    let script = "head -c 10000000 /dev/zero > large
        treenail recv --json shm:large | cut -c 1-60 &
        treenail send --wait shm:large --file large; wait $!";
    assert!(says(script).starts_with("{\"len\":10000000,\"tag\":0,\"text\":\""), "one message");
}

#[test]
fn requests_are_answered() {
    let echo = "treenail echo --once shm:mirror &\n";
    for (request, replies) in [
        ("treenail request --wait shm:mirror a 'b c'", "a\nb c\n"),
        ("printf 'a\\nb' | treenail request --wait --lines shm:mirror", "a\nb\n"),
        ("printf 'all of it' | treenail request --wait shm:mirror", "all of it\n"),
        ("treenail request --wait --hex --hex-reply --tag 3 shm:mirror 00ff", "00ff\n"),
    ] {
        assert_eq!(says(&format!("{echo}{request}; wait $!")), replies, "{request}");
    }
}

#[test]
fn a_terminal_at_either_end_talks_by_lines() {
    let script = "(echo from the listener; cat) | treenail listen local:talk > heard &
        (echo from the connector) | treenail connect --wait local:talk --quit-after 2 > answer
        wait $!; cat heard answer";
    let place = Place::new();
    let output = place.shell(script);
    assert_eq!(ended_with(0, &output), "from the connector\nfrom the listener\n");
}

#[test]
fn one_receiver_serves_many_senders() {
    let script = "treenail recv --keep --count 6 --lines shm:many > all &
        for number in 1 2 3; do treenail send --wait shm:many $number $number; done
        wait $!; sort all";
    assert_eq!(says(script), "1\n1\n2\n2\n3\n3\n");
}

#[test]
fn echo_serves_several_at_a_time() {
    let place = Place::new();
    let echo = place.start(&["echo", "shm:mirror"]);
    let mut first = place.start(&["connect", "--wait", "shm:mirror"]);
    first.stdin.as_mut().expect("piped").write_all(b"first\n").expect("it reads");
    let mut lines = BufReader::new(first.stdout.as_mut().expect("piped")).lines();
    assert_eq!(lines.next().expect("a line").expect("text"), "first");
    let second = place.run(&["request", "shm:mirror", "second"]);
    assert_eq!(ended_with(0, &second), "second\n");
    for mut child in [first, echo] {
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
    }
}

#[test]
fn a_name_that_the_listener_chooses_is_told() {
    let place = Place::new();
    let mut receiver = place.start(&["recv", "shm:*"]);
    let mut told = BufReader::new(receiver.stderr.as_mut().expect("piped")).lines();
    let told = told.next().expect("a line").expect("text");
    let endpoint = told.strip_prefix("treenail: listening at ").expect("it says where");
    ended_with(0, &place.run(&["send", endpoint, "found"]));
    let output = receiver.wait_with_output().expect("it is our child");
    assert_eq!(ended_with(0, &output), "found");
}

#[test]
fn bench_measures_three_ways() {
    let place = Place::new();
    let rows = ended_with(0, &place.run(&["bench", "--time", "50ms", "--json"]));
    assert_eq!(rows.lines().count(), 6, "{rows}");
    let table = ended_with(0, &place.run(&["bench", "--time", "50ms"]));
    for way in ["shm:", "local:", "two pipes and cat"] {
        let lines = table.lines().filter(|line| line.trim_start().starts_with(way));
        assert_eq!(lines.count(), 2, "{table}");
    }
    assert_eq!(place.sockets().iter().filter(|name| name.ends_with(".sock")).count(), 0);
}

#[test]
fn pages_and_completions_are_written() {
    let place = Place::new();
    ended_with(0, &place.run(&["man", "--dir", "man"]));
    let page = fs::read_to_string(place.path().join("man/treenail-send.1")).expect("it is written");
    assert!(page.contains("treenail\\-send") && page.contains(".SH EXAMPLE\n.nf\n"), "{page}");
    let all = ended_with(0, &place.run(&["man"]));
    assert!(!all.contains("EXTRA") && all.contains(".SH EXIT STATUS\n0 good"), "{all}");
    assert!(all.contains("treenail\\-recv") && all.matches(".TH ").count() >= 14, "{all}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(ended_with(0, &place.run(&["completions", shell])).contains("treenail"));
    }
}
