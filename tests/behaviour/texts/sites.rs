//! The places in the source that make errors: each is in a row of the table, or listed here.

use std::fs;
use std::path::{Path, PathBuf};

/// How an error is made. What the text of a failed system call advises is a
/// matter of its cause, of which src/error.rs has a test.
const MAKERS: [&str; 4] =
    ["Error::new(", "Error::invalid(", "Error::protocol(", "Error::too_large("];

/// Texts that no row has, and who brings them about instead, or why nobody does. What they say is
/// checked wherever they are made in a test: `Error::new` refuses a text without advice.
const ELSEWHERE: [(&str, &[&str]); 9] = [
    (
        "peers that break the format: tests/robustness/hostile; what to do is said of all alike",
        &[
            "a frame that is no message, and too long",
            "descriptors with a frame that brings none",
            "the first frame is not a HELLO",
            "a frame that does not belong on this connection",
            "the peer mapped memory that it was not given",
            "the listener gave up the rings after they were taken",
            "shared memory is handed over once",
            "an answer to SHARE of the wrong size",
            "SHARE did not bring exactly ",
            "a handshake frame that is too long",
            "a SHARE frame that is not due",
            "fragments of two messages that are mixed",
            "the peer sent bytes where none belong",
            "a frame in a ring that is neither DATA nor PAD",
            "a frame whose zero field is not zero",
            "a frame whose flags and id do not go together",
            "the peer takes no messages (max_message is 0)",
            "a SHARE frame of the wrong size",
            "the peer's shared memory is of another format",
            " was offered, not ",
            "a ring that does not lie within its shared memory",
            "two rings that overlap",
            "the peer's write position is impossible",
            "a record that reaches past what was written",
            "the peer's read position is impossible",
        ],
    ),
    (
        "ends with a reason: tests/behaviour/golden; slow clients: tests/behaviour/listeners.rs",
        &[
            "the peer has closed the channel: ",
            " ms; see whether it is treenail's, and not stuck, or raise handshake_ms=",
        ],
    ),
    (
        "other users: tests/behaviour/segments/users.rs, and of semaphores beside it",
        &[
            "the object of that name belongs to user ",
            ", makes its lock; let a program of that user open it first",
            "this user may only read the segment; let its owner make it with a mode= that lets others write",
            "this user may only read the semaphore; let its owner make it with a mode= that lets \
             others write",
            "this user may only read the semaphore; see its mode=",
        ],
    ),
    (
        "sockets that were handed over: tests/behaviour/given",
        &[
            "both sides wait for the other to connect; let one of them connect",
            "both sides connect; let one of them create the channel",
            "this process has taken the socket that systemd passed; name further ones by \
             fd:NUMBER, from fd:4 on",
        ],
    ),
    (
        "a variable that is read once: tests/behaviour/segments/prefixes.rs",
        &[" of A-Z a-z 0-9 . _ -; set it so, or unset it"],
    ),
    (
        "locks that another process keeps: tests/robustness/segments/scribbles.rs, and for \
         listeners tests/robustness/resources",
        &[
            " locked; find it with lsof",
            "another process keeps the object from being opened or left; find it with lsof",
        ],
    ),
    (
        "other programs' objects without bytes, and full tables, which take minutes here: \
         tests/robustness/segments",
        &[
            "it is no shared memory, or has no bytes; name what shm_open has made",
            " handles hold it already; close some",
            " requests wait for their replies already; end some first",
        ],
    ),
    (
        "what needs two programs in step: names that come and go, a lock that is given up, a handle \
         that another thread closes",
        &[
            "others make and remove the directories all the time; choose another directory",
            "others make and remove an object of that name all the time; choose another name",
            "the lock was given up while it was held for this call; let only the thread unlock it that \
             has locked it",
            "the handle was closed by this program; open it anew",
        ],
    ),
    (
        "bugs of the library, and a path that the reader of endpoints refuses before",
        &[
            "a bug in treenail: ",
            "an earlier call on this channel broke off in the middle, by a bug in treenail; close the \
             channel, and please report it",
            "the path names no file; name a socket file",
        ],
    ),
];

/// The source files that are compiled into the library.
fn sources() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut left, mut found) = (vec![src], Vec::new());
    while let Some(path) = left.pop() {
        if path.ends_with("models") || path.ends_with("tests.rs") || path.ends_with("error.rs") {
            continue;
        }
        match path.is_dir() {
            true => {
                let entries = fs::read_dir(&path).expect("directories can be read");
                left.extend(entries.map(|entry| entry.expect("entries can be read").path()));
            }
            false => {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                found.push((path, text));
            }
        }
    }
    found
}

/// The places whose text is in none of `texts`.
pub fn uncovered(texts: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut stale: Vec<&str> = ELSEWHERE.iter().flat_map(|(_, all)| *all).copied().collect();
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for maker in MAKERS {
            let places = code.match_indices(maker).filter(|(at, _)| !code[..*at].ends_with("io::"));
            for (at, _) in places {
                let Some(said) = literal(code, at + maker.len()) else { continue };
                stale.retain(|listed| *listed != said);
                let is_said = texts.iter().any(|text| text.contains(&said));
                if !is_said && !ELSEWHERE.iter().any(|(_, all)| all.contains(&said.as_str())) {
                    let line = code[..at].lines().count();
                    complaints.push(format!("{}:{line}: no row has \"{said}\"", path.display()));
                }
            }
        }
    }
    complaints.extend(stale.iter().map(|listed| format!("nothing makes \"{listed}\" any more")));
    complaints
}

/// What the text of an error that is made at this place says in any case: the longest part of its
/// literal between braces. The literal stands in the call, in a variable before it, or in a constant
/// of the file. None: the text comes from elsewhere.
fn literal(code: &str, at: usize) -> Option<String> {
    let call = &code[at..][..length_of_call(&code[at..])];
    let in_words = |name: &str| call.split(|c: char| !is_name(c)).any(|word| word == name);
    let constant = || {
        let is_constant = |word: &&str| {
            word.len() > 3 && word.chars().all(|c| c == '_' || c.is_ascii_uppercase())
        };
        let name = call.split(|c: char| !is_name(c)).find(is_constant)?;
        let start = code.find(&format!("const {name}: &str ="))?;
        first_string(&code[start..])
    };
    let variable = || {
        let start = code[..at].rfind("let detail =").filter(|_| in_words("detail"))?;
        first_string(&code[start..at])
    };
    let string = first_string(call).or_else(variable).or_else(constant)?;
    let parts = string.split('{').map(|part| part.rsplit('}').next().unwrap_or_default());
    parts.max_by_key(|part| part.len()).map(str::to_owned)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// How long the arguments of a call are, behind its opening bracket.
fn length_of_call(code: &str) -> usize {
    let (mut depth, mut within) = (1, false);
    let mut bytes = code.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if within => _ = bytes.next(),
            b'"' => within = !within,
            b'(' if !within => depth += 1,
            b')' if !within => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    code.len()
}

/// The first string literal, without its escapes.
fn first_string(code: &str) -> Option<String> {
    let mut letters = code[code.find('"')? + 1..].chars();
    let mut string = String::new();
    loop {
        match letters.next()? {
            '"' => return Some(string),
            '\\' => match letters.next()? {
                '\n' => {
                    let rest = letters.as_str().trim_start();
                    letters = rest.chars();
                }
                escaped => string.push(escaped),
            },
            letter => string.push(letter),
        }
    }
}
