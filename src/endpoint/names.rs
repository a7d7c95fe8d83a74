//! Names of objects: the text `NAME?key=value&key=value`, read into fields.

use super::address::{NAME_SIZE_MAX, name_is_valid, unescape};
use super::values::{flag, number, octal};
use super::{options, printable};
use crate::error::{Error, Result};
use std::sync::Arc;

/// The use of an object. Objects of different kinds never have the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    Segment = 1,
    Semaphore = 2,
}

impl Kind {
    /// The word for the kind in errors.
    pub fn noun(self) -> &'static str {
        match self {
            Kind::Segment => "segment",
            Kind::Semaphore => "semaphore",
        }
    }

    /// What a call waits for, in errors.
    pub fn shared(self) -> &'static str {
        match self {
            Kind::Segment => "the lock",
            Kind::Semaphore => "the units",
        }
    }

    /// The verbs for errors: of a call that waits for the lock or for units, and of one that waits
    /// for a change.
    pub fn waits(self) -> [&'static str; 2] {
        match self {
            Kind::Segment => ["lock", "wait"],
            Kind::Semaphore => ["acquire", "wait"],
        }
    }

    /// The options of the kind, out of [`OBJECT_OPTIONS`].
    fn options(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Kind::Segment => &OBJECT_OPTIONS[..5],
            Kind::Semaphore => &OBJECT_OPTIONS[1..],
        }
    }
}

/// Which object a name refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// An object of this library.
    Own(String),
    /// An object that another program has made: its name in /dev/shm.
    Native(String),
}

/// A name after reading.
#[derive(Clone, Debug)]
pub struct ObjectName {
    /// The text as it was written, for errors.
    pub text: Arc<str>,
    pub kind: Kind,
    pub object: Object,
    /// The user that owns it; None: the effective user.
    pub owner: Option<u32>,
    /// Its file mode, if it is made now.
    pub mode: u32,
    /// Its group, if it is made now.
    pub group: Option<String>,
    /// Whether this handle may only read the data.
    pub read_only: bool,
    /// Whether it stays when it has no holder, if it is made now.
    pub persists: bool,
    /// Whether the units that this holder has acquired come back when the holder goes.
    pub undo: bool,
}

/// The options with their values and defaults. The first is for segments only, the last for
/// semaphores only. A test compares the manual's tables with it.
pub const OBJECT_OPTIONS: [(&str, &str, &str); 6] = [
    ("access", "rw or ro", "rw"),
    ("mode", "an octal file mode, 0000 to 0777", "0600"),
    ("group", "a group's name or number", "the process' own"),
    ("owner", "a user's number", "the process' own user"),
    ("persist", "0 or 1", "0"),
    ("undo", "0 or 1", "1"),
];

/// The most bytes of a native name: with a prefix it becomes a file's name too.
const NATIVE_SIZE_MAX: usize = 200;

impl ObjectName {
    /// Reads a name.
    pub fn parse(kind: Kind, text: &str) -> Result<ObjectName> {
        if text.len() > super::ENDPOINT_SIZE_MAX {
            let most = super::ENDPOINT_SIZE_MAX;
            let detail = format!("a name with its options has at most {most} bytes; shorten it");
            return Err(Error::invalid(detail).on(&super::beginning_of(text)));
        }
        let shown: Arc<str> = text.replace(|c: char| c.is_control(), "?").into();
        read(kind, text, &shown).map_err(|error| error.on(&shown))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let options = self.kind.options();
        let bad = || super::bad_value_of(options, key, value);
        if !options.iter().any(|(name, ..)| *name == key) {
            return Err(bad());
        }
        match key {
            "mode" => self.mode = octal(value).ok_or_else(bad)?,
            "group" if !value.is_empty() => self.group = Some(value.to_owned()),
            "owner" => self.owner = Some(number(value, 0, u32::MAX - 1).ok_or_else(bad)?),
            "access" if value == "ro" => self.read_only = true,
            "access" if value == "rw" => self.read_only = false,
            "persist" => self.persists = flag(value).ok_or_else(bad)?,
            "undo" => self.undo = flag(value).ok_or_else(bad)?,
            _ => return Err(bad()),
        }
        Ok(())
    }
}

fn read(kind: Kind, text: &str, shown: &Arc<str>) -> Result<ObjectName> {
    let (address, rest) = match text.split_once('?') {
        Some((address, rest)) => (address, Some(rest)),
        None => (text, None),
    };
    let mut name = ObjectName {
        text: Arc::clone(shown),
        kind,
        object: read_object(kind, address)?,
        owner: None,
        mode: 0o600,
        group: None,
        read_only: false,
        persists: false,
        undo: true,
    };
    options(rest, |key, value| name.set(key, value))?;
    Ok(name)
}

fn read_object(kind: Kind, address: &str) -> Result<Object> {
    match address.strip_prefix("native:") {
        Some(native) if kind == Kind::Segment => return read_native(&unescape(native)?),
        Some(_) => {
            return Err(Error::invalid(
                "only segments can be another program's objects; leave native: out",
            ));
        }
        None => {}
    }
    match String::from_utf8(unescape(address)?) {
        Ok(name) if name_is_valid(&name) => Ok(Object::Own(name)),
        _ => {
            let native = match kind {
                Kind::Segment => "; native:/NAME is what another program has made",
                Kind::Semaphore => "",
            };
            Err(Error::invalid(format!(
                "a name has 1 to {NAME_SIZE_MAX} of A-Z a-z 0-9 . _ - and does not start with a \
                 dot; choose one{native}"
            )))
        }
    }
}

/// Reads a name as shm_open takes it: it has one slash, at its start.
fn read_native(name: &[u8]) -> Result<Object> {
    let plain = std::str::from_utf8(name).ok().and_then(|name| name.strip_prefix('/'));
    let is_name = |name: &&str| {
        let special = name.is_empty() || *name == "." || *name == "..";
        !special && name.len() <= NATIVE_SIZE_MAX && !name.contains(['/', '\0'])
    };
    match plain.filter(is_name) {
        Some(name) if name.starts_with("treenail.") => {
            let name = printable(name);
            Err(Error::invalid(format!("{name} is this library's own; say its plain name")))
        }
        Some(name) => Ok(Object::Native(name.to_owned())),
        None => Err(Error::invalid(format!(
            "a native name is a slash and 1 to {NATIVE_SIZE_MAX} bytes without another; write \
             native:/NAME"
        ))),
    }
}
