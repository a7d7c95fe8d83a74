/// A named count of units that processes share, and the permit that holds some of them.
#ifndef TREENAIL_SEMAPHORE_HPP
#define TREENAIL_SEMAPHORE_HPP

#include "handle.hpp"
#include "status.hpp"
#include "timeout.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

namespace treenail {

/// A permit that holds units of a semaphore until its own end. It must end before its semaphore
/// does.
class [[nodiscard]] Permit {
public:
    /// Holds nothing.
    Permit() noexcept = default;
    /// Takes over units that were acquired.
    Permit(const tn_semaphore* semaphore, std::uint32_t units) noexcept
        : semaphore_(semaphore), units_(units) {}
    Permit(Permit&& other) noexcept
        : semaphore_(other.semaphore_), units_(std::exchange(other.units_, 0)) {}
    Permit& operator=(Permit other) noexcept {
        swap(other);
        return *this;
    }
    ~Permit() { release(); }

    void swap(Permit& other) noexcept {
        std::swap(semaphore_, other.semaphore_);
        std::swap(units_, other.units_);
    }

    /// How many units it holds.
    std::uint32_t units() const noexcept { return units_; }
    explicit operator bool() const noexcept { return units_ != 0; }

    /// Gives the units back before the permit's end. Calling it twice is fine.
    void release() noexcept {
        if (const auto units = std::exchange(units_, 0)) {
            (void)tn_semaphore_release(semaphore_, units);
        }
    }

private:
    const tn_semaphore* semaphore_ = nullptr;
    std::uint32_t units_ = 0;
};

/// A named counting semaphore that processes share. What a process has acquired comes back when it
/// dies or ends its handle, unless undo=0 says otherwise. A semaphore may be used from every thread
/// at any time. Each call has the statuses of the C function of its name. try_... calls return
/// their status where the others throw an Error.
class Semaphore : public detail::Handle<tn_semaphore, tn_semaphore_free> {
public:
    using Handle::Handle;

    /// Makes a new semaphore of `initial` units. Status::exists: a live process holds one of this
    /// name.
    static Semaphore create(std::string_view name, std::uint32_t initial) {
        return try_create(name, initial).value();
    }
    static Result<Semaphore> try_create(std::string_view name, std::uint32_t initial) noexcept {
        tn_semaphore* made = nullptr;
        const auto status = tn_semaphore_create(detail::Terminated(name).c_str(), initial, &made);
        return {detail::status(status), Semaphore(made)};
    }

    /// Opens a semaphore that exists. Status::not_found: no live process holds one of this name.
    static Semaphore open(std::string_view name) { return try_open(name).value(); }
    static Result<Semaphore> try_open(std::string_view name) noexcept {
        tn_semaphore* made = nullptr;
        const auto status = tn_semaphore_open(detail::Terminated(name).c_str(), &made);
        return {detail::status(status), Semaphore(made)};
    }

    /// Opens a semaphore that exists, and leaves its units as they are, or makes a new one of
    /// `initial` units.
    static Semaphore open_or_create(std::string_view name, std::uint32_t initial) {
        return try_open_or_create(name, initial).value();
    }
    static Result<Semaphore> try_open_or_create(std::string_view name,
                                                std::uint32_t initial) noexcept {
        tn_semaphore* made = nullptr;
        const auto status =
            tn_semaphore_open_or_create(detail::Terminated(name).c_str(), initial, &made);
        return {detail::status(status), Semaphore(made)};
    }

    /// Removes the name. Those that hold the semaphore keep it. Only a semaphore with persist=1
    /// needs this.
    static void remove(std::string_view name) { detail::check(try_remove(name)); }
    static Status try_remove(std::string_view name) noexcept {
        return detail::status(tn_semaphore_remove(detail::Terminated(name).c_str()));
    }

    /// Acquires units, all at once or none.
    void acquire(std::uint32_t units = 1, Timeout timeout = no_timeout) const {
        detail::check(try_acquire(units, timeout));
    }
    Status try_acquire(std::uint32_t units, Timeout timeout) const noexcept {
        return detail::status(tn_semaphore_acquire(native_handle(), units, timeout.to_c()));
    }

    /// Acquires units, and holds them as long as the permit lives.
    Permit permit(std::uint32_t units = 1, Timeout timeout = no_timeout) const {
        return try_permit(units, timeout).value();
    }
    Result<Permit> try_permit(std::uint32_t units, Timeout timeout) const noexcept {
        const auto status = try_acquire(units, timeout);
        if (!ok(status)) {
            return status;
        }
        return {status, Permit(native_handle(), units)};
    }

    // As std::counting_semaphore has it: false for what was not to be had in time; anything else
    // throws Error.

    bool try_acquire() const { return detail::done(try_acquire(1, now)); }
    template <class Rep, class Period>
    bool try_acquire_for(std::chrono::duration<Rep, Period> duration) const {
        return detail::done(try_acquire(1, duration));
    }
    template <class Clock, class Duration>
    bool try_acquire_until(std::chrono::time_point<Clock, Duration> end) const {
        return detail::done(try_acquire(1, detail::left(end)));
    }

    /// Releases units, or adds some that nobody had acquired. It hides the release of a handle;
    /// call that as Handle::release.
    void release(std::uint32_t units = 1) const { detail::check(try_release(units)); }
    Status try_release(std::uint32_t units) const noexcept {
        return detail::status(tn_semaphore_release(native_handle(), units));
    }

    /// How many units are free now.
    std::uint32_t value() const { return try_value().value(); }
    Result<std::uint32_t> try_value() const noexcept {
        std::uint32_t value = 0;
        const auto status = tn_semaphore_value(native_handle(), &value);
        return {detail::status(status), value};
    }

    /// A descriptor for poll, epoll and event loops. It is readable at first, and while units may
    /// be free. Only try_acquire without waiting makes it unreadable, by Status::again, for any
    /// number of units. Never read, write or close it; it is the same number until the semaphore's
    /// end.
    int fd() const { return try_fd().value(); }
    Result<int> try_fd() const noexcept {
        int fd = -1;
        const auto status = tn_semaphore_fd(native_handle(), &fd);
        return {detail::status(status), fd};
    }

    /// Lets go of the semaphore: every call returns Status::closed at once, in all threads, and
    /// what was acquired comes back. Closing twice is fine.
    void close() const noexcept { tn_semaphore_close(native_handle()); }
};

}  // namespace treenail

#endif
