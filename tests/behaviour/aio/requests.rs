//! Requests of many tasks on one channel.

use super::{everywhere, pair};
use crate::common::payload;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use tokio::task::{JoinHandle, yield_now};
use treenail::{AsyncChannel, NOW};

const TASKS: u64 = 8;
const REQUESTS: u64 = 100;
const MESSAGES: u64 = 500;
/// The tag of what isn't a request.
const PLAIN: u32 = 9;

/// Answers requests until the channel ends, and counts other messages.
fn serve(channel: &Arc<AsyncChannel>, plain: &Arc<AtomicU64>) -> JoinHandle<()> {
    let (channel, plain) = (Arc::clone(channel), Arc::clone(plain));
    tokio::spawn(async move {
        while let Ok(view) = channel.recv_view().await {
            if view.info().is_request() {
                let (info, bytes) = (view.info(), view.to_vec());
                drop(view);
                channel.reply(&info, &bytes).await.unwrap();
            } else {
                assert_eq!(view.info().tag, PLAIN);
                plain.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
}

/// Asks and sends on a channel from many tasks.
fn ask(channel: &Arc<AsyncChannel>, len: usize) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let of = Arc::clone(channel);
        tasks.push(tokio::spawn(async move {
            for number in 0..REQUESTS {
                let asked = payload(task * REQUESTS + number, len);
                assert_eq!(of.request(3, &asked).await.unwrap().to_vec(), asked);
            }
        }));
    }
    let of = Arc::clone(channel);
    tasks.push(tokio::spawn(async move {
        for _ in 0..MESSAGES {
            of.send_tagged(PLAIN, b"plain").await.unwrap();
        }
    }));
    tasks
}

/// A wake-up that is lost shows here as a hang: what one task reads is often another's.
async fn both_ask(scheme: &str, len: usize) {
    let (ours, theirs) = pair(scheme, "ring=4KiB").await;
    let sides = [Arc::new(ours), Arc::new(theirs)];
    let plain = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
    let mut servers = Vec::new();
    let mut tasks = Vec::new();
    for (side, plain) in sides.iter().zip(&plain) {
        servers.push(serve(side, plain));
        servers.push(serve(side, plain));
        tasks.extend(ask(side, len));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for plain in &plain {
        while plain.load(Ordering::SeqCst) < MESSAGES {
            yield_now().await;
        }
    }
    sides[0].close();
    for server in servers {
        server.await.unwrap();
    }
}

#[test]
fn both_sides_ask_at_once() {
    everywhere(|scheme| both_ask(scheme, 100));
}

/// Each reads while it waits for room.
#[test]
fn both_sides_ask_at_once_with_more_than_a_ring_holds() {
    everywhere(|scheme| both_ask(scheme, 5 * treenail::granule()));
}

/// The request reads the message before the runtime has seen that the descriptor is readable.
#[test]
fn a_message_that_a_new_request_passes_wakes_the_task_that_receives() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "").await;
        let ours = Arc::new(ours);
        for _ in 0..20 {
            let receiving = Arc::clone(&ours);
            let receive = tokio::spawn(async move { receiving.recv_vec().await.unwrap() });
            for _ in 0..10 {
                yield_now().await;
            }
            theirs.get_ref().send(b"first", NOW).unwrap();
            let mut ask = pin!(ours.request(1, b"?"));
            let early = poll_fn(|context| Poll::Ready(ask.as_mut().poll(context).is_ready())).await;
            assert!(!early, "nobody has replied");
            assert_eq!(receive.await.unwrap(), b"first");
            let request = theirs.recv_view().await.unwrap();
            theirs.reply(&request.info(), b"then").await.unwrap();
            assert_eq!(ask.await.unwrap().to_vec(), b"then");
        }
    });
}

#[test]
fn a_message_that_a_request_has_passed_wakes_the_task_that_receives() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "").await;
        let ours = Arc::new(ours);
        for _ in 0..200 {
            let (asking, receiving) = (Arc::clone(&ours), Arc::clone(&ours));
            let ask = tokio::spawn(async move { asking.request(1, b"?").await.unwrap().to_vec() });
            let request = theirs.recv_view().await.unwrap();
            let receive = tokio::spawn(async move { receiving.recv_vec().await.unwrap() });
            theirs.send(b"first").await.unwrap();
            assert_eq!(receive.await.unwrap(), b"first");
            theirs.reply(&request.info(), b"then").await.unwrap();
            assert_eq!(ask.await.unwrap(), b"then");
        }
    });
}

/// Messages that nobody receives stay in the inbox. The task that waits for its reply sleeps all the
/// same.
#[test]
fn a_request_sleeps_while_other_messages_wait() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "").await;
        let polls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&polls);
        let ask = tokio::spawn(async move {
            let mut request = pin!(ours.request(1, b"?"));
            let reply = poll_fn(|context| {
                counted.fetch_add(1, Ordering::SeqCst);
                request.as_mut().poll(context)
            });
            assert_eq!(reply.await.unwrap().to_vec(), b"at last");
        });
        let request = theirs.recv_view().await.unwrap();
        theirs.send(b"in between").await.unwrap();
        for _ in 0..100_000 {
            yield_now().await;
        }
        theirs.reply(&request.info(), b"at last").await.unwrap();
        ask.await.unwrap();
        let polls = polls.load(Ordering::SeqCst);
        assert!(polls < 20, "it was polled {polls} times");
    });
}

/// Views that another task is about to release are waited for; those that stay are told of.
#[test]
fn a_receive_waits_for_views_of_other_tasks() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "ring=4KiB").await;
        let send = tokio::spawn(async move {
            for number in 0..20 {
                ours.send(&payload(number, 500)).await.unwrap();
            }
            ours
        });
        let theirs = Arc::new(theirs);
        let (kept, released) = (Arc::clone(&theirs), tokio::sync::oneshot::channel());
        let keep = tokio::spawn(async move {
            let mut views = Vec::new();
            for _ in 0..6 {
                views.push(kept.recv_view().await.unwrap());
            }
            released.0.send(()).unwrap();
            for _ in 0..100 {
                yield_now().await;
            }
        });
        released.1.await.unwrap();
        for _ in 6..20 {
            theirs.recv_vec().await.unwrap();
        }
        keep.await.unwrap();
        send.await.unwrap();
    });
}
