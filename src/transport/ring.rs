//! A channel over two rings in shared memory. A message goes in as one record, or as fragments
//! where it is longer than half a ring; nobody is woken who does not wait.

use super::peer::{Peer, closed_by_peer};
use super::readiness::Watched;
use super::wait::{READ, WRITE};
use super::{FRAGMENT_LEN_MIN, Front, Head, HeapMessage, Held, Outgoing, too_long};
use crate::error::{Error, Result};
use crate::os::buffer::{Buffer, Lent};
use crate::os::event::READABLE;
use crate::os::fork::Fd;
use crate::os::kick::Kick;
use crate::os::pipe;
use crate::os::poll::Wanted;
use crate::shm::layout::{TO_CONNECTOR, TO_LISTENER};
use crate::shm::mapping::Shared;
use crate::shm::ring::{Reader, Writer};
use crate::shm::waits;
use crate::wire::{FLAG_MORE, Gather, Header, Kind};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes of a batch after which the peer is shown what is there, to work at the same time.
const BATCH_SHOWN: u64 = 16 << 10;

/// Padding and small fragments, taken in one go.
const SMALL_MAX: u32 = 1024;

/// What both ends of this side share.
pub struct RingLink {
    pub peer: Peer,
    shared: Arc<Shared>,
    incoming: usize,
    outgoing: usize,
    own_wake: Fd,
    peer_wake: Fd,
    pub wakeups_sent: AtomicU64,
}

impl RingLink {
    /// Joins what a handshake has brought together, and makes the two ends.
    pub fn new(
        peer: Peer,
        shared: Arc<Shared>,
        listens: bool,
        own_wake: Fd,
        peer_wake: Fd,
        message_size_max: usize,
    ) -> (Arc<RingLink>, RingSend, RingRecv) {
        let (incoming, outgoing) =
            if listens { (TO_LISTENER, TO_CONNECTOR) } else { (TO_CONNECTOR, TO_LISTENER) };
        let writer = Writer::new(&shared, outgoing);
        let reader = Reader::new(&shared, incoming);
        let link = Arc::new(RingLink {
            peer,
            shared,
            incoming,
            outgoing,
            own_wake,
            peer_wake,
            wakeups_sent: AtomicU64::new(0),
        });
        let send = RingSend { link: Arc::clone(&link), writer };
        let recv = RingRecv {
            link: Arc::clone(&link),
            reader,
            front_len: 0,
            fragments: None,
            whole: None,
            small: 0,
            message_size_max,
        };
        (link, send, recv)
    }

    #[cold]
    fn wake_peer(&self) {
        self.wakeups_sent.fetch_add(1, Ordering::Relaxed);
        pipe::signal(&self.peer_wake);
    }

    /// The peer's end, if it has come: nothing can be sent any more.
    #[inline]
    fn check_peer(&self) -> Result<()> {
        self.peer.look_sometimes();
        if waits::is_closed(&self.shared, self.incoming) {
            return Err(closed_by_peer());
        }
        match self.peer.is_gone() {
            true => Err(self.peer.loss()),
            false => Ok(()),
        }
    }

    pub fn watched(&self) -> Vec<Watched<'_>> {
        let ends = self.peer.descriptors();
        std::iter::once(self.own_wake.as_fd()).chain(ends).map(|fd| (fd, READABLE)).collect()
    }

    pub fn room_came(&self) -> bool {
        waits::writer_was_woken(&self.shared, self.outgoing)
    }

    #[inline]
    pub fn glance(&self) -> (u64, u64) {
        let (tail, head) = waits::positions(&self.shared, self.incoming, self.outgoing);
        // The end counts as a change too.
        let ended = waits::is_closed(&self.shared, self.incoming) || self.peer.is_gone();
        (tail, head | u64::from(ended))
    }

    pub fn arm(&self, interest: u32) {
        if interest & READ != 0 {
            waits::arm_reader(&self.shared, self.incoming);
        }
        if interest & WRITE != 0 {
            waits::arm_writer(&self.shared, self.outgoing);
        }
    }

    pub fn drain(&self) -> bool {
        pipe::drain(&self.own_wake)
    }

    pub fn poll(&self, _: u32, kick: Option<&Kick>, time: Option<Duration>) -> Result<()> {
        self.peer.poll(Wanted::readable(self.own_wake.as_fd()), kick, time)
    }

    pub fn close(&self) {
        if Writer::close(&self.shared, self.outgoing) {
            self.wake_peer();
        }
        crate::os::socket::shutdown(self.peer.socket.as_fd());
    }
}

/// The sending end.
pub struct RingSend {
    link: Arc<RingLink>,
    pub writer: Writer,
}

impl RingSend {
    #[inline]
    pub fn push(&mut self, out: &mut Outgoing<'_>) -> Result<bool> {
        self.link.check_peer()?;
        let left = out.data.len();
        if left > self.writer.payload_size_max() || out.started {
            return self.push_fragments(out);
        }
        let header = data_header(out, left, 0);
        let written = self.writer.write(&header, &mut out.data)?;
        self.show();
        Ok(written)
    }

    /// Sends fragments of a quarter of a ring, so that both sides work at the same time.
    #[cold]
    fn push_fragments(&mut self, out: &mut Outgoing<'_>) -> Result<bool> {
        let most = self.writer.payload_size_max() / 2;
        while !out.data.is_empty() {
            let len = out.data.len().min(most);
            let more = if len < out.data.len() { FLAG_MORE } else { 0 };
            if !self.writer.write(&data_header(out, len, more), &mut out.data)? {
                return Ok(false);
            }
            out.started = true;
            self.show();
        }
        Ok(true)
    }

    pub fn push_many(&mut self, messages: &[&[u8]]) -> Result<usize> {
        self.link.check_peer()?;
        let most = self.writer.payload_size_max();
        let (mut count, mut hidden) = (0, 0);
        for message in messages {
            if message.len() > most {
                break;
            }
            let header = Header::plain(Kind::Data, message.len());
            if !self.writer.write(&header, &mut Gather::new(&[message]))? {
                break;
            }
            count += 1;
            hidden += message.len() as u64;
            if hidden > BATCH_SHOWN {
                self.show();
                hidden = 0;
            }
        }
        self.show();
        Ok(count)
    }

    /// Shows the peer what is whole, and wakes it if it waits.
    #[inline]
    pub fn show(&mut self) {
        if self.writer.publish() {
            self.link.wake_peer();
        }
    }

    /// The peer's end, if it has come.
    pub fn check_peer(&self) -> Result<()> {
        self.link.check_peer()
    }

    /// Reserves a record to be written in place: its number, and where it is.
    pub fn reserve(&mut self, len: usize) -> Result<Option<u64>> {
        self.link.check_peer()?;
        self.writer.reserve(len)
    }
}

#[inline]
fn data_header(out: &Outgoing<'_>, len: usize, more: u8) -> Header {
    let flags = out.flags | more;
    Header { length: len as u32, kind: Kind::Data, flags, tag: out.tag, id: out.id }
}

/// The receiving end.
pub struct RingRecv {
    link: Arc<RingLink>,
    reader: Reader,
    /// Bytes of the message in the front record, as `front` has read it.
    front_len: usize,
    /// The fragments so far of a message that is not whole yet.
    fragments: Option<HeapMessage>,
    /// The front message, where it came in fragments.
    whole: Option<HeapMessage>,
    /// Padding and small fragments, since the last call.
    small: u32,
    message_size_max: usize,
}

impl RingRecv {
    #[inline(always)]
    pub fn front(&mut self) -> Result<Option<Front>> {
        if self.fragments.is_some() || self.whole.is_some() {
            return self.front_slowly();
        }
        match self.reader.front_plain()? {
            Some((len, tag)) if len <= self.message_size_max => {
                self.front_len = len;
                let head = Head::plain(len, tag);
                Ok(Some(Front { head, delivered: false }))
            }
            _ => self.front_slowly(),
        }
    }

    #[inline(never)]
    fn front_slowly(&mut self) -> Result<Option<Front>> {
        if let Some(whole) = &self.whole {
            return Ok(Some(Front { head: whole.head, delivered: false }));
        }
        self.small = 0;
        loop {
            if self.has_more() {
                return Ok(None);
            }
            let Some(header) = self.reader.front()? else {
                match self.end()? {
                    true => continue,
                    false => return Ok(None),
                }
            };
            if header.kind == Kind::Pad {
                self.small += 1;
                self.reader.skip_front(header.length as usize);
                continue;
            }
            let single = self.fragments.is_none() && header.flags & FLAG_MORE == 0;
            if header.kind != Kind::Data {
                return Err(Error::protocol("a frame in a ring that is neither DATA nor PAD"));
            }
            if single && header.length as usize <= self.message_size_max {
                self.front_len = header.length as usize;
                return Ok(Some(Front { head: Head::of(&header), delivered: false }));
            }
            if let Some(front) = self.collect(&header)? {
                return Ok(Some(front));
            }
        }
    }

    /// Whether the last look ended before all that is there was looked at.
    pub fn has_more(&self) -> bool {
        self.small >= SMALL_MAX
    }

    /// The ring is empty. False: so far; true: look once more, as the end has come since.
    #[cold]
    fn end(&mut self) -> Result<bool> {
        let closed = waits::is_closed(&self.link.shared, self.link.incoming);
        if !closed && !self.link.peer.is_gone() {
            return Ok(false);
        }
        // What was sent before the end is still handed out.
        if self.reader.front()?.is_some() {
            return Ok(true);
        }
        // A close that was written before the hang-up outranks it.
        match waits::is_closed(&self.link.shared, self.link.incoming) {
            true => Err(closed_by_peer()),
            false => Err(self.link.peer.loss()),
        }
    }

    /// Whether open views pin so much that the peer may be unable to send.
    pub fn is_choked(&self) -> bool {
        self.reader.pinned() > self.reader.size() / 2
    }

    /// Adds a fragment; the message's front once it is whole.
    #[cold]
    fn collect(&mut self, header: &Header) -> Result<Option<Front>> {
        let len = header.length as usize;
        let head = Head { len: 0, ..Head::of(header) };
        let mut message = match self.fragments.take() {
            Some(message) => message,
            None => HeapMessage { head, data: Buffer::default() },
        };
        if (Head { len: 0, ..message.head }) != head {
            return Err(Error::protocol("fragments of two messages that are mixed"));
        }
        if message.data.len() + len > self.message_size_max {
            return Err(too_long(self.message_size_max));
        }
        self.small += u32::from(len < FRAGMENT_LEN_MIN);
        self.reader.append_front(len, &mut message.data);
        message.head.len += len;
        self.reader.skip_front(len);
        self.give_back();
        if header.flags & FLAG_MORE != 0 {
            self.fragments = Some(message);
            return Ok(None);
        }
        let head = message.head;
        self.whole = Some(message);
        Ok(Some(Front { head, delivered: false }))
    }

    #[inline]
    pub fn copy_front(&self, to: &mut [MaybeUninit<u8>]) {
        match &self.whole {
            Some(whole) => crate::os::buffer::write(to, whole.data.bytes()),
            None => self.reader.copy_front(self.front_len, to),
        }
    }

    #[inline]
    pub fn drop_front(&mut self) {
        match self.whole.is_some() {
            true => self.whole = None,
            false => self.reader.skip_front(self.front_len),
        }
    }

    /// Takes the front message. Where open views pin more than half the ring it is copied, so
    /// that it doesn't add to that.
    pub fn hold_front(&mut self, in_place: bool) -> Held {
        if let Some(whole) = self.whole.take() {
            return Held::OnHeap(whole.data);
        }
        if in_place && !self.is_choked() {
            return Held::InRing(self.reader.hold_front(self.front_len));
        }
        let mut data = Buffer::default();
        self.reader.append_front(self.front_len, &mut data);
        self.reader.skip_front(self.front_len);
        self.give_back();
        Held::OnHeap(data)
    }

    /// The payload of a held record.
    pub fn held(&self, number: u64, len: usize) -> Option<Lent> {
        self.reader.held(number, len)
    }

    /// Gives a held record back; false if there is none with this number.
    pub fn release(&mut self, number: u64) -> bool {
        let released = self.reader.release(number);
        self.give_back();
        released
    }

    #[inline]
    pub fn give_back(&mut self) {
        if self.reader.publish() {
            self.link.wake_peer();
        }
    }
}
