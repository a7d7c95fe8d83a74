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

/// Converts these bytes to text.
pub fn text_of(bytes: Vec<u8>) -> Result<String> {
    let bad = |_| Error::new(Status::Invalid, "a value that is not UTF-8");
    String::from_utf8(bytes).map_err(bad)
}
