/// What a call came to: Status, Error, and Result, which is a value or the status in its place.
#ifndef TREENAIL_STATUS_HPP
#define TREENAIL_STATUS_HPP

#include <treenail.h>

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <utility>

namespace treenail {

/// tn_status: 0 is good, above 0 is good with a notice, below 0 is a failure; ok() tells.
enum class [[nodiscard]] Status : std::int32_t {
    /// All went well.
    ok = TN_OK,
    /// The lock is yours, and its last owner died holding it: check the data.
    owner_died = TN_OWNER_DIED,
    /// The call would have to wait, and was not to; nothing happened.
    again = TN_AGAIN,
    /// The timeout passed; nothing happened.
    timed_out = TN_TIMED_OUT,
    /// Closed in good order, by either side; all that had arrived was handed out.
    closed = TN_CLOSED,
    /// The peer died: an end without a close; all that had arrived was handed out.
    peer_lost = TN_PEER_LOST,
    /// Nobody listens there, or no object has that name.
    not_found = TN_NOT_FOUND,
    /// The name is in use by somebody alive.
    exists = TN_EXISTS,
    /// Rights, or another user.
    denied = TN_DENIED,
    /// A bad argument: an unknown scheme, option or value, a handle that was moved from.
    invalid = TN_INVALID,
    /// The message is over a limit, or over the buffer; then it stays.
    too_large = TN_TOO_LARGE,
    /// No memory, no descriptors, /dev/shm or an inbox is full, or views hold most of the ring.
    no_space = TN_NO_SPACE,
    /// What came isn't this format, or another version of it.
    protocol = TN_PROTOCOL,
    /// Not on this system, or not built in.
    unsupported = TN_UNSUPPORTED,
    /// Another system error; the text holds it.
    io = TN_IO,
    /// A bug in the library.
    internal = TN_INTERNAL,
};

/// Whether a call did what it was to do.
constexpr bool ok(Status status) noexcept { return static_cast<std::int32_t>(status) >= 0; }

/// A status' name as in C, such as "TN_AGAIN". The text is static.
inline const char* name(Status status) noexcept {
    return tn_status_name(static_cast<tn_status>(status));
}

/// This thread's last failure as one line: what was tried on what, what went wrong, what to do.
/// Valid until this thread's next failure.
inline const char* last_error() noexcept { return tn_last_error(); }

/// The version of the library: major * 65536 + minor * 256 + patch; TN_VERSION is the header's.
inline std::uint32_t version() noexcept { return tn_version(); }

/// The version of the library, such as "0.1.0". The text is static.
inline const char* version_text() noexcept { return tn_version_text(); }

/// What plain calls throw: what() is the text of last_error().
class Error : public std::runtime_error {
public:
    /// The failure that just happened in this thread.
    explicit Error(Status status) : Error(status, last_error()) {}
    Error(Status status, const char* text) : std::runtime_error(text), status_(status) {}

    Status status() const noexcept { return status_; }

private:
    Status status_;
};

namespace detail {

constexpr Status status(tn_status status) noexcept { return static_cast<Status>(status); }

[[noreturn, gnu::cold, gnu::noinline]] inline void fail(Status status, const char* text) {
#if defined(__cpp_exceptions)
    throw Error(status, text);
#else
    (void)status, (void)text;
    std::terminate();
#endif
}

/// Throws what just failed in this thread.
inline void check(Status status) {
    if (!ok(status)) {
        fail(status, last_error());
    }
}

/// For forms that return bool, as the standard library has them: false is a wait in vain.
inline bool done(Status status) {
    if (status == Status::again || status == Status::timed_out) {
        return false;
    }
    check(status);
    return true;
}

}  // namespace detail

namespace detail {
/// Makes a Result of a call that writes the value where it stays: nothing is moved.
struct InPlace {};
}  // namespace detail

/// What a try_ form gives: a value, or why there is none.
template <class T>
class [[nodiscard]] Result {
public:
    Result(Status status, T value) noexcept : status_(status), value_(std::move(value)) {}
    /// A failure.
    Result(Status status) noexcept : status_(status), value_() {}
    template <class Call>
    Result(detail::InPlace, Call call) noexcept : status_(Status::internal), value_() {
        status_ = call(value_);
    }

    Status status() const noexcept { return status_; }
    explicit operator bool() const noexcept { return ok(status_); }

    /// The value; an empty one after a failure, but for what the function says.
    T& operator*() & noexcept { return value_; }
    const T& operator*() const& noexcept { return value_; }
    T&& operator*() && noexcept { return std::move(value_); }
    T* operator->() noexcept { return &value_; }
    const T* operator->() const noexcept { return &value_; }

    /// The value, or what failed as an Error: to be asked by the thread that made the call, before
    /// it makes another.
    T value() && {
        detail::check(status_);
        return std::move(value_);
    }

    friend bool operator==(const Result& left, Status right) noexcept {
        return left.status_ == right;
    }
    friend bool operator!=(const Result& left, Status right) noexcept {
        return left.status_ != right;
    }

private:
    Status status_;
    T value_;
};

}  // namespace treenail

#endif
