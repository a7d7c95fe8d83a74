//! Newer system calls are taken away one at a time: channels work all the same, and see a peer's
//! end as before. One test, as faults are the whole process'.

mod common;

use common::{SOON, name, status};
use treenail::{Channel, Fault, Listener, Status, TransportKind, set_faults};

#[test]
fn without_newer_system_calls_channels_work_all_the_same() {
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
