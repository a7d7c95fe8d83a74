//! A holder that means harm: a process that scribbles over an object all the time, beside calls that
//! must come back in time.

use super::child::{kill, start};
use super::page::Page;
use super::until;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// What takes longer than its timeout and this hangs: the machine may be busy.
const LATE_MAX: Duration = Duration::from_secs(10);
/// How long a busy kernel takes to end the watch behind a descriptor.
pub const WATCH_END_MAX: Option<Duration> = Some(Duration::from_secs(20));

/// Runs a call that may take this long, and a little more.
pub fn in_time<T>(what: &str, timeout: Option<Duration>, act: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = act();
    let late = began.elapsed().saturating_sub(timeout.unwrap_or_default());
    assert!(late < LATE_MAX, "{what} took {late:?} longer than its {timeout:?}");
    result
}

/// The process, which is killed when this is dropped.
pub struct Scribbler {
    child: Option<Child>,
    said: Page,
    path: PathBuf,
}

impl Scribbler {
    /// Starts `test` as one: it scribbles over `object` in this way, and says on a page that it has
    /// begun, and how often it was through.
    pub fn start(test: impl Fn(), way: &str, object: &Path) -> Scribbler {
        let path = std::env::temp_dir().join(format!("treenail-page-{}", super::name()));
        let said = Page::open(&path);
        let [object, page] = [object, &path].map(|path| path.to_str().expect("a plain path"));
        let settings = [("WAY", way), ("OBJECT", object), ("PAGE", page)];
        let child = Some(start(test, "scribbler", &settings));
        until("it scribbles", || said.get(0) == 1);
        Scribbler { child, said, path }
    }

    /// How often it was through.
    pub fn sweeps(&self) -> u64 {
        self.said.get(1)
    }
}

impl Drop for Scribbler {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            kill(child);
        }
        let _ = std::fs::remove_file(&self.path);
    }
}
