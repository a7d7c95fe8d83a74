//! The programs and commands that the trials take from README.md and docs/first-programs.md.

use crate::shell;

/// A section of a page, by its heading.
pub struct Section(String);

impl Section {
    pub fn read(path: &str, heading: &str) -> Result<Section, String> {
        let text = std::fs::read_to_string(shell::root().join(path));
        let text = text.map_err(|error| format!("{path}: {error}"))?;
        let below = text.split_once(&format!("\n{heading}\n")).map(|(_, below)| below);
        let below = below.ok_or_else(|| format!("{path} has no heading {heading}"))?;
        Ok(Section(below.split("\n## ").next().unwrap_or_default().to_owned()))
    }

    /// Its files, each with the name in the line above it.
    pub fn files(&self) -> Vec<(String, String)> {
        let parts: Vec<&str> = self.0.split("```").collect();
        let blocks = parts.chunks(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)));
        blocks.filter_map(|(above, block)| Some((name(above)?, content(block)))).collect()
    }

    /// The commands of its blocks for the shell, a line each.
    pub fn commands(&self) -> Vec<String> {
        let blocks = self.0.split("```sh\n").skip(1);
        let blocks = blocks.filter_map(|rest| rest.split("```").next());
        blocks.flat_map(|block| block.lines().map(str::to_owned)).collect()
    }

    /// The command in its tables that begins so.
    pub fn command(&self, beginning: &str) -> Result<String, String> {
        let cells = self.0.lines().filter(|line| line.starts_with('|'));
        let codes = cells.flat_map(|line| line.split('`').skip(1).step_by(2));
        let mut found = codes.filter(|code| code.starts_with(beginning));
        found.next().map(str::to_owned).ok_or_else(|| format!("no table has `{beginning} …`"))
    }
}

/// The name in the last line before a block: `NAME`:
fn name(above: &str) -> Option<String> {
    let line = above.trim_end().lines().last()?;
    line.strip_prefix('`')?.strip_suffix("`:").map(str::to_owned)
}

/// A block without the line that has its language.
fn content(block: &str) -> String {
    block.split_once('\n').map(|(_, text)| text.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_files_and_commands() {
        let text = "Text.\n\n`a.c`:\n\n```c\nint a;\n```\n\n```sh\ncc a.c\n./a\n```\n\n\
                    | x | `pip install a` |";
        let section = Section(text.to_owned());
        assert_eq!(section.files(), [("a.c".to_owned(), "int a;\n".to_owned())]);
        assert_eq!(section.commands(), ["cc a.c", "./a"]);
        assert_eq!(section.command("pip "), Ok("pip install a".to_owned()));
        assert!(section.command("apt ").is_err());
    }
}
