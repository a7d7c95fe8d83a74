//! Spans of a ring that are held out of order: loans hold back the tail, views hold back the head.
//! The frontier passes a span only when that span and all before it are done.

use std::collections::VecDeque;

/// The spans from the frontier on. Nothing is kept while none is open.
#[derive(Default)]
pub struct Spans {
    spans: VecDeque<Span>,
    /// How many spans were ever dropped from the front; this is the number of the front.
    first: u64,
}

/// The number of a span. It is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(pub u64);

/// One span of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u64,
    pub end: u64,
    open: bool,
}

impl Spans {
    /// Whether no span is open.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Opens a span that begins where all others end. Its id closes it. None if there is no memory.
    pub fn open(&mut self, start: u64, end: u64) -> Option<SpanId> {
        // One place more, for what is done behind it.
        self.spans.try_reserve(2).ok()?;
        self.spans.push_back(Span { start, end, open: true });
        Some(SpanId(self.first + self.spans.len() as u64 - 1))
    }

    /// Counts what lies before `end` as done, if anything before it is still open.
    #[inline]
    pub fn pass(&mut self, end: u64) {
        match self.spans.back_mut() {
            None => {}
            Some(last) if !last.open => last.end = end,
            Some(last) => {
                let start = last.end;
                self.spans.push_back(Span { start, end, open: false });
            }
        }
    }

    /// The span with this id, if it is open.
    pub fn find(&self, SpanId(number): SpanId) -> Option<Span> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.spans.get(index).copied().filter(|span| span.open)
    }

    /// The first span that is open.
    pub fn first_open(&self) -> Option<SpanId> {
        let index = self.spans.iter().position(|span| span.open)?;
        Some(SpanId(self.first + index as u64))
    }

    /// Closes a span; false if there is none open with this id.
    pub fn close(&mut self, id: SpanId) -> bool {
        if self.find(id).is_none() {
            return false;
        }
        self.spans[(id.0 - self.first) as usize].open = false;
        true
    }

    /// Whether anything that is done is behind an open span.
    pub fn holds_back(&self) -> bool {
        self.spans.iter().skip_while(|span| !span.open).any(|span| !span.open)
    }

    /// The position up to which everything is done: the start of the first open span, or `end` if
    /// none is open.
    #[inline]
    pub fn frontier(&mut self, end: u64) -> u64 {
        while let Some(front) = self.spans.front() {
            if front.open {
                return front.start;
            }
            self.spans.pop_front();
            self.first += 1;
        }
        end
    }
}
