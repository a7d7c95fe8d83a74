//! `completions` and `man`: what a package puts beside the program.

use crate::args::{Args, Completions, Man};
use crate::failure::{Exit, Failure, print};
use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;
use std::fs;
use std::io::{self, Write};

pub fn completions(args: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "treenail", &mut script);
    io::stdout().write_all(&script).map_err(|error| Failure::of_output(&error))
}

pub fn man(args: &Man) -> Result<(), Failure> {
    let mut pages = pages();
    if let Some(dir) = &args.dir {
        let failed =
            |error: &io::Error| Failure::of_io(format!("writing {}", dir.display()), error);
        fs::create_dir_all(dir).map_err(|error| failed(&error))?;
        for (name, page) in pages {
            fs::write(dir.join(format!("{name}.1")), page).map_err(|error| failed(&error))?;
        }
        return Ok(());
    }
    if let Some(command) = &args.command {
        pages.retain(|(name, _)| *name == format!("treenail-{command}"));
        if pages.is_empty() {
            let text = format!("man {command}: no such command; `treenail help` lists them");
            return Err(Failure::new(Exit::Usage, text));
        }
    }
    pages.iter().try_for_each(|(_, page)| print(page))
}

/// The name and the text of each page: the program's own, then one a command.
fn pages() -> Vec<(String, String)> {
    let mut command = Args::command();
    command.build();
    let mut pages = vec![("treenail".to_owned(), page(command.clone()))];
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name = format!("treenail-{}", sub.get_name());
        pages.push((name.clone(), page(sub.clone().display_name(name))));
    }
    pages
}

fn page(command: Command) -> String {
    let mut page = Vec::new();
    Page::new(command).render(&mut page).expect("memory can be written");
    let page = String::from_utf8(page).expect("it is made of text");
    // What stands below a `--help` has its usual headings in a manual, and lines that stay lines.
    let page = page.replace("\nExample:\n", "\n.SH EXAMPLE\n.nf\n");
    let page = page.replace(".SH EXTRA\n.SH EXAMPLE", ".SH EXAMPLE");
    page.replace(".SH EXTRA\nExit statuses: ", ".SH EXIT STATUS\n")
}
