//! The rows of segments and semaphores, and the locks whose owners are killed.

use super::table::Program::{BoostLocks, Floors, Locks, Ours, OursLocks, Python, QtLocks, RawSync};
use super::table::Target::{P99AtMostMs, RateAtLeast, TimeAtMost};
use super::table::{Args, Contestant, Rival, Row, Target, contestant, row, seen};

const fn locks(args: Args) -> Contestant {
    contestant("treenail", OursLocks, args)
}

const fn against(contestant: Contestant, target: Target) -> Rival {
    Rival { contestant, target: Some(target) }
}

const fn system(label: &'static str, args: Args, target: Target) -> Rival {
    against(contestant(label, Locks, args), target)
}

pub const ROWS: &[Row] = &[
    row(
        "segment-lock",
        "segment: lock and unlock, uncontended",
        locks(&["alone", "64", "segment"]),
        &[
            system("robust pthread mutex", &["alone", "64", "robust"], TimeAtMost(1.2)),
            seen("raw_sync mutex", RawSync, &["alone", "64", "mutex"]),
            seen("Boost interprocess_mutex", BoostLocks, &["alone", "64", "mutex"]),
            seen("flock", Locks, &["alone", "64", "flock"]),
            seen("QSystemSemaphore", QtLocks, &["alone", "64", "QSystemSemaphore"]),
            seen("QSharedMemory", QtLocks, &["alone", "64", "QSharedMemory"]),
        ],
    ),
    row(
        "segment-contended",
        "segment: two processes contending for a counter",
        locks(&["contended", "64", "segment"]),
        &[
            system("robust pthread mutex", &["contended", "64", "robust"], RateAtLeast(1.0)),
            seen("raw_sync mutex", RawSync, &["contended", "64", "mutex"]),
            seen("Boost interprocess_mutex", BoostLocks, &["contended", "64", "mutex"]),
            seen("flock", Locks, &["contended", "64", "flock"]),
        ],
    ),
    Row {
        limit: Some(P99AtMostMs(100.0)),
        ..row(
            "segment-killed",
            "segment: kill -9 of the lock's owner until the one who waits has it",
            locks(&["killed", "64", "segment"]),
            &[
                seen("robust pthread mutex", Locks, &["killed", "64", "robust"]),
                seen("flock", Locks, &["killed", "64", "flock"]),
                seen("QSystemSemaphore", QtLocks, &["killed", "64", "QSystemSemaphore"]),
            ],
        )
    },
    row(
        "segment-notify",
        "segment: notify until another process's wait returns, 64 B, there and back",
        contestant("treenail", Ours, &["segment-ping", "64"]),
        &[against(contestant("futex", Floors, &["futex-ping", "64"]), TimeAtMost(1.25))],
    ),
    row(
        "segment-once",
        "segment: create, open and free, 4 KiB",
        contestant("treenail", Ours, &["segment-once", "4096"]),
        &[
            against(
                contestant("shm_open, unopened", Floors, &["shm-once", "4096"]),
                TimeAtMost(4.0),
            ),
            seen("shm_open, opened again", Floors, &["shm-twice", "4096"]),
        ],
    ),
    row(
        "semaphore-plain",
        "semaphore, undo=0: acquire and release, uncontended",
        locks(&["alone", "64", "semaphore?undo=0"]),
        &[system("sem_t", &["alone", "64", "sem_t"], TimeAtMost(1.5))],
    ),
    row(
        "semaphore-undo",
        "semaphore: acquire and release, uncontended",
        locks(&["alone", "64", "semaphore"]),
        &[
            system("semop, SEM_UNDO", &["alone", "64", "semop"], RateAtLeast(5.0)),
            seen("QSystemSemaphore", QtLocks, &["alone", "64", "QSystemSemaphore"]),
        ],
    ),
    row(
        "python-segment-lock",
        "Python: with segment.lock(), uncontended",
        contestant("treenail", Python, &["ours_lock", "alone"]),
        &[against(contestant("multiprocessing.Lock", Python, &["lock", "alone"]), TimeAtMost(5.0))],
    ),
];

/// The locks whose owners are killed.
pub const KILLED: &[Contestant] = &[
    contestant("treenail segment", OursLocks, &["fate", "64", "segment"]),
    contestant("treenail semaphore", OursLocks, &["fate", "64", "semaphore"]),
    contestant("treenail semaphore, undo=0", OursLocks, &["fate", "64", "semaphore?undo=0"]),
    contestant("robust pthread mutex", Locks, &["fate", "64", "robust"]),
    contestant("flock", Locks, &["fate", "64", "flock"]),
    contestant("semop, SEM_UNDO", Locks, &["fate", "64", "semop"]),
    contestant("sem_t", Locks, &["fate", "64", "sem_t"]),
    contestant("raw_sync mutex", RawSync, &["fate", "64", "mutex"]),
    contestant("Boost interprocess_mutex", BoostLocks, &["fate", "64", "mutex"]),
    contestant("QSystemSemaphore", QtLocks, &["fate", "64", "QSystemSemaphore"]),
    contestant("QSharedMemory", QtLocks, &["fate", "64", "QSharedMemory"]),
    contestant("multiprocessing.Lock", Python, &["lock", "fate"]),
];
