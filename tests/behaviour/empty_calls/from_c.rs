//! The same through the C ABI: nothing is allocated where nothing is found, and the text of
//! tn_last_error is whole all the same.

use super::allocations::{allocations, find_processors};
use crate::common::{name, pair};
use std::ffi::{CStr, c_char, c_void};
use treenail::{Channel, Listener, NOW, Poller, Segment, Semaphore};

const TN_AGAIN: i32 = -1;
const TN_NOWAIT: i32 = 0;
/// More than any structure that a call writes.
const OUT_MAX: usize = 512;

type Handle = *const c_void;
type Out = *mut c_void;

unsafe extern "C" {
    fn tn_channel_recv(channel: Handle, buf: Out, cap: usize, timeout: i32, len: Out) -> i32;
    fn tn_channel_recv_message(c: Handle, buf: Out, cap: usize, timeout: i32, out: Out) -> i32;
    fn tn_channel_recv_view(channel: Handle, timeout: i32, out: Out) -> i32;
    fn tn_channel_send(channel: Handle, data: Handle, len: usize, timeout: i32) -> i32;
    fn tn_channel_loan(channel: Handle, len: usize, timeout: i32, out: Out) -> i32;
    fn tn_listener_accept(listener: Handle, timeout: i32, out: Out) -> i32;
    fn tn_poller_wait(p: Handle, timeout: i32, keys: Out, max: usize, count: Out) -> i32;
    fn tn_segment_lock(segment: Handle, timeout: i32) -> i32;
    fn tn_segment_lock_shared(segment: Handle, timeout: i32) -> i32;
    fn tn_semaphore_acquire(semaphore: Handle, n: u32, timeout: i32) -> i32;
    fn tn_last_error() -> *const c_char;
}

fn handle<T>(handle: &T) -> Handle {
    std::ptr::from_ref(handle).cast()
}

/// A thread's first failure makes the place for its text.
fn fail_once() {
    // SAFETY: NULL is refused.
    unsafe { tn_channel_recv(std::ptr::null(), std::ptr::null_mut(), 0, 0, std::ptr::null_mut()) };
}

/// Fails unless a call is TN_AGAIN, allocates nothing, and says so with these words.
fn costs_nothing(tried: &str, mut call: impl FnMut() -> i32) {
    for _ in 0..3 {
        assert_eq!(allocations(&mut call), (0, TN_AGAIN), "{tried}");
    }
    // SAFETY: never NULL, and valid until this thread's next failure.
    let text = unsafe { CStr::from_ptr(tn_last_error()) }.to_string_lossy();
    assert!(text.starts_with(tried) && text.contains("not without waiting"), "{tried}: {text}");
}

#[test]
fn a_channel_that_has_nothing() {
    fail_once();
    for watched in [false, true] {
        let pair = pair("shm", "ring=4096");
        if watched {
            pair.connector.fd().expect("a descriptor");
        }
        let (channel, mut buf, mut out) =
            (handle::<Channel>(&pair.connector), [0u8; 64], [0u128; OUT_MAX / 16]);
        let (buf, out): (Out, Out) = (buf.as_mut_ptr().cast(), out.as_mut_ptr().cast());
        let tried = |verb: &str| format!("{verb} {}", pair.endpoint);
        while pair.connector.send(&[0; 64], NOW).is_ok() {}
        // SAFETY: a live handle, as the ABI's are references to these; the outputs are large
        // enough.
        unsafe {
            costs_nothing(&tried("recv"), || tn_channel_recv(channel, buf, 64, TN_NOWAIT, out));
            let call = || tn_channel_recv_message(channel, buf, 64, TN_NOWAIT, out);
            costs_nothing(&tried("recv"), call);
            costs_nothing(&tried("recv"), || tn_channel_recv_view(channel, TN_NOWAIT, out));
            costs_nothing(&tried("send"), || tn_channel_send(channel, buf, 64, TN_NOWAIT));
            costs_nothing(&tried("send"), || tn_channel_loan(channel, 64, TN_NOWAIT, out));
        }
    }
}

#[test]
fn what_else_is_waited_for() {
    let (endpoint, name) = (format!("shm:{}", name()), name());
    let listener = Listener::open(&endpoint).expect("the name is free");
    let poller = Poller::new().expect("descriptors");
    let holder = Segment::create(&name, 64).expect("the name is free");
    let segment = Segment::open(&name).expect("it is there");
    let semaphore = Semaphore::create(&name, 0).expect("the name is free");
    holder.lock(NOW).expect("it is free");
    fail_once();
    find_processors();
    let mut out = [0u64; 8];
    let (keys, count): (Out, Out) = (out.as_mut_ptr().cast(), (&raw mut out[7]).cast());
    let (listener, poller) = (handle(&listener), handle(&poller));
    let (segment, semaphore) = (handle(&segment), handle(&semaphore));
    let tried = |verb: &str| format!("{verb} {name}");
    // SAFETY: live handles, and outputs that are large enough.
    unsafe {
        let accept = || tn_listener_accept(listener, TN_NOWAIT, keys);
        costs_nothing(&format!("accept {endpoint}"), accept);
        costs_nothing("", || tn_poller_wait(poller, TN_NOWAIT, keys, 4, count));
        costs_nothing(&tried("lock"), || tn_segment_lock(segment, TN_NOWAIT));
        costs_nothing(&tried("lock"), || tn_segment_lock_shared(segment, TN_NOWAIT));
        costs_nothing(&tried("acquire"), || tn_semaphore_acquire(semaphore, 1, TN_NOWAIT));
    }
}
