//! Every call does what its namesake does.

use super::{everywhere, pair};
use crate::common::{NEVER_MIND, SOON, assert_payload, name, payload, with};
use std::io::IoSlice;
use std::sync::Arc;
use tokio::time::timeout;
use treenail::{AsyncChannel, AsyncListener, Channel, Listener, Status};

const MESSAGES: u64 = 1000;

fn len_of(number: u64) -> usize {
    if number % 100 == 7 { 300_000 } else { 8 + number as usize % 100 }
}

#[test]
fn messages_of_all_sizes_go_there_and_back() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "ring=16KiB").await;
        let echo = tokio::spawn(async move {
            for _ in 0..MESSAGES {
                theirs.send(&theirs.recv_vec().await.unwrap()).await.unwrap();
            }
        });
        for number in 0..MESSAGES {
            ours.send(&payload(number, len_of(number))).await.unwrap();
            let answer = ours.recv_vec().await.unwrap();
            assert_eq!(answer.len(), len_of(number));
            assert_payload(&answer, number);
        }
        echo.await.unwrap();
    });
}

#[test]
fn a_sender_waits_for_room_and_the_order_stays() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "ring=4KiB").await;
        let send = tokio::spawn(async move {
            for number in 0..5 * MESSAGES {
                ours.send(&payload(number, len_of(number / 10))).await.unwrap();
            }
            ours
        });
        for number in 0..5 * MESSAGES {
            assert_payload(&theirs.recv_vec().await.unwrap(), number);
        }
        send.await.unwrap();
    });
}

#[test]
fn tags_parts_batches_and_views_are_there() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "").await;
        let mut buffer = [0; 100];
        ours.send_tagged(7, b"tagged").await.unwrap();
        let info = theirs.recv_message(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..info.len], info.tag), (&b"tagged"[..], 7));
        ours.sendv(8, &[IoSlice::new(b"two "), IoSlice::new(b"parts")]).await.unwrap();
        let view = theirs.recv_view().await.unwrap();
        assert_eq!((view.to_vec(), view.info().tag), (b"two parts".to_vec(), 8));
        drop(view);
        let batch = [b"one", b"two"].map(|part| IoSlice::new(part));
        assert_eq!(ours.send_many(&batch).await.unwrap(), 2);
        let (mut many, mut count) = (Vec::new(), 0);
        while count < 2 {
            count += theirs.recv_many(&mut buffer, &mut many, 10).await.unwrap();
        }
        ours.send(&[1; 50]).await.unwrap();
        let small = theirs.recv(&mut buffer[..10]).await.unwrap_err();
        assert_eq!((small.status(), small.needed()), (Status::TooLarge, Some(50)));
        assert_eq!(theirs.recv(&mut buffer).await.unwrap(), 50, "it has stayed");
    });
}

#[test]
fn a_long_message_goes_before_anybody_accepts() {
    everywhere(|scheme| async move {
        let endpoint = format!("{scheme}:{}", name());
        let listener = AsyncListener::open(&endpoint).unwrap();
        let client = AsyncChannel::connect(&endpoint).await.unwrap();
        let send = tokio::spawn(async move {
            client.send(&payload(3, 1 << 20)).await.unwrap();
            client
        });
        let server = listener.accept().await.unwrap();
        assert_payload(&server.recv_vec().await.unwrap(), 3);
        send.await.unwrap();
    });
}

#[test]
fn connecting_waits_for_a_listener_only_if_it_is_told_to() {
    everywhere(|scheme| async move {
        let endpoint = format!("{scheme}:{}", name());
        let nobody = AsyncChannel::connect(&endpoint).await.unwrap_err();
        assert_eq!(nobody.status(), Status::NotFound, "{nobody}");
        let retrying = with(&endpoint, "retry=1&early=0");
        let client = tokio::spawn(async move { AsyncChannel::connect(&retrying).await });
        tokio::task::yield_now().await;
        let listener = AsyncListener::open(&endpoint).unwrap();
        assert_eq!(listener.endpoint(), endpoint);
        let _server = listener.accept().await.unwrap();
        client.await.unwrap().unwrap();
    });
}

#[test]
fn create_waits_for_the_one_other_program() {
    everywhere(|scheme| async move {
        let endpoint = format!("{scheme}:{}", name());
        let retrying = with(&endpoint, "retry=1");
        let client = tokio::spawn(async move { AsyncChannel::connect(&retrying).await });
        let server = AsyncChannel::create(&endpoint).await.unwrap();
        client.await.unwrap().unwrap().send(b"hi").await.unwrap();
        assert_eq!(server.recv_vec().await.unwrap(), b"hi");
    });
}

#[test]
fn a_pair_has_both_ends() {
    everywhere(|scheme| async move {
        let options = if scheme == "shm" { "" } else { "shm=off" };
        let (one, other) = AsyncChannel::pair(options).unwrap();
        let receiving = tokio::spawn(async move { other.recv_vec().await });
        tokio::task::yield_now().await;
        one.send(b"across").await.unwrap();
        assert_eq!(receiving.await.unwrap().unwrap(), b"across");
        assert_eq!(one.recv_vec().await.unwrap_err().status(), Status::Closed);
    });
}

/// A wake-up that is lost shows here as a hang: tasks wait in both directions, and each message is
/// for any of them.
#[test]
fn many_tasks_share_a_channel() {
    const TASKS: u64 = 8;
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "ring=4KiB").await;
        let (ours, theirs) = (Arc::new(ours), Arc::new(theirs));
        let mut senders = Vec::new();
        let mut receivers = Vec::new();
        for task in 0..TASKS {
            let (ours, theirs) = (Arc::clone(&ours), Arc::clone(&theirs));
            senders.push(tokio::spawn(async move {
                for number in 0..MESSAGES {
                    ours.send(&payload(task * MESSAGES + number, 100)).await.unwrap();
                }
            }));
            receivers.push(tokio::spawn(async move {
                let mut sum = 0;
                for _ in 0..MESSAGES {
                    let message = theirs.recv_vec().await.unwrap();
                    sum += u64::from_le_bytes(*message.first_chunk().unwrap());
                }
                sum
            }));
        }
        for sender in senders {
            sender.await.unwrap();
        }
        let mut sum = 0;
        for receiver in receivers {
            sum += receiver.await.unwrap();
        }
        let all = TASKS * MESSAGES;
        assert_eq!(sum, all * (all - 1) / 2);
    });
}

#[test]
fn threads_can_take_over_and_give_back() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "").await;
        assert!(timeout(NEVER_MIND / 1000, theirs.recv_vec()).await.is_err(), "nothing was sent");
        ours.send(b"to a thread").await.unwrap();
        let (ours, theirs) = (ours.into_inner(), theirs.into_inner());
        assert_eq!(theirs.recv_vec(SOON).unwrap(), b"to a thread");
        ours.send(b"to a task", SOON).unwrap();
        let theirs = AsyncChannel::new(theirs).unwrap();
        assert_eq!(theirs.recv_vec().await.unwrap(), b"to a task");
    });
}

#[test]
fn a_listener_can_be_taken_over_and_given_back() {
    everywhere(|scheme| async move {
        let endpoint = format!("{scheme}:{}", name());
        let listener = AsyncListener::new(Listener::open(&endpoint).unwrap()).unwrap();
        let first = Channel::connect(&endpoint, SOON).unwrap();
        listener.accept().await.unwrap().send(b"from a task").await.unwrap();
        assert_eq!(first.recv_vec(SOON).unwrap(), b"from a task");
        let listener = listener.into_inner();
        let _second = Channel::connect(&endpoint, SOON).unwrap();
        listener.accept(SOON).unwrap();
    });
}
