//! Every end reaches every task that waits.

use super::{LIMIT, SCHEMES, everywhere, pair};
use crate::common::child::{kill, role, start};
use crate::common::{SOON, bounded, name, status};
use std::sync::Arc;
use tokio::runtime::Builder;
use tokio::task::yield_now;
use treenail::{AsyncChannel, AsyncListener, Channel, FOREVER, Status};

const ENDPOINT: &str = "ENDPOINT";

/// Lets tasks that were spawned come to where they wait.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// Tasks that wait on a channel in every way, each of which returns how that ended.
fn waiting(channel: &Arc<AsyncChannel>) -> Vec<tokio::task::JoinHandle<Status>> {
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let of = Arc::clone(channel);
        tasks.push(tokio::spawn(async move { status(of.recv_vec().await) }));
        let of = Arc::clone(channel);
        tasks.push(tokio::spawn(async move { status(of.request(1, b"?").await) }));
        let of = Arc::clone(channel);
        tasks.push(tokio::spawn(async move {
            loop {
                if let Err(end) = of.send(&[0; 10_000]).await {
                    return end.status();
                }
            }
        }));
    }
    tasks
}

#[test]
fn a_close_ends_all_that_tasks_wait_for() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "ring=4KiB").await;
        let ours = Arc::new(ours);
        let tasks = waiting(&ours);
        settle().await;
        ours.close();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Status::Closed);
        }
        assert_eq!(status(ours.recv_vec().await), Status::Closed);
        drop(theirs);
    });
}

#[test]
fn a_peer_that_closes_ends_all_that_tasks_wait_for() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "ring=4KiB").await;
        theirs.send(b"the last").await.unwrap();
        let ours = Arc::new(ours);
        let last = ours.recv_vec().await.unwrap();
        let tasks = waiting(&ours);
        settle().await;
        theirs.close();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Status::Closed, "after {last:?}");
        }
    });
}

/// In a child: waits to be killed, with a channel that it doesn't read.
fn be_killed() -> bool {
    if role().is_none() {
        return false;
    }
    let endpoint = std::env::var(ENDPOINT).expect("it was given");
    let channel = Channel::connect(&endpoint, SOON).expect("somebody listens");
    channel.send(b"here", FOREVER).expect("there is room");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_peer_that_is_killed_is_lost_to_all_tasks() {
    if be_killed() {
        return;
    }
    for (scheme, threads) in SCHEMES.into_iter().flat_map(|scheme| [(scheme, 1), (scheme, 4)]) {
        bounded(LIMIT, move || {
            let mut builder = match threads {
                1 => Builder::new_current_thread(),
                _ => Builder::new_multi_thread(),
            };
            let runtime = builder.enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let endpoint = format!("{scheme}:{}", name());
                let listener = AsyncListener::open(&endpoint).unwrap();
                let test = a_peer_that_is_killed_is_lost_to_all_tasks;
                let child = start(test, "child", &[(ENDPOINT, &endpoint)]);
                let ours = Arc::new(listener.accept().await.unwrap());
                assert_eq!(ours.recv_vec().await.unwrap(), b"here");
                let tasks = waiting(&ours);
                settle().await;
                kill(child);
                for task in tasks {
                    assert_eq!(task.await.unwrap(), Status::PeerLost);
                }
            });
        });
    }
}

#[test]
fn a_listener_that_closes_ends_all_that_wait_in_accept() {
    everywhere(|scheme| async move {
        let listener = Arc::new(AsyncListener::open(&format!("{scheme}:{}", name())).unwrap());
        let mut tasks = Vec::new();
        for _ in 0..3 {
            let listener = Arc::clone(&listener);
            tasks.push(tokio::spawn(async move { status(listener.accept().await) }));
        }
        settle().await;
        listener.close();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Status::Closed);
        }
    });
}
