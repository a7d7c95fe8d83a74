//! Views that are open when the peer turns out to be hostile: they are read and given back as
//! ever, and nothing hangs on that.

use super::pages::{Arena, VICTIMS};
use super::shared::{Place, WAIT, alone, in_time, status};
use super::talk::{Raw, data, frame, greet};
use std::mem::MaybeUninit;
use std::thread;
use treenail::ffi::message::tn_message;
use treenail::ffi::recv::{tn_channel_recv_view, tn_channel_release};
use treenail::ffi::status::tn_status;
use treenail::wire::Kind;
use treenail::{Channel, NOW, Status};

const PAYLOAD: &[u8] = b"some bytes of a proper message";

/// A view as C has it: nothing releases it but a call.
fn view(channel: &Channel) -> tn_message {
    let mut view = MaybeUninit::uninit();
    // SAFETY: both references are valid.
    let status = unsafe { tn_channel_recv_view(Some(channel), 2000, Some(&mut view)) };
    assert_eq!(status, Status::Ok as tn_status);
    // SAFETY: it was stored, by TN_OK.
    unsafe { view.assume_init() }
}

fn release(channel: &Channel, view: &tn_message) -> tn_status {
    // SAFETY: both references are valid.
    in_time(NOW, || unsafe { tn_channel_release(Some(channel), Some(view)) })
}

/// Two proper messages are here; `spoil` makes the rest hostile.
fn are_given_back_after_the_end(channel: &Channel, spoil: impl FnOnce()) {
    let views = [view(channel), view(channel)];
    spoil();
    for _ in 0..2 {
        assert_eq!(in_time(WAIT, || status(channel.recv_vec(WAIT))), Status::Protocol);
    }
    for view in &views {
        // SAFETY: an open view's bytes are there until it is released.
        let bytes = unsafe { std::slice::from_raw_parts(view.data.cast::<u8>(), view.len) };
        assert_eq!(bytes, PAYLOAD);
    }
    for view in views.iter().rev() {
        assert_eq!(release(channel, view), Status::Ok as tn_status);
        assert_eq!(release(channel, view), Status::Invalid as tn_status, "it was released before");
    }
    assert_eq!(in_time(NOW, || status(channel.recv_vec(NOW))), Status::Protocol);
}

#[test]
fn in_a_ring_they_are_given_back_after_the_end() {
    if !alone(in_a_ring_they_are_given_back_after_the_end) {
        return;
    }
    for victim in VICTIMS {
        let (channel, mut hostile) = Arena::new(victim, "").join();
        (0..2).for_each(|_| hostile.publish(Kind::Data as u8, 0, 0, 0, PAYLOAD));
        are_given_back_after_the_end(&channel, || hostile.publish(9, 0, 0, 0, b"of no kind"));
    }
}

#[test]
fn from_a_socket_they_are_given_back_after_the_end() {
    if !alone(from_a_socket_they_are_given_back_after_the_end) {
        return;
    }
    let place = Place::new();
    let listener = place.listener("local", "");
    let (channel, mut raw) = thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept(WAIT));
        let mut raw = Raw::connect(&place);
        greet(&mut raw);
        (accepting.join().expect("accept returns").expect("it is welcome"), raw)
    });
    (0..2).for_each(|_| assert!(raw.say(&data(PAYLOAD))));
    are_given_back_after_the_end(&channel, || assert!(raw.say(&frame(9, 0, 0, 0, b"of no kind"))));
}
