#include <treenail/qt/wait.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <vector>

#include <poll.h>

namespace treenail::qt::detail {

namespace {

/// How long poll() may take; never less than is left.
int poll_time(const QDeadlineTimer& deadline) {
    constexpr qint64 most = std::numeric_limits<int>::max();
    return static_cast<int>(std::min(deadline.remainingTime(), most));
}

}  // namespace

bool wait_for(std::initializer_list<int> fds, const QDeadlineTimer& deadline) {
    std::vector<pollfd> watched;
    for (const int fd : fds) {
        watched.push_back({fd, POLLIN, 0});
    }
    int ready = 0;
    do {
        ready = ::poll(watched.data(), watched.size(), poll_time(deadline));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

}  // namespace treenail::qt::detail
