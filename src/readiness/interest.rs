//! What a call waits for.

use std::ops::{BitAnd, BitOr};

/// A set of what can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest(u32);

impl Interest {
    /// Nothing.
    pub const NONE: Interest = Interest(0);
    /// A message, or the end.
    pub const READ: Interest = Interest(1);
    /// Room to send.
    pub const WRITE: Interest = Interest(2);
    /// Both.
    pub const BOTH: Interest = Interest(3);

    /// Whether anything of `other` is in it.
    #[inline]
    pub fn has(self, other: Interest) -> bool {
        self.0 & other.0 != 0
    }

    /// The rest without `other`.
    #[inline]
    pub fn without(self, other: Interest) -> Interest {
        Interest(self.0 & !other.0)
    }

    /// `self`, if `condition` holds; else nothing.
    #[inline]
    pub fn when(self, condition: bool) -> Interest {
        if condition { self } else { Interest::NONE }
    }

    /// As a number, for an atomic.
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
