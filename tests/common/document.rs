//! Documents whose programs are run as they stand there, in a place that looks like the top of
//! this project after `cargo build --release`.

// Each test program uses a part of this.
#![allow(dead_code)]

use crate::common::toolchain::{Directory, library, path_of, python, root, sanitizer};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// A block of code: its language, the file name in the line above it, its text.
pub struct Block {
    pub language: String,
    pub name: Option<String>,
    pub text: String,
}

/// A document's blocks of code.
pub struct Document {
    path: String,
    pub blocks: Vec<Block>,
}

impl Document {
    /// Reads one; its path is from the project's top.
    pub fn read(path: &str) -> Document {
        let text = fs::read_to_string(root().join(path));
        let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
        Document { path: path.to_owned(), blocks: blocks(&text) }
    }

    /// What stands under one heading, and above the next of its rank.
    pub fn section(path: &str, heading: &str) -> Document {
        let text = fs::read_to_string(root().join(path));
        let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
        let rank = heading.split(' ').next().expect("split gives one");
        let text = text.split_once(&format!("\n{heading}\n")).map(|(_, below)| below.to_owned());
        let text = text.unwrap_or_else(|| panic!("{path} has no heading {heading}"));
        let text = text.split(&format!("\n{rank} ")).next().expect("split gives one");
        Document { path: format!("{path}, {heading}"), blocks: blocks(text) }
    }

    /// The text of the file that it shows under this name.
    pub fn program(&self, name: &str) -> &str {
        let named = |block: &&Block| block.name.as_deref() == Some(name);
        let block = self.blocks.iter().find(named);
        &block.unwrap_or_else(|| panic!("{} has no `{name}`:", self.path)).text
    }

    /// Writes all files that it shows.
    pub fn write_programs(&self, place: &Path) {
        for block in &self.blocks {
            if let Some(name) = &block.name {
                fs::write(place.join(name), &block.text).expect("the place is writable");
            }
        }
    }

    /// All text in one language, such as `sh`.
    pub fn all(&self, language: &str) -> String {
        let blocks = self.blocks.iter().filter(|block| block.language == language);
        let text: String = blocks.map(|block| block.text.as_str()).collect();
        assert!(!text.is_empty(), "{} has no block in `{language}`", self.path);
        text
    }

    /// The lines of its commands that begin so.
    pub fn commands(&self, beginning: &str) -> Vec<String> {
        let all = self.all("sh");
        let lines = all.lines().filter(|line| line.starts_with(beginning));
        let found: Vec<String> = lines.map(str::to_owned).collect();
        assert!(!found.is_empty(), "{} has no command `{beginning}…`", self.path);
        found
    }
}

fn blocks(document: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut above = "";
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let name = above.strip_prefix('`').and_then(|name| name.strip_suffix("`:"));
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push(Block {
                language: language.to_owned(),
                name: name.map(str::to_owned),
                text: text.join("\n") + "\n",
            });
            above = "";
        } else if !line.is_empty() {
            above = line;
        }
    }
    found
}

/// A place that looks like the top of this project, with compilers that take every warning for an
/// error, and a Python that has the package.
pub struct Project(Directory);

impl Project {
    pub fn new() -> Project {
        let project = Project(Directory::new());
        let place = project.place();
        fs::create_dir_all(place.join("target/release")).expect("the place is writable");
        fs::create_dir(place.join("bin")).expect("the place is writable");
        for part in ["include", "examples", "bindings"] {
            symlink(root().join(part), place.join(part)).expect("links can be made");
        }
        for name in ["libtreenail.so", "libtreenail.a"] {
            let built = library().with_file_name(name);
            symlink(built, place.join("target/release").join(name)).expect("links can be made");
        }
        let sanitizer = sanitizer().unwrap_or_default();
        for (compiler, variable, standard) in [("cc", "CC", "c11"), ("c++", "CXX", "c++17")] {
            let real = std::env::var(variable).unwrap_or_else(|_| compiler.to_owned());
            let flags =
                format!("-std={standard} -Wall -Wextra -Werror -pedantic \"$@\" {sanitizer}");
            project.tool(compiler, &format!("exec {} {flags}", path_of(&real)));
        }
        project.use_python(&path_of("python3"));
        project
    }

    /// Makes an interpreter the one that programs run in, and gives it the package.
    pub fn use_python(&self, interpreter: &str) {
        let words = python(interpreter);
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        self.tool("python3", &format!("exec {} \"$@\"", words.join(" ")));
    }

    pub fn place(&self) -> &Path {
        &self.0.0
    }

    /// Puts a program in front of those that the machine has.
    pub fn tool(&self, name: &str, script: &str) {
        let path = self.place().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("the place is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    /// A command line of a document, to run here or in `folder`.
    pub fn shell(&self, folder: &Path, line: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.args(["-ec", line]).current_dir(folder);
        command.env("PATH", format!("{}:{path}", self.place().join("bin").display()));
        command.env("TREENAIL_DIR", self.place().join("sockets"));
        command.env("PYTHONPATH", root().join("bindings/python"));
        command
    }
}
