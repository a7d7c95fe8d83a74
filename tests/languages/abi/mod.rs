//! The C ABI, as programs in C and C++ meet it: compiled with every warning an error, linked to the
//! shared library, run over every transport. The programs are in `abi/`, one a subject.

use crate::common::toolchain::{build, compiler, library, root, run, sanitizer, succeed, workshop};
use std::path::{Path, PathBuf};
use std::process::Command;

fn source(name: &str) -> PathBuf {
    root().join("tests/languages/abi").join(name)
}

/// Runs a program over each scheme; each runs, though one before it may have failed.
fn over_every_scheme(name: &str) {
    let program = build(&source(name));
    let failed =
        ["shm", "local"].map(|scheme| std::panic::catch_unwind(|| run(&program, &[scheme])));
    assert!(failed.iter().all(Result::is_ok), "{name} failed");
}

macro_rules! programs {
    ($($test:ident: $file:literal,)*) => {
        const PROGRAMS: &[&str] = &[$($file),*];
        $(#[test]
        fn $test() {
            over_every_scheme($file);
        })*
    };
}

programs! {
    status_and_endpoints: "status.c",
    listeners: "listener.c",
    ways_to_a_channel: "connect.c",
    copied_messages: "messages.c",
    no_room: "full.c",
    sizes_of_every_kind: "sizes.c",
    views_and_loans: "views.c",
    requests_and_replies: "requests.c",
    readiness_of_the_descriptor: "readiness.c",
    ends_by_close_and_death: "ends.c",
    many_threads: "threads.c",
    peer_and_statistics: "facts.c",
    pollers: "poller.c",
    forked_children: "fork.c",
    without_standard_descriptors: "daemon.c",
    odd_moments: "moments.cpp",
    many_of_everything: "leaks.c",
    plain_sockets: "raw.c",
    pairs_and_given_sockets: "pair.c",
    segments: "segment.c",
    semaphores: "semaphore.c",
    what_there_is: "list.c",
    a_program_in_cxx: "program.cpp",
    types_seen_from_cxx: "signatures.cpp",
}

/// Builds the program that loads libraries by itself, and runs it for one.
fn load_again_and_again(how: &str, library: &Path) {
    if sanitizer().is_some() {
        return; // its runtime has to be there before the library
    }
    let source = source("loading/loader.c");
    let program = workshop().join(format!("loader-{how}.program"));
    succeed(compiler(&source).arg(&source).arg("-o").arg(&program).arg("-ldl"));
    run(&program, &[how, library.to_str().expect("paths are text here")]);
}

#[test]
fn loaded_and_unloaded_again_and_again() {
    load_again_and_again("shared", &library());
}

#[test]
fn unloaded_with_the_plugin_that_holds_it() {
    let plugin = workshop().join("plugin.so");
    let mut linker = Command::new("cc");
    linker.args(["-shared", "-o"]).arg(&plugin).arg("-Wl,--whole-archive");
    linker.arg(library().with_file_name("libtreenail.a")).arg("-Wl,--no-whole-archive");
    succeed(linker.args(["-lpthread", "-ldl", "-lm"]));
    load_again_and_again("static", &plugin);
}

#[test]
fn every_program_here_is_run() {
    for entry in
        std::fs::read_dir(root().join("tests/languages/abi")).expect("the programs are there")
    {
        let path = entry.expect("directories can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are text");
        let is_program = name.ends_with(".c") || name.ends_with(".cpp");
        assert!(!is_program || PROGRAMS.contains(&name), "{name} is in no test");
    }
}
