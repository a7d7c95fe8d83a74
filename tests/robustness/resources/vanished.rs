//! A listener whose socket file is taken away, as at logout or by who cleans /tmp: it listens
//! anew, and loses nobody who has come before.

use super::places::{among_places, first, lock, log_in, runtime, second};
use crate::common::child::{alone, root_for};
use crate::common::event::{Events, is_readable};
use crate::common::namespaces::{mount, unmount};
use crate::common::system::make_directory;
use crate::common::{SOON, at_once, directory, name, status, until, with};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use treenail::{Channel, Listener, NOW, Status};

/// An endpoint in a directory that no other test changes names in, and its socket.
fn place() -> (String, PathBuf) {
    let place = directory().join(name());
    make_directory(&place, 0o700);
    let path = place.join("socket");
    (format!("local:{}", path.display()), path)
}

fn vanish(path: &Path) {
    std::fs::remove_file(path).expect("it is there");
}

/// A connector that is in the listener's queue.
fn queued(endpoint: &str) -> Channel {
    let connector = Channel::connect_start(endpoint).expect("it is an endpoint");
    // The handshake waits for the listener.
    assert_eq!(status(connector.recv_vec(NOW)), Status::Again);
    connector
}

fn assert_joined(listener: &Listener, connectors: &[Channel]) {
    for (number, connector) in connectors.iter().enumerate() {
        let acceptor = listener.accept(SOON).expect("somebody is in the queue");
        acceptor.send(&[number as u8], SOON).expect("there is room");
        assert_eq!(connector.recv_vec(SOON).expect("it was sent"), [number as u8]);
    }
    assert_eq!(status(listener.accept(NOW)), Status::Again);
}

#[test]
fn it_listens_anew_at_the_next_accept_and_keeps_its_queue() {
    let (endpoint, path) = place();
    let listener = Listener::open(&with(&endpoint, "mode=0640&backlog=4")).expect("free");
    let fd = listener.as_raw_fd();
    for _ in 0..3 {
        let mut connectors = vec![queued(&endpoint), queued(&endpoint)];
        vanish(&path);
        assert_eq!(status(Channel::connect(&endpoint, NOW)), Status::NotFound);
        let first = listener.accept(SOON).expect("somebody is in the queue");
        assert_eq!(path.metadata().expect("a new one").permissions().mode() & 0o777, 0o640);
        assert!(is_readable(&listener), "another is in the first queue");
        connectors.push(queued(&endpoint));
        first.send(b"first", SOON).expect("there is room");
        assert_eq!(connectors[0].recv_vec(SOON).expect("it was sent"), b"first");
        assert_joined(&listener, &connectors[1..]);
        assert!(!is_readable(&listener));
        connectors.push(queued(&endpoint));
        assert!(is_readable(&listener), "the descriptor shows those that come anew");
        assert_joined(&listener, &connectors[3..]);
        assert_eq!(listener.as_raw_fd(), fd);
    }
    assert_eq!(status(Listener::open(&endpoint)), Status::Exists);
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn it_listens_anew_soon_while_somebody_waits() {
    let [waits, is_polled, creates] = [place(), place(), place()];
    let all = [&waits, &is_polled, &creates].map(|(_, path)| path.clone());
    let (endpoints, polled) = ([&waits.0, &creates.0], is_polled.0.as_str());
    let waits = Listener::open(endpoints[0]).expect("free");
    let is_polled = Listener::open(polled).expect("free");
    std::thread::scope(|scope| {
        let accepting = scope.spawn(|| waits.accept(SOON));
        let creating = scope.spawn(|| Channel::create(endpoints[1], SOON));
        until("all listen", || all.iter().all(|path| path.exists()));
        all.iter().for_each(|path| vanish(path));
        Events::of(&is_polled).wait();
        assert_eq!(status(is_polled.accept(NOW)), Status::Again);
        assert!(!is_readable(&is_polled), "until it is time again");
        assert_joined(&is_polled, &[queued(polled)]);
        for (endpoint, accepting) in [(endpoints[0], accepting), (endpoints[1], creating)] {
            let connector = Channel::connect(&with(endpoint, "retry=1"), SOON).expect("in time");
            let acceptor = accepting.join().expect("no panic").expect("somebody came");
            connector.send(b"found", SOON).expect("there is room");
            assert_eq!(acceptor.recv_vec(SOON).expect("it was sent"), b"found");
        }
    });
}

#[test]
fn a_name_that_another_has_taken_meanwhile_is_that_one_s() {
    let (endpoint, path) = place();
    let listener = Listener::open(&endpoint).expect("free");
    vanish(&path);
    let other = Listener::open(&endpoint).expect("it looks free");
    let theirs = path.metadata().expect("it listens").ino();
    assert_eq!(status(listener.accept(NOW)), Status::Again);
    assert_eq!(path.metadata().expect("untouched").ino(), theirs);
    assert_joined(&other, &[queued(&endpoint)]);
    drop(other);
    assert_eq!(status(listener.accept(NOW)), Status::Again);
    assert_joined(&listener, &[queued(&endpoint)]);
}

#[test]
fn nobody_who_keeps_the_directory_locked_holds_up_an_accept() {
    let (endpoint, path) = place();
    let listener = Listener::open(&endpoint).expect("free");
    vanish(&path);
    let held = lock(path.parent().expect("it has one"));
    assert_eq!(status(at_once(|| listener.accept(NOW))), Status::Again);
    assert!(!path.exists());
    drop(held);
    // It looks again sooner than one that nothing has hindered.
    let other = Listener::open(&place().0).expect("free");
    let events = Events::of(&listener);
    events.add(&other, 1);
    assert_eq!(events.wait(), [0]);
    assert_eq!(status(listener.accept(NOW)), Status::Again);
    assert_joined(&listener, &[queued(&endpoint)]);
}

#[test]
fn a_listener_outlives_the_logout_of_its_user() {
    among_places(a_listener_outlives_the_logout_of_its_user, || {
        log_in();
        let listener = Listener::open("local:server").expect("free");
        assert!(first().join("server.sock").exists());
        std::fs::remove_dir_all(runtime()).expect("it is ours");
        assert_eq!(status(listener.accept(NOW)), Status::Again);
        assert!(second().join("server.sock").exists());
        assert_joined(&listener, &[queued("local:server")]);
        // Its name is its own after the next login too.
        log_in();
        assert_eq!(status(Listener::open("local:server")), Status::Exists);
        drop(listener);
        assert!(!second().join("server.sock").exists());
        // logind takes a whole file system away.
        mount(c"tmpfs", c"/run/user", c"tmpfs", c"");
        log_in();
        let listener = Listener::open("local:server").expect("free");
        unmount(c"/run/user");
        std::fs::remove_dir_all(runtime()).expect("it is ours");
        assert_eq!(status(listener.accept(NOW)), Status::Again);
        assert_joined(&listener, &[queued("local:server")]);
    });
}

#[test]
fn a_relative_path_stays_where_it_was() {
    if !alone(a_relative_path_stays_where_it_was) {
        return;
    }
    let (endpoint, path) = place();
    std::env::set_current_dir(path.parent().expect("it has one")).expect("it is there");
    let listener = Listener::open("local:./socket").expect("free");
    std::env::set_current_dir("/").expect("it is there");
    let before = path.metadata().expect("it listens").ino();
    assert_eq!(status(listener.accept(NOW)), Status::Again);
    assert_eq!(path.metadata().expect("untouched").ino(), before);
    vanish(&path);
    assert_eq!(status(listener.accept(NOW)), Status::Again);
    assert_joined(&listener, &[queued(&endpoint)]);
}

/// It can't see there what others see outside.
#[test]
fn a_listener_in_a_new_root_keeps_its_socket() {
    if !root_for(a_listener_in_a_new_root_keeps_its_socket)
        || !alone(a_listener_in_a_new_root_keeps_its_socket)
    {
        return;
    }
    let ((endpoint, path), root) = (place(), directory().join(name()));
    let listener = Listener::open(&endpoint).expect("free");
    let inode = path.metadata().expect("it listens").ino();
    // The same names lead to other directories there.
    let inside = root.join(path.parent().and_then(|place| place.strip_prefix("/").ok()).unwrap());
    std::fs::create_dir_all(&inside).expect("it is ours");
    let outside = std::fs::File::open("/").expect("it is there");
    std::os::unix::fs::chroot(&root).expect("root may");
    assert_eq!(status(listener.accept(NOW)), Status::Again);
    // SAFETY: the descriptor is live, and the paths end with a NUL.
    unsafe {
        assert_eq!(libc::fchdir(outside.as_raw_fd()), 0);
        assert_eq!(libc::chroot(c".".as_ptr()), 0);
    }
    assert_eq!(path.metadata().expect("untouched").ino(), inode);
    assert!(!inside.join("socket").exists());
    assert_joined(&listener, &[queued(&endpoint)]);
}
