//! iceoryx2 for the benchmark: publish-subscribe of bytes, one service a direction, behind a few C
//! functions that iceoryx2.c calls. Receivers poll, or wait for iceoryx2's own events.
//!
//! Any failure panics, which ends the process: a contestant that can't do its work must not win.

use core::mem::MaybeUninit;
use core::slice;
use std::ffi::{CStr, c_char};

use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::sample::Sample;
use iceoryx2::sample_mut_uninit::SampleMutUninit;

type Ipc = ipc::Service;

/// One side: what it sends through, what it receives through, and what is in its hands right now.
/// The node comes last, so that it is dropped after what was made from it.
pub struct Side {
    publisher: Publisher<Ipc, [u8], ()>,
    subscriber: Subscriber<Ipc, [u8], ()>,
    notifier: Option<Notifier<Ipc>>,
    listener: Option<Listener<Ipc>>,
    loaned: Option<SampleMutUninit<Ipc, [MaybeUninit<u8>], ()>>,
    viewed: Option<Sample<Ipc, [u8], ()>>,
    _node: Node<Ipc>,
}

/// What a side is made from.
struct Plan<'a> {
    node: &'a Node<Ipc>,
    name: &'a str,
    size: usize,
    slots: usize,
}

impl Plan<'_> {
    fn service(
        &self,
        direction: &str,
    ) -> iceoryx2::service::port_factory::publish_subscribe::PortFactory<Ipc, [u8], ()> {
        let name = format!("{}/{direction}", self.name);
        self.node
            .service_builder(&name.as_str().try_into().unwrap())
            .publish_subscribe::<[u8]>()
            .payload_alignment(Alignment::new(16).unwrap())
            .enable_safe_overflow(false)
            .history_size(0)
            .subscriber_max_buffer_size(self.slots)
            .max_publishers(1)
            .max_subscribers(1)
            .open_or_create()
            .unwrap()
    }

    fn publisher(&self, direction: &str) -> Publisher<Ipc, [u8], ()> {
        self.service(direction)
            .publisher_builder()
            .initial_max_slice_len(self.size)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()
            .unwrap()
    }

    fn subscriber(&self, direction: &str) -> Subscriber<Ipc, [u8], ()> {
        self.service(direction).subscriber_builder().create().unwrap()
    }

    fn event(&self, direction: &str) -> iceoryx2::service::port_factory::event::PortFactory<Ipc> {
        let name = format!("{}/{direction}/event", self.name);
        self.node
            .service_builder(&name.as_str().try_into().unwrap())
            .event()
            .open_or_create()
            .unwrap()
    }
}

/// Opens one side; `waiting` uses events. Never freed: the process ends with it.
///
/// # Safety
/// `name` is a valid C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iox_open(
    name: *const c_char,
    size: usize,
    slots: usize,
    near: bool,
    waiting: bool,
) -> *mut Side {
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) }.to_str().unwrap();
    set_log_level(LogLevel::Error);
    let node = NodeBuilder::new().create::<Ipc>().unwrap();
    let plan = Plan { node: &node, name, size, slots };
    let (out, into) = if near { ("far", "near") } else { ("near", "far") };
    let events = || (plan.event(out), plan.event(into));
    let (notifier, listener) = match waiting.then(events) {
        Some((to, from)) => (
            Some(to.notifier_builder().create().unwrap()),
            Some(from.listener_builder().create().unwrap()),
        ),
        None => (None, None),
    };
    Box::into_raw(Box::new(Side {
        publisher: plan.publisher(out),
        subscriber: plan.subscriber(into),
        notifier,
        listener,
        loaned: None,
        viewed: None,
        _node: node,
    }))
}

/// Drops one side, so that iceoryx2 removes its files.
///
/// # Safety
/// `side` came from [`iox_open`] and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iox_close(side: *mut Side) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(side) });
}

/// Memory for one message, to be written in place and sent with [`iox_commit`].
#[unsafe(no_mangle)]
pub extern "C" fn iox_loan(side: &mut Side, size: usize) -> *mut u8 {
    let mut sample = side.publisher.loan_slice_uninit(size).unwrap();
    let data = sample.payload_mut().as_mut_ptr().cast();
    side.loaned = Some(sample);
    data
}

/// Sends what was loaned.
///
/// # Safety
/// The caller has written all of the loan, or doesn't mind what is in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iox_commit(side: &mut Side) {
    // SAFETY: bytes of any value are valid, and the memory has been mapped zeroed.
    let sample = unsafe { side.loaned.take().unwrap().assume_init() };
    assert_eq!(sample.send().unwrap(), 1, "no subscriber");
    if let Some(notifier) = &side.notifier {
        notifier.notify().unwrap();
    }
}

/// Sends a copy of `data`.
///
/// # Safety
/// `data` is valid for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iox_send(side: &mut Side, data: *const u8, size: usize) {
    // SAFETY: the caller's promise.
    let data = unsafe { slice::from_raw_parts(data, size) };
    let sample = side.publisher.loan_slice_uninit(size).unwrap();
    let sample = sample.write_from_slice(data);
    assert_eq!(sample.send().unwrap(), 1, "no subscriber");
    if let Some(notifier) = &side.notifier {
        notifier.notify().unwrap();
    }
}

/// The next message in place, valid until [`iox_release`].
#[unsafe(no_mangle)]
pub extern "C" fn iox_view(side: &mut Side, size: usize) -> *const u8 {
    let sample = loop {
        match side.subscriber.receive().unwrap() {
            Some(sample) => break sample,
            None => wait(side.listener.as_ref()),
        }
    };
    assert_eq!(sample.payload().len(), size);
    let data = sample.payload().as_ptr();
    side.viewed = Some(sample);
    data
}

/// Gives back what was viewed.
#[unsafe(no_mangle)]
pub extern "C" fn iox_release(side: &mut Side) {
    side.viewed = None;
}

fn wait(listener: Option<&Listener<Ipc>>) {
    match listener {
        Some(listener) => {
            listener.blocking_wait(|_| {}).unwrap();
        }
        None => core::hint::spin_loop(),
    }
}
