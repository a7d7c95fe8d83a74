//! The examples below each command's `--help`, and those of docs/tool.md: they run as they stand
//! there, and print what they say.

use crate::place::{Place, text};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Runs the lines behind `$`: they must succeed, and print the other lines, if there are any.
fn run(example: &str, whose: &str) {
    let lines: Vec<&str> = example.lines().map(str::trim_end).collect();
    let commands = lines.iter().filter_map(|line| line.strip_prefix("$ "));
    let script: String = commands.flat_map(|line| [line, "\n"]).collect();
    assert!(!script.is_empty(), "{whose} has no example:\n{example}");
    let expected: Vec<&&str> = lines.iter().filter(|line| !line.starts_with("$ ")).collect();
    let output = Place::new().shell(&format!("{script}wait\n"));
    let (printed, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{whose}:\n{script}\n{printed}\n{told}");
    // What differs each time stands for itself by three dots.
    if !expected.is_empty() && !expected.contains(&&"...") {
        let mut printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
        printed.sort_unstable();
        let mut expected: Vec<&str> = expected.into_iter().copied().collect();
        expected.sort_unstable();
        let is_there = |line: &&str| printed.contains(line);
        assert!(expected.iter().all(is_there), "{whose}:\n{script}\n{printed:?}\n{told}");
    }
    assert_eq!(told, "", "{whose}:\n{script}");
}

/// The commands that the program's own help lists.
fn commands() -> Vec<String> {
    let help = text(&Place::new().run(&["--help"]).stdout);
    let list = help.split("Commands:\n").nth(1).expect("it lists them");
    let list = list.lines().take_while(|line| !line.is_empty());
    let names =
        list.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

fn example_of(args: &[&str]) -> String {
    let help = text(&Place::new().run(args).stdout);
    let example = help.split("Example:\n").nth(1).unwrap_or_else(|| panic!("{args:?}: {help}"));
    example
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[test]
fn the_example_of_every_help_runs_as_it_stands_there() {
    let commands = commands();
    assert!(commands.len() >= 13, "{commands:?}");
    run(&example_of(&["--help"]), "treenail");
    for command in &commands {
        run(&example_of(&[command, "--help"]), command);
    }
}

#[test]
fn the_page_shows_every_command_by_an_example_that_runs() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tool.md");
    let page = fs::read_to_string(page).expect("it is there");
    let examples: Vec<&str> = page.split("```console\n").skip(1).collect();
    let examples: Vec<&str> = examples.iter().filter_map(|rest| rest.split("```").next()).collect();
    for example in &examples {
        run(example, "docs/tool.md");
    }
    let shown: BTreeSet<String> = commands().into_iter().collect();
    let all = examples.concat();
    let missing: Vec<&String> =
        shown.iter().filter(|name| !all.contains(&format!("treenail {name}"))).collect();
    assert!(missing.is_empty(), "docs/tool.md shows no {missing:?}");
}
