//! Compiles C and C++ programs against the library under test, and runs them.

#![allow(dead_code, reason = "each test program uses its part")]

use std::fs;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Every warning that the project promises its users not to see.
pub const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// The project's top directory.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shared library that TREENAIL_LIBRARY says, or that cargo built for this test run: it lies
/// beside the test program.
pub fn library() -> PathBuf {
    if let Some(path) = std::env::var_os("TREENAIL_LIBRARY") {
        return path.into();
    }
    let program = std::env::current_exe().expect("this program has a path");
    let path = program.with_file_name("libtreenail.so");
    assert!(path.exists(), "cargo has built no {}", path.display());
    path
}

/// A directory for what is compiled here, in which the library has its soname.
pub fn workshop() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi");
    fs::create_dir_all(&directory).expect("cargo's directory for tests is writable");
    let link = directory.join("libtreenail.so.0");
    let library = library();
    if fs::read_link(&link).is_ok_and(|target| target == library) {
        return directory;
    }
    let fresh = unique(&link);
    symlink(&library, &fresh).expect("links can be made");
    fs::rename(&fresh, &link).expect("and moved into place");
    directory
}

/// A name that nobody else uses, neither another thread nor another process.
fn unique(path: &Path) -> PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("{}-{number}", std::process::id()))
}

/// The compiler for a source file, with the flags of its language.
pub fn compiler(source: &Path) -> Command {
    let is_c = source.extension().is_some_and(|extension| extension == "c");
    let (variable, usual, standard) =
        if is_c { ("CC", "cc", "-std=c11") } else { ("CXX", "c++", "-std=c++17") };
    let mut command = Command::new(std::env::var_os(variable).unwrap_or_else(|| usual.into()));
    command.arg(standard).args(WARNINGS).args(["-O1", "-g", "-pthread"]);
    for place in ["include", "bindings/cpp", "tests/languages/abi"] {
        command.arg("-I").arg(root().join(place));
    }
    command
}

/// Compiles and links a program; gives its path.
pub fn build(source: &Path) -> PathBuf {
    let directory = workshop();
    let name = source.file_name().expect("a source is a file");
    let mut program = directory.join(name).into_os_string();
    program.push(".program");
    let program = PathBuf::from(program);
    let fresh = unique(&program);
    let mut rpath = std::ffi::OsString::from("-Wl,-rpath,");
    rpath.push(&directory);
    let mut command = compiler(source);
    command.arg(source).arg("-o").arg(&fresh).args(sanitizer());
    command.arg(directory.join("libtreenail.so.0")).arg(rpath);
    succeed(&mut command);
    fs::rename(&fresh, &program).expect("programs can be moved into place");
    program
}

/// What a program needs to be linked to a library that was built with AddressSanitizer.
pub fn sanitizer() -> Option<&'static str> {
    static FLAG: OnceLock<Option<&str>> = OnceLock::new();
    *FLAG.get_or_init(|| {
        let wanted = succeed(Command::new("nm").args(["-D", "--undefined-only"]).arg(library()));
        let wants_it = String::from_utf8_lossy(&wanted.stdout).contains("__asan_init");
        wants_it.then_some("-fsanitize=address")
    })
}

/// The words that start a Python so that it loads the library under test. If that was built with
/// AddressSanitizer, Python has to load its runtime first; what Python itself leaks is no matter.
pub fn python(interpreter: &str) -> Vec<String> {
    let library = format!("TREENAIL_LIBRARY={}", library().display());
    let mut words = vec!["env".to_owned(), library, "PYTHONDONTWRITEBYTECODE=1".to_owned()];
    if sanitizer().is_some() {
        let runtime = succeed(Command::new("cc").arg("-print-file-name=libasan.so"));
        let runtime = String::from_utf8(runtime.stdout).expect("paths are text here");
        words.push(format!("LD_PRELOAD={}", runtime.trim()));
        words.push("ASAN_OPTIONS=detect_leaks=0".to_owned());
    }
    words.push(interpreter.to_owned());
    words
}

/// Where the machine has a program.
pub fn path_of(program: &str) -> String {
    let found = succeed(Command::new("sh").args(["-c", &format!("command -v {program}")]));
    String::from_utf8(found.stdout).expect("paths are text here").trim().to_owned()
}

/// Runs a command to its end; fails with all that it wrote if it fails.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}

/// Runs a program with a socket directory of its own, which it must leave empty.
pub fn run(program: &Path, arguments: &[&str]) -> Output {
    let directory = Directory::new();
    let mut command = Command::new(program);
    command.args(arguments).env("TREENAIL_DIR", &directory.0);
    let output = succeed(&mut command);
    let left: Vec<_> = fs::read_dir(&directory.0).expect("it is still there").collect();
    assert!(left.is_empty(), "{command:?} left {left:?}");
    output
}

/// A private directory, removed at the end.
pub struct Directory(pub PathBuf);

impl Directory {
    /// Makes one that only this user may use.
    pub fn new() -> Directory {
        let path = unique(&std::env::temp_dir().join("treenail-test"));
        fs::DirBuilder::new().mode(0o700).create(&path).expect("temporary files can be made");
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
