//! The receiving half of a stream.

use super::link::{BLOCK, StreamLink};
use crate::error::{Error, Result};
use crate::memory::{Buffer, Filling, write};
use crate::os::fork::Fd;
use crate::os::local_socket;
use crate::transport::assemble::Assembler;
use crate::transport::handshake::stage::Stage;
use crate::transport::message::{FRAGMENT_LEN_MIN, Front, Head, HeapMessage, PIECE_LEN};
use crate::wire::{FLAG_MORE, HEADER_SIZE, HELLO_SIZE, Header, Kind};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Messages of at least this size are read straight to where they go.
const LARGE: usize = 8 << 10;
/// How many frames that are no messages, small fragments, and pieces of what was read a call takes
/// in one go.
const CONTROLS_MAX: u32 = 1024;
/// The position in the stream: between frames, or within one that brings a piece of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The next byte begins a header.
    Between,
    /// `left` bytes of a fragment's payload are missing. If `more`, another fragment follows.
    Within { left: usize, more: bool },
}

impl Frame {
    /// How many bytes the current frame still brings.
    pub(super) fn left(self) -> usize {
        match self {
            Frame::Between => 0,
            Frame::Within { left, .. } => left,
        }
    }
}

/// The receiving half.
pub struct StreamRecv {
    pub(super) link: Arc<StreamLink>,
    /// Bytes read ahead, from `start` on.
    pub(super) ahead: Buffer,
    pub(super) start: usize,
    /// Bytes of the front message, if all of it is in `ahead`.
    front_len: Option<usize>,
    /// The front message, if it is put together on the heap.
    pub(super) assembler: Assembler,
    pub(super) frame: Frame,
    pub(super) last_len: usize,
    /// Frames that were no messages, since the last call.
    pub(super) controls: u32,
    pub(super) message_size_max: usize,
    /// Descriptors that came with the frame in front.
    pub(super) fds: Vec<Fd>,
    /// Whether descriptors were lost: there was no room for them, or the end was looked for.
    pub(super) has_dropped_fds: bool,
    /// Whether messages use the socket for good.
    pub(super) is_settled: bool,
}

impl StreamRecv {
    /// The receiving half of a stream that nothing was read from.
    pub fn new(link: &Arc<StreamLink>, message_size_max: usize) -> StreamRecv {
        StreamRecv {
            link: Arc::clone(link),
            ahead: Buffer::default(),
            start: 0,
            front_len: None,
            assembler: Assembler::default(),
            frame: Frame::Between,
            last_len: 0,
            controls: 0,
            message_size_max,
            fds: Vec::new(),
            has_dropped_fds: false,
            is_settled: link.upgrade.is_at(Stage::Socket),
        }
    }

    /// The message at the front, if a whole one is there; see `RecvHalf::front`.
    #[inline(always)]
    pub fn front(&mut self, into: Option<&mut [MaybeUninit<u8>]>) -> Result<Option<Front>> {
        match self.plain_front() {
            Some(front) => Ok(Some(front)),
            None => self.front_slowly(into),
        }
    }

    /// The front message, if it is a plain one that was read ahead, as nearly all in a batch are.
    #[inline(always)]
    fn plain_front(&mut self) -> Option<Front> {
        if self.link.raw || !self.assembler.is_idle() {
            return None;
        }
        let bytes = &self.ahead.bytes()[self.start..];
        let (header, payload) = bytes.split_first_chunk::<HEADER_SIZE>()?;
        let words = Header::split(header);
        let len = words[0] as u32 as usize;
        let here = len <= payload.len() && len <= self.message_size_max;
        if !here || !Header::is_plain_data(words) {
            return None;
        }
        self.front_len = Some(len);
        self.last_len = len;
        let head = Head::plain(len, words[1] as u32);
        Some(Front { head, delivered: false })
    }

    #[inline(never)]
    fn front_slowly(&mut self, mut into: Option<&mut [MaybeUninit<u8>]>) -> Result<Option<Front>> {
        self.front_len = None;
        self.controls = 0;
        loop {
            if let Some(front) = self.whole_front() {
                return Ok(Some(front));
            }
            if let Some(end) = self.link.end.get().filter(|_| !self.has_bytes()) {
                return Err(end.clone());
            }
            let found = match self.link.raw {
                true => self.raw_front(),
                false => self.parse(&mut into)?,
            };
            if let Some(front) = found {
                self.last_len = front.head.len;
                return Ok(Some(front));
            }
            if self.has_moved() || self.has_more() || !self.read()? {
                return Ok(None);
            }
        }
    }

    fn whole_front(&self) -> Option<Front> {
        let head = self.assembler.whole()?.head;
        Some(Front { head, delivered: false })
    }

    fn raw_front(&mut self) -> Option<Front> {
        let len = self.ahead.len() - self.start;
        if len == 0 {
            return None;
        }
        self.front_len = Some(len);
        Some(Front { head: Head::plain(len, 0), delivered: false })
    }

    /// The next message among the bytes that are here, if all of it is.
    fn parse(&mut self, into: &mut Option<&mut [MaybeUninit<u8>]>) -> Result<Option<Front>> {
        loop {
            self.continue_fragment()?;
            if let Some(front) = self.whole_front() {
                return Ok(Some(front));
            }
            if self.frame.left() > 0 {
                return Ok(None);
            }
            let bytes = &self.ahead.bytes()[self.start..];
            let Some(header) = bytes.first_chunk::<HEADER_SIZE>() else {
                return Ok(None);
            };
            let header = Header::decode(header)?;
            let here = bytes.len() - HEADER_SIZE;
            if header.kind != Kind::Data {
                if self.has_more() || !self.control(&header)? || self.has_moved() {
                    return Ok(None);
                }
                continue;
            }
            self.check_data()?;
            if self.has_more() {
                return Ok(None);
            }
            let len = header.length as usize;
            let so_far = self.assembler.len();
            if so_far + len > self.message_size_max {
                return Err(self.too_long(so_far + len));
            }
            let single = self.assembler.is_idle() && header.flags & FLAG_MORE == 0;
            if single && len <= here {
                let head = Head::of(&header);
                self.front_len = Some(len);
                return Ok(Some(Front { head, delivered: false }));
            }
            if single && len < LARGE {
                return Ok(None);
            }
            self.start += HEADER_SIZE;
            if single
                && header.flags == 0
                && let Some(to) = into.take().filter(|to| len <= to.len())
                && let Ok(spare) = Buffer::with_capacity(len)
            {
                if self.deliver(Head::of(&header), &mut to[..len], spare) {
                    self.count(len);
                    return Ok(Some(Front { head: Head::of(&header), delivered: true }));
                }
                continue;
            }
            self.begin_fragment(&header)?;
        }
    }

    /// Reads a large message straight into the caller's buffer. If the socket runs dry, what has
    /// come moves to `spare`, as the call may end before the rest comes.
    fn deliver(&mut self, head: Head, to: &mut [MaybeUninit<u8>], mut spare: Buffer) -> bool {
        let mut to = Filling::new(to);
        self.start += to.push(&self.ahead.bytes()[self.start..]);
        let socket = self.link.peer.socket.as_fd();
        while to.left() > 0 {
            // The next read meets the end or the failure again.
            if !local_socket::recv_filling(socket, &mut to).is_ok_and(|count| count > 0) {
                break;
            }
        }
        if to.left() > 0 {
            spare.append(to.bytes());
            self.assembler.begin(HeapMessage { head, data: spare });
            self.frame = Frame::Within { left: to.left(), more: false };
        }
        to.left() == 0
    }

    fn begin_fragment(&mut self, header: &Header) -> Result<()> {
        let left = header.length as usize;
        self.assembler.fragment(header)?;
        self.controls += u32::from(left < FRAGMENT_LEN_MIN);
        self.frame = Frame::Within { left, more: header.flags & FLAG_MORE != 0 };
        Ok(())
    }

    /// Takes what is here of the current frame. A message that is whole then becomes the front.
    fn continue_fragment(&mut self) -> Result<()> {
        let (Frame::Within { left, more }, Some(data)) = (self.frame, self.assembler.partial())
        else {
            return Ok(());
        };
        let here = &self.ahead.bytes()[self.start..];
        let count = here.len().min(left);
        data.extend(&here[..count]).map_err(|_| Error::no_memory())?;
        self.start += count;
        self.frame = Frame::Within { left: left - count, more };
        if count == left {
            self.frame = Frame::Between;
            if !more {
                self.assembler.complete();
            }
        }
        Ok(())
    }

    /// Reads more; false if there is nothing more now.
    pub(super) fn read(&mut self) -> Result<bool> {
        let link = Arc::clone(&self.link);
        let socket = link.peer.socket.as_fd();
        // This is read before the socket: what the peer sent before it died is read first.
        let gone = link.peer.is_gone();
        let received = match (self.frame, self.assembler.partial()) {
            (Frame::Within { left, more }, Some(data)) if left > 0 => {
                // Room grows with what has come, never with what was announced.
                let count = left.min(data.len().max(BLOCK));
                let received = local_socket::recv_into(socket, data, count);
                received.inspect(|count| self.frame = Frame::Within { left: left - count, more })
            }
            _ => {
                self.compact();
                self.read_ahead()
            }
        };
        match received {
            Ok(0) => Err(self.ended(self.end_without_close())),
            Ok(count) => {
                self.controls += (count / PIECE_LEN) as u32;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => match gone {
                true => Err(self.ended(self.end_without_close())),
                false => Ok(false),
            },
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                Err(self.ended(self.end_without_close()))
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Error::protocol(error.to_string()))
            }
            Err(error) => Err(Error::system("receiving", &error)),
        }
    }

    pub(super) fn compact(&mut self) {
        if self.start > 0 {
            self.ahead.consume(self.start);
            self.start = 0;
        }
    }

    /// Reads a block. It reads only a header if messages are large, as their payload is then read
    /// to where it goes, and if descriptors may come, as they belong to the header that they come
    /// with.
    fn read_ahead(&mut self) -> io::Result<usize> {
        let stage = match self.is_settled {
            true => Stage::Socket,
            false => self.link.upgrade.stage(),
        };
        let here = self.ahead.len();
        let count = match stage {
            Stage::AwaitsHello if here < HEADER_SIZE + HELLO_SIZE => {
                HEADER_SIZE + HELLO_SIZE - here
            }
            Stage::AwaitsHello | Stage::AwaitsShare => self.frame_left(),
            _ if self.last_len >= LARGE && !self.link.raw && here < HEADER_SIZE => {
                HEADER_SIZE - here
            }
            _ => BLOCK,
        };
        let socket = self.link.peer.socket.as_fd();
        match stage {
            Stage::AwaitsShare if here == 0 => {
                let received =
                    local_socket::recv_with_fds(socket, &mut self.ahead, count, &mut self.fds)?;
                self.has_dropped_fds |= received.has_lost_fds;
                Ok(received.count)
            }
            _ => local_socket::recv_into(socket, &mut self.ahead, count),
        }
    }

    #[inline(always)]
    fn front_bytes(&self) -> &[u8] {
        let skip = if self.link.raw { 0 } else { HEADER_SIZE };
        let len = self.front_len.unwrap_or(0);
        &self.ahead.bytes()[self.start + skip..][..len]
    }

    #[inline(always)]
    pub fn copy_front(&self, to: &mut [MaybeUninit<u8>]) {
        let bytes = match self.assembler.whole() {
            Some(whole) => whole.data.bytes(),
            None => self.front_bytes(),
        };
        let len = bytes.len().min(to.len());
        write(&mut to[..len], &bytes[..len]);
    }

    /// Drops the front message; from a raw stream at most `most` bytes.
    #[inline(always)]
    pub fn drop_front(&mut self, most: usize) {
        if self.assembler.take_whole().is_some() {
            self.count(self.last_len);
        } else if let Some(len) = self.front_len.take() {
            self.count(len);
            self.start += if self.link.raw { len.min(most) } else { HEADER_SIZE + len };
        }
    }

    pub fn take_front(&mut self) -> Result<Buffer> {
        if let Some(whole) = self.assembler.take_whole() {
            self.count(whole.data.len());
            return Ok(whole.data);
        }
        let mut data = Buffer::default();
        data.extend(self.front_bytes()).map_err(|_| Error::no_memory())?;
        self.drop_front(usize::MAX);
        Ok(data)
    }

    #[inline(always)]
    fn count(&mut self, len: usize) {
        if !self.is_settled {
            self.link.upgrade.count(len);
        }
    }

    /// Whether the last look ended before it had looked at everything.
    pub fn has_more(&self) -> bool {
        self.controls >= CONTROLS_MAX
    }

    pub(super) fn has_bytes(&self) -> bool {
        self.start < self.ahead.len()
    }

    /// Whether something was read that no descriptor shows any more.
    pub fn has_read_ahead(&self) -> bool {
        self.assembler.whole().is_some() || self.has_bytes() || self.link.end.get().is_some()
    }
}
