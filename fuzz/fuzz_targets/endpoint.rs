//! The endpoint parser: it never panics, what it refuses it explains in one line, and what it
//! takes keeps to the limits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use treenail::Status;
use treenail::endpoint::{
    Address, ENDPOINT_SIZE_MAX, Endpoint, Given, Meeting, RING_SIZE_MAX, RING_SIZE_MIN, Rings,
    name_is_valid,
};

fuzz_target!(|text: &str| {
    match Endpoint::parse(text) {
        Ok(endpoint) => holds_its_promises(text, &endpoint),
        Err(error) => {
            assert_eq!(error.status(), Status::Invalid);
            let line = error.to_string();
            assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
        }
    }
});

fn holds_its_promises(text: &str, endpoint: &Endpoint) {
    assert!(text.len() <= ENDPOINT_SIZE_MAX);
    assert!(!endpoint.text.contains(char::is_control));
    match &endpoint.meeting {
        Meeting::At(Address::Name(name)) => assert!(name_is_valid(name) && name.len() <= 64),
        Meeting::At(Address::Path(path)) => assert!(path.contains(&b'/') && !path.contains(&0)),
        Meeting::AtOwnName => assert_named(&endpoint.with_own_name("own")),
        Meeting::On(Given::Number(number)) => assert!(*number > 2),
        Meeting::On(Given::Systemd) => {}
        Meeting::AsPair => panic!("no endpoint is a pair"),
    }
    let sizes = RING_SIZE_MIN..=RING_SIZE_MAX;
    assert!(sizes.contains(&endpoint.ring) && sizes.contains(&endpoint.ring_max));
    assert!(endpoint.ring <= endpoint.ring_max);
    assert!(endpoint.max_message > 0 && endpoint.backlog > 0 && endpoint.max_channels > 0);
    assert!(!endpoint.handshake.is_zero());
    assert!(endpoint.mode.is_none_or(|mode| mode <= 0o777));
    assert!(!endpoint.raw || endpoint.rings == Rings::Never);
}

/// The text of a listener that has chosen its name is an endpoint of that name.
fn assert_named(named: &Endpoint) {
    let read = Endpoint::parse(&named.text).expect("it differs by the name alone");
    assert_eq!(read.meeting, named.meeting);
}
