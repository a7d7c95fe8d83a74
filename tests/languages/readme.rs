//! The programs of README.md and of docs/first-programs.md, run as they stand there: the commands
//! of these pages build them, and every client meets every listener. The figures of README.md are
//! those that were measured.

use crate::common::document::{Document, Project};
use crate::common::toolchain::{root, sanitizer, succeed};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// How long one program waits for another; generous, as two compilers may be at work meanwhile.
const PATIENCE: &str = "60";

fn section(language: &str) -> Document {
    Document::section("docs/first-programs.md", &format!("## {language}"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A language's two programs, built by the commands that the page gives.
struct Speaker {
    /// What the programs call themselves.
    name: &'static str,
    /// The commands that start them, in `place`.
    listener: String,
    client: String,
    place: PathBuf,
}

/// C or C++: both programs are built in a place of their own, as they have the same names.
fn compiled(name: &'static str, compiler: &str) -> (Speaker, Project) {
    let (section, project) = (section(name), Project::new());
    let place = project.place();
    section.write_programs(place);
    for line in section.commands("ln ").iter().chain(&section.commands(compiler)) {
        succeed(&mut project.shell(place, line));
    }
    let [listener, client] = both(&section, "./listener");
    (Speaker { name, listener, client, place: place.to_owned() }, project)
}

/// The two commands of the line that starts a listener and a client: `… & …; wait`.
fn both(section: &Document, beginning: &str) -> [String; 2] {
    let line = section.commands(beginning).pop().expect("there is one");
    let (listener, rest) = line.split_once(" & ").expect("a listener, and a client");
    let client = rest.strip_suffix("; wait").expect("it waits for the listener");
    [listener.to_owned(), client.to_owned()]
}

/// Python, with what `pip install` would have put in place.
fn scripts(name: &'static str, heading: &str, project: &Project) -> Speaker {
    let (section, place) = (section(heading), project.place());
    section.write_programs(place);
    python_as_installed(place);
    let [listener, client] = both(&section, "env/bin/python3 ");
    Speaker { name, listener, client, place: place.to_owned() }
}

/// The interpreter of the virtual environment that the page makes.
fn python_as_installed(place: &Path) {
    let bin = place.join("env/bin");
    fs::create_dir_all(&bin).expect("the place is writable");
    let _ = symlink(place.join("bin/python3"), bin.join("python3"));
}

/// The programs that have no library: the line for the client is that for the listener, too.
fn bare(project: &Project) -> Speaker {
    let (section, place) = (section("Without the library"), project.place());
    section.write_programs(place);
    let client = section.commands("PYTHONPATH=").pop().expect("there is one");
    let client = format!("env {client}");
    let listener = client.replace("client", "listener");
    Speaker { name: "wire.py", listener, client, place: place.to_owned() }
}

/// Both Rust programs, in a package that depends on this one as the page says. It is always at
/// the same place, so that only what has changed is built again.
fn rust() -> Speaker {
    let section = section("Rust");
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let package = place.join("hello");
    fs::create_dir_all(package.join("src/bin")).expect("the place is writable");
    let dependency = section.all("toml");
    assert!(dependency.contains("\"../treenail\""), "{dependency}");
    let _ = fs::remove_file(place.join("treenail"));
    symlink(root(), place.join("treenail")).expect("links can be made");
    let head = "[package]\nname = \"hello\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(package.join("Cargo.toml"), format!("{head}{dependency}")).expect("writable");
    fs::copy(root().join("Cargo.lock"), package.join("Cargo.lock")).expect("it is committed");
    section.write_programs(&package);
    let line = section.commands("cargo build").pop().expect("there is one");
    let target = place.join("target");
    let project = Project::new();
    let mut cargo = project.shell(&package, &format!("{line} --offline"));
    // A sanitizer's flags would reach what cargo runs while it builds.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(name);
    }
    succeed(cargo.env("CARGO_TARGET_DIR", &target));
    let [listener, client] = ["./listener", "./client"].map(str::to_owned);
    Speaker { name: "Rust", listener, client, place: target.join("debug") }
}

/// Starts a listener, and waits for its socket: the clients without the library don't retry.
fn start(project: &Project, speaker: &Speaker) -> Child {
    let waiting = format!("exec timeout {PATIENCE} {}", speaker.listener);
    let mut child = project.shell(&speaker.place, &waiting);
    let child = child.stdout(Stdio::piped()).spawn().expect("sh can be run");
    let wait = "until [ -S sockets/hello.sock ]; do :; done";
    let wait = format!("timeout {PATIENCE} sh -c '{wait}'");
    succeed(&mut project.shell(project.place(), &wait));
    child
}

#[test]
fn every_client_of_the_page_meets_every_listener() {
    let project = Project::new();
    let (c, _c) = compiled("C", "cc ");
    let (cpp, _cpp) = compiled("C++", "c++ ");
    let python = scripts("Python", "Python", &project);
    let asyncio = scripts("asyncio", "Python with asyncio", &project);
    let speakers = [c, cpp, python, asyncio, rust(), bare(&project)];
    for host in &speakers {
        for guest in &speakers {
            let pair = format!("{} at {}", guest.name, host.name);
            let mut listening = start(&project, host);
            let client = format!("exec timeout {PATIENCE} {}", guest.client);
            let output = succeed(&mut project.shell(&guest.place, &client));
            let greeting = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(greeting, format!("hello from {}\n", host.name), "{pair}");
            let said = BufReader::new(listening.stdout.take().expect("it is piped"));
            let said: Vec<String> = said.lines().map_while(Result::ok).collect();
            assert!(listening.wait().expect("it was started").success(), "{pair}");
            assert_eq!(said, [format!("{} is here", guest.name)], "{pair}");
        }
    }
}

#[test]
fn both_programs_run_by_the_commands_of_the_page() {
    for (name, compiler) in [("C", "cc "), ("C++", "c++ ")] {
        let (_, project) = compiled(name, compiler);
        let line = section(name).commands("./listener").pop().expect("there is one");
        let line = format!("timeout {PATIENCE} sh -c '{line}'");
        let output = succeed(&mut project.shell(project.place(), &line));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines: Vec<&str> = said.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, [format!("{name} is here"), format!("hello from {name}")]);
    }
}

#[test]
fn the_example_of_the_readme_runs_by_its_commands() {
    let (example, project) = (Document::section("README.md", "## An example"), Project::new());
    let place = project.place();
    example.write_programs(place);
    python_as_installed(place);
    for line in example.commands("ln ").iter().chain(&example.commands("c++ ")) {
        succeed(&mut project.shell(place, line));
    }
    let line = format!("timeout {PATIENCE} sh -c '{}'", example.commands("./listener")[0]);
    let output = succeed(&mut project.shell(place, &line));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["Python is here", "hello from C++"]);
}

#[test]
fn programs_in_c_and_python_count_in_one_segment() {
    let (c, section, project) = (section("C"), section("Shared memory"), Project::new());
    let place = project.place();
    // Named objects are in one place for all of a user's programs.
    let own = format!("visits-{}", std::process::id());
    for name in ["visit.c", "visit.py"] {
        let program = section.program(name).replace("visits?", &format!("{own}?"));
        fs::write(place.join(name), program).expect("the place is writable");
    }
    python_as_installed(place);
    for line in [&c.commands("ln ")[0], &section.commands("cc ")[0]] {
        succeed(&mut project.shell(place, line));
    }
    let output = succeed(&mut project.shell(place, &section.commands("./visit")[0]));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "visit 1, from C\nvisit 2, from Python\nvisit 3, from C\n");
    let remove = section.commands("env/bin/python3 -c")[0].replace("visits", &own);
    succeed(&mut project.shell(place, &remove));
    let objects = fs::read_dir("/dev/shm").expect("it is there");
    let names = objects.map(|entry| entry.expect("it can be read").file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains(&own)).collect();
    assert!(left.is_empty(), "{left:?} is left");
}

#[test]
fn the_static_library_links_with_the_flags_that_are_given() {
    if sanitizer().is_some() {
        return; // the archive lacks the sanitizer's runtime of rustc, and gcc's is another
    }
    let project = Project::new();
    let place = project.place();
    let page = read("docs/install.md");
    let row = page.lines().find_map(|line| line.strip_prefix("| static | `"));
    let flags = row.and_then(|row| row.split('`').next()).expect("the page says how to link");
    let test = "#include <treenail.h>\nint main(void) { return tn_version() != TN_VERSION; }\n";
    fs::write(place.join("static.c"), test).expect("the place is writable");
    let line = format!("cc static.c -o static {flags} && ./static");
    succeed(&mut project.shell(place, &line));
}

#[test]
fn the_map_of_the_source_leaves_no_part_out() {
    let page = read("CONTRIBUTING.md");
    let parts = ["src", "include", "bindings", "cli", "examples", "tests", "benches", "xtask"];
    for part in parts {
        assert!(page.contains(&format!("]({part}/")), "CONTRIBUTING.md leaves {part}/ out");
    }
}

#[test]
fn the_readme_names_every_page() {
    let readme = read("README.md");
    for entry in fs::read_dir(root().join("docs")).expect("it is there") {
        let name = entry.expect("it can be read").file_name();
        let name = name.to_str().expect("names are text");
        let is_named = readme.contains(&format!("](docs/{name})"));
        assert!(is_named || !name.ends_with(".md"), "README.md leaves docs/{name} out");
    }
}

/// What stands in docs/performance.md below the heading with this anchor.
fn measured(page: &str, anchor: &str) -> String {
    let is_letter = |c: &char| c.is_alphanumeric() || *c == ' ' || *c == '-';
    let is_it = |part: &&str| {
        let heading = part.trim_start_matches('#').lines().next().unwrap_or_default().trim();
        let letters: String = heading.to_lowercase().chars().filter(is_letter).collect();
        letters.replace(' ', "-") == anchor
    };
    let part = page.split("\n#").find(is_it);
    part.unwrap_or_else(|| panic!("docs/performance.md has no heading #{anchor}")).to_owned()
}

#[test]
fn the_figures_of_the_readme_are_those_that_were_measured() {
    let (readme, page) = (read("README.md"), read("docs/performance.md"));
    let mut figures = 0;
    for row in readme.lines().filter(|line| line.starts_with("| [")) {
        let Some((_, row)) = row.split_once("](docs/performance.md#") else { continue };
        let (anchor, cells) = row.split_once(") |").expect("a link, and cells behind it");
        let below = measured(&page, anchor);
        for cell in cells.split('|').map(str::trim).filter(|cell| !cell.is_empty()) {
            assert!(below.contains(&format!("| {cell} |")), "#{anchor} was not {cell}");
            figures += 1;
        }
    }
    assert!(figures >= 10, "README.md has {figures} figures");
    for name in ["processor", "iceoryx2", "ZeroMQ", "Qt"] {
        let fact = page.lines().find_map(|line| line.strip_prefix(&format!("| {name} | ")));
        let fact = fact.and_then(|fact| fact.split([' ', '-']).next()).expect("it is a fact");
        assert!(readme.contains(fact), "README.md has figures of another {name} than {fact}");
    }
}
