//! `info`: all that can be known of a name.

use crate::args::Info;
use crate::failure::{Exit, Failure};
use crate::named::{Named, pattern_of_name, size};
use crate::sockets::{self, Users};
use crate::{list, watch};
use serde_json::json;
use std::collections::HashMap;
use std::fmt::{Display, Write};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Instant;

pub fn run(args: &Info) -> Result<(), Failure> {
    let pattern = pattern_of_name(&args.name);
    let look = || {
        let lines = match pattern.strip_prefix("listener:").filter(|name| name.contains('/')) {
            Some(path) => at_path(path),
            None => treenail::list(Some(&pattern))?,
        };
        match lines.is_empty() {
            false => Ok(lines),
            true => {
                let text = match args.name.contains('/') {
                    true => "there is no socket; check the path, or start the listener",
                    false => "nothing has that name; `treenail list` shows what there is",
                };
                Err(Failure::new(Exit::Nobody, format!("info {}: {text}", args.name)))
            }
        }
    };
    if args.json {
        return watch::show(&args.watch, "", || {
            let lines = with_users(&look()?);
            Ok(if args.watch.watch.is_some() { list::array(&lines) } else { lines })
        });
    }
    let mut last = Seen::new();
    watch::show(&args.watch, "\n", || {
        let found = Named::read(&look()?);
        let texts: Vec<String> = found.iter().map(|named| text(named, &last)).collect();
        last =
            found.into_iter().map(|named| (named.path.clone(), (Instant::now(), named))).collect();
        Ok(texts.join("\n"))
    })
}

/// What was there at the last look, by its path.
type Seen = HashMap<String, (Instant, Named)>;

/// How often a segment has changed since the last look.
fn rate(named: &Named, last: &Seen) -> Option<String> {
    let (when, before) = last.get(&named.path)?;
    let changes = named.version?.checked_sub(before.version?)?;
    Some(format!(", {:.0} changes a second", changes as f64 / when.elapsed().as_secs_f64()))
}

fn text(named: &Named, last: &Seen) -> String {
    let Named { kind, name, .. } = named;
    let mut text = format!("{kind} {name}\n");
    let mut line = |what: &str, value: String| {
        let _ = writeln!(text, "  {what:8}  {value}");
    };
    if kind == "listener" {
        line("connect", format!("shm:{name} or local:{name}"));
    }
    line("path", named.path.clone());
    line("owner", user(named.owner));
    line("mode", named.mode.clone());
    line("state", state(named));
    if let Some(users) = users(named).filter(|_| named.alive) {
        let [listening, connected] = [&users.listening, &users.connected].map(|pids| {
            let pids: Vec<String> = pids.iter().map(|pid| process(*pid)).collect();
            if pids.is_empty() { "can't be seen from here".to_owned() } else { pids.join(", ") }
        });
        line("listens", listening);
        line("channels", users.channels.to_string());
        if users.channels > 0 {
            line("with", connected);
        }
    }
    if kind != "listener" {
        line("size", format!("{} ({} bytes)", size(named.bytes), named.bytes));
        line("memory", size(named.memory));
        line("holders", named.holders.to_string());
        for pid in &named.pids {
            line("", process(*pid));
        }
    }
    if let Some(version) = named.version {
        line("version", format!("{version}{}", rate(named, last).unwrap_or_default()));
    }
    if let Some(units) = named.units {
        line("units", format!("{units} free"));
    }
    text
}

/// The line of a socket file at a path, which the library doesn't list; empty if there is none.
fn at_path(path: &str) -> String {
    let socket = fs::symlink_metadata(path).ok().filter(|file| file.file_type().is_socket());
    let Some(socket) = socket else {
        return String::new();
    };
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let alive = sockets::users(&path).is_some_and(|users| users.is_listened_at);
    let line = json!({"kind": "listener", "name": path, "owner": socket.uid(), "alive": alive,
        "holders": u32::from(alive), "bytes": 0, "memory": 0, "persist": false,
        "mode": format!("{:04o}", socket.mode() & 0o7777), "path": path});
    format!("{line}\n")
}

/// Who uses a listener's socket.
fn users(named: &Named) -> Option<Users> {
    (named.kind == "listener").then(|| sockets::users(Path::new(&named.path))).flatten()
}

/// The library's lines, with what else is known of listeners.
fn with_users(lines: &str) -> String {
    let more = |line: &str| {
        let known = Named::read(line).first().and_then(users);
        let known = known.map(|Users { listening, connected, channels, .. }| {
            let known = json!({"pids": listening, "channels": channels, "connected": connected});
            let known = known.to_string();
            format!("{},{}", line.trim_end_matches('}'), known.trim_start_matches('{'))
        });
        known.unwrap_or_else(|| line.to_owned()) + "\n"
    };
    lines.lines().map(more).collect()
}

fn state(named: &Named) -> String {
    match named.state() {
        "left over" if named.name.contains('/') => "nobody listens there".to_owned(),
        "left over" => "left over: nobody has it; `treenail clean` removes it".to_owned(),
        "kept" => "kept: nobody has it, and persist=1 keeps it".to_owned(),
        state => state.to_owned(),
    }
}

/// A user's number, and the name of that user.
fn user(number: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number.to_string()).then(|| name.to_owned())
    });
    name.map_or_else(|| number.to_string(), |name| format!("{number} ({name})"))
}

/// A process' number, and what it runs.
pub fn process(pid: impl Display) -> String {
    let program = fs::read_to_string(format!("/proc/{pid}/comm"));
    program.map_or_else(|_| pid.to_string(), |program| format!("{pid} {}", program.trim_end()))
}
