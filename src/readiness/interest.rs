//! What a call waits for.

use std::ops::{BitAnd, BitOr};

/// A set of the things that a call can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest(u32);

impl Interest {
    /// Nothing.
    pub const NONE: Interest = Interest(0);
    /// A message, or the end.
    pub const READ: Interest = Interest(1);
    /// Room to send.
    pub const WRITE: Interest = Interest(2);
    /// Both messages and room.
    pub const BOTH: Interest = Interest(3);

    /// Whether it has anything of `other`.
    #[inline]
    pub fn has(self, other: Interest) -> bool {
        self.0 & other.0 != 0
    }

    /// The set without `other`.
    #[inline]
    pub fn without(self, other: Interest) -> Interest {
        Interest(self.0 & !other.0)
    }

    /// `self` if `condition` holds, else nothing.
    #[inline]
    pub fn when(self, condition: bool) -> Interest {
        if condition { self } else { Interest::NONE }
    }

    /// The set as a number, for an atomic.
    #[inline]
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl BitOr for Interest {
    type Output = Interest;
    #[inline]
    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

impl BitAnd for Interest {
    type Output = Interest;
    #[inline]
    fn bitand(self, other: Interest) -> Interest {
        Interest(self.0 & other.0)
    }
}
