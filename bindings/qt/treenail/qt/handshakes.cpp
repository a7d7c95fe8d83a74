#include <treenail/qt/handshakes.hpp>

#include <QThread>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include <poll.h>

namespace treenail::qt::detail {

namespace {

/// An honest handshake takes less than a millisecond, on a machine that isn't overloaded.
constexpr int handshake_ms = 50;

struct Everybody {
    std::mutex mutex;
    std::vector<Handshaking*> all;
};

Everybody& everybody() {
    static auto* forever = new Everybody;  // threads may still be at work when statics are destroyed
    return *forever;
}

/// How long poll() may take; never less than is left.
int poll_time(const QDeadlineTimer& deadline) {
    constexpr qint64 most = std::numeric_limits<int>::max();
    return static_cast<int>(std::min(deadline.remainingTime(), most));
}

}  // namespace

Handshaking::Handshaking(QObject* owner) : owner_(owner) {
    const std::lock_guard guard(everybody().mutex);
    everybody().all.push_back(this);
}

Handshaking::~Handshaking() { done(); }

void Handshaking::done() {
    const std::lock_guard guard(everybody().mutex);
    auto& all = everybody().all;
    all.erase(std::remove(all.begin(), all.end(), this), all.end());
}

bool Wait::until(std::initializer_list<int> fds) {
    if (is_extended_ && deadline_.hasExpired()) {
        return false;
    }
    std::vector<Handshaking*> ours;
    {
        // Those of this thread can't go while it is here; the others are left alone.
        const std::lock_guard guard(everybody().mutex);
        const auto is_ours = [](const Handshaking* one) {
            return one->owner_->thread() == QThread::currentThread();
        };
        const auto& all = everybody().all;
        std::copy_if(all.begin(), all.end(), std::back_inserter(ours), is_ours);
    }
    std::vector<pollfd> watched;
    for (const int fd : fds) {
        watched.push_back({fd, POLLIN, 0});
    }
    for (auto* one : ours) {
        watched.push_back({one->handshakeFd(), POLLIN, 0});
    }
    int ready = 0;
    do {
        ready = ::poll(watched.data(), watched.size(), poll_time(deadline_));
    } while (ready < 0 && errno == EINTR);
    for (std::size_t i = 0; i < ours.size(); ++i) {
        if (watched[fds.size() + i].revents != 0) {
            ours[i]->goOn();
            if (!std::exchange(is_extended_, true) && deadline_.remainingTime() >= 0) {
                deadline_ = std::max(deadline_, QDeadlineTimer(handshake_ms));
            }
        }
    }
    return ready > 0;
}

}  // namespace treenail::qt::detail
