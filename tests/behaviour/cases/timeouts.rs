//! Time: none at all, and some.

use super::Way;
use crate::common::{SOON, at_once, not_before, payload, status};
use std::io::IoSlice;
use std::thread;
use std::time::Duration;
use treenail::{Channel, NOW, Status};

fn fill(channel: &Channel) {
    let bytes = payload(0, 1000);
    while channel.send(&bytes, NOW).is_ok() {}
}

pub fn nothing_waits_without_time(way: Way) {
    let pair = way.pair("ring=4KiB");
    let (channel, mut buffer) = (&pair.connector, [0; 64]);
    let received = at_once(|| {
        [
            status(channel.recv(&mut buffer, NOW)),
            status(channel.recv_vec(NOW)),
            status(channel.recv_view(NOW)),
            status(channel.recv_message(&mut buffer, NOW)),
            status(channel.recv_many(&mut buffer, &mut Vec::new(), 4, NOW)),
            status(pair.listener.accept(NOW)),
        ]
    });
    assert_eq!(received, [Status::Again; 6]);
    at_once(|| fill(channel));
    let large = [7; 1000];
    let sent = at_once(|| {
        [
            status(channel.send(&large, NOW)),
            status(channel.sendv(0, &[IoSlice::new(&large)], NOW)),
            status(channel.send_many(&[IoSlice::new(&large)], NOW)),
        ]
    });
    assert_eq!(sent, [Status::Again; 3]);
}

pub fn no_timeout_ends_early(way: Way) {
    const TIME: Duration = Duration::from_millis(30);
    let time = Some(TIME);
    let pair = way.pair("ring=4KiB");
    let (channel, mut buffer) = (&pair.connector, [0; 64]);
    let late = |result: Status| assert_eq!(result, Status::TimedOut);
    late(not_before(TIME, || status(channel.recv(&mut buffer, time))));
    late(not_before(TIME, || status(channel.recv_view(time))));
    late(not_before(TIME, || status(pair.listener.accept(time))));
    late(not_before(TIME, || status(channel.recv_many(&mut buffer, &mut Vec::new(), 4, time))));
    fill(channel);
    late(not_before(TIME, || status(channel.send(&[7; 1000], time))));
    late(not_before(TIME, || status(channel.send_many(&[IoSlice::new(&[7; 1000])], time))));
    if way == Way::Shm {
        late(not_before(TIME, || status(channel.loan(1000, time))));
    }
    // What timed out took nothing, and spoilt nothing.
    let before = channel.stats().expect("it is open").messages_sent;
    while pair.acceptor.recv_vec(NOW).is_ok() {}
    channel.flush(SOON).expect("there is room again");
    while pair.acceptor.recv_vec(NOW).is_ok() {}
    channel.send(b"goes on", SOON).expect("there is room again");
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("it goes on"), b"goes on");
    assert_eq!(channel.stats().expect("it is open").messages_sent, before + 1);
}

pub fn requests_time_out(way: Way) {
    const TIME: Duration = Duration::from_millis(30);
    let pair = way.pair("");
    let result = not_before(TIME, || status(pair.connector.request(1, b"well?", Some(TIME))));
    assert_eq!(result, Status::TimedOut);
    let view = pair.acceptor.recv_view(SOON).expect("it was sent");
    assert!(view.info().is_request());
}

pub fn late_replies_keep_no_call_beyond_its_time(way: Way) {
    let pair = way.pair_of("spin=forever", "ring=8MiB");
    let short = Some(Duration::from_millis(1));
    let ask = || {
        let id = pair.connector.request_begin(1, b"", SOON).expect("there is room");
        pair.connector.request_cancel(id).expect("it was begun");
        pair.acceptor.recv_message(&mut [], SOON).expect("it was sent")
    };
    let requests: Vec<_> = (0..100_000).map(|_| ask()).collect();
    let answered = |request| pair.acceptor.reply(request, b"", NOW).is_ok();
    let replies = requests.iter().take_while(|request| answered(request)).count() as u64;
    let late_replies = || pair.connector.stats().expect("it is open").late_replies;
    assert_eq!(status(pair.connector.recv_vec(short)), Status::TimedOut);
    let dropped = late_replies();
    assert!(0 < dropped && dropped < replies, "{dropped} of {replies} in a millisecond");
    thread::scope(|scope| {
        scope.spawn(|| pair.acceptor.send(b"news", SOON).expect("room comes"));
        assert_eq!(pair.connector.recv_vec(SOON).expect("it is behind them"), b"news");
    });
    assert_eq!(late_replies(), replies);
}
