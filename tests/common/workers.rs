//! Workers in four languages that are killed at random moments. A worker is called with the name
//! of what they share, the path of a page, and the number of its word on that page, in which it
//! counts what it has done; it goes on until it is killed.

use crate::common::child::{self, die_with_parent, kill, name_of};
use crate::common::page::Page;
use crate::common::system::is_sanitized;
use crate::common::toolchain::{build, python, root};
use crate::common::{Random, until_within};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The first worker's word on the page; those before are for what it has to say.
const PLACES: usize = 8;
/// Starting a program takes less, also where many others are started and all is sanitized.
const START_MAX: Duration = Duration::from_secs(60);
/// A victim is killed within this time after it has worked.
const LIFE_MAX: u64 = 3000;

/// What a worker in Rust is told.
pub struct Told {
    /// What they share.
    pub name: String,
    /// What it says something on.
    pub page: Page,
    place: usize,
}

impl Told {
    /// Of this process, if it is such a worker.
    pub fn here() -> Option<Told> {
        let get = |name| std::env::var(name).expect("the parent says");
        child::role().filter(|role| role == "worker").map(|_| Told {
            name: get("NAME"),
            page: Page::open(Path::new(&get("PAGE"))),
            place: get("PLACE").parse().expect("a number"),
        })
    }

    /// Counts what it has done.
    pub fn count(&self) {
        self.page.set(self.place, self.page.get(self.place) + 1);
    }
}

/// How many are to be killed, and how long that may take.
pub fn kills() -> (u64, Duration) {
    let kills = crate::common::kills(1, if is_sanitized() { 10 } else { 40 });
    (kills, START_MAX + Duration::from_secs(kills))
}

/// One worker of each language.
pub struct Workers {
    name: String,
    /// What they say something on.
    pub page: Page,
    path: PathBuf,
    test: &'static str,
    languages: Vec<(&'static str, Vec<String>)>,
    running: Vec<Child>,
    /// Which was killed last.
    newest: usize,
}

impl Workers {
    /// Starts them: the programs in a folder of the tests, and a test of this program.
    pub fn new(name: &str, folder: &str, test: impl Fn()) -> Workers {
        let source = |name: &str| root().join("tests").join(folder).join(name);
        let program = |name: &str| vec![build(&source(name)).display().to_string()];
        let mut python = python("python3");
        python.push(source("worker.py").display().to_string());
        let (c, cpp) = (program("worker.c"), program("worker.cpp"));
        let languages = vec![("C", c), ("C++", cpp), ("Python", python), ("Rust", Vec::new())];
        let path = std::env::temp_dir().join(format!("treenail-page-{name}"));
        let (name, page, running) = (name.to_owned(), Page::open(&path), Vec::new());
        let mut workers =
            Workers { name, page, path, test: name_of(test), languages, running, newest: 0 };
        workers.running = (0..workers.languages.len()).map(|one| workers.start(one)).collect();
        workers
    }

    fn start(&self, one: usize) -> Child {
        let (page, place) = (self.path.to_str().expect("a plain path"), PLACES + one);
        self.page.set(place, 0);
        let place = place.to_string();
        let Some((first, rest)) = self.languages[one].1.split_first() else {
            let settings = [("NAME", &*self.name), ("PAGE", page), ("PLACE", &*place)];
            return child::start_named(self.test, "worker", &settings);
        };
        let mut command = Command::new(first);
        command.args(rest).args([&*self.name, page, &*place]).stdin(Stdio::null());
        command.env("PYTHONPATH", root().join("bindings/python"));
        die_with_parent(&mut command);
        command.spawn().expect("the worker can be run")
    }

    /// Kills one at a random moment of its work, and starts another in its stead. Not the newest, as
    /// nobody would do anything but wait for its start.
    pub fn kill_one(&mut self, random: &mut Random) {
        let others = self.running.len() - 1;
        let one = (self.newest + 1 + random.below(others as u64) as usize) % (others + 1);
        let what = self.languages[one].0;
        until_within(START_MAX, what, || {
            self.assert_runs(one);
            child::pause();
            self.page.get(PLACES + one) > 0
        });
        let (begins, life) = (Instant::now(), Duration::from_micros(random.below(LIFE_MAX)));
        while begins.elapsed() < life {
            std::thread::yield_now();
        }
        self.assert_runs(one);
        kill(self.running.remove(one));
        self.running.insert(one, self.start(one));
        self.newest = one;
    }

    fn assert_runs(&mut self, one: usize) {
        let ended = self.running[one].try_wait().expect("our child");
        assert!(ended.is_none(), "the worker in {} ended: {ended:?}", self.languages[one].0);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.running.drain(..).for_each(kill);
        let _ = std::fs::remove_file(&self.path);
    }
}
