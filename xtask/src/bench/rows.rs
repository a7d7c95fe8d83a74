//! What is compared with what, and what must be reached: the rows of channels through the C ABI, and
//! the list of all rows.

use super::table::{Args, Contestant, Program, Rival, Row, Target, contestant, peer, row, seen};
use super::{bindings, qt, segments};

const fn ours(args: Args) -> Contestant {
    contestant("treenail", Program::Ours, args)
}

const fn floor(label: &'static str, args: Args, target: Target) -> Rival {
    Rival { contestant: contestant(label, Program::Floors, args), target: Some(target) }
}

const fn channel_row(
    name: &'static str,
    what: &'static str,
    args: Args,
    rivals: &'static [Rival],
) -> Row {
    row(name, what, ours(args), rivals)
}

const fn limited(
    name: &'static str,
    what: &'static str,
    args: Args,
    limit: Target,
    rivals: &'static [Rival],
) -> Row {
    Row { limit: Some(limit), ..channel_row(name, what, args, rivals) }
}

const fn memory(name: &'static str, what: &'static str, args: Args, kib: f64) -> Row {
    Row { once: true, ..limited(name, what, args, Target::KibAtMost(kib), &[]) }
}

use Program::{Boost, Floors, Iceoryx2, Nng, Ours, Zeromq};
use Target::{P99AtMostMs, RateAtLeast, TimeAtMost};

/// Constant time, up to what the same measurement of the same thing moves by. The rings are as much
/// larger as the messages are: with fewer of them under way, the sides would wait for each other more.
const CONSTANT: Target = TimeAtMost(1.3);

/// A look at a descriptor, and marking it as empty, costs a few system calls.
const EMPTY_WATCHED: Target = TimeAtMost(4.0);

/// All rows, in the order of the page.
pub fn all() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(segments::ROWS).chain(bindings::ROWS).chain(qt::ROWS)
}

/// The rows of channels through the C ABI.
const ROWS: &[Row] = &[
    channel_row(
        "shm-round-trip-spin",
        "shm round trip, 64 B, both sides spin=forever",
        &["ping", "64", "shm?spin=forever"],
        &[
            floor("spinning ring", &["ring-ping-64"], TimeAtMost(1.3)),
            peer("iceoryx2 polling", Iceoryx2, &["ping", "64"], 3.0),
        ],
    ),
    channel_row(
        "shm-round-trip-default",
        "shm round trip, 64 B, default options, busy",
        &["ping", "64", "shm"],
        &[
            floor("spinning ring", &["ring-ping-64"], TimeAtMost(1.5)),
            seen("iceoryx2 waiting", Iceoryx2, &["ping", "64", "waiting"]),
            seen("Boost message_queue", Boost, &["ping", "64"]),
        ],
    ),
    channel_row(
        "shm-round-trip-sleep",
        "shm round trip, 64 B, spin=0: every message wakes its receiver",
        &["ping", "64", "shm?spin=0"],
        &[
            floor("pipe", &["pipe-ping"], TimeAtMost(1.2)),
            seen("eventfd", Floors, &["eventfd-ping"]),
            seen("iceoryx2 waiting", Iceoryx2, &["ping", "64", "waiting"]),
            seen("Boost message_queue", Boost, &["ping", "64"]),
        ],
    ),
    channel_row(
        "shm-one-way-64",
        "shm one way, 64 B, default options, a call each",
        &["flood", "64", "shm"],
        &[
            floor("spinning ring", &["ring-flood-64"], RateAtLeast(0.4)),
            peer("iceoryx2 polling", Iceoryx2, &["flood", "64"], 5.0),
            peer("Boost message_queue", Boost, &["flood", "64"], 4.0),
            peer("ZeroMQ", Zeromq, &["flood", "64"], 3.0),
        ],
    ),
    channel_row(
        "shm-one-way-64-many",
        "shm one way, 64 B, default options, send_many and recv_many",
        &["flood-many", "64", "shm"],
        &[floor("spinning ring", &["ring-flood-64"], RateAtLeast(0.8))],
    ),
    channel_row(
        "shm-one-way-64k",
        "shm one way, 64 KiB, send and recv: two copies",
        &["flood", "65536", "shm?ring=1MiB"],
        &[
            floor("spinning ring", &["ring-flood", "65536"], RateAtLeast(0.9)),
            seen("memcpy, one copy", Floors, &["memcpy", "65536"]),
        ],
    ),
    channel_row(
        "shm-one-way-1m",
        "shm one way, 1 MiB, send and recv: two copies",
        &["flood", "1048576", "shm?ring=8MiB"],
        &[
            floor("spinning ring", &["ring-flood", "1048576"], RateAtLeast(0.9)),
            seen("memcpy, one copy", Floors, &["memcpy", "1048576"]),
        ],
    ),
    channel_row(
        "shm-view-64k",
        "shm one way, 64 KiB, send and view: one copy",
        &["flood-view", "65536", "shm?ring=1MiB"],
        &[
            seen("spinning ring, two copies", Floors, &["ring-flood", "65536"]),
            peer("iceoryx2, copied in", Iceoryx2, &["flood", "65536"], 1.0),
        ],
    ),
    channel_row(
        "shm-view-1m",
        "shm one way, 1 MiB, send and view: one copy",
        &["flood-view", "1048576", "shm?ring=8MiB"],
        &[
            seen("spinning ring, two copies", Floors, &["ring-flood", "1048576"]),
            peer("iceoryx2, copied in", Iceoryx2, &["flood", "1048576"], 1.0),
        ],
    ),
    channel_row(
        "shm-in-place",
        "shm one way, 1 MiB made and read in place: loan and view",
        &["flood-in-place", "1048576", "shm?ring=64MiB&ring_max=64MiB"],
        &[
            Rival {
                contestant: contestant(
                    "treenail, 4 KiB",
                    Ours,
                    &["flood-in-place", "4096", "shm?ring=256KiB"],
                ),
                target: Some(CONSTANT),
            },
            Rival {
                contestant: contestant(
                    "treenail, 64 KiB",
                    Ours,
                    &["flood-in-place", "65536", "shm?ring=4MiB"],
                ),
                target: Some(CONSTANT),
            },
            seen("iceoryx2, 1 MiB in place", Iceoryx2, &["flood-in-place", "1048576"]),
        ],
    ),
    channel_row(
        "shm-empty",
        "shm: recv that finds nothing, TN_NOWAIT",
        &["empty", "64", "shm"],
        &[floor("read of an empty pipe", &["pipe-empty"], TimeAtMost(1.0))],
    ),
    channel_row(
        "shm-empty-watched",
        "shm: recv that finds nothing, TN_NOWAIT, after tn_channel_fd",
        &["empty-watched", "64", "shm"],
        &[floor("read of an empty pipe", &["pipe-empty"], EMPTY_WATCHED)],
    ),
    channel_row(
        "local-empty-watched",
        "local: recv that finds nothing, TN_NOWAIT, after tn_channel_fd",
        &["empty-watched", "64", "local"],
        &[floor("read of an empty pipe", &["pipe-empty"], EMPTY_WATCHED)],
    ),
    channel_row(
        "shm-threads",
        "8 threads sending 64 B on one shm handle",
        &["threads-8", "64", "shm"],
        &[Rival {
            contestant: contestant("treenail, 1 thread", Ours, &["threads-1", "64", "shm"]),
            target: Some(RateAtLeast(0.5)),
        }],
    ),
    channel_row(
        "local-round-trip",
        "local round trip, 64 B",
        &["ping", "64", "local"],
        &[
            floor("Unix socket", &["socket-ping"], TimeAtMost(1.15)),
            peer("ZeroMQ", Zeromq, &["ping", "64"], 2.0),
            peer("NNG", Nng, &["ping", "64"], 2.0),
        ],
    ),
    channel_row(
        "local-one-way-64-many",
        "local one way, 64 B, send_many and recv_many",
        &["flood-many", "64", "local"],
        &[
            floor("Unix socket, 64 KiB of frames", &["socket-blocks"], RateAtLeast(0.8)),
            peer("ZeroMQ", Zeromq, &["flood", "64"], 2.0),
        ],
    ),
    channel_row(
        "local-one-way-64k",
        "local one way, 64 KiB",
        &["flood", "65536", "local"],
        &[
            floor("Unix socket", &["socket-flood", "65536"], RateAtLeast(0.9)),
            seen("ZeroMQ", Zeromq, &["flood", "65536"]),
            seen("NNG", Nng, &["flood", "65536"]),
        ],
    ),
    channel_row(
        "shm-connect",
        "connect and first answer, shm",
        &["connect", "64", "shm"],
        &[floor("Unix socket", &["connect"], TimeAtMost(2.0))],
    ),
    channel_row(
        "local-connect",
        "connect and first answer, local",
        &["connect", "64", "local"],
        &[floor("Unix socket", &["connect"], TimeAtMost(1.3))],
    ),
    channel_row(
        "shm-early",
        "connect, send 64 B and close before anybody accepts, shm",
        &["early", "64", "shm"],
        &[floor("Unix socket", &["early"], TimeAtMost(1.3))],
    ),
    channel_row(
        "local-early",
        "connect, send 64 B and close before anybody accepts, local",
        &["early", "64", "local"],
        &[floor("Unix socket", &["early"], TimeAtMost(1.3))],
    ),
    limited(
        "shm-kill-idle",
        "kill -9 of a waiting peer until TN_PEER_LOST, shm",
        &["kill-idle", "64", "shm"],
        P99AtMostMs(100.0),
        &[seen("Unix socket", Floors, &["kill"])],
    ),
    limited(
        "shm-kill-busy",
        "kill -9 of a sending peer until TN_PEER_LOST, shm",
        &["kill-busy", "64", "shm"],
        P99AtMostMs(100.0),
        &[seen("Unix socket", Floors, &["kill"])],
    ),
    limited(
        "local-kill-idle",
        "kill -9 of a waiting peer until TN_PEER_LOST, local",
        &["kill-idle", "64", "local"],
        P99AtMostMs(100.0),
        &[seen("Unix socket", Floors, &["kill"])],
    ),
    memory(
        "shm-memory",
        "memory of a channel never used, both ends (PSS, of 1,000), shm",
        &["memory", "64", "shm?max_channels=2000"],
        64.0,
    ),
    memory(
        "local-memory",
        "memory of a channel never used, both ends (PSS, of 1,000), local",
        &["memory", "64", "local?max_channels=2000"],
        16.0,
    ),
];
