//! The outcome of a call, as one word to branch on.

use std::ffi::CStr;

/// Makes the enumeration and its table from one list, in which each status occurs once.
macro_rules! statuses {
    ($($(#[doc = $line:literal])+ $variant:ident = $number:literal, $name:literal;)+) => {
        /// The outcome of a call. 0 is success, above 0 is success with a notice, below 0 is a
        /// failure.
        ///
        /// The numbers are those of the C ABI. None ever gets another meaning.
        #[repr(i32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Status {
            $($(#[doc = $line])+ $variant = $number,)+
        }

        impl Status {
            /// Not part of the API: every status, its name in the C ABI, and its meaning. The C
            /// header is generated from this.
            #[doc(hidden)]
            pub const ALL: &[(Status, &CStr, &[&str])] =
                &[$((Status::$variant, $name, &[$($line),+])),+];
        }
    };
}

statuses! {
    /// All went well.
    Ok = 0, c"TN_OK";
    /// The lock is yours, and its last owner died having it alone: check the data, then unlock as
    /// usual.
    OwnerDied = 1, c"TN_OWNER_DIED";
    /// The call would have to wait, and the timeout was 0; nothing happened.
    Again = -1, c"TN_AGAIN";
    /// The timeout passed; nothing happened.
    TimedOut = -2, c"TN_TIMED_OUT";
    /// Closed in good order, by either side or by this program; all that had arrived was handed
    /// out.
    Closed = -3, c"TN_CLOSED";
    /// The peer died or the network did: an end without a close; all that had arrived was
    /// handed out.
    PeerLost = -4, c"TN_PEER_LOST";
    /// Nobody listens there, or no object has that name.
    NotFound = -5, c"TN_NOT_FOUND";
    /// The name is in use by somebody alive.
    Exists = -6, c"TN_EXISTS";
    /// Rights, another user, a refused certificate.
    Denied = -7, c"TN_DENIED";
    /// A bad argument: NULL, unknown scheme, option or value, wrong state.
    Invalid = -8, c"TN_INVALID";
    /// The message is over a limit, or over the caller's buffer (then it stays, and the length
    /// says how much is needed).
    TooLarge = -9, c"TN_TOO_LARGE";
    /// No memory, /dev/shm full, no descriptors left.
    NoSpace = -10, c"TN_NO_SPACE";
    /// What came isn't this format, or another version of it.
    Protocol = -11, c"TN_PROTOCOL";
    /// Not on this system, or not built in.
    Unsupported = -12, c"TN_UNSUPPORTED";
    /// Another system error; the text holds it.
    Io = -13, c"TN_IO";
    /// A bug in the library.
    Internal = -14, c"TN_INTERNAL";
}

impl Status {
    /// The name that the C ABI gives this status, such as `TN_AGAIN`.
    pub fn name(self) -> &'static str {
        Status::name_of(self as i32).and_then(|name| name.to_str().ok()).unwrap_or_default()
    }

    /// The name of the status with this number.
    pub(crate) fn name_of(number: i32) -> Option<&'static CStr> {
        Status::ALL.iter().find(|entry| entry.0 as i32 == number).map(|entry| entry.1)
    }

    /// The failure with this number.
    pub(crate) fn of_failure(number: i32) -> Option<Status> {
        Status::ALL
            .iter()
            .map(|entry| entry.0)
            .find(|status| *status as i32 == number && number < 0)
    }

    /// The status whose name a text begins with, such as the reason in a refusing CLOSE frame.
    pub(crate) fn opening(text: &str) -> Option<Status> {
        let word = text.split(':').next()?;
        Status::ALL.iter().map(|entry| entry.0).find(|status| status.name() == word)
    }
}
