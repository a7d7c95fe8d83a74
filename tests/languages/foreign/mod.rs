//! Objects that other programs made: as they are, and with a lock beside them.

use crate::common::child::{self, die_with_parent};
use crate::common::objects::{add, counter};
use crate::common::system::companion;
use crate::common::toolchain::{build, python, root};
use crate::common::{NEVER_MIND, SOON, name, not_checked, status, until, until_within};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use treenail::{NOW, Segment, Status};

const SIZE: usize = 8192;

/// A program that makes an object of SIZE bytes, in which byte 100 is 7, waits until that is 9, and
/// takes the object away, if byte 101 is 8.
struct Maker {
    what: &'static str,
    /// The command, before name and size; none is this program.
    words: Vec<String>,
}

/// The maker in Rust.
#[test]
fn a_maker() {
    if child::role().as_deref() != Some("maker") {
        return;
    }
    let name = std::env::var("NAME").expect("the parent says");
    let memory = shared_memory::ShmemConf::new().os_id(name).size(SIZE).create();
    let memory = memory.expect("the name is free");
    // SAFETY: within the memory, which lives as long as `memory`.
    let bytes = [100, 101].map(|at| unsafe { memory.as_ptr().add(at) });
    // SAFETY: as above; others write them as well.
    unsafe { bytes[0].write_volatile(7) };
    // SAFETY: as above.
    until("an answer", || unsafe { bytes[0].read_volatile() } == 9);
    // SAFETY: as above.
    assert_eq!(unsafe { bytes[1].read_volatile() }, 8);
}

fn makers() -> Vec<Maker> {
    let source = |name: &str| root().join("tests/languages/foreign").join(name);
    let c = vec![build(&source("maker.c")).display().to_string()];
    let mut python = python("python3");
    python.push(source("maker.py").display().to_string());
    let mut makers = vec![
        Maker { what: "shm_open in C", words: c },
        Maker { what: "Python's SharedMemory", words: python },
        Maker { what: "the shared_memory crate", words: Vec::new() },
    ];
    if Path::new("/usr/include/boost/interprocess/shared_memory_object.hpp").exists() {
        let cpp = vec![build(&source("maker.cpp")).display().to_string()];
        makers.push(Maker { what: "Boost's shared_memory_object", words: cpp });
    } else {
        not_checked("Boost's shared_memory_object", "there is no libboost-dev");
    }
    makers
}

fn start(maker: &Maker, name: &str) -> Child {
    let Some((first, rest)) = maker.words.split_first() else {
        return child::start(a_maker, "maker", &[("NAME", name)]);
    };
    let mut command = Command::new(first);
    command.args(rest).args([name, &SIZE.to_string()]).stdin(Stdio::null());
    die_with_parent(&mut command);
    command.spawn().expect("the maker can be run")
}

fn is_there(segment: &Segment) -> bool {
    let mut byte = [0];
    segment.read(100, &mut byte, SOON).expect("free soon");
    byte == [7]
}

#[test]
fn what_others_made_is_opened_and_locked() {
    for maker in makers() {
        let name = name();
        let mut child = start(&maker, &name);
        let native = format!("native:/{name}");
        until_within(Duration::from_secs(60), maker.what, || {
            let ended = child.try_wait().expect("our child");
            assert!(ended.is_none(), "{} ended: {ended:?}", maker.what);
            Segment::open(&native).is_ok_and(|segment| is_there(&segment))
        });
        let segments = [(); 4].map(|()| Segment::open(&native).expect("it is there"));
        let companion = companion(&Path::new("/dev/shm").join(&name));
        assert!(companion.exists(), "{}", maker.what);
        assert_eq!(segments[0].size(), SIZE, "{}", maker.what);
        assert_eq!(segments[0].attached(), 4);
        thread::scope(|scope| {
            for segment in &segments {
                scope.spawn(|| {
                    for _ in 0..500 {
                        segment.lock(SOON).expect("free soon");
                        add(segment);
                        segment.unlock().expect("held");
                    }
                });
            }
        });
        assert_eq!(counter(&segments[0]).load(Ordering::SeqCst), 2000);
        segments[1].lock(NOW).expect("free");
        assert_eq!(status(segments[2].lock_shared(NOW)), Status::Again);
        segments[1].close();
        assert_eq!(segments[2].lock(NOW).expect("free"), Status::OwnerDied);
        segments[2].unlock().expect("held");
        segments[3].write(100, &[9, 8], NOW).expect("free");
        assert!(child::finish(child, NEVER_MIND), "{} saw no answer", maker.what);
        assert_eq!(status(Segment::open(&native)), Status::NotFound, "it was taken away");
        drop(segments);
        assert!(!companion.exists(), "{}: it goes with its last holder", maker.what);
    }
}
