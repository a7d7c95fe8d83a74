//! Descriptors among users: who may write an object tells all that have one, and nobody else can.

use super::bells::{becomes_readable, bells, hide};
use crate::common::child::{alone, as_user, fork, pause, reap};
use crate::common::page::Page;
use crate::common::system::{become_one_of, is_root};
use crate::common::{name, not_checked, until, with};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use treenail::Segment;

const OWNER: u32 = 65534;
const MEMBER: u32 = 12345;
const STRANGER: u32 = 12346;
const GROUP: u32 = 54321;

/// A page that processes of different users share, each of which has a turn.
struct Turns(Page);

impl Turns {
    fn new(name: &str) -> Turns {
        let path = std::env::temp_dir().join(format!("treenail-page-{name}"));
        let page = Page::open(&path);
        // It stays mapped.
        let _ = fs::remove_file(path);
        Turns(page)
    }

    /// Waits until it is a turn, does what is to be done in it, and begins the next one.
    fn take(&self, turn: u64, act: impl FnOnce()) {
        until("it is one's turn", || {
            pause();
            self.0.get(0) == turn
        });
        act();
        self.0.set(0, turn + 1);
    }
}

/// That one is told of a change; then it waits for the next.
fn hears(segment: &Segment, what: &str) {
    assert!(becomes_readable(segment), "{what}");
    hide(segment);
}

/// What the one does that made the object.
fn owner(name: &str, turns: &Turns) {
    become_one_of(OWNER, GROUP);
    let mut made = None;
    turns.take(0, || {
        let segment = Segment::create(name, 8).expect("the name is free");
        hide(&segment);
        made = Some(segment);
    });
    let segment = made.expect("it was made");
    turns.take(4, || hears(&segment, "root tells the owner"));
    turns.take(5, || segment.notify().expect("open"));
    turns.take(9, || hears(&segment, "the member tells the owner"));
}

/// What another user does whom its mode lets write it.
fn member(name: &str, group: u32, turns: &Turns) {
    become_one_of(MEMBER, group);
    let mut opened = None;
    turns.take(1, || {
        let segment = Segment::open(name).expect("its mode lets one");
        hide(&segment);
        opened = Some(segment);
    });
    let segment = opened.expect("it was opened");
    turns.take(3, || hears(&segment, "root tells the member"));
    turns.take(6, || hears(&segment, "the owner tells the member"));
    turns.take(8, || segment.notify().expect("open"));
}

#[test]
fn those_who_may_write_an_object_tell_each_other() {
    if !is_root() {
        not_checked("who may write an object", "only root can become another user");
        return;
    }
    if !alone(those_who_may_write_an_object_tell_each_other) {
        return;
    }
    for (mode, group) in [("mode=0660&group=54321", GROUP), ("mode=0666", MEMBER)] {
        let name = name();
        let (turns, reached) = (Turns::new(&name), format!("{name}?owner={OWNER}"));
        let children = [
            fork(|| {
                owner(&with(&name, mode), &turns);
                0
            }),
            fork(|| {
                member(&reached, group, &turns);
                0
            }),
        ];
        let mut opened = None;
        turns.take(2, || {
            let root = Segment::open(&reached).expect("root may do all");
            hide(&root);
            assert_eq!(bells(&name).len(), 3, "all wait");
            as_user(STRANGER, STRANGER, || is_kept_out(&name, mode));
            root.notify().expect("open");
            hide(&root);
            opened = Some(root);
        });
        let root = opened.expect("it was opened");
        turns.take(7, || hears(&root, "the owner tells root"));
        turns.take(10, || hears(&root, "the member tells root"));
        assert_eq!(children.map(reap), [0, 0]);
        drop(root);
        assert!(bells(&name).is_empty(), "{:?}", bells(&name));
    }
}

fn is_kept_out(name: &str, mode: &str) {
    for bell in bells(name) {
        let path = Path::new("/dev/shm").join(bell);
        let opened = fs::OpenOptions::new().read(true).write(true).open(path);
        match mode.ends_with("666") {
            true => drop(opened.expect("anybody may write the object")),
            false => {
                let error = opened.expect_err("only members may");
                assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            }
        }
    }
}
