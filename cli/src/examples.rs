//! What stands below each command's `--help`: an example, which a test runs as it stands there.
//! Lines behind a `$` are commands, and others what they print.

macro_rules! example {
    ($($line:literal)*) => { concat!("Example:\n", $("  ", $line, "\n"),*) };
}

pub const TREENAIL: &str = concat!(
    "Exit statuses: 0 good, 1 failed, 2 wrong usage, 3 nobody there, 4 timed out.\n\n",
    example! {
        "$ treenail listen shm:talk &"
        "$ echo hello | treenail connect --wait shm:talk --quit-after 0"
        "hello"
    }
);

pub const LIST: &str = example! {
    "$ treenail list"
    "$ treenail list --json 'segment:camera*'"
};

pub const INFO: &str = example! {
    "$ treenail echo shm:mirror &"
    "$ treenail request --wait shm:mirror hello"
    "hello"
    "$ treenail info shm:mirror"
    "$ kill $!"
};

pub const SEND: &str = example! {
    "$ treenail recv --lines shm:greet &"
    "$ treenail send --wait shm:greet hello world"
    "hello"
    "world"
};

pub const RECV: &str = example! {
    "$ treenail recv shm:copy > copy &"
    "$ seq 100000 | treenail send --wait shm:copy"
    "$ wait; tail -n 1 copy"
    "100000"
};

pub const REQUEST: &str = example! {
    "$ treenail echo --once shm:mirror &"
    "$ treenail request --wait shm:mirror 'Who is there?'"
    "Who is there?"
};

pub const LISTEN: &str = example! {
    "$ treenail listen shm:talk &"
    "$ echo hello | treenail connect --wait shm:talk --quit-after 0"
    "hello"
};

pub const CONNECT: &str = example! {
    "$ treenail echo --once shm:mirror &"
    "$ echo hello | treenail connect --wait shm:mirror --quit-after 3"
    "hello"
};

pub const ECHO: &str = example! {
    "$ treenail echo shm:mirror &"
    "$ treenail request --wait shm:mirror hello"
    "hello"
    "$ kill $!"
};

pub const BENCH: &str = example! {
    "$ treenail bench --time 100ms"
};

pub const CLEAN: &str = example! {
    "$ treenail clean --dry-run"
    "$ treenail clean 'segment:camera*'"
};

pub const REMOVE: &str = example! {
    "$ treenail echo shm:mirror &"
    "$ treenail request --wait shm:mirror hello"
    "hello"
    "$ kill -KILL $!; wait"
    "$ treenail remove shm:mirror"
    "removed listener mirror"
};

pub const COMPLETIONS: &str = example! {
    "$ treenail completions bash > treenail.bash"
};

pub const MAN: &str = example! {
    "$ treenail man send > treenail-send.1"
    "$ treenail man --dir man1"
};
