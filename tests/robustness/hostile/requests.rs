//! Requests whose ids are as a hostile peer would choose them: each may be answered as often as it
//! came, and no flood of them is remembered for ever.

use super::shared::{Place, WAIT, alone, resident, status};
use super::talk::{Raw, frame, greet};
use std::thread;
use treenail::wire::Kind;
use treenail::{Channel, Info, Status};

/// More than are remembered, several times over.
const FLOOD: u32 = 400_000;
/// The most that remembering requests may take, with what the allocator keeps.
const KEPT_MAX: u64 = 5 << 20;

fn request(id: u32) -> Vec<u8> {
    frame(Kind::Data as u8, 1, 0, id, b"")
}

/// A channel to a plain socket.
fn meet(act: impl FnOnce(&Channel, &mut Raw)) {
    let place = Place::new();
    let listener = place.listener("local", "");
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT));
        let mut raw = Raw::connect(&place);
        greet(&mut raw);
        let channel = accepting.join().expect("accept returns").expect("it is welcome");
        act(&channel, &mut raw);
    });
}

fn receive(channel: &Channel) -> Info {
    channel.recv_message(&mut [], WAIT).expect("one came")
}

#[test]
fn an_id_that_comes_twice_is_answered_twice() {
    meet(|channel, raw| {
        assert!(raw.say(&[request(5), request(6), request(5)].concat()));
        let [five, six, again] = [(); 3].map(|()| receive(channel));
        assert_eq!((five.id, six.id, again.id), (5, 6, 5));
        for (request, expected) in [
            (five, Status::Ok),
            (again, Status::Ok),
            (five, Status::Invalid),
            (six, Status::Ok),
            (six, Status::Invalid),
        ] {
            assert_eq!(status(channel.reply(&request, b"!", WAIT)), expected, "{request:?}");
        }
    });
}

/// All of a flood is received, and nothing answered.
fn take_flood(id: impl Fn(u32) -> u32 + Sync) -> u64 {
    let mut grown = 0;
    meet(|channel, raw| {
        let before = resident();
        thread::scope(|scope| {
            scope.spawn(|| {
                for start in (0..FLOOD).step_by(1000) {
                    let block: Vec<_> =
                        (start..start + 1000).flat_map(|n| request(id(n))).collect();
                    assert!(raw.say(&block), "it is read");
                }
            });
            for number in 1..FLOOD {
                assert_eq!(receive(channel).id, id(number - 1));
            }
            let last = receive(channel);
            grown = resident().saturating_sub(before);
            assert_eq!(status(channel.reply(&last, b"!", WAIT)), Status::Ok);
        });
    });
    grown
}

#[test]
fn a_flood_of_requests_is_not_remembered_for_ever() {
    if !alone(a_flood_of_requests_is_not_remembered_for_ever) {
        return;
    }
    let same = |_| 7;
    let upwards = |n| n + 1;
    let scattered = |n: u32| (n + 1).wrapping_mul(0x9e37_79b1);
    for (name, grown) in [
        ("the same id", take_flood(same)),
        ("ids in order", take_flood(upwards)),
        ("ids in no order", take_flood(scattered)),
    ] {
        // AddressSanitizer keeps what was freed.
        let is_sanitized = std::env::var_os("TREENAIL_SANITIZED").is_some();
        assert!(is_sanitized || grown < KEPT_MAX, "{name}: {grown} bytes were kept");
    }
}
