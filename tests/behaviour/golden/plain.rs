//! A peer without the library: a plain socket, and the golden bytes that it says and expects.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The deadline of everything that is expected to happen.
pub const SOON: Duration = Duration::from_secs(10);

/// The bytes of `tests/golden/NAME.hex`; None stands for a byte of the process id.
pub fn pattern(name: &str) -> Vec<Option<u8>> {
    let path = format!("{}/tests/golden/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let code = text.lines().map(|line| line.split('#').next().expect("split gives one"));
    let parse = |byte: &str| u8::from_str_radix(byte, 16).expect("two hexadecimal digits");
    let byte = |text: &str| (text != "pp").then(|| parse(text));
    code.flat_map(|line| line.split_whitespace().map(byte).collect::<Vec<_>>()).collect()
}

/// The golden bytes of this name.
pub fn golden(name: &str) -> Vec<u8> {
    pattern(name).into_iter().map(|byte| byte.expect("only the library says its pid")).collect()
}

/// A frame by hand.
pub fn frame(kind: u8, flags: u8, tag: u32, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("frames are small here");
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend([kind, flags, 0, 0]);
    bytes.extend(tag.to_le_bytes());
    bytes.extend(id.to_le_bytes());
    bytes.extend(payload);
    bytes
}

/// A frame as it came.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub payload: Vec<u8>,
    /// Header and payload.
    pub bytes: Vec<u8>,
}

/// A plain socket.
pub struct Plain(pub UnixStream);

impl Plain {
    pub fn new(stream: UnixStream) -> Plain {
        stream.set_read_timeout(Some(SOON)).expect("a timeout of two seconds is valid");
        stream.set_write_timeout(Some(SOON)).expect("a timeout of two seconds is valid");
        Plain(stream)
    }

    pub fn connect(place: &Place) -> Plain {
        Plain::new(UnixStream::connect(&place.path).expect("the library listens at its path"))
    }

    pub fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the library reads");
    }

    /// Says what may be too late: the other side may have gone at its first bytes.
    pub fn try_to_say(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Reads exactly these golden bytes; the process id must be `pid`.
    pub fn expect(&mut self, name: &str, pid: u32) {
        let pattern = pattern(name);
        let mut bytes = vec![0; pattern.len()];
        self.0.read_exact(&mut bytes).unwrap_or_else(|error| panic!("waiting for {name}: {error}"));
        let mut pid = pid.to_le_bytes().into_iter();
        let mut own = || pid.next().expect("a process id has four bytes");
        let expected: Vec<u8> = pattern.iter().map(|byte| byte.unwrap_or_else(&mut own)).collect();
        assert_eq!(bytes, expected, "{name}");
    }

    /// The next frame, or None at the end.
    pub fn frame(&mut self) -> Option<Frame> {
        let mut header = [0; 16];
        match self.0.read(&mut header[..1]) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("waiting for a frame: {error}"),
        }
        self.0.read_exact(&mut header[1..]).expect("headers are whole");
        let length = u32::from_le_bytes(header[..4].try_into().expect("four bytes"));
        assert!(length <= 1 << 20, "the library announces {length} bytes");
        assert_eq!(header[6..8], [0, 0], "the zero field");
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).expect("frames are whole");
        let bytes = [&header[..], &payload].concat();
        Some(Frame { kind: header[4], payload, bytes })
    }

    /// Reads up to the end; gives the reason of the CLOSE, if there was one.
    pub fn reason_at_the_end(&mut self) -> Option<String> {
        let mut reason = None;
        while let Some(frame) = self.frame() {
            assert!(reason.is_none(), "a {frame:?} after CLOSE");
            if frame.kind == 5 {
                reason = Some(String::from_utf8(frame.payload).expect("a reason is UTF-8"));
            }
        }
        reason
    }
}

/// A path that nobody else uses, in a directory that goes with it.
pub struct Place {
    directory: PathBuf,
    pub path: PathBuf,
}

impl Place {
    pub fn new() -> Place {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("treenail-golden-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).expect("temporary files can be made");
        let path = directory.join("socket");
        Place { directory, path }
    }

    pub fn endpoint(&self, scheme: &str, options: &str) -> String {
        format!("{scheme}:{}{options}", self.path.display())
    }

    pub fn listen(&self) -> UnixListener {
        UnixListener::bind(&self.path).expect("nobody else listens there")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
