//! Receiving: a copy, a view in place, many at once; and the replies among them.

use super::core::{Core, Open};
use super::inbox::Inbox;
use super::loan::ON_HEAP;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::os::buffer::{Buffer, Lent, zeroed_vec};
use crate::readiness::Direction;
use crate::readiness::waiters::{READ, Step};
use crate::transport::{Head, Held, RecvEnd};
use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::time::Duration;

/// Replies that nobody waits for any more, dropped in one go, and bytes of them.
const LATE_REPLIES_MAX: u32 = 1024;
const LATE_BYTES_MAX: usize = 4 << 20;
/// Messages of a batch, at most: empty ones take no room.
const BATCH_MAX: usize = 1 << 16;
/// Where messages of a batch begin.
const BATCH_ALIGNMENT: usize = 16;

/// The receiving side of an open channel; one thread at a time has it.
pub struct RecvState {
    pub end: RecvEnd,
    /// Messages that came while a request waited for its reply.
    pub inbox: Inbox,
    views_in_place: bool,
    pub heap_views: HashMap<u64, Buffer>,
    heap_views_made: u64,
    /// Whether the last look ended before all that is there was looked at.
    more: bool,
    pub messages: u64,
    pub bytes: u64,
    pub late_replies: u64,
}

/// A message that was lent to its receiver.
#[derive(Clone, Copy)]
pub struct ViewParts {
    pub head: Head,
    pub number: u64,
    pub bytes: Lent,
}

/// Where the front message is.
#[derive(Clone, Copy)]
struct FrontMessage {
    head: Head,
    in_inbox: bool,
    delivered: bool,
}

impl RecvState {
    pub fn new(end: RecvEnd, endpoint: &Endpoint, trusted: bool) -> RecvState {
        RecvState {
            end,
            inbox: Inbox::new(endpoint.inbox),
            views_in_place: endpoint.views_in_place(trusted),
            heap_views: HashMap::new(),
            heap_views_made: 0,
            more: false,
            messages: 0,
            bytes: 0,
            late_replies: 0,
        }
    }

    /// Whether a receiving call would find something, or the end.
    pub fn has_something(&mut self) -> bool {
        let found = !self.inbox.is_empty() || !matches!(self.end.front(None), Ok(None));
        self.end.give_back();
        found || self.end.has_more()
    }

    /// Whether something was read that no descriptor of the transport shows any more.
    pub fn has_read_ahead(&self) -> bool {
        self.holds_messages() || self.end.has_read_ahead()
    }

    /// Whether messages that requests have passed are here.
    pub fn holds_messages(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// The next message for the user. Replies that a waiting request is for go there instead.
    #[inline(always)]
    fn front(
        &mut self,
        core: &Core,
        open: &Open,
        mut into: Option<&mut [MaybeUninit<u8>]>,
    ) -> Result<Option<FrontMessage>> {
        if let Some(message) = self.inbox.front() {
            return Ok(Some(FrontMessage { head: message.head, in_inbox: true, delivered: false }));
        }
        self.more = false;
        let mut bytes = 0;
        for _ in 0..LATE_REPLIES_MAX {
            let Some(front) = self.end.front(into.as_deref_mut())? else {
                return Ok(None);
            };
            let head = front.head;
            if !head.is_reply() || !self.route(core, open, head)? {
                let delivered = front.delivered;
                return Ok(Some(FrontMessage { head, in_inbox: false, delivered }));
            }
            bytes += head.len;
            if bytes > LATE_BYTES_MAX {
                break;
            }
        }
        self.more = true;
        Ok(None)
    }

    /// Takes a reply out of the way: to the thread that waits for it, or to nowhere if nobody
    /// does. False: it is one that the user asked to receive.
    #[cold]
    pub fn route(&mut self, core: &Core, open: &Open, head: Head) -> Result<bool> {
        match open.requests.who_waits(head.id()) {
            super::request::Waiter::Receiver => Ok(false),
            super::request::Waiter::Caller => {
                // On the heap: in the ring it would be in everybody's way until that thread runs.
                let view = self.hold(head, false)?;
                if !open.requests.answer(view) {
                    self.heap_views.remove(&view.number);
                    self.late_replies += 1;
                }
                core.waiting.notify();
                core.readiness.mark(Direction::Receive);
                Ok(true)
            }
            super::request::Waiter::Nobody => {
                self.late_replies += 1;
                self.end.drop_front();
                self.end.give_back();
                Ok(true)
            }
        }
    }

    /// Takes the front message of the transport as a view.
    fn hold(&mut self, head: Head, in_place: bool) -> Result<ViewParts> {
        // Before the message is taken.
        self.heap_views.try_reserve(1).map_err(|_| Error::no_memory())?;
        Ok(match self.end.hold_front(in_place)? {
            Held::InRing(number) => {
                let bytes = match &self.end {
                    RecvEnd::Ring(end) => end.held(number, head.len),
                    RecvEnd::Stream(_) => None,
                };
                ViewParts { head, number, bytes: bytes.expect("it was just held") }
            }
            Held::OnHeap(buffer) => self.keep_view(head, buffer),
        })
    }

    fn keep_view(&mut self, head: Head, buffer: Buffer) -> ViewParts {
        let number = ON_HEAP | self.heap_views_made;
        self.heap_views_made += 1;
        let bytes = Lent::new(buffer.as_ptr().cast_mut(), buffer.len());
        self.heap_views.insert(number, buffer);
        ViewParts { head, number, bytes }
    }

    #[inline(always)]
    fn count(&mut self, open: &Open, head: Head) {
        self.messages += 1;
        self.bytes += head.len as u64;
        if head.is_reply() {
            open.requests.finish(head.id());
        }
    }

    /// Copies the front message and takes it; its size must have been checked.
    #[inline(always)]
    fn take_copy(&mut self, open: &Open, front: &FrontMessage, to: &mut [MaybeUninit<u8>]) {
        if front.in_inbox {
            if let Some(message) = self.inbox.pop() {
                crate::os::buffer::write(&mut to[..message.data.len()], message.data.bytes());
            }
        } else if !front.delivered {
            self.end.copy_front(to);
            self.end.drop_front();
        }
        self.count(open, front.head);
    }

    /// Takes the front message as a view.
    fn take_view(&mut self, open: &Open, front: &FrontMessage) -> Result<ViewParts> {
        let view = match front.in_inbox {
            true => {
                self.heap_views.try_reserve(1).map_err(|_| Error::no_memory())?;
                let message = self.inbox.pop().expect("the front is there");
                self.keep_view(message.head, message.data)
            }
            false => self.hold(front.head, self.views_in_place)?,
        };
        self.count(open, front.head);
        Ok(view)
    }

    /// There is no message now; what was passed over on the way is given back, as the peer may
    /// wait for just that room.
    pub fn blocked<T>(&mut self) -> Result<Step<T>> {
        self.end.give_back();
        Ok(match self.more || self.end.has_more() {
            true => Step::More,
            false if self.end.is_choked() => Step::Choked,
            false => Step::Blocked,
        })
    }
}

impl Core {
    /// Receives a message into `buf`.
    #[inline]
    pub fn recv(&self, buf: &mut [MaybeUninit<u8>], timeout: Option<Duration>) -> Result<Head> {
        self.drive(READ, timeout, |open, wait| {
            self.receive(open, wait, |state| {
                let Some(front) = state.front(self, open, Some(&mut *buf))? else {
                    return Ok(Step::Blocked);
                };
                let len = front.head.len;
                if len > buf.len() {
                    if let Some(head) = state.take_raw(buf) {
                        return Ok(Step::Done(head));
                    }
                    return Err(over_buffer(len, buf.len()));
                }
                state.take_copy(open, &front, &mut buf[..len]);
                state.end.give_back();
                Ok(Step::Done(front.head))
            })
        })
    }

    /// Receives a message of any size.
    pub fn recv_buffer(&self, timeout: Option<Duration>) -> Result<Vec<u8>> {
        self.drive(READ, timeout, |open, wait| {
            self.receive(open, wait, |state| {
                let Some(front) = state.front(self, open, None)? else {
                    return Ok(Step::Blocked);
                };
                let mut bytes = zeroed_vec(front.head.len).ok_or_else(Error::no_memory)?;
                state.take_copy(open, &front, crate::os::buffer::uninit(&mut bytes));
                state.end.give_back();
                Ok(Step::Done(bytes))
            })
        })
    }

    /// Receives a message in place.
    pub fn recv_view(&self, timeout: Option<Duration>) -> Result<ViewParts> {
        self.drive(READ, timeout, |open, wait| {
            self.receive(open, wait, |state| {
                let Some(front) = state.front(self, open, None)? else {
                    return Ok(Step::Blocked);
                };
                state.take_view(open, &front).map(Step::Done)
            })
        })
    }

    /// Receives as many messages as are there and fit: `each` is told of them, and where in `buf`.
    pub fn recv_many(
        &self,
        buf: &mut [MaybeUninit<u8>],
        max: usize,
        timeout: Option<Duration>,
        mut each: impl FnMut(Head, Range<usize>),
    ) -> Result<usize> {
        let skip = buf.as_ptr().align_offset(BATCH_ALIGNMENT).min(buf.len());
        let max = max.min(BATCH_MAX);
        self.drive(READ, timeout, |open, wait| {
            self.receive(open, wait, |state| {
                let (mut at, mut count) = (skip, 0);
                let result = loop {
                    if count == max {
                        break Ok(());
                    }
                    let front = match state.front(self, open, Some(&mut buf[at..])) {
                        Ok(Some(front)) => front,
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error),
                    };
                    let len = front.head.len;
                    if len > buf.len() - at {
                        break Err(over_buffer(len, buf.len() - at));
                    }
                    state.take_copy(open, &front, &mut buf[at..at + len]);
                    each(front.head, at..at + len);
                    count += 1;
                    at = skip + (at - skip + len).next_multiple_of(BATCH_ALIGNMENT);
                    at = at.min(buf.len());
                };
                state.end.give_back();
                match result {
                    Err(error) if count == 0 => Err(error),
                    _ if count == 0 && max > 0 => Ok(Step::Blocked),
                    _ => Ok(Step::Done(count)),
                }
            })
        })
    }

    /// Runs `act` with the receiving turn, and does what every receiving call owes others.
    #[inline(always)]
    pub fn receive<T>(
        &self,
        open: &Open,
        wait: bool,
        act: impl FnOnce(&mut RecvState) -> Result<Step<T>>,
    ) -> Result<Step<T>> {
        let (mut left, mut ahead) = (false, false);
        let step = open.recv.run(wait, &mut left, |state| {
            let step = match act(state) {
                Ok(Step::Blocked) => state.blocked(),
                step => step,
            };
            ahead = state.has_read_ahead();
            step
        });
        self.tell_left(Direction::Receive, left);
        self.follow(open);
        self.help_sending(open);
        let step = step.unwrap_or(Ok(Step::InTurn));
        // A message that stays, as it was too large, is there to be received still.
        if !matches!(step, Ok(Step::Blocked | Step::InTurn | Step::Choked)) {
            self.after_receiving(open, ahead);
        }
        step
    }

    /// What was read ahead shows on no descriptor: others are told.
    #[inline]
    fn after_receiving(&self, open: &Open, ahead: bool) {
        if ahead {
            self.waiting.notify();
        }
        // A ring's wake-up stays in its pipe; a stream's descriptor shows nothing any more.
        if ahead || !open.link.receives_by_ring() {
            self.readiness.mark(Direction::Receive);
        }
    }
}

impl RecvState {
    /// With `raw=1` what arrived has no bounds to keep: as much as fits, and the rest later.
    fn take_raw(&mut self, buf: &mut [MaybeUninit<u8>]) -> Option<Head> {
        let RecvEnd::Stream(end) = &mut self.end else {
            return None;
        };
        if !end.is_raw() || buf.is_empty() {
            return None;
        }
        end.copy_front(buf);
        end.drop_front(buf.len());
        self.messages += 1;
        self.bytes += buf.len() as u64;
        Some(Head::plain(buf.len(), 0))
    }
}

fn over_buffer(len: usize, room: usize) -> Error {
    let detail = format!(
        "the message has {len} bytes and the buffer {room}; it stays, so call again with more room"
    );
    Error::too_large(len, detail)
}
