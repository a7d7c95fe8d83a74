/// What can be asked about a channel (who is at its other end, and what has gone through) and about
/// a listener.
#ifndef TREENAIL_FACTS_HPP
#define TREENAIL_FACTS_HPP

#include <treenail.h>

#include <cstdint>
#include <string_view>

namespace treenail {

/// How messages cross.
enum class Transport : std::uint32_t {
    /// Rings in shared memory.
    shm = TN_TRANSPORT_SHM,
    /// A local socket. A shm: endpoint uses one if either side can't share memory.
    local = TN_TRANSPORT_LOCAL,
};

/// Who is at the other end, as the kernel says, not as the peer says.
class Peer {
public:
    Peer() noexcept : native_{} { native_.struct_size = sizeof native_; }

    Transport transport() const noexcept { return static_cast<Transport>(native_.transport); }
    /// The process that connected or listened; 0 if it can't be seen from here.
    std::int64_t pid() const noexcept { return native_.pid; }
    /// Its user.
    std::uint32_t uid() const noexcept { return native_.uid; }
    /// Its group.
    std::uint32_t gid() const noexcept { return native_.gid; }
    /// The address at which the two sides met, cut off after 255 bytes. It lives in this object.
    std::string_view address() const noexcept { return native_.address; }
    /// Why the messages of a shm: channel go through its socket, for good or not moved yet; cut off
    /// after 127 bytes. Empty if they go through shared memory, and for local:. It lives in this
    /// object.
    std::string_view fallback() const noexcept { return native_.fallback; }

    tn_peer& native() noexcept { return native_; }

private:
    tn_peer native_;
};

/// Counts of messages, bytes, waits and wake-ups, and the ring's fill: see tn_stats.
using Stats = tn_stats;

/// Counts of what has become of a listener's connections: see tn_listener_stats.
using ListenerStats = struct tn_listener_stats;

}  // namespace treenail

#endif
