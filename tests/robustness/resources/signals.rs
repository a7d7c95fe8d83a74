//! What the kernel raises for a call of the library's never reaches the program, whose handlers,
//! mask and pending signals stay as they are.

use crate::common::child::{alone, fork, reap};
use crate::common::{Fails, SOON, name, pair, status};
use std::sync::atomic::{AtomicU32, Ordering};
use treenail::{Segment, Semaphore, Status, TransportKind};

/// Bytes that files may have; a ring has more.
const LIMIT: u64 = 64 << 10;

static CAUGHT: AtomicU32 = AtomicU32::new(0);

extern "C" fn catch(_: libc::c_int) {
    CAUGHT.fetch_add(1, Ordering::Relaxed);
}

fn limit_file_sizes() {
    let limit = libc::rlimit { rlim_cur: LIMIT, rlim_max: LIMIT };
    // SAFETY: the structure is live during the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
}

/// What the program does at a SIGXFSZ, and which signals it holds back.
fn disposition() -> (libc::sighandler_t, bool, bool) {
    // SAFETY: all zeros are valid, and the structures are live during the calls.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let (mut mask, mut pending): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
        libc::sigaction(libc::SIGXFSZ, std::ptr::null(), &mut action);
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
        libc::sigpending(&mut pending);
        let has = |set: &libc::sigset_t| libc::sigismember(set, libc::SIGXFSZ) == 1;
        (action.sa_sigaction, has(&mask), has(&pending))
    }
}

/// Rings over the limit; what can't be had goes through the socket.
fn make_what_is_too_large() {
    let before = disposition();
    let pair = pair("shm", "ring=1MiB");
    assert_eq!(pair.acceptor.peer().expect("it is joined").transport, TransportKind::Local);
    pair.connector.send(b"through the socket", SOON).expect("there is room");
    assert_eq!(pair.acceptor.recv_vec(SOON).expect("it was sent"), b"through the socket");
    let error = Segment::create(&name(), 1 << 20).fails_with(Status::NoSpace);
    assert!(error.to_string().contains("ulimit -f"), "{error}");
    // 86 KB; once it is smaller, this is fine.
    let semaphore = status(Semaphore::create(&name(), 1));
    assert!(matches!(semaphore, Status::NoSpace | Status::Ok), "{semaphore:?}");
    assert_eq!(disposition(), before);
}

#[test]
fn a_limit_of_file_sizes_ends_no_listener() {
    if !alone(a_limit_of_file_sizes_ends_no_listener) {
        return;
    }
    let child = fork(|| {
        limit_file_sizes();
        make_what_is_too_large();
        0
    });
    assert_eq!(reap(child), 0);
}

#[test]
fn the_program_s_own_handler_hears_nothing() {
    if !alone(the_program_s_own_handler_hears_nothing) {
        return;
    }
    let child = fork(|| {
        let handler = catch as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: the handler only counts.
        unsafe { libc::signal(libc::SIGXFSZ, handler) };
        limit_file_sizes();
        make_what_is_too_large();
        i32::from(CAUGHT.load(Ordering::Relaxed) != 0)
    });
    assert_eq!(reap(child), 0);
}

#[test]
fn the_program_s_own_signal_stays_pending() {
    if !alone(the_program_s_own_signal_stays_pending) {
        return;
    }
    let child = fork(|| {
        // SAFETY: the set is live and filled in before it is read; the signal is held back.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGXFSZ);
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            libc::raise(libc::SIGXFSZ);
        }
        limit_file_sizes();
        make_what_is_too_large();
        i32::from(!disposition().2)
    });
    assert_eq!(reap(child), 0);
}
