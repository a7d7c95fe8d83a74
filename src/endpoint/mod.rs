//! Endpoints: the text `scheme:address?key=value&key=value`, read into fields. Nothing is looked up
//! here. A wrong word is an error that lists the right ones.

mod address;
pub mod names;
pub mod pattern;
mod values;

pub use self::address::{Address, Given, Meeting, escape, name_is_valid};
use self::address::{read_address, read_given, text_of, unescape};
pub use self::values::{Rings, Spin, Views};
use self::values::{flag, number, octal, rings, size, spin, views};
use crate::error::{Error, Result};
use std::sync::Arc;
use std::time::Duration;

/// Most bytes of an endpoint's text.
pub const ENDPOINT_SIZE_MAX: usize = 4096;
/// The smallest ring, in bytes.
pub const RING_SIZE_MIN: u64 = 4096;
/// The largest ring, in bytes.
pub const RING_SIZE_MAX: u64 = 1 << 30;

/// The word before an endpoint's first colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    /// Rings in shared memory, arranged over a local socket.
    Shm,
    /// A local socket.
    Local,
    /// A socket that this process was given.
    Fd,
}

/// How far this side trusts a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The peer is of the same user, or of root: it can do anyway what this program can.
    Full,
    /// The peer is of another user.
    None,
}

/// Which users may be at the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerUid {
    /// The same user or root. A connector that runs as root accepts any user.
    SameOrRoot,
    /// Any user that can reach the socket.
    Any,
    /// Only this user.
    Only(u32),
}

/// An endpoint after reading.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The text as it was written, for errors.
    pub text: Arc<str>,
    pub meeting: Meeting,
    /// The wanted size of a ring in each direction, in bytes.
    pub ring: u64,
    /// The largest ring that a listener grants, in bytes.
    pub ring_max: u64,
    /// The most bytes of messages kept while a request waits for its reply.
    pub inbox: u64,
    /// None: direct if the peer is of the same user or root and no other user is admitted, else
    /// copied.
    pub views: Option<Views>,
    /// The largest message that this side takes, in bytes.
    pub max_message: u32,
    pub spin: Spin,
    /// File mode of the socket.
    pub mode: Option<u32>,
    /// Group of the socket file.
    pub group: Option<String>,
    /// The most connections that wait in the kernel, and the most unfinished handshakes.
    pub backlog: u32,
    /// The most channels of one listener at a time.
    pub max_channels: u32,
    /// How long a handshake may take.
    pub handshake: Duration,
    /// Whether connecting tries again while no listener is there.
    pub retry: bool,
    /// Whether connecting is done once a listener is there. If not, it is done once the handshake
    /// is.
    pub early: bool,
    /// Whether the channel moves into rings in shared memory.
    pub rings: Rings,
    pub peer_uid: PeerUid,
    /// Whether bytes are sent as they are, without HELLO and frames.
    pub raw: bool,
}

/// The options with their values and defaults. A test compares the manual's table with it.
pub const OPTIONS: [(&str, &str, &str); 16] = [
    ("ring", "4KiB to 1GiB", "256KiB"),
    ("ring_max", "4KiB to 1GiB", "16MiB"),
    ("inbox", "0 to 1TiB", "64MiB"),
    ("views", "copy or direct", "direct, or copy where peer_uid admits other users"),
    ("max_message", "1 to 4294967295", "64MiB"),
    ("spin", "auto, 0, forever or microseconds up to 1000000", "auto"),
    ("mode", "an octal file mode, 0000 to 0777", "0600"),
    ("group", "a group's name or number", "the process' own"),
    ("backlog", "1 to 65535", "128"),
    ("max_channels", "1 to 1000000", "4096"),
    ("handshake_ms", "1 to 3600000", "5000"),
    ("retry", "0 or 1", "0"),
    ("early", "0 or 1", "1"),
    ("shm", "required, auto or off", "auto"),
    ("peer_uid", "any or a user's number", "the same user or root"),
    ("raw", "0 or 1", "0"),
];

impl Endpoint {
    /// Reads an endpoint.
    pub fn parse(text: &str) -> Result<Endpoint> {
        if text.len() > ENDPOINT_SIZE_MAX {
            let detail = format!("an endpoint has at most {ENDPOINT_SIZE_MAX} bytes; shorten it");
            return Err(Error::invalid(detail).on(&beginning_of(text)));
        }
        let shown: Arc<str> = text.replace(|c: char| c.is_control(), "?").into();
        read(text, &shown).map_err(|error| error.on(&shown))
    }

    /// Reads the options of a pair: `key=value&key=value`.
    pub fn of_pair(options: &str) -> Result<Endpoint> {
        let text = if options.is_empty() { "pair".to_owned() } else { format!("pair?{options}") };
        let shown: Arc<str> = text.replace(|c: char| c.is_control(), "?").into();
        let options = Some(options).filter(|options| !options.is_empty());
        let read = match text.len() > ENDPOINT_SIZE_MAX {
            true => Err(Error::invalid(format!(
                "options have at most {ENDPOINT_SIZE_MAX} bytes; shorten them"
            ))),
            false => Endpoint::new(Meeting::AsPair, &shown).with_options(Scheme::Fd, options),
        };
        let shown = if text.len() > ENDPOINT_SIZE_MAX { beginning_of(&text) } else { shown };
        read.map_err(|error| error.during("make", &shown))
    }

    /// The endpoint of a listener that has chosen this name.
    pub fn with_own_name(&self, name: &str) -> Endpoint {
        let text = self.text.replacen('*', name, 1).into();
        Endpoint { text, meeting: Meeting::At(Address::Name(name.to_owned())), ..self.clone() }
    }

    /// Whether connecting waits for the handshake.
    pub fn waits_for_handshake(&self) -> bool {
        !self.raw && (self.rings == Rings::Required || !self.early)
    }

    /// Where views of what a peer sends are, given the options and the trust in the peer.
    pub fn views_of(&self, peer: Trust) -> Views {
        self.views.unwrap_or(match (self.peer_uid, peer) {
            (PeerUid::SameOrRoot, Trust::Full) => Views::Direct,
            _ => Views::Copy,
        })
    }
}

fn read(text: &str, shown: &Arc<str>) -> Result<Endpoint> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(Error::invalid("no scheme; write shm:NAME, local:NAME or fd:NUMBER"));
    };
    let scheme = match scheme {
        "shm" => Scheme::Shm,
        "local" => Scheme::Local,
        "fd" => Scheme::Fd,
        other => {
            let other = printable(other);
            let detail = format!("unknown scheme \"{other}\"; there are shm:, local: and fd:");
            return Err(Error::invalid(detail));
        }
    };
    let (address, rest) = match rest.split_once('?') {
        Some((address, rest)) => (address, Some(rest)),
        None => (rest, None),
    };
    if let Some(name) = address.strip_prefix("//").filter(|_| scheme != Scheme::Fd) {
        let (name, scheme) = (printable(name), scheme_name(scheme));
        return Err(Error::invalid(format!(
            "there are no slashes behind {scheme}; write {scheme}{name}, or the path with one slash"
        )));
    }
    let meeting = match (scheme, address) {
        (Scheme::Fd, address) => Meeting::On(read_given(&unescape(address)?)?),
        (_, "*") => Meeting::AtOwnName,
        (_, address) => Meeting::At(read_address(&unescape(address)?)?),
    };
    Endpoint::new(meeting, shown).with_options(scheme, rest)
}

/// Reads `key=value&key=value`.
fn options(text: Option<&str>, mut set: impl FnMut(&str, &str) -> Result<()>) -> Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for pair in text.into_iter().flat_map(|text| text.split('&')) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if seen.contains(&key) {
            return Err(Error::invalid(format!(
                "option {} is there twice; say it once",
                printable(key)
            )));
        }
        seen.push(key);
        set(key, &text_of(unescape(value)?)?)?;
    }
    Ok(())
}

impl Endpoint {
    /// An endpoint without options.
    fn new(meeting: Meeting, shown: &Arc<str>) -> Endpoint {
        Endpoint {
            text: Arc::clone(shown),
            meeting,
            ring: 256 << 10,
            ring_max: 16 << 20,
            inbox: 64 << 20,
            views: None,
            max_message: 64 << 20,
            spin: Spin::Auto,
            mode: None,
            group: None,
            backlog: 128,
            max_channels: 4096,
            handshake: Duration::from_millis(5000),
            retry: false,
            early: true,
            rings: Rings::Auto,
            peer_uid: PeerUid::SameOrRoot,
            raw: false,
        }
    }

    fn with_options(mut self, scheme: Scheme, text: Option<&str>) -> Result<Endpoint> {
        options(text, |key, value| self.set(key, value))?;
        self.agree(scheme)?;
        if scheme == Scheme::Local || self.raw {
            self.rings = Rings::Never;
        }
        Ok(self)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let bad = || bad_value_of(&OPTIONS, key, value);
        match key {
            "ring" => self.ring = size(value, RING_SIZE_MIN, RING_SIZE_MAX).ok_or_else(bad)?,
            "ring_max" => {
                self.ring_max = size(value, RING_SIZE_MIN, RING_SIZE_MAX).ok_or_else(bad)?;
            }
            "inbox" => self.inbox = size(value, 0, 1 << 40).ok_or_else(bad)?,
            "views" => self.views = Some(views(value).ok_or_else(bad)?),
            "max_message" => {
                self.max_message = size(value, 1, u64::from(u32::MAX)).ok_or_else(bad)? as u32;
            }
            "spin" => self.spin = spin(value).ok_or_else(bad)?,
            "mode" => self.mode = Some(octal(value).ok_or_else(bad)?),
            "group" if !value.is_empty() => self.group = Some(value.to_owned()),
            "backlog" => self.backlog = number(value, 1, 65535).ok_or_else(bad)?,
            "max_channels" => self.max_channels = number(value, 1, 1_000_000).ok_or_else(bad)?,
            "handshake_ms" => {
                let ms = number(value, 1, 3_600_000).ok_or_else(bad)?;
                self.handshake = Duration::from_millis(u64::from(ms));
            }
            "retry" => self.retry = flag(value).ok_or_else(bad)?,
            "early" => self.early = flag(value).ok_or_else(bad)?,
            "shm" => self.rings = rings(value).ok_or_else(bad)?,
            "peer_uid" if value == "any" => self.peer_uid = PeerUid::Any,
            "peer_uid" => {
                self.peer_uid = PeerUid::Only(number(value, 0, u32::MAX - 1).ok_or_else(bad)?);
            }
            "raw" => self.raw = flag(value).ok_or_else(bad)?,
            _ => return Err(bad()),
        }
        Ok(())
    }

    /// Refuses options that contradict each other.
    fn agree(&self, scheme: Scheme) -> Result<()> {
        if self.raw && scheme == Scheme::Shm {
            return Err(Error::invalid(
                "raw=1 is not for shm:, as rings always carry frames; write local:",
            ));
        }
        if self.rings == Rings::Required && scheme == Scheme::Local {
            return Err(Error::invalid(
                "shm=required is not for local:, which shares no memory; write shm:, or leave it \
                 out",
            ));
        }
        if self.rings == Rings::Required && self.raw {
            return Err(Error::invalid(
                "shm=required and raw=1 exclude each other; leave one of them out",
            ));
        }
        if self.ring > self.ring_max {
            return Err(Error::invalid("ring is over ring_max; raise ring_max or lower ring"));
        }
        Ok(())
    }
}

fn bad_value_of(options: &[(&str, &str, &str)], key: &str, value: &str) -> Error {
    let known = options.iter().find(|(name, ..)| *name == key);
    match known {
        Some((name, values, _)) => {
            let value = printable(value);
            Error::invalid(format!("bad value \"{value}\" for {name}; valid are {values}"))
        }
        None => {
            let names: Vec<&str> = options.iter().map(|(name, ..)| *name).collect();
            let key = printable(key);
            let names = names.join(", ");
            Error::invalid(format!("unknown option \"{key}\"; there are {names}"))
        }
    }
}

fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Shm => "shm:",
        Scheme::Local => "local:",
        Scheme::Fd => "fd:",
    }
}

/// The beginning of a text that is too long for an error line.
fn beginning_of(text: &str) -> Arc<str> {
    (printable(text) + "...").into()
}

/// `text` as an error line may show it: short, and without control characters.
fn printable(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_control() { '?' } else { c }).collect()
}
