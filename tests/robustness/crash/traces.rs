//! What must be the same before and after.

use crate::common::system::{descriptor_list, descriptors, names_in, shared_maps};
use crate::common::{child, directory, pair, status};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use treenail::{Poller, Status};

/// What this process has, and what can be seen of it outside.
#[derive(PartialEq, Debug)]
pub struct Traces {
    descriptors: usize,
    maps: usize,
    names: BTreeSet<String>,
}

impl Traces {
    /// As they are, once they no longer change: a thread that has just ended may still be closing
    /// what was its own. What a process has once and keeps is made before.
    pub fn now() -> Traces {
        let (mut traces, mut same) = (Traces::seen(), 0);
        while same < 20 {
            child::pause();
            let next = Traces::seen();
            same = if next == traces { same + 1 } else { 0 };
            traces = next;
        }
        traces
    }

    fn seen() -> Traces {
        Traces { descriptors: descriptors(), maps: shared_maps(), names: names_in(directory()) }
    }

    /// Fails unless all becomes as it was. A thread that has just ended may still be closing
    /// what was its own.
    pub fn assert_same(&self) {
        let began = Instant::now();
        while Traces::seen() != *self {
            let now = Traces::seen();
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "something stays behind: {self:#?} {now:#?} {:#?}",
                descriptor_list()
            );
            child::pause();
        }
    }
}

/// Makes what a process and this thread have once and keep.
pub fn warm_up() {
    for scheme in ["shm", "local"] {
        let pair = pair(scheme, "");
        pair.connector.fd().expect("a descriptor");
        drop(Poller::new().expect("a descriptor"));
        let short = Some(Duration::from_millis(1));
        assert_eq!(status(pair.connector.recv_vec(short)), Status::TimedOut);
    }
}
