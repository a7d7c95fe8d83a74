//! How segments come and go: names, options, sizes, what else may have the name.

use crate::common::objects::segment_path as path;
use crate::common::system::companion;
use crate::common::{Fails, at_once, name, status};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use treenail::object::format::FORMAT;
use treenail::object::layout::Header;
use treenail::{NOW, Segment, Status};

#[test]
fn a_segment_begins_with_zeros_and_is_as_large_as_asked() {
    for size in [1, 4095, 4096, 4097, 1 << 20] {
        let segment = Segment::create(&name(), size).expect("the name is free");
        assert_eq!(segment.size(), size);
        assert_eq!(segment.data().addr().get() % 4096, 0);
        let mut bytes = vec![1; size];
        segment.read(0, &mut bytes, NOW).expect("free");
        assert!(bytes.iter().all(|byte| *byte == 0));
        segment.write(size - 1, &[7], NOW).expect("within");
    }
}

#[test]
fn one_name_is_one_segment_until_the_last_is_gone() {
    let name = name();
    assert_eq!(status(Segment::open(&name)), Status::NotFound);
    let first = Segment::create(&name, 10).expect("the name is free");
    assert_eq!(status(Segment::create(&name, 10)), Status::Exists);
    let second = Segment::open(&name).expect("it is there");
    let third = Segment::open_or_create(&name, 10).expect("it is there");
    assert_eq!((third.size(), third.attached()), (10, 3));
    first.write(0, b"data", NOW).expect("free");
    drop(first);
    let mut bytes = [0; 4];
    second.read(0, &mut bytes, NOW).expect("free");
    assert_eq!(&bytes, b"data");
    drop(second);
    assert!(path(&name).exists());
    drop(third);
    assert!(!path(&name).exists());
    assert_eq!(status(Segment::open(&name)), Status::NotFound);
}

/// Whoever asks for so many bytes can use so many, whoever came first.
#[test]
fn open_or_create_gives_as_many_bytes_as_are_asked_for() {
    let name = name();
    let made = Segment::open_or_create(&name, 4096).expect("the name is free");
    for size in [1, 4095, 4096] {
        assert_eq!(Segment::open_or_create(&name, size).expect("it is there").size(), 4096);
    }
    for size in [4097, 8192, 1 << 40] {
        let error = Segment::open_or_create(&name, size).fails_with(Status::TooLarge);
        let text = error.to_string();
        assert!(text.contains(&name) && text.contains("4096"), "{text}");
        assert!(text.contains(&size.to_string()), "{text}");
    }
    assert_eq!(made.attached(), 1, "a refusal holds nothing");
    drop(made);
    assert!(!path(&name).exists());
}

#[test]
fn open_or_create_without_a_size_opens_what_is_there() {
    let name = name();
    assert_eq!(status(Segment::open_or_create(&name, 0)), Status::NotFound);
    assert!(!path(&name).exists());
    let made = Segment::create(&name, 4096).expect("the name is free");
    let opened = Segment::open_or_create(&name, 0).expect("it is there");
    assert_eq!((opened.size(), made.attached()), (4096, 2));
    opened.lock(NOW).expect("free");
}

#[test]
fn bad_names_options_and_sizes_are_refused_with_a_text() {
    let long = "n".repeat(300);
    let names = [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "/a",
        "a b",
        "größe",
        "名",
        &long,
        "a%2fb",
        "a%00",
        "a%g0",
        "native:",
        "native:/",
        "native:a",
        "native:/a/b",
        "native:/..",
        "native:/treenail.0.x",
    ];
    for name in names {
        for result in [Segment::create(name, 8), Segment::open(name)] {
            let error = result.fails_with(Status::Invalid);
            assert!(!error.to_string().is_empty());
        }
        assert_eq!(status(Segment::remove(name)), Status::Invalid, "{name}");
    }
    for option in ["mode=9", "owner=me", "access=wo", "persist=2", "size=1", "mode=600&mode=600"] {
        let made = Segment::create(&format!("{}?{option}", name()), 8);
        assert_eq!(status(made), Status::Invalid, "{option}");
    }
    let error = Segment::create("x?acces=ro", 8).expect_err("unknown");
    assert!(error.to_string().contains("access"), "{error}");
    assert_eq!(status(Segment::create(&name(), 0)), Status::Invalid);
    for make in [Segment::create, Segment::open_or_create] {
        assert_eq!(status(make(&name(), (1 << 40) + 1)), Status::TooLarge);
        assert_eq!(status(make(&name(), usize::MAX)), Status::TooLarge);
    }
}

#[test]
fn names_may_have_dots_inside_and_64_bytes() {
    for name in [format!("a.b-c_{}", name()), format!("{:x<64}", name())] {
        let segment = Segment::create(&name, 8).expect("a good name");
        assert!(path(&name).exists());
        drop(segment);
        assert!(!path(&name).exists());
    }
}

#[test]
fn the_mode_is_as_said_whatever_the_umask() {
    for (option, mode) in [("", 0o600), ("?mode=0666", 0o666), ("?mode=640", 0o640)] {
        let name = name();
        let segment = Segment::create(&format!("{name}{option}"), 8).expect("the name is free");
        let found = fs::metadata(path(&name)).expect("it is there").permissions().mode();
        assert_eq!(found & 0o7777, mode);
        drop(segment);
    }
    let name = name();
    let gid = fs::metadata("/proc/self").expect("/proc").gid();
    let _segment = Segment::create(&format!("{name}?group={gid}"), 8).expect("its own group");
    assert_eq!(fs::metadata(path(&name)).expect("it is there").gid(), gid);
    assert_eq!(status(Segment::create("x?group=no-such-group", 8)), Status::Invalid);
}

#[test]
fn a_persistent_segment_stays_until_it_is_removed() {
    let name = name();
    let made = Segment::create(&format!("{name}?persist=1"), 8).expect("the name is free");
    made.write(0, b"stays", NOW).expect("free");
    drop(made);
    assert_eq!(status(Segment::create(&name, 8)), Status::Exists);
    let opened = Segment::open(&name).expect("it stays");
    let mut bytes = [0; 5];
    assert_eq!(opened.read(0, &mut bytes, NOW).expect("free"), Status::Ok);
    assert_eq!((&bytes, opened.attached()), (b"stays", 1));
    Segment::remove(&name).expect("it is there");
    assert_eq!(status(Segment::remove(&name)), Status::NotFound);
    let fresh = Segment::create(&name, 8).expect("the name is free at once");
    opened.write(0, b"other", NOW).expect("it is still held");
    drop(opened);
    assert!(path(&name).exists(), "its name is another's now");
    fresh.read(0, &mut bytes, NOW).expect("free");
    assert_eq!(bytes, [0; 5]);
}

#[test]
fn what_is_open_for_reading_only_is_not_written() {
    let name = name();
    let first = Segment::create(&name, 8).expect("the name is free");
    let reader = Segment::open(&format!("{name}?access=ro")).expect("it is there");
    assert_eq!(status(reader.write(0, b"x", NOW)), Status::Denied);
    assert_eq!(reader.lock(NOW).expect("free"), Status::Ok);
    assert_eq!(status(first.lock_shared(NOW)), Status::Again);
    reader.unlock().expect("held");
    let maps = fs::read_to_string("/proc/self/maps").expect("/proc");
    let at = format!("{:x}-", reader.data().addr());
    let line = maps.lines().find(|line| line.starts_with(&at)).expect("it is mapped");
    assert!(line.contains("r--s"), "{line}");
}

#[test]
fn what_lies_outside_is_refused() {
    let segment = Segment::create(&name(), 100).expect("the name is free");
    for (offset, len) in [(0, 101), (100, 1), (101, 0), (usize::MAX, 1), (usize::MAX, 0)] {
        let mut bytes = vec![0; len];
        assert_eq!(status(segment.write(offset, &bytes, NOW)), Status::Invalid);
        assert_eq!(status(segment.read(offset, &mut bytes, NOW)), Status::Invalid);
    }
    segment.write(100, &[], NOW).expect("nothing, at the end");
    segment.lock(NOW).expect("nothing is left locked");
    assert_eq!(status(segment.write(0, &[1], NOW)), Status::Again);
    segment.unlock().expect("held");
}

/// Every call on the name is this, and none hangs or crashes.
fn assert_spoilt(name: &str, expected: Status) {
    assert_eq!(status(at_once(|| Segment::open(name))), expected);
    assert_eq!(status(at_once(|| Segment::create(name, 8))), expected);
    assert_eq!(status(at_once(|| Segment::open_or_create(name, 8))), expected);
}

#[test]
fn what_is_no_segment_is_a_protocol_error_and_can_be_removed() {
    let spoil: [fn(&PathBuf); 6] = [
        |path| fs::write(path, b"").expect("writable"),
        |path| fs::write(path, b"something else").expect("writable"),
        |path| fs::write(path, vec![7; 100_000]).expect("writable"),
        |path| {
            let file = fs::OpenOptions::new().write(true).open(path).expect("it is there");
            file.set_len(5000).expect("shorter");
        },
        |path| {
            let file = fs::OpenOptions::new().write(true).open(path).expect("it is there");
            file.set_len(1 << 20).expect("longer");
        },
        |path| {
            let file = fs::OpenOptions::new().write(true).open(path).expect("it is there");
            let other = (FORMAT ^ 1).to_ne_bytes();
            let at = std::mem::offset_of!(Header, format) as u64;
            file.write_at(&other, at).expect("another version");
        },
    ];
    for (index, spoil) in spoil.iter().enumerate() {
        let name = name();
        drop(Segment::create(&format!("{name}?persist=1"), 8).expect("the name is free"));
        spoil(&path(&name));
        assert_spoilt(&name, Status::Protocol);
        Segment::remove(&name).unwrap_or_else(|error| panic!("{index}: {error}"));
        drop(Segment::create(&name, 8).expect("the name is free"));
    }
}

#[test]
fn what_is_no_file_is_refused_and_can_be_removed() {
    let name = name();
    fs::create_dir(path(&name)).expect("the name is free");
    assert_spoilt(&name, Status::Protocol);
    let error = Segment::remove(&name).fails_with(Status::Protocol);
    assert!(error.to_string().contains("is a directory"), "{error}");
    fs::remove_dir(path(&name)).expect("it is empty");
    std::os::unix::fs::symlink("/dev/shm/x", path(&name)).expect("the name is free");
    assert_spoilt(&name, Status::Protocol);
    Segment::remove(&name).expect("it is a link");
    let fifo = std::ffi::CString::new(path(&name).to_str().expect("plain")).expect("plain");
    // SAFETY: the path ends with a NUL.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    assert_spoilt(&name, Status::Protocol);
    Segment::remove(&name).expect("it is a pipe");
    drop(UnixListener::bind(path(&name)).expect("the name is free"));
    assert_spoilt(&name, Status::Protocol);
    Segment::remove(&name).expect("it is a socket");
    assert_eq!(status(Segment::remove(&name)), Status::NotFound);
}

#[test]
fn another_program_s_object_is_opened_as_it_is_and_can_be_locked() {
    let (name, file) = (name(), PathBuf::from(format!("/dev/shm/{}", name())));
    let native = format!("native:/{}", file.file_name().unwrap().to_str().unwrap());
    assert_eq!(status(Segment::open(&native)), Status::NotFound, "{name}");
    assert_eq!(status(Segment::open_or_create(&native, 0)), Status::NotFound);
    Segment::open_or_create(&native, 8).fails_with(Status::Invalid);
    fs::write(&file, b"foreign bytes").expect("writable");
    let first = Segment::open(&native).expect("it is there");
    let second = Segment::open(&format!("{native}?access=ro")).expect("it is there");
    assert_eq!((first.size(), second.attached()), (13, 2));
    let mut bytes = [0; 7];
    second.read(0, &mut bytes, NOW).expect("free");
    assert_eq!(&bytes, b"foreign");
    first.lock(NOW).expect("free");
    assert_eq!(status(second.lock(NOW)), Status::Again);
    first.unlock().expect("held");
    first.write(0, b"ours", NOW).expect("free");
    assert_eq!(fs::read(&file).expect("readable"), b"oursign bytes");
    assert_eq!(status(Segment::create(&native, 8)), Status::Invalid);
    assert_eq!(status(Segment::remove(&native)), Status::Invalid);
    assert!(companion(&file).exists());
    for size in [0, 1, 13] {
        assert_eq!(Segment::open_or_create(&native, size).expect("it is there").size(), 13);
    }
    let error = Segment::open_or_create(&native, 14).fails_with(Status::TooLarge);
    assert!(error.to_string().contains("13 bytes, and 14 "), "{error}");
    drop((first, second));
    assert!(!companion(&file).exists(), "it goes with its last holder");
    assert!(Segment::open(&format!("{native}?owner=12345")).is_err(), "it isn't that user's");
    fs::remove_file(&file).expect("it is still there");
    fs::write(&file, b"").expect("writable");
    assert_eq!(status(Segment::open(&native)), Status::Protocol, "no bytes");
    fs::remove_file(&file).expect("it is there");
}
