//! Futures that are dropped in the middle lose nothing.

use super::{everywhere, pair, poll_once};
use crate::common::{assert_payload, payload, with};
use std::sync::Arc;
use tokio::task::yield_now;
use treenail::{AsyncChannel, AsyncListener, Status};

const MESSAGES: u64 = 1000;

/// Most sizes fit into a ring, some need it many times over.
fn len_of(number: u64) -> usize {
    if number % 50 == 3 { 100_000 } else { 200 }
}

#[test]
fn a_receive_that_is_dropped_leaves_the_message() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "ring=4KiB").await;
        let send = tokio::spawn(async move {
            for number in 0..MESSAGES {
                ours.send(&payload(number, len_of(number))).await.unwrap();
            }
            ours
        });
        for number in 0..MESSAGES {
            let received = loop {
                if let Some(received) = poll_once(theirs.recv_vec()).await {
                    break received;
                }
                yield_now().await;
            };
            assert_payload(&received.unwrap(), number);
        }
        send.await.unwrap();
    });
}

#[test]
fn a_send_that_is_dropped_is_whole_or_not_at_all() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "ring=4KiB").await;
        let receive = tokio::spawn(async move {
            let mut numbers = Vec::new();
            loop {
                let message = theirs.recv_vec().await.unwrap();
                if message.is_empty() {
                    return numbers;
                }
                let number = u64::from_le_bytes(*message.first_chunk().unwrap());
                assert_payload(&message, number);
                assert_eq!(message.len(), len_of(number));
                numbers.push(number);
            }
        });
        let mut done = Vec::new();
        for number in 0..MESSAGES {
            let bytes = payload(number, len_of(number));
            if poll_once(ours.send(&bytes)).await.is_some() {
                done.push(number);
            }
            yield_now().await;
        }
        ours.send(b"").await.unwrap();
        let received = receive.await.unwrap();
        assert!(received.is_sorted(), "the order stays");
        assert!(done.iter().all(|number| received.contains(number)), "what is sent arrives");
    });
}

#[test]
fn a_request_that_is_dropped_drops_its_reply() {
    everywhere(|scheme| async move {
        let (ours, theirs) = pair(scheme, "").await;
        let theirs = Arc::new(theirs);
        for number in 0..200_u32 {
            let dropped = poll_once(ours.request(1, b"dropped")).await;
            assert!(dropped.is_none(), "nobody has answered");
            let server = Arc::clone(&theirs);
            let answer = tokio::spawn(async move {
                for _ in 0..2 {
                    let request = server.recv_view().await.unwrap();
                    let text = request.to_vec();
                    server.reply(&request.info(), &text).await.unwrap();
                }
            });
            let reply = ours.request(1, &number.to_le_bytes()).await.unwrap();
            assert_eq!(reply.to_vec(), number.to_le_bytes());
            answer.await.unwrap();
        }
        assert!(poll_once(ours.recv_vec()).await.is_none(), "no reply is received as a message");
    });
}

#[test]
fn an_accept_that_is_dropped_leaves_the_connection() {
    everywhere(|scheme| async move {
        let endpoint = format!("{scheme}:{}", crate::common::name());
        let listener = AsyncListener::open(&endpoint).unwrap();
        let mut clients = Vec::new();
        let mut accepted = Vec::new();
        while accepted.len() < 50 {
            if clients.len() < 50 {
                clients.push(AsyncChannel::connect(&with(&endpoint, "early=1")).await.unwrap());
            }
            if let Some(channel) = poll_once(listener.accept()).await {
                accepted.push(channel.unwrap());
            }
            yield_now().await;
        }
        assert!(poll_once(listener.accept()).await.is_none(), "all have been accepted");
    });
}

#[test]
fn a_connect_that_is_dropped_connects_to_nobody() {
    everywhere(|scheme| async move {
        let endpoint = format!("{scheme}:{}", crate::common::name());
        let waits = poll_once(AsyncChannel::connect(&with(&endpoint, "retry=1"))).await;
        assert!(waits.is_none(), "nobody listens");
        let listener = AsyncListener::open(&endpoint).unwrap();
        assert!(poll_once(listener.accept()).await.is_none());
        let again = AsyncListener::open(&endpoint).unwrap_err();
        assert_eq!(again.status(), Status::Exists);
    });
}
