//! What the program says of names, and which it takes away.

use crate::place::{Place, ended_with, signal, text, until};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use treenail::{Segment, Semaphore};

/// What a child of this test program is to make: this many segments, and a semaphore.
const MADE: &str = "TREENAIL_TEST_MADE";

/// A process that holds objects, until it is told to end.
pub struct Holder(Child);

impl Holder {
    pub fn of(place: &Place, segments: usize) -> Holder {
        let mut command = Command::new(std::env::current_exe().expect("it has a path"));
        command.args(["--exact", "names::objects_are_held", "--nocapture"]);
        command.env("TREENAIL_SHM_PREFIX", place.shm_prefix()).env(MADE, segments.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the test program can run itself");
        let lines = BufReader::new(child.stdout.as_mut().expect("it is piped")).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|line| line.ends_with("held")), "it makes them");
        Holder(child)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, so that what it holds is left over.
    pub fn kill(&mut self) {
        self.0.kill().expect("it is our child");
        self.0.wait().expect("it is our child");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// No test: what a [`Holder`] runs.
#[test]
fn objects_are_held() {
    let Ok(segments) = std::env::var(MADE) else {
        return;
    };
    let segments = 0..segments.parse::<usize>().expect("a number");
    let made = segments.map(|number| Segment::create(&format!("frames-{number}"), 4096));
    let made: Vec<Segment> = made.collect::<Result<_, _>>().expect("the names are free");
    let kept = Segment::create("kept?persist=1", 100).expect("the name is free");
    let semaphore = Semaphore::create("slots", 3).expect("the name is free");
    println!("held");
    std::io::stdout().flush().expect("the parent reads");
    let _ = std::io::stdin().read(&mut [0]);
    drop((made, semaphore));
    drop(kept);
    Segment::remove("kept").expect("it is still there");
}

#[test]
fn a_list_shows_what_there_is() {
    let place = Place::new();
    let holder = Holder::of(&place, 2);
    let _echo = End(place.start(&["echo", "shm:mirror"]));
    place.await_listener("mirror");
    let table = ended_with(0, &place.run(&["list"]));
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["KIND", "NAME", "STATE", "HOLDERS", "SIZE", "MODE"]);
    assert_eq!(rows[1], ["listener", "mirror", "listening", "-", "-", "0600"]);
    let pid = holder.pid().to_string();
    let frames = ["segment", "frames-0", "in", "use", "1", "4.0", "KiB", "0600", "version", "0,"];
    assert_eq!(rows[2], [&frames[..], &["pids", &pid]].concat());
    assert_eq!(rows.last().expect("the semaphore")[..2], ["semaphore", "slots"]);
    let json = ended_with(0, &place.run(&["list", "--json", "frames-*"]));
    let objects: Vec<Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(objects.len(), 2, "{json}");
    assert_eq!(objects[1]["name"], "frames-1");
}

#[test]
fn info_tells_who_has_a_name() {
    let place = Place::new();
    let holder = Holder::of(&place, 1);
    let info = ended_with(0, &place.run(&["info", "segment:frames-0"]));
    assert!(info.starts_with("segment frames-0\n") && info.contains("4096 bytes"), "{info}");
    assert!(info.contains(&holder.pid().to_string()), "{info}");
    let info = ended_with(0, &place.run(&["info", "slots"]));
    assert!(info.contains("3 free"), "{info}");
}

#[test]
fn info_tells_who_listens_and_who_has_connected() {
    let place = Place::new();
    let echo = End(place.start(&["echo", "shm:mirror"]));
    let clients = [0; 2].map(|_| End(place.start(&["connect", "--wait", "shm:mirror"])));
    let mut pids: Vec<u64> = clients.iter().map(|client| client.0.id().into()).collect();
    pids.sort_unstable();
    let mut info = Value::Null;
    until("both have connected", || {
        let line = text(&place.run(&["info", "--json", "shm:mirror"]).stdout);
        info = serde_json::from_str(&line).unwrap_or_default();
        info["channels"] == 2
    });
    assert_eq!(info["pids"], serde_json::json!([echo.0.id()]));
    assert_eq!(info["connected"], serde_json::json!(pids));
    let told = ended_with(0, &place.run(&["info", "shm:mirror"]));
    assert!(told.contains(&format!("listens   {} treenail\n", echo.0.id())), "{told}");
}

#[test]
fn info_knows_sockets_at_paths() {
    let place = Place::new();
    let mut echo = place.start(&["echo", "local:./here.sock"]);
    let info = || text(&place.run(&["info", "local:./here.sock"]).stdout);
    until("it listens", || info().contains("  state     listening\n"));
    assert!(info().contains(&format!("listens   {} treenail\n", echo.id())), "{}", info());
    echo.kill().expect("it is our child");
    echo.wait().expect("it is our child");
    assert!(info().contains("  state     nobody listens there\n"), "{}", info());
}

#[test]
fn what_is_left_over_is_cleaned_and_nothing_else() {
    let place = Place::new();
    let _alive = End(place.start(&["echo", "shm:alive"]));
    place.await_listener("alive");
    let mut dead = place.start(&["echo", "shm:dead"]);
    place.await_listener("dead");
    dead.kill().expect("it is our child");
    dead.wait().expect("it is our child");
    let mut holder = Holder::of(&place, 1);
    assert_eq!(ended_with(0, &place.run(&["clean", "segment:*"])), "", "it is in use");
    holder.kill();
    let would = ended_with(0, &place.run(&["clean", "--dry-run"]));
    let names = "listener dead|segment frames-0|semaphore slots";
    let lines = |verb: &str| -> String {
        names.split('|').map(|name| format!("{verb} {name}\n")).collect()
    };
    assert_eq!(would, lines("would remove"));
    assert_eq!(ended_with(0, &place.run(&["clean"])), lines("removed"));
    assert_eq!(ended_with(0, &place.run(&["clean"])), "");
    let left = ended_with(0, &place.run(&["list"]));
    assert!(left.contains("alive") && left.contains("kept"), "{left}");
    assert_eq!(ended_with(0, &place.run(&["remove", "kept"])), "removed segment kept\n");
}

#[test]
fn a_name_in_use_is_removed_only_if_that_is_meant() {
    let place = Place::new();
    let _alive = End(place.start(&["echo", "shm:alive"]));
    place.await_listener("alive");
    let holder = Holder::of(&place, 1);
    ended_with(1, &place.run(&["remove", "shm:alive"]));
    ended_with(1, &place.run(&["remove", "segment:frames-0"]));
    let removed = place.run(&["remove", "--force", "segment:frames-0"]);
    assert_eq!(ended_with(0, &removed), "removed segment frames-0\n");
    ended_with(3, &place.run(&["info", "segment:frames-0"]));
    drop(holder);
}

#[test]
fn a_watch_shows_changes_also_where_there_is_no_terminal() {
    let place = Place::new();
    let mut watch = place.start(&["list", "--watch=10ms", "--json", "listener:*"]);
    let lines = BufReader::new(watch.stdout.take().expect("it is piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("[]"));
    let echo = End(place.start(&["echo", "shm:seen"]));
    assert!(lines.next().expect("a change").contains("\"alive\":true"));
    drop(echo);
    let mut left = || lines.next().expect("a change");
    until("the name is gone", || left() == "[]" || left().contains("\"alive\":false"));
    watch.kill().expect("it is our child");
    watch.wait().expect("it is our child");
}

/// A child that is ended in good order.
struct End(Child);

impl Drop for End {
    fn drop(&mut self) {
        signal(&self.0, "TERM");
        assert!(self.0.wait().is_ok());
        let mut told = Vec::new();
        let _ = self.0.stderr.take().map(|mut stderr| stderr.read_to_end(&mut told));
        assert_eq!(text(&told), "");
    }
}
