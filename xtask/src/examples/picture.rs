//! `picture` of every language with that of every other: each gets what the other has put in.

use std::fs;

use crate::languages::Language;
use crate::process::{Process, words};

/// A picture that fills much of the segment, and one that is as small as can be.
const QUESTION: (u32, u32) = (1100, 1200);
const ANSWER: (u32, u32) = (1, 1);

/// The files: two that are there, and two that come.
pub struct Pictures {
    directory: String,
}

impl Pictures {
    pub fn prepare(directory: &str) -> Result<Pictures, String> {
        for (name, (width, height)) in [("question", QUESTION), ("answer", ANSWER)] {
            let path = format!("{directory}/{name}.png");
            let line = format!("python3 xtask/src/examples/png.py {width} {height} {path}");
            Process::start("the painter", &words(&line), directory)?.finish()?;
        }
        Ok(Pictures { directory: directory.to_owned() })
    }

    /// Who asks is started first in every other pair.
    pub fn run(&self, languages: &[Language]) -> Result<(), String> {
        for (i, asker) in languages.iter().enumerate() {
            for (k, answerer) in languages.iter().enumerate() {
                self.exchange(asker, answerer, (i + k) % 2 == 0).map_err(|what| {
                    format!("picture: {} asks, {} answers: {what}", asker.name, answerer.name)
                })?;
            }
            println!("picture: {} asks, all {} answer", asker.name, languages.len());
        }
        Ok(())
    }

    fn exchange(&self, asker: &Language, other: &Language, asks_first: bool) -> Result<(), String> {
        let asking = || self.start(asker, "ask", "question.png", "got-answer.png");
        let answering = || self.start(other, "answer", "answer.png", "got-question.png");
        let waiting = if asks_first { None } else { Some(answering()?) };
        let mut asking = asking()?;
        asking.expect(&self.line("put", "question.png", QUESTION)?)?;
        let answering = waiting.map_or_else(answering, Ok)?;
        let got_question = self.line("got", "question.png", QUESTION)?;
        let put_answer = self.line("put", "answer.png", ANSWER)?;
        let got_answer = self.line("got", "answer.png", ANSWER)?;
        for (side, wanted) in
            [(answering, vec![got_question, put_answer]), (asking, vec![got_answer])]
        {
            let said = side.finish()?;
            if said != wanted {
                return Err(format!("it said {said:?}, not {wanted:?}"));
            }
        }
        for name in ["question.png", "answer.png"] {
            if self.read(name)? != self.read(&format!("got-{name}"))? {
                return Err(format!("{name} came as something else"));
            }
            let _ = fs::remove_file(self.path(&format!("got-{name}")));
        }
        Ok(())
    }

    fn start(
        &self,
        language: &Language,
        verb: &str,
        mine: &str,
        theirs: &str,
    ) -> Result<Process, String> {
        let (mine, theirs) = (self.path(mine), self.path(theirs));
        let arguments = format!("{verb} picture-{} {mine} {theirs}", std::process::id());
        language.start("picture", &arguments, &self.directory)
    }

    /// What a program says of a picture.
    fn line(&self, verb: &str, name: &str, (width, height): (u32, u32)) -> Result<String, String> {
        Ok(format!("{verb} {} bytes, {width} x {height} pixels", self.read(name)?.len()))
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.path(name);
        fs::read(&path).map_err(|error| format!("{path}: {error}"))
    }
}
