//! The receiving side of a connection: what the receiving lock guards.

use super::inbox::Inbox;
use super::lent::{HeapId, LentId, Place, ViewParts};
use super::requests::{Requests, Waiter};
use crate::endpoint::{Endpoint, Trust, Views};
use crate::error::{Error, Result};
use crate::memory::{Buffer, Lent, write};
use crate::readiness::descriptor::Descriptor;
use crate::readiness::waiters::{Step, Waiters};
use crate::readiness::{Direction, Readiness};
use crate::transport::halves::RecvHalf;
use crate::transport::message::{Head, HeapMessage, Held};
use std::collections::HashMap;
use std::mem::MaybeUninit;

/// How many replies that no caller waits for are dropped in one go, and how many bytes of them.
const LATE_REPLIES_MAX: u32 = 1024;
const LATE_BYTES_MAX: usize = 4 << 20;
/// The receiving side of a connection; one thread at a time holds it.
pub struct RecvState {
    pub half: RecvHalf,
    /// Messages that came while a request waited for its reply.
    pub inbox: Inbox,
    views: Views,
    pub heap_views: HashMap<HeapId, Buffer>,
    next_heap_view: HeapId,
    /// Whether the last look ended before it had looked at everything.
    more: bool,
    pub messages: u64,
    pub bytes: u64,
    pub late_replies: u64,
}

/// Where replies go.
pub struct Replies<'a> {
    pub requests: &'a Requests,
    pub waiters: &'a Waiters,
    pub readiness: &'a Readiness<Descriptor>,
}

impl Replies<'_> {
    /// Notes that a reply has come for a waiting call.
    pub fn has_come(&self) {
        self.requests.hand_on();
        self.waiters.notify();
        self.readiness.mark(Direction::Receive);
    }
}

/// Where the front message is.
#[derive(Clone, Copy)]
pub struct FrontMessage {
    pub head: Head,
    in_inbox: bool,
    delivered: bool,
}

impl RecvState {
    pub fn new(half: RecvHalf, endpoint: &Endpoint, peer: Trust) -> RecvState {
        RecvState {
            half,
            inbox: Inbox::new(endpoint.inbox),
            views: endpoint.views_of(peer),
            heap_views: HashMap::new(),
            next_heap_view: HeapId::default(),
            more: false,
            messages: 0,
            bytes: 0,
            late_replies: 0,
        }
    }

    /// Whether a receiving call would find something, or the end.
    pub fn has_something(&mut self) -> bool {
        let found = !self.inbox.is_empty() || !matches!(self.half.front(None), Ok(None));
        self.half.give_back();
        found || self.half.has_more()
    }

    /// Whether something was read that no descriptor of the transport shows any more.
    pub fn has_read_ahead(&self) -> bool {
        self.holds_messages() || self.half.has_read_ahead()
    }

    /// Whether messages that requests have passed are here.
    pub fn holds_messages(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// The next message for the user. Replies that a request waits for go to that request instead.
    #[inline(always)]
    pub fn front(
        &mut self,
        replies: &Replies<'_>,
        mut into: Option<&mut [MaybeUninit<u8>]>,
    ) -> Result<Option<FrontMessage>> {
        if let Some(message) = self.inbox.front() {
            return Ok(Some(FrontMessage { head: message.head, in_inbox: true, delivered: false }));
        }
        self.more = false;
        let mut bytes = 0;
        for _ in 0..LATE_REPLIES_MAX {
            let Some(front) = self.half.front(into.as_deref_mut())? else {
                return Ok(None);
            };
            let head = front.head;
            if !head.is_reply() || !self.route(replies, head)? {
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

    /// Moves a reply out of the way: to the thread that waits for it, or drops it if no thread
    /// does. False if the user asked to receive it.
    #[cold]
    pub fn route(&mut self, replies: &Replies<'_>, head: Head) -> Result<bool> {
        match replies.requests.who_waits(head.id()) {
            Waiter::Receiver => Ok(false),
            Waiter::Caller => {
                // It goes to the heap: in the ring it would be in the way of others until that
                // thread runs.
                let view = self.hold(head, Views::Copy)?;
                if !replies.requests.answer(view) {
                    self.drop_view(view.id);
                    self.late_replies += 1;
                }
                replies.has_come();
                Ok(true)
            }
            Waiter::Nobody => {
                self.late_replies += 1;
                self.half.drop_front();
                self.half.give_back();
                Ok(true)
            }
        }
    }

    /// Takes the front message of the transport as a view.
    fn hold(&mut self, head: Head, views: Views) -> Result<ViewParts> {
        // This comes before the message is taken.
        self.heap_views.try_reserve(1).map_err(|_| Error::no_memory())?;
        Ok(match self.half.hold_front(views)? {
            Held::InRing(span) => {
                let bytes = match &self.half {
                    RecvHalf::Ring(half) => half.held(span, head.len),
                    RecvHalf::Stream(_) => None,
                };
                let bytes = bytes.expect("it was just held");
                ViewParts { head, id: span.into(), bytes }
            }
            Held::OnHeap(buffer) => self.keep_view(head, buffer),
        })
    }

    fn drop_view(&mut self, id: LentId) {
        if let Place::OnHeap(id) = id.place() {
            self.heap_views.remove(&id);
        }
    }

    fn keep_view(&mut self, head: Head, buffer: Buffer) -> ViewParts {
        let id = self.next_heap_view;
        self.next_heap_view = id.next();
        let bytes = Lent::new(buffer.as_ptr().cast_mut(), buffer.len());
        self.heap_views.insert(id, buffer);
        ViewParts { head, id: id.into(), bytes }
    }

    #[inline(always)]
    pub fn count(&mut self, requests: &Requests, head: Head) {
        self.messages += 1;
        self.bytes += head.len as u64;
        if head.is_reply() {
            requests.finish(head.id());
        }
    }

    /// Copies the front message and takes it; the caller has checked its size.
    #[inline(always)]
    pub fn take_copy(
        &mut self,
        requests: &Requests,
        front: &FrontMessage,
        to: &mut [MaybeUninit<u8>],
    ) {
        if front.in_inbox {
            if let Some(message) = self.inbox.pop() {
                write(&mut to[..message.data.len()], message.data.bytes());
            }
        } else if !front.delivered {
            self.half.copy_front(to);
            self.half.drop_front();
        }
        self.count(requests, front.head);
    }

    /// Takes the front message as a view.
    pub fn take_view(&mut self, requests: &Requests, front: &FrontMessage) -> Result<ViewParts> {
        let view = match front.in_inbox {
            true => {
                self.heap_views.try_reserve(1).map_err(|_| Error::no_memory())?;
                let message = self.inbox.pop().expect("the front is there");
                self.keep_view(message.head, message.data)
            }
            false => self.hold(front.head, self.views)?,
        };
        self.count(requests, front.head);
        Ok(view)
    }

    /// There is no message now. What was passed over on the way is given back, as the peer may wait
    /// for just that room.
    pub fn blocked<T>(&mut self) -> Result<Step<T>> {
        self.half.give_back();
        Ok(match self.more || self.half.has_more() {
            true => Step::More,
            false if self.half.is_choked() => Step::Choked,
            false => Step::Blocked,
        })
    }

    /// Receives with `raw=1`, where bytes have no message boundaries: as much as fits, and the rest
    /// later.
    pub fn take_raw(&mut self, buf: &mut [MaybeUninit<u8>]) -> Option<Head> {
        let RecvHalf::Stream(half) = &mut self.half else {
            return None;
        };
        if !half.is_raw() || buf.is_empty() {
            return None;
        }
        half.copy_front(buf);
        half.drop_front(buf.len());
        self.messages += 1;
        self.bytes += buf.len() as u64;
        Some(Head::plain(buf.len(), 0))
    }

    /// Makes way for the reply of a waiting request: moves the front message to the inbox, or to
    /// the request that it answers. Returns its size; None if there was nothing to move.
    pub fn make_way(&mut self, replies: &Replies<'_>) -> Result<Option<usize>> {
        let Some(front) = self.half.front(None)? else {
            return Ok(None);
        };
        let head = front.head;
        if !head.is_reply() || !self.route(replies, head)? {
            self.inbox.make_room(head.len)?;
            let data = match self.half.hold_front(Views::Copy)? {
                Held::OnHeap(data) => data,
                Held::InRing(_) => unreachable!("it was to be copied"),
            };
            self.inbox.push(HeapMessage { head, data });
        }
        Ok(Some(head.len))
    }
}
