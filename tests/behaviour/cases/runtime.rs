//! The fd in somebody else's event loop: tokio's.

use crate::common::{assert_payload, bounded, pair, payload, status};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use treenail::{Channel, NOW, Result, Status};

/// Calls whenever a descriptor of the channel is readable, until the call has something to say.
async fn when_ready<T>(
    fd: &AsyncFd<impl AsRawFd>,
    channel: &Channel,
    mut call: impl FnMut(&Channel) -> Result<T>,
) -> T {
    loop {
        let mut ready = fd.readable().await.expect("the runtime lives");
        match call(channel) {
            Ok(value) => return value,
            Err(error) if error.status() == Status::Again => ready.clear_ready(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Both descriptors of a channel, which outlives them.
fn registered(channel: &Channel) -> [AsyncFd<BorrowedFd<'_>>; 2] {
    [channel.fd(), channel.send_fd()].map(|fd| {
        // SAFETY: a channel's descriptor stays open, and the same, until the channel is dropped.
        let registered = unsafe { AsyncFd::register(fd.expect("a descriptor")) };
        registered.expect("a runtime")
    })
}

async fn echo(channel: Channel, count: u64) {
    let [fd, send_fd] = registered(&channel);
    for _ in 0..count {
        let bytes = when_ready(&fd, &channel, |channel| channel.recv_vec(NOW)).await;
        when_ready(&send_fd, &channel, |channel| channel.send(&bytes, NOW)).await;
        when_ready(&send_fd, &channel, |channel| channel.flush(NOW)).await;
    }
    // Whoever asks goes first.
    let end = loop {
        let mut ready = fd.readable().await.expect("the runtime lives");
        match status(channel.recv_vec(NOW)) {
            Status::Again => ready.clear_ready(),
            end => break end,
        }
    };
    assert_eq!(end, Status::Closed);
}

async fn ask(channel: Channel, count: u64) {
    let [fd, send_fd] = registered(&channel);
    for number in 0..count {
        let len = if number % 100 == 7 { 300_000 } else { 8 + number as usize % 100 };
        let bytes = payload(number, len);
        when_ready(&send_fd, &channel, |channel| channel.send(&bytes, NOW)).await;
        when_ready(&send_fd, &channel, |channel| channel.flush(NOW)).await;
        let answer = when_ready(&fd, &channel, |channel| channel.recv_vec(NOW)).await;
        assert_eq!(answer.len(), len);
        assert_payload(&answer, number);
    }
}

#[test]
fn tokio_drives_channels_by_their_fd() {
    for scheme in ["shm", "local"] {
        bounded(Duration::from_secs(60), move || {
            let pair = pair(scheme, "ring=16KiB");
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::join!(ask(pair.connector, 2000), echo(pair.acceptor, 2000));
            });
        });
    }
}
