//! Installs what is missing, builds the contestants, and notes what they were built from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::library::{Library, folder, target};
use super::python;
use super::table::Program;
use crate::{install, shell};

/// Where the built programs are. Those that are linked to the library lie beside it.
pub struct Programs {
    root: PathBuf,
    folder: PathBuf,
    /// The library that all of ours use.
    library: Library,
    /// The newest Qt that is installed, as pkg-config calls it.
    qt: Option<&'static str>,
}

/// What has to be there for a program, and the Debian package that brings it.
struct Need {
    path: &'static str,
    package: &'static str,
}

const COMPILER: Need = Need { path: "/usr/bin/gcc", package: "build-essential" };
const COMPILER_CPP: Need = Need { path: "/usr/bin/g++", package: "build-essential" };
const ZEROMQ: Need = Need { path: "/usr/include/zmq.h", package: "libzmq3-dev" };
const NNG: Need = Need { path: "/usr/include/nng/nng.h", package: "libnng-dev" };
const BOOST: Need =
    Need { path: "/usr/include/boost/interprocess/ipc/message_queue.hpp", package: "libboost-dev" };
const CMAKE: Need = Need { path: "/usr/bin/cmake", package: "cmake" };
const NINJA: Need = Need { path: "/usr/bin/ninja", package: "ninja-build" };
const QT: Need = Need { path: "/usr/lib/*/cmake/Qt6Network", package: "qt6-base-dev" };
const PKG_CONFIG: Need = Need { path: "/usr/bin/pkg-config", package: "pkg-config" };
/// iceoryx2 reads the system's headers through libclang when it is built.
const CLANG: Need = Need { path: "/usr/lib/llvm-*/lib/libclang.so", package: "libclang-dev" };

impl Programs {
    /// Makes ready what the rows need, and says what it does.
    pub fn prepare(root: &Path, library: Library, wanted: &[Program]) -> Result<Programs, String> {
        install(wanted)?;
        let programs = Programs { root: root.into(), folder: folder(root), library, qt: qt() };
        wanted.iter().try_for_each(|program| programs.build(*program))?;
        Ok(programs)
    }

    /// These programs with another library.
    pub fn with(&self, library: Library, wanted: &[Program]) -> Result<Programs, String> {
        let (root, folder) = (self.root.clone(), self.folder.clone());
        let programs = Programs { root, folder, library, qt: self.qt };
        let mut linked = wanted.iter().filter(|program| program.is_linked());
        linked.try_for_each(|program| programs.build(*program))?;
        Ok(programs)
    }

    /// What runs a program's contestants, without their arguments; None if it isn't here.
    pub fn command(&self, program: Program) -> Option<Command> {
        match program {
            Program::QtSockets => Some(self.qt_command("sockets")),
            Program::QtMessages => Some(self.qt_command("messages")),
            Program::QtMemory => Some(self.qt_command("locks")),
            Program::Python => {
                Some(python::command(&self.root, &self.environment(), &self.library.file))
            }
            Program::QtLocks if self.qt.is_none() => None,
            _ => Some(Command::new(self.path(program))),
        }
    }

    /// What a result depends on: the machine, the versions, the commit.
    pub fn facts(&self) -> Vec<(String, String)> {
        let debian = |name: &str| first_line(&format!("dpkg-query -W -f '${{Version}}' {name}"));
        let environment = self.environment();
        let python = |what: &str| first_line(&python::version(&environment, what));
        let qt = match self.qt {
            Some(qt) => first_line(&format!("pkg-config --modversion {qt}")),
            None => "not here".into(),
        };
        let cores = std::thread::available_parallelism().map_or(0, |count| count.get());
        [
            ("processor", processor()),
            ("cores", cores.to_string()),
            ("kernel", first_line("uname -srm")),
            ("commit", commit()),
            ("rustc", first_line("rustc --version")),
            ("gcc", first_line("gcc --version")),
            ("iceoryx2", locked_version(&self.root, "iceoryx2")),
            ("ZeroMQ", debian("libzmq3-dev")),
            ("NNG", debian("libnng-dev")),
            ("Boost", debian("libboost-dev")),
            ("raw_sync", locked_version(&self.root, "raw_sync")),
            ("Qt", qt),
            ("Python", python("python")),
            ("pyzmq", python("pyzmq")),
            ("iceoryx2's wheel", python("iceoryx2")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn path(&self, program: Program) -> PathBuf {
        let folder = if program.is_linked() { self.library.folder() } else { &self.folder };
        folder.join(format!("{program:?}").to_lowercase())
    }

    fn environment(&self) -> PathBuf {
        self.path(Program::Python)
    }

    fn qt_command(&self, name: &str) -> Command {
        let mut command = Command::new(self.qt_folder().join(name));
        command.env("LD_LIBRARY_PATH", self.library.folder());
        command
    }

    fn build(&self, program: Program) -> Result<(), String> {
        let bindings = format!("'-I{}'", self.root.join("bindings/cpp").display());
        match program {
            Program::Floors => self.compile(program, "floors/floors.c", &[]),
            Program::Locks => self.compile(program, "floors/locks.c", &["-lpthread"]),
            Program::Ours => self.compile_ours(program, "ours/ours.c", &[]),
            Program::OursLocks => self.compile_ours(program, "ours/locks.c", &[]),
            Program::OursCpp => {
                self.compile_ours(program, "ours/ours.cpp", &["-std=c++17", &bindings])
            }
            Program::QtSockets | Program::QtMessages | Program::QtMemory => self.build_with_cmake(),
            Program::Python => python::prepare(&self.root, &self.environment()),
            Program::Iceoryx2 => self.build_rust(program, "iceoryx2"),
            Program::Zeromq => self.compile(program, "peers/zeromq.c", &["-lzmq"]),
            Program::Nng => self.compile(program, "peers/nng.c", &["-lnng"]),
            Program::Boost => {
                self.compile(program, "peers/boost.cpp", &["-std=c++17", "-lrt", "-lpthread"])
            }
            Program::BoostLocks => {
                self.compile(program, "peers/boost_locks.cpp", &["-std=c++17", "-lpthread"])
            }
            Program::RawSync => self.build_rust(program, "raw_sync"),
            Program::QtLocks => self.qt.map_or(Ok(()), |qt| {
                let flags = format!("-fPIC $(pkg-config --cflags --libs {qt})");
                self.compile(program, "peers/qt_locks.cpp", &["-std=c++17", &flags])
            }),
        }
    }

    /// A peer that is a crate, behind a C program.
    fn build_rust(&self, program: Program, name: &str) -> Result<(), String> {
        let manifest = self.root.join(format!("benches/peers/{name}/Cargo.toml"));
        let built = self.folder.join("peers");
        shell::run(&format!(
            "cargo build --quiet --release --locked --manifest-path '{}' --target-dir '{}'",
            manifest.display(),
            built.display()
        ))?;
        let library = format!("'{}/release/libbench_{name}.a'", built.display());
        let options = [&library, "-lpthread -ldl -lm"];
        self.compile(program, &format!("peers/{name}/{name}.c"), &options)
    }

    fn compile_ours(&self, program: Program, source: &str, options: &[&str]) -> Result<(), String> {
        let include = format!("'-I{}'", self.root.join("include").display());
        let library = self.library.flags();
        let own = [include.as_str(), &library, "-lpthread"];
        self.compile(program, source, &[options, &own].concat())
    }

    fn qt_folder(&self) -> PathBuf {
        self.folder.join("qt")
    }

    /// The contestants over the Qt classes.
    fn build_with_cmake(&self) -> Result<(), String> {
        let build = self.qt_folder().display().to_string();
        let cargo = format!("-DTREENAIL_CARGO_TARGET_DIR='{}'", target(&self.root).display());
        let options = format!("-DCMAKE_BUILD_TYPE=Release {cargo}");
        crate::qt::configure("benches/qt", &build, 6, &options)?;
        shell::run(&format!("cmake --build '{build}'"))
    }

    /// Compiles a file of benches/.
    fn compile(&self, program: Program, source: &str, options: &[&str]) -> Result<(), String> {
        shell::run(&format!(
            "{} -O2 -Wall -Wextra -Werror -o '{}' '{}' {}",
            if source.ends_with(".cpp") { "g++" } else { "gcc" },
            self.path(program).display(),
            self.root.join("benches").join(source).display(),
            options.join(" ")
        ))
    }
}

fn qt() -> Option<&'static str> {
    ["Qt6Core", "Qt5Core"].into_iter().find(|qt| shell::succeeds(&format!("pkg-config {qt}")))
}

fn install(programs: &[Program]) -> Result<(), String> {
    let mut needs = vec![COMPILER];
    for program in programs {
        match program {
            Program::Floors | Program::Locks | Program::Ours | Program::OursLocks => (),
            Program::Python | Program::RawSync => (),
            Program::OursCpp => needs.push(COMPILER_CPP),
            // Qt itself is too much to be installed for a look at its locks.
            Program::QtLocks => needs.extend([COMPILER_CPP, PKG_CONFIG]),
            Program::Zeromq => needs.push(ZEROMQ),
            Program::Nng => needs.push(NNG),
            Program::Boost | Program::BoostLocks => needs.extend([COMPILER_CPP, BOOST]),
            Program::Iceoryx2 => needs.push(CLANG),
            Program::QtSockets | Program::QtMessages | Program::QtMemory => {
                needs.extend([COMPILER_CPP, CMAKE, NINJA, QT])
            }
        }
    }
    let missing: Vec<_> =
        needs.iter().filter(|need| !exists(need.path)).map(|need| need.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    install::apt(&missing.join(" "))
}

/// Whether the path exists; a `*` stands for the rest of one folder's name.
fn exists(path: &str) -> bool {
    let Some((before, after)) = path.split_once('*') else {
        return Path::new(path).exists();
    };
    let (folder, start) = before.rsplit_once('/').expect("paths are absolute");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .any(|entry| entry.path().join(&after[1..]).exists())
}

/// A fact is nice to have: one that can't be found out doesn't stop the benchmark.
fn first_line(command: &str) -> String {
    let text = shell::capture(&format!("{command} 2>/dev/null"));
    let line = text.ok().and_then(|t| t.lines().next().map(str::to_owned));
    line.unwrap_or_else(|| "unknown".into())
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find(|line| line.starts_with("model name"));
    let name = name.and_then(|line| line.split_once(": "));
    name.map_or("unknown", |(_, name)| name).into()
}

/// The commit, and whether anything but the results differed from it.
fn commit() -> String {
    let commit = first_line("git rev-parse --short=12 HEAD");
    match first_line("git status --porcelain -- . ':!docs/performance.*'").as_str() {
        "" | "unknown" => commit,
        _ => commit + " + changes",
    }
}

fn locked_version(root: &Path, name: &str) -> String {
    let lock = fs::read_to_string(root.join("benches/peers/Cargo.lock")).unwrap_or_default();
    let entry = format!("name = \"{name}\"\nversion = \"");
    let version = lock.split(&entry).nth(1).and_then(|rest| rest.split('"').next());
    version.unwrap_or("unknown").into()
}
