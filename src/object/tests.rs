//! Two processes that sweep the same object.

use crate::object::file::File;
use crate::os::named_memory;
use std::os::fd::AsFd;

/// Each would remove the name of what a third process has made meanwhile.
#[test]
fn two_never_sweep_at_once() {
    let name = format!("treenail-sweepers-{}", std::process::id()).into_bytes();
    let all = std::slice::from_ref(&(0..4096));
    let (fd, facts) = named_memory::make(4096, all, 0o600, None).expect("there is room");
    named_memory::publish(fd.as_fd(), 0o600, &name).expect("the name is free");
    let open = || {
        let fd = named_memory::open(&name, false).expect("it is there");
        File { fd, name: name.clone(), facts, writable: false }
    };
    let (first, second) = (open(), open());
    assert!(first.try_lock_all() && !second.try_lock_all());
    first.unlock_all();
    second.unlock_all();
    assert!(second.try_lock_all());
    named_memory::remove(&name).expect("it is there");
}
