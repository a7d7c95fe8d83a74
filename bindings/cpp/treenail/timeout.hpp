/// How long a call may wait: any std::chrono duration, or now, or forever.
#ifndef TREENAIL_TIMEOUT_HPP
#define TREENAIL_TIMEOUT_HPP

#include <treenail.h>

#include <chrono>
#include <cstdint>
#include <limits>

namespace treenail {

/// How long a call may wait, in whole milliseconds.
class Timeout {
public:
    /// Rounds a duration up, so that no wait ends too early. One below zero never waits, like the
    /// rest of a deadline that has passed. One over 2^31 - 1 ms (24 days) becomes that many. No
    /// duration means `forever`.
    template <class Rep, class Period>
    constexpr Timeout(std::chrono::duration<Rep, Period> duration) noexcept
        : milliseconds_(round_up(std::chrono::duration<double, std::milli>(duration).count())) {}

    /// The timeout in C: TN_NOWAIT, TN_FOREVER or a number of milliseconds.
    static constexpr Timeout from_c(std::int32_t timeout_ms) noexcept {
        return Timeout(timeout_ms);
    }
    constexpr std::int32_t to_c() const noexcept { return milliseconds_; }

private:
    constexpr explicit Timeout(std::int32_t milliseconds) noexcept : milliseconds_(milliseconds) {}

    static constexpr std::int32_t round_up(double milliseconds) noexcept {
        constexpr auto most = std::numeric_limits<std::int32_t>::max();
        if (!(milliseconds > 0)) {
            return TN_NOWAIT;
        }
        if (milliseconds >= most) {
            return most;
        }
        const auto whole = static_cast<std::int32_t>(milliseconds);
        return whole < milliseconds ? whole + 1 : whole;
    }

    std::int32_t milliseconds_;
};

/// Never waits.
inline constexpr Timeout now = Timeout::from_c(TN_NOWAIT);

/// Waits for ever.
inline constexpr Timeout no_timeout = Timeout::from_c(TN_FOREVER);

// Qt has a macro of this name, unless QT_NO_KEYWORDS is defined.
#pragma push_macro("forever")
#undef forever
/// Waits for ever. Use no_timeout where Qt's macro `forever` is in the way.
inline constexpr Timeout forever = no_timeout;
#pragma pop_macro("forever")

namespace detail {

/// How much time is left until then. It compares first: a moment long ago may be too far away for a
/// duration.
template <class Clock, class Duration>
Timeout left(std::chrono::time_point<Clock, Duration> end) {
    const auto current = Clock::now();
    return end <= current ? now : Timeout(end - current);
}

}  // namespace detail

}  // namespace treenail

#endif
