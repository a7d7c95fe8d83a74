//! A peer that never stops: calls keep their timeouts, close ends them, and memory stays bounded.

use super::pages::{Arena, HEAD, Hostile, TAIL, VICTIMS};
use super::shared::{Place, Stop, WAIT, alone, in_time, poll_soon, resident, status};
use super::talk::{Raw, frame, greet, header};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use treenail::wire::Kind;
use treenail::{Channel, NOW, Status};

const DATA: u8 = Kind::Data as u8;
const SHORT: Option<Duration> = Some(Duration::from_millis(100));
/// A flood ends by itself, so that a call that it keeps fails its test rather than hang it.
const FLOOD_TIME_MAX: Duration = Duration::from_secs(6);

/// Frames of which no number is a message: kind, flags, id, payload.
const NO_MESSAGES: [(&str, u8, u8, u32, &[u8]); 5] = [
    ("pings", Kind::Ping as u8, 0, 0, b""),
    ("pongs", Kind::Pong as u8, 0, 0, b""),
    ("empty fragments", DATA, 4, 0, b""),
    ("tiny fragments", DATA, 4, 0, b"x"),
    ("replies to nothing", DATA, 2, 77, b""),
];

/// Runs `act` against a socket on which this frame comes as fast as the kernel takes it.
fn with_flood_on_a_socket(frame: &[u8], act: impl FnOnce(&Channel)) {
    let place = Place::new();
    let listener = place.listener("local", "inbox=64KiB");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT));
        let mut raw = Raw::connect(&place);
        greet(&mut raw);
        let channel = accepting.join().expect("accept returns").expect("it is welcome");
        let (block, stop) = (frame.repeat(65_536 / frame.len()), &done);
        let writing = raw.0.try_clone().expect("a descriptor is left");
        let reading = raw.0.try_clone().expect("a descriptor is left");
        scope.spawn(move || {
            let (mut raw, began) = (Raw::new(writing), Instant::now());
            while !stop.load(Ordering::Relaxed) && began.elapsed() < FLOOD_TIME_MAX {
                if !raw.say(&block) {
                    break;
                }
            }
        });
        let _stop = Stop(&done);
        act(&channel);
        // The flood may be waiting for room.
        reading.shutdown(std::net::Shutdown::Both).expect("it is connected");
    });
}

/// Runs `act` while the ring seems to be full of this record all the time.
fn with_flood_in_a_ring(header: [u8; 16], act: impl Fn(&Channel)) {
    for victim in VICTIMS {
        let (channel, hostile) = Arena::new(victim, "ring=4096&inbox=64KiB").join();
        hostile.fill_ring_with(&header);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| flood_ring(&hostile, &done));
            let _stop = Stop(&done);
            act(&channel);
        });
    }
}

fn flood_ring(hostile: &Hostile, done: &AtomicBool) {
    let began = Instant::now();
    let size = hostile.out_ring().1 as u64;
    while !done.load(Ordering::Relaxed) && began.elapsed() < FLOOD_TIME_MAX {
        let head = hostile.pages.word(hostile.out_word(HEAD)).load(Ordering::Acquire);
        hostile.pages.word(hostile.out_word(TAIL)).store(head + size, Ordering::Release);
        hostile.swallow();
        hostile.give_wake();
    }
}

/// Every call is back in time, whatever comes.
fn keeps_its_timeouts(name: &str, channel: &Channel) {
    let mut buffer = [0; 64];
    for timeout in [SHORT, NOW, Some(Duration::from_millis(1))] {
        for call in 0..6 {
            let result = in_time(timeout, || match call {
                0 => status(channel.recv_vec(timeout)),
                1 => status(channel.send(b"anybody?", timeout)),
                2 => status(channel.recv(&mut buffer, timeout)),
                3 => status(channel.recv_view(timeout)),
                4 => status(channel.recv_many(&mut buffer, &mut Vec::new(), 4, timeout)),
                _ => status(channel.request(1, b"anybody?", timeout)),
            });
            let fine =
                [Status::Ok, Status::Again, Status::TimedOut, Status::Protocol, Status::NoSpace];
            assert!(fine.contains(&result), "{name}: call {call} gave {result:?}");
        }
    }
}

#[test]
fn no_flood_on_a_socket_keeps_a_call_beyond_its_timeout() {
    if !alone(no_flood_on_a_socket_keeps_a_call_beyond_its_timeout) {
        return;
    }
    for (name, kind, flags, id, payload) in NO_MESSAGES {
        let before = resident();
        with_flood_on_a_socket(&frame(kind, flags, 0, id, payload), |channel| {
            keeps_its_timeouts(name, channel);
        });
        let grown = resident().saturating_sub(before);
        assert!(grown < 24 << 20, "{name}: {grown} bytes were kept");
    }
}

#[test]
fn no_flood_in_a_ring_keeps_a_call_beyond_its_timeout() {
    if !alone(no_flood_in_a_ring_keeps_a_call_beyond_its_timeout) {
        return;
    }
    let pad: (_, _, _, _, &[u8]) = ("padding", Kind::Pad as u8, 0, 0, b"");
    for (name, kind, flags, id, payload) in NO_MESSAGES.into_iter().chain([pad]) {
        with_flood_in_a_ring(header(payload.len() as u32, kind, flags, 0, id), |channel| {
            keeps_its_timeouts(name, channel);
        });
    }
}

/// close from another thread ends a receiver that a flood keeps busy.
fn is_ended_by_close(name: &str, channel: &Channel) {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| status(channel.recv_vec(Some(Duration::from_secs(60)))));
        // So that it is inside, most probably; the test holds either way.
        assert_ne!(status(channel.recv_vec(Some(Duration::from_millis(5)))), Status::Internal);
        in_time(NOW, || channel.close());
        let ended = in_time(NOW, || waiting.join().expect("recv returns"));
        let fine = matches!(ended, Status::Closed | Status::Protocol);
        assert!(fine, "{name}: the receiver was given {ended:?}");
    });
}

#[test]
fn a_flood_on_a_socket_does_not_keep_close_from_ending_a_receiver() {
    if !alone(a_flood_on_a_socket_does_not_keep_close_from_ending_a_receiver) {
        return;
    }
    for (name, kind, flags, id, payload) in NO_MESSAGES {
        with_flood_on_a_socket(&frame(kind, flags, 0, id, payload), |channel| {
            is_ended_by_close(name, channel);
        });
    }
}

#[test]
fn a_flood_in_a_ring_does_not_keep_close_from_ending_a_receiver() {
    if !alone(a_flood_in_a_ring_does_not_keep_close_from_ending_a_receiver) {
        return;
    }
    for (name, kind, flags, id, payload) in NO_MESSAGES {
        with_flood_in_a_ring(header(payload.len() as u32, kind, flags, 0, id), |channel| {
            is_ended_by_close(name, channel);
        });
    }
}

#[test]
fn messages_that_never_end_fill_the_inbox_of_a_request_and_no_more() {
    if !alone(messages_that_never_end_fill_the_inbox_of_a_request_and_no_more) {
        return;
    }
    let before = resident();
    let request = |channel: &Channel| {
        let result = in_time(WAIT, || status(channel.request(1, b"?", WAIT)));
        assert_eq!(result, Status::NoSpace);
    };
    let empty = |channel: &Channel| {
        let result = in_time(WAIT, || status(channel.request(1, b"?", WAIT)));
        assert_eq!(result, Status::NoSpace, "of empty messages");
    };
    with_flood_on_a_socket(&frame(DATA, 0, 0, 0, &[0; 1000]), request);
    with_flood_in_a_ring(header(16, DATA, 0, 0, 0), request);
    // Empty messages fill it as well: keeping one takes memory.
    with_flood_on_a_socket(&frame(DATA, 0, 0, 0, b""), empty);
    with_flood_in_a_ring(header(0, DATA, 0, 0, 0), empty);
    let grown = resident().saturating_sub(before);
    assert!(grown < 24 << 20, "{grown} bytes were kept");
}

#[test]
fn messages_that_never_end_are_all_received_one_by_one() {
    if !alone(messages_that_never_end_are_all_received_one_by_one) {
        return;
    }
    with_flood_on_a_socket(&frame(DATA, 0, 7, 0, b"flood"), |channel| {
        for _ in 0..20_000 {
            assert_eq!(channel.recv_vec(WAIT).expect("there is one more"), b"flood");
        }
        assert_eq!(in_time(NOW, || status(channel.send(b"enough", NOW))), Status::Ok);
    });
}

#[test]
fn a_peer_that_pings_and_never_reads_its_pongs_gets_no_more_than_there_is_room_for() {
    if !alone(a_peer_that_pings_and_never_reads_its_pongs_gets_no_more_than_there_is_room_for) {
        return;
    }
    let before = resident();
    with_flood_on_a_socket(&frame(Kind::Ping as u8, 0, 0, 0, &[9; 64]), |channel| {
        for _ in 0..10 {
            let result = in_time(SHORT, || status(channel.recv_vec(SHORT)));
            assert_eq!(result, Status::TimedOut);
        }
        let sent = in_time(SHORT, || status(channel.send(b"no room", SHORT)));
        assert!(matches!(sent, Status::Ok | Status::TimedOut), "{sent:?}");
    });
    assert!(resident() < before + (24 << 20));
}

#[test]
fn padding_is_given_back_though_no_message_follows() {
    if !alone(padding_is_given_back_though_no_message_follows) {
        return;
    }
    let (here, there) = with_ring("64KiB");
    thread::scope(|scope| {
        let receiving = scope.spawn(|| there.recv_vec(WAIT));
        for _ in 0..20 {
            drop(here.loan(20_000, WAIT).expect("the reader makes room"));
        }
        here.send(b"at last", WAIT).expect("the reader makes room");
        assert_eq!(receiving.join().expect("recv returns").expect("it came"), b"at last");
    });
}

/// Fills a ring with messages, or with a part of one, of which one call may not take all.
fn assert_takes_a_portion(
    message: &[u8],
    count: usize,
    ring: &str,
    call: impl Fn(&Channel) -> Status,
) {
    let (here, there) = with_ring(ring);
    for _ in 0..count {
        here.send(message, NOW).expect("there is room for a part at least");
    }
    assert_eq!(call(&there), Status::Again);
    let used = || here.stats().expect("it is open").ring_used;
    let left = used();
    assert!(left > 0, "all was taken in one go");
    assert_eq!(call(&there), Status::Again);
    assert!(used() < left, "a call gets on");
}

/// Both ends of a channel with rings of this size, through which both directions go.
fn with_ring(ring: &str) -> (Channel, Channel) {
    let place = Place::new();
    let options = format!("ring={ring}&ring_max={ring}&inbox=1GiB");
    let listener = place.listener("shm", &options);
    let (here, there) = thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT));
        let endpoint = place.endpoint("shm", &format!("{options}&early=0"));
        let there = Channel::connect(&endpoint, WAIT);
        (accepting.join().expect("accept returns").expect("it is welcome"), there.expect("it is"))
    });
    for end in [&here, &there] {
        assert_eq!(status(end.recv(&mut [], NOW)), Status::Again, "nothing was sent");
    }
    (here, there)
}

#[test]
fn a_batch_of_empty_messages_has_an_end() {
    const COUNT: usize = 150_000;
    if !alone(a_batch_of_empty_messages_has_an_end) {
        return;
    }
    let (here, there) = with_ring("4MiB");
    for _ in 0..COUNT {
        here.send(b"", NOW).expect("there is room");
    }
    let mut ranges = Vec::new();
    let batch = there.recv_many(&mut [], &mut ranges, usize::MAX, NOW).expect("some are there");
    assert!(batch > 0 && batch < COUNT, "{batch} in one go");
}

#[test]
fn a_waiting_request_takes_a_portion_at_a_time() {
    if !alone(a_waiting_request_takes_a_portion_at_a_time) {
        return;
    }
    let request = |channel: &Channel| {
        let begun = channel.request_begin(1, b"?", NOW).expect("there is room");
        let end = status(channel.request_end(begun, NOW));
        channel.request_cancel(begun).expect("it waits");
        end
    };
    assert_takes_a_portion(b"small", 20_000, "1MiB", request);
    assert_takes_a_portion(&[0; 100_000], 100, "16MiB", request);
}

#[test]
fn a_long_message_is_taken_a_portion_at_a_time() {
    if !alone(a_long_message_is_taken_a_portion_at_a_time) {
        return;
    }
    let receive = |channel: &Channel| status(channel.recv_vec(NOW));
    assert_takes_a_portion(&vec![0; 60 << 20], 1, "64MiB", receive);
}

#[test]
fn replies_to_nothing_are_dropped_a_portion_at_a_time() {
    if !alone(replies_to_nothing_are_dropped_a_portion_at_a_time) {
        return;
    }
    let (here, there) = with_ring("64MiB");
    // All are asked first, as asking takes what has come.
    let ids: Vec<u32> =
        (0..50).map(|_| there.request_begin(1, b"?", NOW).expect("there is room")).collect();
    ids.into_iter().for_each(|id| there.request_cancel(id).expect("it waits"));
    for _ in 0..50 {
        let request = here.recv_view(WAIT).expect("it was sent").info();
        here.reply(&request, &vec![0; 1 << 20], NOW).expect("there is room");
    }
    assert_eq!(status(there.recv_vec(NOW)), Status::Again);
    assert!(here.stats().expect("it is open").ring_used > 0, "all were dropped in one go");
}

#[test]
fn clients_that_are_refused_are_taken_a_portion_at_a_time() {
    const CLIENTS: usize = 100;
    if !alone(clients_that_are_refused_are_taken_a_portion_at_a_time) {
        return;
    }
    for (scheme, options) in [("local", "peer_uid=4242"), ("shm", "max_channels=1")] {
        let place = Place::new();
        let listener = place.listener(scheme, options);
        let one = (scheme == "shm").then(|| {
            thread::scope(|scope| {
                let accepting = scope.spawn(|| listener.accept(WAIT));
                let connected = place.connect(scheme);
                (accepting.join().expect("accept returns"), connected)
            })
        });
        let clients: Vec<Raw> = (0..CLIENTS).map(|_| Raw::connect(&place)).collect();
        assert_eq!(status(listener.accept(NOW)), Status::Again);
        let refused = || clients.iter().filter(|raw| is_over(raw)).count();
        let first = refused();
        assert!(first < CLIENTS, "all were refused in one go");
        while refused() < CLIENTS {
            // The rest of them shows.
            assert_ne!(poll_soon(&listener), 0);
            assert_eq!(status(listener.accept(NOW)), Status::Again);
        }
        drop(one);
    }
}

/// Whether the other side has hung up.
fn is_over(raw: &Raw) -> bool {
    let mut wanted = libc::pollfd { fd: raw.0.as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: the structure is live during the call.
    unsafe { libc::poll(&mut wanted, 1, 0) };
    wanted.revents & libc::POLLHUP != 0
}
