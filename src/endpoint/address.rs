//! Where an endpoint is: a name, or a path.

use crate::error::{Error, Result, Status};

/// Most bytes of a NAME.
pub const NAME_SIZE_MAX: usize = 64;

/// The place where the two sides meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A name in the user's own directory.
    Name(String),
    /// A path of a socket file.
    Path(Vec<u8>),
}

/// How two sides meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// One listens there, and the other connects to it.
    At(Address),
    /// One listens at a name of its own, which it tells.
    AtOwnName,
    /// On a socket that this process was given.
    On(Given),
    /// Both are made at once, in one process.
    AsPair,
}

/// Which descriptor it is that this process was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The one with this number.
    Number(i32),
    /// The first that systemd has passed.
    Systemd,
}

/// The first number that is nobody's: those below are standard input, output and error.
const FIRST_GIVEN: i32 = 3;

/// Reads what is behind `fd:`.
pub fn read_given(address: &[u8]) -> Result<Given> {
    if address == b"systemd" {
        return Ok(Given::Systemd);
    }
    let digits = std::str::from_utf8(address).ok();
    let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(number) if number >= FIRST_GIVEN => Ok(Given::Number(number)),
        Some(number) => Err(Error::invalid(format!(
            "{number} is standard input, output or error; pass the socket under a number from \
             {FIRST_GIVEN} on"
        ))),
        None => Err(Error::invalid(
            "behind fd: comes the number of an open descriptor, or systemd for the first that \
             systemd has passed; write fd:3, for example",
        )),
    }
}

/// Reads a name, or a path, which contains a slash.
pub fn read_address(address: &[u8]) -> Result<Address> {
    if address.contains(&b'/') {
        return match address.last() {
            Some(b'/') => Err(Error::invalid("the path ends in a slash; name a socket file")),
            _ => Ok(Address::Path(address.to_vec())),
        };
    }
    match std::str::from_utf8(address) {
        Ok(name) if name_is_valid(name) => Ok(Address::Name(name.to_owned())),
        _ => Err(Error::invalid(format!(
            "a name has 1 to {NAME_SIZE_MAX} of A-Z a-z 0-9 . _ - and does not start with a dot; \
             with a slash in it it would be a path"
        ))),
    }
}

/// Whether `name` is a NAME: 1 to 64 of `A-Z a-z 0-9 . _ -`, not starting with a dot.
pub fn name_is_valid(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_SIZE_MAX).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

/// Replaces `%XX` by the byte that it stands for.
pub fn unescape(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(value) = value else {
            return Err(Error::invalid("after % come two hexadecimal digits; write % as %25"));
        };
        bytes.push(value);
        rest = &rest[2..];
    }
    match bytes.contains(&0) {
        true => Err(Error::invalid("there is a NUL byte in it; leave it out")),
        false => Ok(bytes),
    }
}

/// Replaces what has a meaning in an endpoint by `%XX`, so that the text is read as these bytes.
pub fn escape(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !b"%?".contains(byte);
    let text = bytes.iter().map(|byte| match plain(byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    text.collect()
}

/// Converts these bytes to text.
pub fn text_of(bytes: Vec<u8>) -> Result<String> {
    let bad = |_| Error::new(Status::Invalid, "a value is not UTF-8; write it in that");
    String::from_utf8(bytes).map_err(bad)
}
