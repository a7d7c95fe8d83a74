/// The results of calls: Status, Error, and Result, which is a value or a failure.
#ifndef TREENAIL_STATUS_HPP
#define TREENAIL_STATUS_HPP

#include <treenail.h>

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <utility>

namespace treenail {

/// A call's status, as tn_status in C: 0 is a success, above 0 is a success with a notice, below 0
/// is a failure. ok() tells.
enum class [[nodiscard]] Status : std::int32_t {
    /// All went well.
    ok = TN_OK,
    /// You have the lock, and its last owner died while it held the lock: check the data.
    owner_died = TN_OWNER_DIED,
    /// The call would have to wait, and was told not to. Nothing happened.
    again = TN_AGAIN,
    /// The timeout passed. Nothing happened.
    timed_out = TN_TIMED_OUT,
    /// Either side has closed it, and all that had arrived has been received.
    closed = TN_CLOSED,
    /// The peer died, or ended without closing, and all that had arrived has been received.
    peer_lost = TN_PEER_LOST,
    /// Nobody listens there, or no object has that name.
    not_found = TN_NOT_FOUND,
    /// A live process uses the name.
    exists = TN_EXISTS,
    /// Access rights forbid it, or the peer is another user.
    denied = TN_DENIED,
    /// A bad argument: an unknown scheme, option or value, a handle that was moved from.
    invalid = TN_INVALID,
    /// The message is larger than a limit, or than the buffer; then it stays.
    too_large = TN_TOO_LARGE,
    /// There is no memory or no descriptor left, /dev/shm or an inbox is full, or views hold most
    /// of the ring.
    no_space = TN_NO_SPACE,
    /// The peer sent something else than this format, or another version of it.
    protocol = TN_PROTOCOL,
    /// This system can't do it, or the library was built without it.
    unsupported = TN_UNSUPPORTED,
    /// Another system error, which the text names.
    io = TN_IO,
    /// A bug in the library.
    internal = TN_INTERNAL,
};

/// Whether a call succeeded.
constexpr bool ok(Status status) noexcept { return static_cast<std::int32_t>(status) >= 0; }

/// A status' name as in C, such as "TN_AGAIN". The text is static.
inline const char* name(Status status) noexcept {
    return tn_status_name(static_cast<tn_status>(status));
}

/// This thread's last failure as one line: what was tried on what, what went wrong, what to do.
/// Valid until this thread's next failure.
inline const char* last_error() noexcept { return tn_last_error(); }

/// Makes a text this thread's last failure, and returns the status: for a layer above the library,
/// whose own failures are then told as the library's are. Status::invalid: the status isn't that of
/// a failure, or the text is empty.
inline Status set_last_error(Status status, const char* text) noexcept {
    return static_cast<Status>(tn_last_error_set(static_cast<tn_status>(status), text));
}

/// The version of the library: major * 65536 + minor * 256 + patch; TN_VERSION is the header's.
inline std::uint32_t version() noexcept { return tn_version(); }

/// The version of the library, such as "0.1.0". The text is static.
inline const char* version_text() noexcept { return tn_version_text(); }

/// The exception that calls throw. what() is the text of last_error().
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

/// Throws an Error of the call that just failed in this thread.
inline void check(Status status) {
    if (!ok(status)) {
        fail(status, last_error());
    }
}

/// For calls that return bool, as in the standard library: false if the time ran out.
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

/// The result of a try_... call: a value, or the status that says why there is none.
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

    /// The value. After a failure it is empty, unless the function says otherwise.
    T& operator*() & noexcept { return value_; }
    const T& operator*() const& noexcept { return value_; }
    T&& operator*() && noexcept { return std::move(value_); }
    T* operator->() noexcept { return &value_; }
    const T* operator->() const noexcept { return &value_; }

    /// The value; throws an Error if the call failed. Call it in the thread that made the call,
    /// before that thread makes another.
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
