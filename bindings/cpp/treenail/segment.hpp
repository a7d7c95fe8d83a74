/// A named piece of shared memory with a lock, and the guard that holds the lock.
#ifndef TREENAIL_SEGMENT_HPP
#define TREENAIL_SEGMENT_HPP

#include "bytes.hpp"
#include "handle.hpp"
#include "status.hpp"
#include "timeout.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace treenail {

/// The notice that comes with a success: whether a former owner of the lock died.
class Notice {
public:
    /// The notice of a status that is ok().
    explicit Notice(Status status) noexcept : status_(status) {}

    Status status() const noexcept { return status_; }
    /// A process died while it held the lock exclusively, and nobody has held it exclusively since:
    /// the data may be half-written.
    bool owner_died() const noexcept { return status_ == Status::owner_died; }

private:
    Status status_;
};

/// A guard that holds a segment's lock until its own end. It must end before its segment does.
class [[nodiscard]] Guard {
public:
    /// Holds nothing.
    Guard() noexcept = default;
    /// Takes over a lock that was taken with this status.
    Guard(const tn_segment* segment, Status status) noexcept
        : segment_(segment), notice_(status) {}
    Guard(Guard&& other) noexcept
        : segment_(std::exchange(other.segment_, nullptr)), notice_(other.notice_) {}
    Guard& operator=(Guard other) noexcept {
        swap(other);
        return *this;
    }
    ~Guard() { unlock(); }

    void swap(Guard& other) noexcept {
        std::swap(segment_, other.segment_);
        std::swap(notice_, other.notice_);
    }

    /// Whether the lock is still held.
    explicit operator bool() const noexcept { return segment_ != nullptr; }
    /// Whether the data may be half-written: see Notice.
    bool owner_died() const noexcept { return notice_.owner_died(); }

    /// Gives the lock back before the guard's end. Calling it twice is fine.
    void unlock() noexcept {
        if (segment_ != nullptr) {
            (void)tn_segment_unlock(std::exchange(segment_, nullptr));
        }
    }

private:
    const tn_segment* segment_ = nullptr;
    Notice notice_ = Notice(Status::ok);
};

/// A named piece of shared memory with a lock, and with changes that others can wait for. The lock
/// belongs to the handle: it excludes the handle's own threads from each other too, any of them may
/// unlock, and locking twice waits. A segment may be used from every thread at any time. Each call
/// has the statuses of the C function of its name. try_... calls return their status where the
/// others throw an Error.
class Segment : public detail::Handle<tn_segment, tn_segment_free> {
public:
    using Handle::Handle;

    // ---- making one ----

    /// Makes a new segment of `size` zero bytes. Status::exists: a live process holds one of this
    /// name.
    static Segment create(std::string_view name, std::size_t size) {
        return try_create(name, size).value();
    }
    static Result<Segment> try_create(std::string_view name, std::size_t size) noexcept {
        tn_segment* made = nullptr;
        const auto status = tn_segment_create(detail::Terminated(name).c_str(), size, &made);
        return {detail::status(status), Segment(made)};
    }

    /// Opens a segment that exists. Status::not_found: no live process holds one of this name.
    static Segment open(std::string_view name) { return try_open(name).value(); }
    static Result<Segment> try_open(std::string_view name) noexcept {
        tn_segment* made = nullptr;
        const auto status = tn_segment_open(detail::Terminated(name).c_str(), &made);
        return {detail::status(status), Segment(made)};
    }

    /// Opens a segment that exists and has `size` bytes or more, or makes a new one.
    /// Status::too_large: it exists and has fewer. With size 0 it opens one of any size, and makes
    /// none; Status::not_found: there is none.
    static Segment open_or_create(std::string_view name, std::size_t size) {
        return try_open_or_create(name, size).value();
    }
    static Result<Segment> try_open_or_create(std::string_view name, std::size_t size) noexcept {
        tn_segment* made = nullptr;
        const auto status =
            tn_segment_open_or_create(detail::Terminated(name).c_str(), size, &made);
        return {detail::status(status), Segment(made)};
    }

    /// Removes the name. Those that hold the segment keep it. Only a segment with persist=1 needs
    /// this: otherwise the last one that ends removes the name.
    static void remove(std::string_view name) { detail::check(try_remove(name)); }
    static Status try_remove(std::string_view name) noexcept {
        return detail::status(tn_segment_remove(detail::Terminated(name).c_str()));
    }

    // ---- the data ----

    /// The address of the first byte, page-aligned, and the same until the segment's end. With
    /// access=ro, writing there ends the program. A segment is a range of bytes: pass it where
    /// Bytes, a Buffer or a std::span is wanted.
    std::byte* data() const noexcept {
        return static_cast<std::byte*>(tn_segment_data(native_handle()));
    }
    std::size_t size() const noexcept { return tn_segment_size(native_handle()); }
    std::byte* begin() const noexcept { return data(); }
    std::byte* end() const noexcept { return data() + size(); }

    /// The object at `offset`. Others change it and see it change, so hold the lock.
    /// Status::invalid: it doesn't lie within the data, or isn't aligned; try_as returns null then.
    template <class T>
    T& as(std::size_t offset = 0) const {
        T* object = try_as<T>(offset);
        if (object == nullptr) {
            detail::fail(Status::invalid, "the segment has no room for that type at that offset");
        }
        return *object;
    }
    template <class T>
    T* try_as(std::size_t offset = 0) const noexcept {
        static_assert(detail::is_plain<T>, "its bytes mean nothing to another process");
        const auto length = size();
        const bool fits = offset <= length && sizeof(T) <= length - offset;
        return fits && offset % alignof(T) == 0 ? reinterpret_cast<T*>(data() + offset) : nullptr;
    }

    /// The objects from `offset` on, as many as there is room for. Status::invalid: the first
    /// doesn't lie within the data, or isn't aligned.
    template <class T>
    Span<T> row(std::size_t offset = 0) const {
        return {&as<T>(offset), (size() - offset) / sizeof(T)};
    }

    /// Copies bytes to the data at `offset`, under the lock, and wakes who waits for changes.
    Notice write(std::size_t offset, Bytes bytes, Timeout timeout = no_timeout) const {
        return taken(try_write(offset, bytes, timeout));
    }
    Status try_write(std::size_t offset, Bytes bytes, Timeout timeout) const noexcept {
        return detail::status(tn_segment_write(native_handle(), offset, bytes.data(), bytes.size(),
                                               timeout.to_c()));
    }

    /// Fills a buffer with the data from `offset` on, under the shared lock: what one call of write
    /// wrote is there whole.
    Notice read(std::size_t offset, Buffer buffer, Timeout timeout = no_timeout) const {
        return taken(try_read(offset, buffer, timeout));
    }
    Status try_read(std::size_t offset, Buffer buffer, Timeout timeout) const noexcept {
        return detail::status(tn_segment_read(native_handle(), offset, buffer.data(), buffer.size(),
                                              timeout.to_c()));
    }

    // ---- the lock ----

    /// Takes the lock exclusively, and holds it as long as the guard lives.
    Guard guard(Timeout timeout = no_timeout) const { return try_guard(timeout).value(); }
    Result<Guard> try_guard(Timeout timeout) const noexcept { return hold(try_lock(timeout)); }

    /// Takes the lock shared with other readers, and holds it as long as the guard lives.
    Guard shared_guard(Timeout timeout = no_timeout) const {
        return try_shared_guard(timeout).value();
    }
    Result<Guard> try_shared_guard(Timeout timeout) const noexcept {
        return hold(try_lock_shared(timeout));
    }

    /// Takes the lock exclusively, without a guard; call unlock() to give it back.
    Notice lock(Timeout timeout = no_timeout) const { return taken(try_lock(timeout)); }
    Status try_lock(Timeout timeout) const noexcept {
        return detail::status(tn_segment_lock(native_handle(), timeout.to_c()));
    }
    Notice lock_shared(Timeout timeout = no_timeout) const { return taken(try_lock_shared(timeout)); }
    Status try_lock_shared(Timeout timeout) const noexcept {
        return detail::status(tn_segment_lock_shared(native_handle(), timeout.to_c()));
    }

    /// Gives the lock back, however it was taken. It throws nothing, as guards call it at their
    /// end; try_unlock tells whether the lock was held at all.
    void unlock() const noexcept { (void)try_unlock(); }
    Status try_unlock() const noexcept {
        return detail::status(tn_segment_unlock(native_handle()));
    }

    // What makes a segment a SharedTimedLockable of the standard library, with these names and no
    // Status: std::lock_guard, std::unique_lock, std::shared_lock and std::scoped_lock take it.
    // They say nothing of an owner's death, so they are for data that is right at any time. These
    // return false for what was not to be had in time, and throw Error for anything else.

    bool try_lock() const { return detail::done(try_lock(now)); }
    template <class Rep, class Period>
    bool try_lock_for(std::chrono::duration<Rep, Period> duration) const {
        return detail::done(try_lock(duration));
    }
    template <class Clock, class Duration>
    bool try_lock_until(std::chrono::time_point<Clock, Duration> end) const {
        return detail::done(try_lock(detail::left(end)));
    }
    bool try_lock_shared() const { return detail::done(try_lock_shared(now)); }
    template <class Rep, class Period>
    bool try_lock_shared_for(std::chrono::duration<Rep, Period> duration) const {
        return detail::done(try_lock_shared(duration));
    }
    template <class Clock, class Duration>
    bool try_lock_shared_until(std::chrono::time_point<Clock, Duration> end) const {
        return detail::done(try_lock_shared(detail::left(end)));
    }
    void unlock_shared() const noexcept { unlock(); }

    // ---- changes ----

    /// Announces a change: adds one to the version, and wakes who waits for that.
    void notify() const { detail::check(try_notify()); }
    Status try_notify() const noexcept {
        return detail::status(tn_segment_notify(native_handle()));
    }

    /// How many changes were announced.
    std::uint64_t version() const noexcept { return tn_segment_version(native_handle()); }

    /// Waits until the version differs from `seen`, and returns the version.
    std::uint64_t wait(std::uint64_t seen, Timeout timeout = no_timeout) const {
        return try_wait(seen, timeout).value();
    }
    Result<std::uint64_t> try_wait(std::uint64_t seen, Timeout timeout) const noexcept {
        std::uint64_t version = seen;
        const auto status = tn_segment_wait(native_handle(), seen, timeout.to_c(), &version);
        return {detail::status(status), version};
    }

    /// A descriptor for poll, epoll and event loops. It is readable at first, and while the version
    /// may differ from what try_wait without waiting last found. Only try_wait that returns
    /// Status::again makes it unreadable. Never read, write or close it; it is the same number
    /// until the segment's end.
    int fd() const { return try_fd().value(); }
    Result<int> try_fd() const noexcept {
        int fd = -1;
        const auto status = tn_segment_fd(native_handle(), &fd);
        return {detail::status(status), fd};
    }

    /// A second descriptor, for the lock. It is readable at first, and while the lock may be free.
    /// Only taking the lock without waiting makes it unreadable, by Status::again. Never read,
    /// write or close it; it is the same number until the segment's end.
    int lock_fd() const { return try_lock_fd().value(); }
    Result<int> try_lock_fd() const noexcept {
        int fd = -1;
        const auto status = tn_segment_lock_fd(native_handle(), &fd);
        return {detail::status(status), fd};
    }

    // ---- the rest of its life ----

    /// How many handles hold the segment now, this one among them. Those of dead processes don't
    /// count.
    std::uint32_t attached() const noexcept { return tn_segment_attached(native_handle()); }

    /// Lets go of the segment: every call returns Status::closed at once, in all threads. If the
    /// lock is held, the next owner gets it as after a death. The data stay mapped until the
    /// segment's end. Closing twice is fine.
    void close() const noexcept { tn_segment_close(native_handle()); }

private:
    static Notice taken(Status status) {
        detail::check(status);
        return Notice(status);
    }

    Result<Guard> hold(Status status) const noexcept {
        if (!ok(status)) {
            return status;
        }
        return {status, Guard(native_handle(), status)};
    }
};

}  // namespace treenail

#endif
