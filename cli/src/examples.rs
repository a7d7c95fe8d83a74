//! What stands below each command's `--help`: an example, which a test runs as it stands there.

pub const EXIT_STATUSES: &str = "\
Exit statuses: 0 good, 1 failed, 2 wrong usage, 3 nobody there, 4 timed out.

Example:
  $ treenail listen shm:talk &
  $ treenail connect --wait shm:talk
";

macro_rules! example {
    ($($line:literal)*) => { concat!("Example:\n", $("  ", $line, "\n"),*) };
}

pub const LIST: &str = example! {
    "$ treenail list"
    "$ treenail list --json 'segment:cam*'"
    "$ treenail list --watch"
};

pub const INFO: &str = example! {
    "$ treenail info shm:talk"
};

pub const SEND: &str = example! {
    "$ treenail recv shm:greet --lines &"
    "$ treenail send --wait shm:greet hello world"
    "hello"
    "world"
};

pub const RECV: &str = example! {
    "$ treenail recv shm:copy > copy &"
    "$ treenail send --wait shm:copy < original"
};

pub const REQUEST: &str = example! {
    "$ treenail echo --once shm:mirror &"
    "$ treenail request --wait shm:mirror 'who is there?'"
    "who is there?"
};

pub const LISTEN: &str = example! {
    "$ treenail listen shm:talk"
};

pub const CONNECT: &str = example! {
    "$ treenail connect --wait shm:talk"
};

pub const ECHO: &str = example! {
    "$ treenail echo shm:mirror"
};

pub const BENCH: &str = example! {
    "$ treenail bench"
};

pub const CLEAN: &str = example! {
    "$ treenail clean --dry-run"
    "$ treenail clean 'segment:test-*'"
};

pub const REMOVE: &str = example! {
    "$ treenail remove segment:frames"
};

pub const COMPLETIONS: &str = example! {
    "$ treenail completions bash > /usr/share/bash-completion/completions/treenail"
};

pub const MAN: &str = example! {
    "$ treenail man send | man -l -"
    "$ treenail man --dir /usr/share/man/man1"
};
