//! The socket files at which this process listens, so that a second listener there can say so.

use crate::os::directory::FileId;
use crate::os::fork::{enter, generation};
use crate::sync::lock;
use std::sync::Mutex;

/// The files, and under which fork generation each was made.
static OWN: Mutex<Vec<(FileId, u32)>> = Mutex::new(Vec::new());

/// One of them, until it is dropped.
pub struct OwnFile(FileId);

impl OwnFile {
    pub fn of(file: FileId) -> OwnFile {
        // A child that is forked with the lock held could never take it.
        let _gate = enter();
        lock(&OWN).push((file, generation()));
        OwnFile(file)
    }

    /// Whether this process listens at this file.
    pub fn has(file: &FileId) -> bool {
        let _gate = enter();
        lock(&OWN).iter().any(|(own, made)| own.is(file) && *made == generation())
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        let _gate = enter();
        let mut own = lock(&OWN);
        if let Some(at) = own.iter().position(|(file, _)| file.is(&self.0)) {
            own.swap_remove(at);
        }
    }
}
