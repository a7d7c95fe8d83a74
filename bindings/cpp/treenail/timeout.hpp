/// How long a call may wait: any std::chrono duration, or now, or forever.
#ifndef TREENAIL_TIMEOUT_HPP
#define TREENAIL_TIMEOUT_HPP

#include <treenail.h>

#include <chrono>
#include <cstdint>
#include <limits>

namespace treenail {

/// A timeout in whole milliseconds.
class Timeout {
public:
    /// Rounded up, so that no wait ends too early. What is below zero never waits, as the rest of a
    /// deadline that has passed; what is over 2^31 - 1 ms (24 days) is that. A duration is never
    /// taken for `forever`.
    template <class Rep, class Period>
    constexpr Timeout(std::chrono::duration<Rep, Period> duration) noexcept
        : milliseconds_(round_up(std::chrono::duration<double, std::milli>(duration).count())) {}

    /// As C has it: TN_NOWAIT, TN_FOREVER or a number of milliseconds.
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
/// The same; where Qt's macro of this name is in the way, say no_timeout.
inline constexpr Timeout forever = no_timeout;
#pragma pop_macro("forever")

namespace detail {

/// What is left until then. Compared first, as the way to a moment long ago may be too long for
/// a duration.
template <class Clock, class Duration>
Timeout left(std::chrono::time_point<Clock, Duration> end) {
    const auto current = Clock::now();
    return end <= current ? now : Timeout(end - current);
}

}  // namespace detail

}  // namespace treenail

#endif
