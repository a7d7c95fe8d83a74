//! The directory that names live in, when it is not what it should be.

use crate::common::child::{self, finish, name_of, root_for};
use crate::common::system::{is_root, make_directory, set_mode};
use crate::common::{SOON, directory, name, status};
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;
use treenail::{Channel, Listener};

const NOBODY: u32 = 65534;

/// Opens and connects in the directory that it was given: both must come to what was expected.
#[test]
fn whoever_is_given_a_directory() {
    if child::role().as_deref() != Some("directory") {
        return;
    }
    let get = |name| std::env::var(name).expect("the parent says");
    if let Ok(uid) = std::env::var("AS_USER") {
        crate::common::system::become_user(uid.parse().expect("a number"));
    }
    let expected: Vec<String> = get("EXPECTED").split(' ').map(str::to_owned).collect();
    for endpoint in ["shm:somebody", "local:somebody"] {
        let listener = Listener::open(endpoint);
        if let Err(error) = &listener {
            let text = error.to_string();
            assert!(text.contains(endpoint) && text.len() > endpoint.len() + 20, "{text}");
        }
        assert_eq!(format!("{:?}", status(listener)), expected[0]);
        let connected = Channel::connect(endpoint, SOON);
        assert_eq!(format!("{:?}", status(connected)), expected[1]);
    }
}

/// Runs a child in the directory `path`: what opening and connecting there must come to.
fn expect(path: &Path, expected: &str, more: &[(&str, &str)]) {
    let mut command = child::command(name_of(whoever_is_given_a_directory), "directory");
    command.env("TREENAIL_DIR", path).env("EXPECTED", expected);
    command.env_remove("XDG_RUNTIME_DIR").envs(more.iter().copied());
    let child = command.spawn().expect("the test program can run itself");
    let done = finish(child, Duration::from_secs(20));
    assert!(done, "{}: not {expected}", path.display());
}

/// A place for a directory that nobody else uses.
fn place() -> PathBuf {
    directory().join(format!("dir-{}", name()))
}

#[test]
fn a_directory_of_ones_own_is_fine() {
    let path = place();
    make_directory(&path, 0o700);
    expect(&path, "Ok NotFound", &[]);
    set_mode(&path, 0o755);
    expect(&path, "Ok NotFound", &[]);
}

#[test]
fn without_one_there_is_a_directory_for_each_user() {
    expect(Path::new(""), "Ok NotFound", &[]);
    if is_root() {
        expect(Path::new(""), "Ok NotFound", &[("AS_USER", "65534")]);
    }
}

#[test]
fn a_missing_directory_is_made() {
    use std::os::unix::fs::MetadataExt;
    let path = place();
    expect(&path, "Ok NotFound", &[]);
    let made = std::fs::metadata(&path).expect("it was made");
    assert_eq!(made.mode() & 0o7777, 0o700);
    let orphan = place().join("below").join("nothing");
    expect(&orphan, "NotFound NotFound", &[]);
}

#[test]
fn a_directory_that_others_may_write_is_refused() {
    let path = place();
    make_directory(&path, 0o770);
    expect(&path, "Denied Denied", &[]);
    set_mode(&path, 0o707);
    expect(&path, "Denied Denied", &[]);
    set_mode(&path, 0o1777);
    expect(&path, "Denied Denied", &[]);
}

#[test]
fn a_symbolic_link_is_refused() {
    let (path, link) = (place(), place());
    make_directory(&path, 0o700);
    symlink(&path, &link).expect("the place is ours");
    expect(&link, "Denied Denied", &[]);
    let dangling = place();
    symlink("/nowhere/at/all", &dangling).expect("the place is ours");
    expect(&dangling, "Denied Denied", &[]);
}

#[test]
fn a_file_is_refused() {
    let path = place();
    std::fs::write(&path, "no directory").expect("the place is ours");
    expect(&path, "Denied Denied", &[]);
}

#[test]
fn another_users_directory_is_refused() {
    if !root_for(another_users_directory_is_refused) {
        return;
    }
    let path = place();
    make_directory(&path, 0o700);
    chown(&path, Some(NOBODY), None).expect("root may");
    expect(&path, "Denied Denied", &[]);
}

#[test]
fn a_directory_without_rights_is_refused() {
    if !root_for(a_directory_without_rights_is_refused) {
        return;
    }
    let path = place();
    make_directory(&path, 0o700);
    let user = NOBODY.to_string();
    expect(&path, "Denied Denied", &[("AS_USER", &user)]);
    // One of its own, but read-only.
    set_mode(directory(), 0o711);
    let path = place();
    make_directory(&path, 0o500);
    chown(&path, Some(NOBODY), None).expect("root may");
    expect(&path, "Denied NotFound", &[("AS_USER", &user)]);
}
