//! Which requests this program was handed and has not answered, so that it answers none twice.

use std::collections::BTreeMap;

/// At least this many unanswered requests are remembered; one may be answered long after it came.
const UNANSWERED_MAX: usize = 1 << 16;

/// The requests that may be answered.
///
/// The peer chooses their ids, and a hostile one may use an id again before its reply: that id may
/// be answered as often as it came.
#[derive(Default)]
pub struct Unanswered {
    open: Recent,
    /// What was answered since the first unanswered request was forgotten. An id that is not found
    /// anywhere may then belong to a forgotten one.
    answered: Recent,
}

impl Unanswered {
    /// Adds a request that was handed out.
    pub fn add(&mut self, id: u32) {
        self.open.add(id);
    }

    /// Takes a request that is being answered. False if it was answered before, or never was one.
    pub fn take(&mut self, id: u32) -> bool {
        if self.open.remove(id) {
            if self.open.forgets {
                self.answered.add(id);
            }
            return true;
        }
        self.open.forgets && !self.answered.has(id)
    }

    /// Puts a request back whose answer could not be sent: it may be tried again.
    pub fn put_back(&mut self, id: u32) {
        self.answered.remove(id);
        self.open.add(id);
    }
}

/// A bag of ids that remembers at least the last [`UNANSWERED_MAX`], and at most twice as many. It
/// is a tree, so that no choice of ids makes it slow.
#[derive(Default)]
struct Recent {
    new: BTreeMap<u32, u32>,
    new_count: usize,
    old: BTreeMap<u32, u32>,
    /// Whether it has ever forgotten an id.
    forgets: bool,
}

impl Recent {
    fn add(&mut self, id: u32) {
        if self.new_count == UNANSWERED_MAX {
            self.forgets |= !self.old.is_empty();
            self.old = std::mem::take(&mut self.new);
            self.new_count = 0;
        }
        *self.new.entry(id).or_default() += 1;
        self.new_count += 1;
    }

    fn remove(&mut self, id: u32) -> bool {
        if remove_one(&mut self.new, id) {
            self.new_count -= 1;
            return true;
        }
        remove_one(&mut self.old, id)
    }

    fn has(&self, id: u32) -> bool {
        self.new.contains_key(&id) || self.old.contains_key(&id)
    }
}

fn remove_one(bag: &mut BTreeMap<u32, u32>, id: u32) -> bool {
    let Some(count) = bag.get_mut(&id) else {
        return false;
    };
    *count -= 1;
    if *count == 0 {
        bag.remove(&id);
    }
    true
}
