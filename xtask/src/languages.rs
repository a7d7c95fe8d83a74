//! The examples' languages: how the programs of each are started, and how all are built.

use crate::install::{self, Tool};
use crate::process::{Process, words};
use crate::shell;

/// One way to write a program, and what starts its example `{}`.
pub struct Language {
    pub name: &'static str,
    program: &'static str,
    /// Has the servers too, not the clients alone.
    pub serves: bool,
}

const fn language(name: &'static str, program: &'static str) -> Language {
    Language { name, program, serves: true }
}

pub const C: Language = language("C", "target/examples-c/{}");
pub const CPP: Language = language("C++", "target/examples-cpp/{}");
/// From the source tree: the package finds its library under target.
pub const PYTHON: Language =
    language("Python", "env PYTHONPATH=bindings/python python3 examples/python/{}.py");
pub const ASYNCIO: Language =
    language("asyncio", "env PYTHONPATH=bindings/python python3 examples/python/aio_{}.py");
pub const RUST: Language = language("Rust", "target/debug/examples/{}");
pub const RUST_RELEASE: Language = language("Rust", "target/release/examples/{}");
pub const TOKIO: Language = language("tokio", "target/debug/examples/tokio");
/// Those without the library are called by what they have instead of it.
pub const WIRE_PYTHON: Language = language("wire.py", "python3 examples/wire/{}.py");
pub const WIRE_NODE: Language =
    Language { serves: false, ..language("wire.js", "node examples/wire/{}.js") };

impl Language {
    /// The words of the command line.
    pub fn line(&self, example: &str, arguments: &str) -> Vec<String> {
        words(&format!("{} {arguments}", self.program.replace("{}", example)))
    }

    pub fn start(
        &self,
        example: &str,
        arguments: &str,
        directory: &str,
    ) -> Result<Process, String> {
        let name = format!("{} {example} {arguments}", self.name);
        Process::start(&name, &self.line(example, arguments), directory)
    }
}

/// The library as other languages link it, and the C and C++ examples.
pub fn build() -> Result<(), String> {
    install::ensure(&[Tool::C, Tool::Cpp, Tool::Make, Tool::Crypto, Tool::Python, Tool::Node])?;
    shell::run("cargo build --release --lib")?;
    shell::run("make -s -j2 -C examples/c")?;
    shell::run("make -s -j2 -C examples/cpp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_names_the_example() {
        assert_eq!(C.line("echo", "server shm:x"), ["target/examples-c/echo", "server", "shm:x"]);
        assert_eq!(TOKIO.line("echo", "")[0], "target/debug/examples/tokio");
        let line = ASYNCIO.line("chat", "client shm:x ann");
        assert_eq!(line[2..4], ["python3", "examples/python/aio_chat.py"]);
    }
}
