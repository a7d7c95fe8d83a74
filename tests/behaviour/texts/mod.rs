//! Every error says what was tried, on what, why it failed, and what to do. One table has a row for
//! each situation, which is brought about; and each place in the source that makes an error is in
//! one of the rows, or is listed with the reason why not.

mod c;
mod channels;
mod endpoints;
mod meeting;
mod objects;
mod others;
mod sites;

use crate::common::child::alone;
use std::fmt::Debug;
use treenail::{Error, Status};

/// What a row of the table expects of its error.
pub struct Expected {
    /// What was tried on what, with which the text begins.
    tried: String,
    status: Status,
    /// Words of why, and of what to do.
    says: &'static [&'static str],
}

/// The table: what was expected, and what the text was.
#[derive(Default)]
pub struct Table {
    texts: Vec<String>,
    complaints: Vec<String>,
}

impl Table {
    /// Adds a row: the call that `result` is of, such as "send shm:chat", has failed.
    pub fn row<T: Debug, E: Into<Error>>(
        &mut self,
        tried: impl Into<String>,
        status: Status,
        says: &'static [&'static str],
        result: Result<T, E>,
    ) {
        let expected = Expected { tried: tried.into(), status, says };
        match result {
            Ok(value) => self.complaints.push(format!("{}: succeeds: {value:?}", expected.tried)),
            Err(error) => {
                let error: Error = error.into();
                self.text_row(&expected, error.status(), error.to_string());
            }
        }
    }

    fn text_row(&mut self, expected: &Expected, status: Status, text: String) {
        let Expected { tried, status: wanted, says } = expected;
        let mut lacks: Vec<String> = Vec::new();
        let prefix = format!("{tried}: ");
        let rest = text.strip_prefix(&prefix);
        match rest.and_then(|rest| rest.split_once("; ")) {
            None if rest.is_none() => lacks.push(format!("it doesn't begin with \"{prefix}\"")),
            Some((why, advice)) if why.len() >= 8 && advice.len() >= 5 => {}
            _ => lacks.push("it doesn't say why, and behind a semicolon what to do".to_owned()),
        }
        let words = says.iter().filter(|word| !text.contains(**word));
        lacks.extend(words.map(|word| format!("it doesn't say \"{word}\"")));
        if status != *wanted {
            lacks.push(format!("the status is {status:?}, not {wanted:?}"));
        }
        // What is in the way may be somebody else's.
        if text.contains("remove it") || text.chars().any(char::is_control) {
            lacks.push("it says what it mustn't".to_owned());
        }
        if !lacks.is_empty() {
            self.complaints.push(format!("\"{text}\"\n    {}", lacks.join("\n    ")));
        }
        self.texts.push(text);
    }
}

#[test]
fn each_says_what_was_tried_on_what_why_and_what_to_do() {
    if !alone(each_says_what_was_tried_on_what_why_and_what_to_do) {
        return;
    }
    let mut table = Table::default();
    endpoints::rows(&mut table);
    meeting::rows(&mut table);
    channels::rows(&mut table);
    objects::rows(&mut table);
    others::rows(&mut table);
    c::rows(&mut table);
    table.complaints.extend(sites::uncovered(&table.texts));
    let complaints = &table.complaints;
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
