//! Newer system calls are taken away one at a time: channels work all the same, and see a peer's
//! end as before.

use crate::common::child::alone;
use crate::common::{SOON, name, status};
use treenail::{Channel, Fault, Listener, Status, TransportKind, set_faults};

#[test]
fn without_newer_system_calls_channels_work_all_the_same() {
    if !alone(without_newer_system_calls_channels_work_all_the_same) {
        return;
    }
    let faults = [
        (Fault::NoMemfd, TransportKind::Local),
        (Fault::NoPeerPidfd, TransportKind::Shm),
        (Fault::NoPidfd, TransportKind::Shm),
        (Fault::NoProc, TransportKind::Local),
        (Fault::NoMembarrier, TransportKind::Shm),
    ];
    for (fault, transport) in faults {
        // Without SO_PEERPIDFD only does pidfd_open come into play.
        set_faults(&[fault, Fault::NoPeerPidfd]);
        exchange(transport, &format!("{fault:?}"));
        set_faults(&[]);
    }
}

/// Requests pass a channel's doors in one thread until it owns them and the peer counts on heavy
/// barriers; then membarrier is forbidden, and other threads come.
#[test]
fn membarrier_may_be_forbidden_later() {
    if !alone(membarrier_may_be_forbidden_later) {
        return;
    }
    let endpoint = format!("shm:{}", name());
    let listener = Listener::open(&endpoint).expect("the name is free");
    let connecting = std::thread::spawn(move || Channel::connect(&endpoint, SOON));
    let acceptor = listener.accept(SOON).expect("it connects");
    let connector = connecting.join().expect("no panic").expect("it is accepted");
    let echo = || {
        while let Ok(number) = acceptor.recv_vec(SOON) {
            acceptor.send(&number, SOON).expect("room");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(echo);
        for forbidden in [false, true] {
            let threads = if forbidden { 4 } else { 1 };
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        for number in 0..2000u32 {
                            connector.send(&number.to_le_bytes(), SOON).expect("room");
                            connector.recv_vec(SOON).expect("each is answered");
                        }
                    });
                }
            });
            set_faults(&[Fault::MembarrierStops]);
        }
        connector.close();
    });
    set_faults(&[]);
}

fn exchange(transport: TransportKind, fault: &str) {
    let endpoint = format!("shm:{}", name());
    let listener = Listener::open(&endpoint).expect(fault);
    let connector = Channel::connect_start(&endpoint).expect(fault);
    let served = std::thread::spawn(move || {
        let channel = listener.accept(SOON).expect("somebody connects");
        for number in 0..2000u32 {
            assert_eq!(channel.recv_vec(SOON).expect("a message"), number.to_le_bytes());
            channel.send(&number.to_le_bytes(), SOON).expect("room");
        }
        channel
    });
    for number in 0..2000u32 {
        connector.send(&number.to_le_bytes(), SOON).expect(fault);
        assert_eq!(connector.recv_vec(SOON).expect(fault), number.to_le_bytes());
    }
    assert_eq!(connector.peer().expect(fault).transport, transport, "{fault}");
    drop(served.join().expect("no panic"));
    assert_eq!(status(connector.recv_vec(SOON)), Status::Closed, "{fault}");
}
