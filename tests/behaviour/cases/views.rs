//! Messages received in place.

use super::Way;
use crate::common::event::is_readable;
use crate::common::{Random, SOON, assert_payload, number_of, payload, status, until};
use std::collections::VecDeque;
use std::thread;
use std::time::Duration;
use treenail::{Channel, NOW, Status, View};

fn assert_view(view: &View<'_>, number: u64) {
    assert_eq!(view.as_ptr().align_offset(16), 0, "16-byte aligned");
    assert_payload(&view.to_vec(), number);
    let mut copy = vec![0; view.len()];
    assert_eq!(view.copy_to(&mut copy), view.len());
    assert_payload(&copy, number);
}

pub fn views_are_released_in_any_order(way: Way) {
    const COUNT: u64 = 3000;
    let pair = way.pair("ring=16KiB");
    let mut random = Random::printed("views");
    let lens: Vec<usize> = (0..COUNT)
        .map(|number| match number % 100 {
            42 => 20_000, // in fragments
            _ => 8 + random.below(300) as usize,
        })
        .collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for (number, len) in lens.iter().enumerate() {
                let bytes = payload(number as u64, *len);
                pair.connector.send(&bytes, SOON).expect("views are released");
            }
        });
        let mut open: Vec<(u64, View<'_>)> = Vec::new();
        let mut next = 0;
        while next < COUNT || !open.is_empty() {
            let receive = next < COUNT && open.len() < 12 && random.below(2) == 0;
            let received = (receive || open.is_empty()).then(|| pair.acceptor.recv_view(SOON));
            match received {
                Some(Ok(view)) => {
                    assert_eq!(view.info().len, lens[next as usize]);
                    open.push((next, view));
                    next += 1;
                }
                // An old view pins what was read behind it too.
                Some(Err(error)) if error.status() == Status::NoSpace && !open.is_empty() => {
                    open.drain(..).for_each(|(number, view)| assert_view(&view, number));
                }
                Some(Err(error)) => panic!("a message comes: {error}"),
                None => {
                    let (number, view) = open.swap_remove(random.below(open.len() as u64) as usize);
                    assert_view(&view, number);
                }
            }
        }
    });
}

pub fn too_many_views_are_refused_and_never_waited_for(way: Way) {
    const COUNT: u64 = 2000;
    let pair = way.pair("ring=4KiB");
    thread::scope(|scope| {
        scope.spawn(|| send_numbers(&pair.connector, COUNT, 100));
        let mut open = VecDeque::new();
        let (mut next, mut released, mut refused) = (0, 0, 0);
        while next < COUNT {
            match pair.acceptor.recv_view(SOON) {
                Ok(view) => {
                    assert_eq!(number_of(&view.to_vec()), next);
                    open.push_back(view);
                    next += 1;
                }
                Err(error) => {
                    assert_eq!(error.status(), Status::NoSpace, "{error}");
                    assert!(!open.is_empty());
                    refused += 1;
                    for view in open.drain(..) {
                        assert_view(&view, released);
                        released += 1;
                    }
                }
            }
        }
        assert!(refused > 0, "nothing pinned the ring");
    });
}

fn send_numbers(channel: &Channel, count: u64, len: usize) {
    for number in 0..count {
        let sent = channel.send(&payload(number, len), SOON);
        sent.expect("there is room in time");
    }
    channel.flush(SOON).expect("there is room in time");
}

pub fn copied_views_hold_no_room(way: Way) {
    const COUNT: u64 = 1000;
    let pair = way.pair("ring=4KiB&views=copy");
    thread::scope(|scope| {
        scope.spawn(|| send_numbers(&pair.connector, COUNT, 200));
        let views: Vec<_> = (0..COUNT)
            .map(|_| pair.acceptor.recv_view(SOON).expect("copies hold nothing"))
            .collect();
        for (number, view) in views.iter().enumerate() {
            assert_view(view, number as u64);
        }
    });
}

pub fn views_outlive_the_end(way: Way) {
    let pair = way.pair("ring=16KiB");
    for number in 0..4 {
        let sent = pair.connector.send(&payload(number, 1000), SOON);
        sent.expect("there is room");
    }
    let receive = || pair.acceptor.recv_view(SOON).expect("it was sent");
    let first = receive();
    drop(pair.connector);
    let second = receive();
    let third = receive();
    pair.acceptor.close();
    assert_eq!(status(pair.acceptor.recv_view(NOW)), Status::Closed);
    assert_view(&second, 1);
    drop(second);
    assert_view(&third, 2);
    assert_view(&first, 0);
}

/// Messages of which a few views hold more than half of a ring of 64 KiB.
const HOLDERS: u64 = 3;

/// Opens views that hold more than half of the ring to `to`.
fn hold_most<'a>(from: &Channel, to: &'a Channel) -> Vec<View<'a>> {
    let views = (0..HOLDERS).map(|number| {
        from.send(&payload(number, 12_800), SOON).expect("there is room");
        to.recv_view(SOON).expect("it was sent")
    });
    views.collect()
}

pub fn an_empty_ring_is_no_failure_while_others_hold_views(way: Way) {
    let pair = way.pair("ring=64KiB");
    let views = hold_most(&pair.connector, &pair.acceptor);
    let fd = pair.acceptor.fd().expect("a descriptor");
    assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
    assert!(!is_readable(fd), "nothing came");
    let short = Some(Duration::from_millis(150));
    assert_eq!(status(pair.acceptor.recv_vec(short)), Status::TimedOut);
    // It is one once the peer has been unable to send, and that is told at the descriptor.
    assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
    assert_eq!(status(pair.connector.send(&payload(HOLDERS, 28_800), NOW)), Status::Again);
    assert!(is_readable(fd), "the peer found no room");
    assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::NoSpace);
    drop(views);
    pair.connector.send(&payload(HOLDERS, 28_800), SOON).expect("there is room");
    assert_payload(&pair.acceptor.recv_vec(SOON).expect("it was sent"), HOLDERS);
    assert_eq!(status(pair.acceptor.recv_vec(NOW)), Status::Again);
}

pub fn one_who_waits_hears_that_the_peer_found_no_room(way: Way) {
    let pair = way.pair("ring=64KiB");
    for released in [false, true] {
        let views = hold_most(&pair.connector, &pair.acceptor);
        let waits = || pair.acceptor.stats().expect("it is open").recv_waits;
        let before = waits();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| pair.acceptor.recv_vec(SOON));
            until("it waits", || waits() > before);
            let send = || pair.connector.send(&payload(HOLDERS, 28_800), SOON);
            let sender = scope.spawn(send);
            if released {
                drop(views);
                let received = waiter.join().expect("no panic").expect("there is room again");
                assert_payload(&received, HOLDERS);
            } else {
                assert_eq!(status(waiter.join().expect("no panic")), Status::NoSpace);
                drop(views);
                assert_payload(&pair.acceptor.recv_vec(SOON).expect("it is sent"), HOLDERS);
            }
            sender.join().expect("no panic").expect("there is room again");
        });
    }
}
