//! The hostile side of the socket: frames by hand, with any descriptors attached to them.

use super::shared::{Place, SOON};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use treenail::wire::{FEATURE_RING, HEADER_SIZE, Header, Hello, Kind, Share};

/// A HELLO of one who can do `features`.
pub fn hello(features: u64) -> Vec<u8> {
    hello_with_wish(features, 0)
}

/// A HELLO that wishes for a ring of so many bytes.
pub fn hello_with_wish(features: u64, ring_wish: u32) -> Vec<u8> {
    let message_size_max = 64 << 20;
    Hello { message_size_max, features, ring_wish, pid: std::process::id() }.encode()
}

/// A frame by hand, of any kind and with any flags.
pub fn frame(kind: u8, flags: u8, tag: u32, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(payload.len() as u32, kind, flags, tag, id).to_vec();
    bytes.extend(payload);
    bytes
}

/// A header by hand.
pub fn header(length: u32, kind: u8, flags: u8, tag: u32, id: u32) -> [u8; HEADER_SIZE] {
    let mut bytes = [0; HEADER_SIZE];
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    (bytes[4], bytes[5]) = (kind, flags);
    bytes[8..12].copy_from_slice(&tag.to_le_bytes());
    bytes[12..].copy_from_slice(&id.to_le_bytes());
    bytes
}

/// A DATA frame without flags.
pub fn data(payload: &[u8]) -> Vec<u8> {
    frame(Kind::Data as u8, 0, 0, 0, payload)
}

/// A side's last frame on the socket: 0 says that it sends in its ring from there on.
pub fn moves(status: u32) -> Vec<u8> {
    frame(Kind::Share as u8, 0, 0, 0, &status.to_le_bytes())
}

/// What came.
pub struct Frame {
    pub kind: Kind,
    pub payload: Vec<u8>,
}

/// A plain socket.
pub struct Raw(pub UnixStream);

impl Raw {
    pub fn new(stream: UnixStream) -> Raw {
        stream.set_read_timeout(Some(SOON)).expect("two seconds are valid");
        stream.set_write_timeout(Some(SOON)).expect("two seconds are valid");
        Raw(stream)
    }

    pub fn connect(place: &Place) -> Raw {
        Raw::new(UnixStream::connect(&place.path).expect("the library listens at its path"))
    }

    pub fn listen(place: &Place) -> UnixListener {
        let _ = std::fs::remove_file(&place.path);
        UnixListener::bind(&place.path).expect("nobody else listens there")
    }

    pub fn accept(listener: &UnixListener) -> Raw {
        assert_ne!(super::shared::poll_soon(listener), 0, "the library connects soon");
        Raw::new(listener.accept().expect("the library connects").0)
    }

    /// Sends, though the other side may have had enough.
    pub fn say(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Sends bytes with descriptors on the first of them.
    pub fn say_with(&mut self, bytes: &[u8], fds: &[RawFd]) -> bool {
        if fds.is_empty() {
            return self.say(bytes);
        }
        let size = size_of_val(fds);
        let mut control = vec![0u64; size.div_ceil(8) + 4];
        let mut part =
            libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        // SAFETY: all zeros is a valid msghdr; the control buffer is aligned and large enough;
        // all that is pointed to lives during the call.
        let sent = unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            (message.msg_iov, message.msg_iovlen) = (&mut part, 1);
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(size as u32) as _;
            let rights = libc::CMSG_FIRSTHDR(&message);
            (*rights).cmsg_level = libc::SOL_SOCKET;
            (*rights).cmsg_type = libc::SCM_RIGHTS;
            (*rights).cmsg_len = libc::CMSG_LEN(size as u32) as _;
            let to = libc::CMSG_DATA(rights).cast::<RawFd>();
            to.copy_from_nonoverlapping(fds.as_ptr(), fds.len());
            libc::sendmsg(self.0.as_raw_fd(), &message, libc::MSG_NOSIGNAL)
        };
        sent == bytes.len() as isize
    }

    /// The next frame; None at the end.
    pub fn hear(&mut self) -> Option<Frame> {
        let mut bytes = [0; HEADER_SIZE];
        self.0.read_exact(&mut bytes).ok()?;
        self.rest(&bytes)
    }

    fn rest(&mut self, bytes: &[u8; HEADER_SIZE]) -> Option<Frame> {
        let header = Header::decode(bytes).expect("the library sends proper frames");
        let mut payload = vec![0; header.length as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some(Frame { kind: header.kind, payload })
    }

    /// The next frame, which is of this kind: its payload.
    pub fn expect(&mut self, kind: Kind) -> Vec<u8> {
        let frame = self.hear().unwrap_or_else(|| panic!("waiting for {kind:?}"));
        let text = String::from_utf8_lossy(&frame.payload);
        assert_eq!(frame.kind, kind, "it said {text}");
        frame.payload
    }

    /// Reads to the end: the reason of the CLOSE, empty if there was none.
    pub fn last_words(&mut self) -> String {
        let mut reason = String::new();
        while let Some(frame) = self.hear() {
            if frame.kind == Kind::Close {
                reason = String::from_utf8(frame.payload).expect("a reason is UTF-8");
            }
        }
        reason
    }

    /// The listener's SHARE, with the descriptors that came with it.
    pub fn hear_share(&mut self) -> (Share, Vec<OwnedFd>) {
        let mut bytes = [0; HEADER_SIZE];
        let mut control = [0u64; 64];
        let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let mut fds = Vec::new();
        // SAFETY: all zeros is a valid msghdr; what is pointed to lives during the calls, and
        // each descriptor that came is this side's alone.
        unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            (message.msg_iov, message.msg_iovlen) = (&mut part, 1);
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = size_of_val(&control) as _;
            let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_WAITALL;
            let got = libc::recvmsg(self.0.as_raw_fd(), &mut message, flags);
            assert_eq!(got, HEADER_SIZE as isize, "waiting for SHARE");
            let rights = libc::CMSG_FIRSTHDR(&message);
            assert!(!rights.is_null(), "SHARE brings descriptors");
            let size = (*rights).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
            let from = libc::CMSG_DATA(rights).cast::<RawFd>();
            for index in 0..size / size_of::<RawFd>() {
                fds.push(super::shared::made(from.add(index).read_unaligned()));
            }
        }
        let share = self.rest(&bytes).expect("SHARE is whole");
        assert_eq!(share.kind, Kind::Share);
        (Share::decode(&share.payload).expect("SHARE is proper"), fds)
    }
}

/// Both HELLOs on a connection of `local:`.
pub fn greet(raw: &mut Raw) {
    assert!(raw.say(&hello(0)));
    raw.expect(Kind::Hello);
}

/// Both HELLOs on a connection of `shm:`.
pub fn greet_for_rings(raw: &mut Raw) {
    assert!(raw.say(&hello(FEATURE_RING)));
    raw.expect(Kind::Hello);
}
