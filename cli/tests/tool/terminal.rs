//! What a user at a terminal sees: script(1) gives the program one.

use crate::place::{Place, text};

/// How to run a command line on a terminal of its own.
fn on_terminal(line: &str) -> String {
    format!("script --quiet --return --command \"{line}\" /dev/null")
}

#[test]
fn what_a_peer_sends_can_not_drive_the_terminal() {
    let place = Place::new();
    let recv = on_terminal("treenail recv shm:safe");
    let script = format!(
        "{recv} > shown < /dev/null &
         printf 'a\\033[2Jb\\377' | treenail send --wait shm:safe; wait $!; cat shown"
    );
    let shown = text(&place.shell(&script).stdout);
    assert_eq!(shown.trim_end(), "a\\x1b[2Jb\\xff");
}

#[test]
fn a_watch_redraws_in_place_and_clears_nothing_before() {
    let place = Place::new();
    let line = on_terminal("stty rows 20 cols 80; timeout 2 treenail list --watch=20ms");
    let shown = text(&place.shell(&format!("{line} < /dev/null || true")).stdout);
    let frames: Vec<&str> = shown.split("\x1b[1A\r").collect();
    assert!(frames.len() >= 2, "{shown:?}");
    for frame in frames {
        assert_eq!(frame, "KIND  NAME  STATE  HOLDERS  SIZE  MODE\x1b[K\r\n\x1b[J", "{shown:?}");
    }
}

#[test]
fn the_end_of_a_terminal_s_input_ends_a_conversation() {
    let place = Place::new();
    let listen = on_terminal("treenail listen shm:typed");
    // What script(1) reads is typed; then comes the end.
    let script = format!(
        "printf 'typed\\n' | {listen} > shown &
         treenail connect --wait shm:typed < /dev/null; wait $!; cat shown"
    );
    let output = place.shell(&script);
    let shown = text(&output.stdout);
    assert!(shown.starts_with("typed\n"), "{shown:?} {}", text(&output.stderr));
    assert!(shown.contains("[listening at shm:typed") && shown.contains("[joined to process"));
}

#[test]
fn progress_is_shown_on_a_terminal_alone() {
    let place = Place::new();
    let send = |command: &str| {
        format!(
            "treenail recv --count 1 shm:large > /dev/null &
             head -c 3145728 /dev/zero > large; {command}; wait $!"
        )
    };
    let line = "treenail send --wait --progress shm:large --file large";
    assert_eq!(text(&place.shell(&send(&format!("{line} 2>&1"))).stdout), "");
    let shown = text(&place.shell(&send(&format!("{} < /dev/null", on_terminal(line)))).stdout);
    assert!(shown.contains("3.00 MiB of 3.00 MiB"), "{shown:?}");
}
