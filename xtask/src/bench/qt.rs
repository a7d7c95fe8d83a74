//! The rows of the Qt classes, beside Qt's own.

use super::table::Program::{QtLocks, QtMemory, QtMessages, QtSockets};
use super::table::Target::{P99AtMostMs, RateAtLeast, TimeAtMost};
use super::table::{Args, Rival, Row, contestant};

/// A LocalSocket, and a QLocalSocket that does the same; ours does it at least `times` as fast.
macro_rules! sockets {
    ($name:literal, $what:literal, $ours:expr, $genuine:expr, $times:expr) => {
        Row {
            name: $name,
            what: $what,
            ours: contestant("LocalSocket", QtSockets, $ours as Args),
            limit: None,
            rivals: &[Rival {
                contestant: contestant("QLocalSocket", QtSockets, $genuine as Args),
                target: Some(RateAtLeast($times)),
            }],
            once: false,
        }
    };
}

pub const ROWS: &[Row] = &[
    sockets!(
        "qt-socket-loop",
        "Qt: LocalSocket round trip, 64 B, in event loops",
        &["loop", "64"],
        &["genuine-loop", "64"],
        1.6
    ),
    sockets!(
        "qt-socket-wait",
        "Qt: LocalSocket round trip, 64 B, with waitForReadyRead",
        &["ping", "64"],
        &["genuine-ping", "64"],
        3.0
    ),
    sockets!(
        "qt-socket-one-way-64",
        "Qt: LocalSocket one way, 64 B, without flush",
        &["flood", "64"],
        &["genuine-flood", "64"],
        1.0
    ),
    sockets!(
        "qt-socket-one-way-64k",
        "Qt: LocalSocket one way, 64 KiB",
        &["flood", "65536"],
        &["genuine-flood", "65536"],
        2.5
    ),
    Row {
        name: "qt-socket-kill",
        what: "Qt: kill -9 of a LocalSocket's peer until disconnected()",
        ours: contestant("LocalSocket", QtSockets, &["kill", "64"]),
        limit: Some(P99AtMostMs(100.0)),
        rivals: &[Rival {
            contestant: contestant("QLocalSocket", QtSockets, &["genuine-kill", "64"]),
            target: None,
        }],
        once: false,
    },
    Row {
        name: "qt-memory-lock",
        what: "Qt: SharedMemory::lock and unlock",
        ours: contestant("SharedMemory", QtMemory, &["alone", "64", "SharedMemory"]),
        limit: None,
        rivals: &[Rival {
            contestant: contestant("QSharedMemory", QtLocks, &["alone", "64", "QSharedMemory"]),
            target: Some(RateAtLeast(15.0)),
        }],
        once: false,
    },
    Row {
        name: "qt-semaphore",
        what: "Qt: SystemSemaphore::acquire and release",
        ours: contestant("SystemSemaphore", QtMemory, &["alone", "64", "SystemSemaphore"]),
        limit: None,
        rivals: &[Rival {
            contestant: contestant(
                "QSystemSemaphore",
                QtLocks,
                &["alone", "64", "QSystemSemaphore"],
            ),
            target: None,
        }],
        once: false,
    },
    Row {
        name: "qt-channel-loop",
        what: "Qt: Channel round trip, 64 B, in event loops",
        ours: contestant("Channel", QtMessages, &["channel", "64", "shm"]),
        limit: None,
        rivals: &[Rival {
            contestant: contestant("treenail, C, poll()", QtMessages, &["poll", "64", "shm"]),
            target: Some(TimeAtMost(1.3)),
        }],
        once: false,
    },
];
