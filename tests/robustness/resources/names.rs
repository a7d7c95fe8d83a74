//! Names and paths of every kind.

use crate::common::{SOON, directory, name, status};
use std::path::Path;
use std::thread;
use treenail::{Channel, Listener, NOW, Status};

fn assert_meets(listening: &str, connecting: &str) {
    let listener = Listener::open(listening);
    let listener = listener.unwrap_or_else(|error| panic!("{error}"));
    thread::scope(|scope| {
        let connector = scope.spawn(|| Channel::connect(connecting, SOON));
        let acceptor = listener.accept(SOON).expect("it connects");
        acceptor.send(b"welcome", SOON).expect("there is room");
        let connector = connector.join().expect("no panic");
        let connector = connector.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(connector.recv_vec(SOON).expect("it was sent"), b"welcome");
    });
}

/// Fails unless both sides refuse the endpoint, and say why.
fn assert_refused(endpoint: &str, expected: Status) {
    for error in [
        Listener::open(endpoint).err(),
        Channel::connect(endpoint, NOW).err(),
        Channel::connect_start(endpoint).err(),
        Channel::create_start(endpoint).err(),
    ] {
        let error = error.unwrap_or_else(|| panic!("{endpoint:?} was taken"));
        assert_eq!(error.status(), expected, "{error}");
        let text = error.to_string();
        assert!(text.len() > 20 && !text.contains('\n'), "{text}");
    }
}

#[test]
fn odd_names_are_refused() {
    directory();
    let long = "x".repeat(65);
    let longer = "x".repeat(300);
    let odd = [
        "", ".", "..", ".hidden", "a b", "a\nb", "a\tb", "a:b", "ü", "a%00b", "%", "%4", "%zz",
        "a\\b", "a*", "dir/", "/", &long, &longer,
    ];
    for name in odd {
        assert_refused(&format!("shm:{name}"), Status::Invalid);
        assert_refused(&format!("local:{name}"), Status::Invalid);
    }
    let huge = "y".repeat(100_000);
    for endpoint in ["", "x", ":", "tcp:x", "shm", "SHM:x", "shm:a?", &huge] {
        assert_refused(endpoint, Status::Invalid);
    }
}

#[test]
fn every_allowed_name_works() {
    let unique = name();
    for name in [
        format!("{unique}A"),
        format!("{unique}._-Zz09"),
        format!("-{unique}"),
        format!("_{unique}"),
        format!("{unique}{}", "x".repeat(64 - unique.len())),
    ] {
        assert_meets(&format!("shm:{name}"), &format!("shm:{name}"));
        assert_meets(&format!("local:{name}"), &format!("local:{name}"));
    }
    assert_meets(&format!("shm:{unique}"), &format!("shm:%74{}", &unique[1..]));
}

#[test]
fn names_differ_by_case() {
    let name = name();
    let lower = Listener::open(&format!("local:{name}x")).expect("free");
    let upper = Listener::open(&format!("local:{name}X")).expect("another name");
    drop((lower, upper));
}

#[test]
fn paths_work_and_are_the_same_by_every_way() {
    let directory = directory();
    let name = name();
    let path = format!("{}/{name}.socket", directory.display());
    assert_meets(&format!("shm:{path}"), &format!("shm:{path}"));
    let detour = format!("{}/../{}/{name}.socket", directory.display(), last(directory));
    assert_meets(&format!("local:{path}"), &format!("local:{detour}"));
    let escaped = format!("{}%2f{name}%20%3F%26", directory.display());
    assert_meets(&format!("local:{escaped}"), &format!("local:{escaped}"));
    assert!(!Path::new(&path).exists(), "a listener removes its name");
}

fn last(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn a_path_over_the_systems_limit_works() {
    let mut path = directory().join(name());
    for _ in 0..4 {
        std::fs::create_dir(&path).expect("the directory is ours");
        path = path.join("d".repeat(60));
    }
    let path = path.with_file_name("socket");
    let path = path.to_str().expect("plain");
    assert!(path.len() > 200);
    assert_meets(&format!("local:{path}"), &format!("local:{path}"));
    assert_meets(&format!("shm:{path}"), &format!("shm:{path}"));
    assert_eq!(status(Channel::connect(&format!("shm:{path}"), NOW)), Status::NotFound);
}

#[test]
fn a_path_that_leads_nowhere_is_a_clear_failure() {
    let directory = directory().display();
    let missing = format!("local:{directory}/missing/x.sock");
    assert_refused_later(&missing, &[Status::NotFound]);
    let long = format!("local:{directory}/{}", "n".repeat(300));
    assert_refused_later(&long, &[Status::Invalid, Status::Io, Status::TooLarge]);
    let file = format!("{}/{}", directory, name());
    std::fs::write(&file, "plain").expect("the directory is ours");
    assert_refused_later(&format!("local:{file}/x"), &[Status::Denied, Status::NotFound]);
    assert_eq!(status(Listener::open(&format!("local:{file}"))), Status::Exists);
}

fn assert_refused_later(endpoint: &str, possible: &[Status]) {
    let errors = [
        Listener::open(endpoint).err(),
        Channel::connect(endpoint, NOW).err(),
        Channel::create(endpoint, NOW).err(),
    ];
    for error in errors {
        let error = error.unwrap_or_else(|| panic!("{endpoint} was taken"));
        assert!(possible.contains(&error.status()), "{error}");
        assert!(error.to_string().len() > 20);
    }
}

#[test]
fn the_mode_of_a_socket_is_as_asked() {
    use std::os::unix::fs::MetadataExt;
    for (options, expected) in [("", 0o600), ("?mode=0660", 0o660), ("?mode=666", 0o666)] {
        let path = directory().join(name());
        let listener = Listener::open(&format!("local:{}{options}", path.display()));
        let listener = listener.expect("the name is free");
        let mode = std::fs::metadata(&path).expect("it is there").mode();
        assert_eq!(mode & 0o7777, expected);
        drop(listener);
    }
}
