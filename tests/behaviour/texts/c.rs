//! What only C can do wrong. Such texts begin with the function's name.

#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each call hands over what its contract asks for, or NULL"
)]

use super::{Expected, Table};
use crate::common::{SOON, name, pair};
use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::ptr::null;
use treenail::ffi::{channel, listener, message, poller, recv, request, segment, send, status};
use treenail::{Poller, Segment, Status};

/// The text of this thread's last failure.
fn last_error() -> String {
    // SAFETY: never NULL, and valid until this thread's next failure.
    unsafe { CStr::from_ptr(status::tn_last_error()) }.to_string_lossy().into_owned()
}

impl Table {
    /// Adds a row for a call of C that has just returned this.
    fn c_row(&mut self, tried: &str, status: Status, says: &'static [&'static str], got: i32) {
        let found = Status::ALL.iter().find(|(status, ..)| *status as i32 == got);
        let got = found.map_or(Status::Internal, |(status, ..)| *status);
        self.text_row(&Expected { tried: tried.to_owned(), status, says }, got, last_error());
    }
}

pub fn rows(table: &mut Table) {
    let (mut out, mut len) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    let says: &[&str] = &["the handle is NULL", "pass one that was made"];
    let got = unsafe { send::tn_channel_send(None, null(), 0, 0) };
    table.c_row("tn_channel_send", Status::Invalid, says, got);
    let got = unsafe { listener::tn_listener_accept(None, 0, Some(&mut out)) };
    table.c_row("tn_listener_accept", Status::Invalid, says, got);
    let got = unsafe { segment::tn_segment_lock(None, 0) };
    table.c_row("tn_segment_lock", Status::Invalid, says, got);
    assert!(unsafe { segment::tn_segment_data(None) }.is_null());
    table.c_row("tn_segment_data", Status::Invalid, says, Status::Invalid as i32);
    let says: &[&str] = &["out is NULL", "pass an address"];
    let got = unsafe { channel::tn_channel_connect(c"shm:a".as_ptr(), 0, None) };
    table.c_row("tn_channel_connect", Status::Invalid, says, got);
    let says: &[&str] = &["endpoint is NULL", "pass a text"];
    let got = unsafe { channel::tn_channel_connect(null(), 0, Some(&mut out)) };
    table.c_row("tn_channel_connect", Status::Invalid, says, got);
    let says: &[&str] = &["endpoint is not UTF-8", "write bytes as %XX"];
    let got = unsafe { channel::tn_channel_connect(c"shm:\xff".as_ptr(), 0, Some(&mut out)) };
    table.c_row("tn_channel_connect", Status::Invalid, says, got);
    let ends = pair("local", "");
    let ours = Some(&ends.connector);
    let says: &[&str] = &["timeout_ms is -7", "-1 (for ever), 0 (never waits)"];
    let got = unsafe { send::tn_channel_send(ours, null(), 0, -7) };
    table.c_row("tn_channel_send", Status::Invalid, says, got);
    let says: &[&str] = &["the data is NULL, but its length is 5", "pass the address"];
    let got = unsafe { send::tn_channel_send(ours, null(), 5, 0) };
    table.c_row("tn_channel_send", Status::Invalid, says, got);
    let (byte, huge) = (c"x".as_ptr().cast(), usize::MAX);
    let says: &[&str] = &["more than memory can have", "pass the size"];
    let got = unsafe { send::tn_channel_send(ours, byte, huge, 0) };
    table.c_row("tn_channel_send", Status::TooLarge, says, got);
    let mut room = [0u8; 8];
    let got =
        unsafe { recv::tn_channel_recv(ours, room.as_mut_ptr().cast(), huge, 0, Some(&mut len)) };
    table.c_row("tn_channel_recv", Status::Invalid, says, got);
    let says: &[&str] = &["slices are more than memory can have", "pass how many there are"];
    let slices = [message::tn_slice { data: byte, len: 1 }];
    let got = unsafe { send::tn_channel_sendv(ours, 1, slices.as_ptr(), huge, 0) };
    table.c_row("tn_channel_sendv", Status::Invalid, says, got);
    let says: &[&str] = &["bytes with its NUL, and the buffer has 8", "give it more"];
    let text: *mut c_char = room.as_mut_ptr().cast();
    let its = Some(&ends.listener);
    let got = unsafe { listener::tn_listener_endpoint(its, text, 8, Some(&mut len)) };
    table.c_row("tn_listener_endpoint", Status::TooLarge, says, got);
    let says: &[&str] = &["struct_size is 3", "set it to the size"];
    let mut small = [3u32; 64];
    let got = unsafe { channel::tn_channel_peer(ours, small.as_mut_ptr().cast()) };
    table.c_row("tn_channel_peer", Status::Invalid, says, got);
    let says: &[&str] = &["it is not open on this channel", "give each view and loan back once"];
    // SAFETY: all zeros are one that holds nothing.
    let none: message::tn_message = unsafe { std::mem::zeroed() };
    let got = unsafe { recv::tn_channel_release(ours, Some(&none)) };
    table.c_row("tn_channel_release", Status::Invalid, says, got);
    let at = format!("reply {}?early=0", ends.endpoint);
    let says: &[&str] = &["is not a request", "reply only to those"];
    let got = unsafe { request::tn_channel_reply(ours, Some(&none), null(), 0, 0) };
    table.c_row(&at, Status::Invalid, says, got);
    let poller = Poller::new().expect("a descriptor");
    let says: &[&str] = &["-1 is no descriptor", "pass one that is open"];
    let got = unsafe { poller::tn_poller_add_fd(Some(&poller), -1, 1) };
    table.c_row("tn_poller_add_fd", Status::Invalid, says, got);
    let says: &[&str] = &["set the last error to status 7", "a text in UTF-8"];
    let got = unsafe { status::tn_last_error_set(7, c"text".as_ptr()) };
    table.c_row("tn_last_error_set", Status::Invalid, says, got);
    views_and_loans(table);
    // What Rust names by itself, C names alike.
    let name = name();
    let segment = Segment::create(&name, 8).expect("the name is free");
    let got = unsafe { segment::tn_segment_unlock(Some(&segment)) };
    table.c_row(&format!("unlock {name}"), Status::Invalid, &["lock it first"], got);
    let text = CString::new("shm:/nowhere/at/all").expect("no NUL");
    let got =
        unsafe { listener::tn_listener_open(text.as_ptr(), Some(&mut MaybeUninit::uninit())) };
    table.c_row("listen shm:/nowhere/at/all", Status::NotFound, &["make it"], got);
}

/// Views and loans that are given back twice.
fn views_and_loans(table: &mut Table) {
    let pair = pair("shm", "");
    let ours = Some(&pair.connector);
    pair.acceptor.send(b"x", SOON).expect("there is room");
    let mut view = MaybeUninit::uninit();
    let got = unsafe { recv::tn_channel_recv_view(ours, 1000, Some(&mut view)) };
    assert_eq!(got, 0);
    // SAFETY: the call has filled it in.
    let view: message::tn_message = unsafe { view.assume_init() };
    assert_eq!(unsafe { recv::tn_channel_release(ours, Some(&view)) }, 0);
    let says: &[&str] = &["no view of this channel is open", "release each view once"];
    let got = unsafe { recv::tn_channel_release(ours, Some(&view)) };
    table.c_row(&format!("release {}?early=0", pair.endpoint), Status::Invalid, says, got);
    let mut loan = MaybeUninit::uninit();
    assert_eq!(unsafe { send::tn_channel_loan(ours, 8, 1000, Some(&mut loan)) }, 0);
    // SAFETY: the call has filled it in.
    let loan: message::tn_loan = unsafe { loan.assume_init() };
    assert_eq!(unsafe { send::tn_channel_discard(ours, Some(&loan)) }, 0);
    let says: &[&str] = &["no loan of this channel is open", "commit or discard each once"];
    let got = unsafe { send::tn_channel_discard(ours, Some(&loan)) };
    table.c_row(&format!("discard {}?early=0", pair.endpoint), Status::Invalid, says, got);
    let got = unsafe { send::tn_channel_commit(ours, Some(&loan), 0, 8, 0) };
    table.c_row(&format!("commit {}?early=0", pair.endpoint), Status::Invalid, says, got);
}
