//! The rows of the C++ header, which is to cost nothing, and of the Python package.

use super::table::Program::{Ours, OursCpp, Python};
use super::table::Target::{MsAtMost, TimeAtMost};
use super::table::{Args, Contestant, Rival, Row, contestant, peer, row, seen};

const fn cpp(args: Args) -> Contestant {
    contestant("treenail, C++", OursCpp, args)
}

/// The same through the C ABI.
const fn c(args: Args) -> Rival {
    let contestant = contestant("treenail, C", Ours, args);
    Rival { contestant, target: Some(TimeAtMost(1.05)) }
}

const fn python(args: Args) -> Contestant {
    contestant("treenail", Python, args)
}

const fn python_peer(label: &'static str, args: Args, times: f64) -> Rival {
    peer(label, Python, args, times)
}

const fn python_seen(label: &'static str, args: Args) -> Rival {
    seen(label, Python, args)
}

pub const ROWS: &[Row] = &[
    row(
        "cpp-round-trip",
        "C++: shm round trip, 64 B, default options",
        cpp(&["ping", "64", "shm"]),
        &[c(&["ping", "64", "shm"])],
    ),
    row(
        "cpp-one-way-64",
        "C++: shm one way, 64 B, default options, a call each",
        cpp(&["flood", "64", "shm"]),
        &[c(&["flood", "64", "shm"])],
    ),
    row(
        "python-round-trip",
        "Python: shm round trip, 64 B, default options",
        python(&["ours", "ping", "64", "shm"]),
        &[
            python_peer("multiprocessing.Pipe", &["pipe", "ping"], 6.0),
            python_peer("pyzmq", &["zeromq", "ping"], 6.0),
            python_peer("iceoryx2 polling", &["iceoryx", "ping"], 1.0),
        ],
    ),
    row(
        "python-one-way-64",
        "Python: shm one way, 64 B, default options, a call each",
        python(&["ours", "flood", "64", "shm"]),
        &[
            python_peer("multiprocessing.Pipe, one-way", &["pipe", "flood", "64", "one-way"], 2.0),
            python_seen("multiprocessing.Pipe, two-way", &["pipe", "flood"]),
            python_seen("pyzmq", &["zeromq", "flood"]),
        ],
    ),
    row(
        "python-one-way-64-many",
        "Python: shm one way, 64 B, default options, send_many and recv_many",
        python(&["ours", "flood-many", "64", "shm"]),
        &[python_peer("pyzmq", &["zeromq", "flood"], 4.0)],
    ),
    row(
        "python-view-1m",
        "Python: shm one way, 1 MiB, send and view: one copy",
        python(&["ours", "flood-view", "1048576", "shm?ring=8MiB"]),
        &[
            python_peer("pyzmq, copy=False", &["zeromq", "flood-view", "1048576", "no-copy"], 4.0),
            python_seen("pyzmq, sent by copy", &["zeromq", "flood-view", "1048576"]),
        ],
    ),
    row(
        "python-object",
        "Python: round trip of an object through a Pipe of treenail.connection",
        python(&["objects", "ping", "64", "treenail.connection"]),
        &[python_peer(
            "multiprocessing.connection",
            &["objects", "ping", "64", "multiprocessing.connection"],
            4.0,
        )],
    ),
    row(
        "asyncio-round-trip",
        "asyncio: shm round trip, 64 B, default options",
        python(&["ours_async", "ping-async", "64", "shm"]),
        &[python_peer("asyncio streams", &["streams", "ping-async"], 2.0)],
    ),
    Row {
        limit: Some(MsAtMost(30.0)),
        ..row(
            "python-import",
            "Python: import treenail, in a fresh interpreter",
            python(&["imports", "import", "64", "treenail"]),
            &[
                python_seen(
                    "multiprocessing.connection",
                    &["imports", "import", "64", "multiprocessing.connection"],
                ),
                python_seen("zmq", &["imports", "import", "64", "zmq"]),
            ],
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{rows, segments};
    use crate::shell;

    #[test]
    fn every_python_contestant_has_its_module() {
        let folder = shell::root().join("benches/python");
        let rivals = rows::all().flat_map(|row| row.rivals).map(|rival| rival.contestant);
        let all =
            rows::all().map(|row| row.ours).chain(rivals).chain(segments::KILLED.iter().copied());
        let python: Vec<_> = all.filter(|contestant| contestant.program == Python).collect();
        assert!(python.len() > ROWS.len() / 2);
        for contestant in python {
            let module = folder.join(format!("{}.py", contestant.args[0]));
            assert!(module.is_file(), "{} is missing", module.display());
        }
    }

    #[test]
    fn rows_have_names_of_their_own() {
        let mut names: Vec<_> = rows::all().map(|row| row.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
