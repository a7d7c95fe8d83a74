//! Many channels at once.

use super::everywhere;
use crate::common::{directory, name, payload};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use treenail::{AsyncChannel, AsyncListener};

#[test]
fn many_channels_are_served_by_tasks() {
    const CHANNELS: u64 = 100;
    const MESSAGES: u64 = 20;
    everywhere(|scheme| async move {
        let endpoint = format!("{scheme}:{}", name());
        let listener = Arc::new(AsyncListener::open(&endpoint).unwrap());
        // Several tasks accept, and each connection is one's.
        for _ in 0..4 {
            let listener = Arc::clone(&listener);
            tokio::spawn(async move {
                while let Ok(channel) = listener.accept().await {
                    tokio::spawn(async move {
                        while let Ok(message) = channel.recv_vec().await {
                            channel.send(&message).await.unwrap();
                        }
                    });
                }
            });
        }
        let mut clients = Vec::new();
        for client in 0..CHANNELS {
            let endpoint = endpoint.clone();
            clients.push(tokio::spawn(async move {
                let channel = AsyncChannel::connect(&endpoint).await.unwrap();
                for number in 0..MESSAGES {
                    let sent = payload(client * MESSAGES + number, 500);
                    channel.send(&sent).await.unwrap();
                    assert_eq!(channel.recv_vec().await.unwrap(), sent);
                }
            }));
        }
        for client in clients {
            client.await.unwrap();
        }
        listener.close();
    });
}

#[test]
fn clients_that_say_nothing_hold_up_nobody() {
    everywhere(|scheme| async move {
        let name = name();
        let endpoint = format!("{scheme}:{name}");
        let listener = AsyncListener::open(&format!("{endpoint}?backlog=500")).unwrap();
        let path = directory().join(format!("{name}.sock"));
        let _silent: Vec<_> = (0..200).map(|_| UnixStream::connect(&path).unwrap()).collect();
        let client = AsyncChannel::connect(&endpoint).await.unwrap();
        client.send(b"hi").await.unwrap();
        assert_eq!(listener.accept().await.unwrap().recv_vec().await.unwrap(), b"hi");
    });
}
