#include "accept_queue.hpp"

#include <QTimerEvent>

namespace treenail::qt::detail {

namespace {

using Locked = std::lock_guard<std::mutex>;

/// How many connections are taken in one turn of the event loop.
constexpr int channels_a_turn = 16;
/// How long it waits after a lack of descriptors, whose end nothing tells.
constexpr int milliseconds_to_retry = 100;

}  // namespace

// ---- from any thread ----

bool AcceptQueue::open(const QString& endpoint) {
    const bool opened = try_open(endpoint);
    if (opened) {
        run([this] { resume(); });
    }
    return opened;
}

bool AcceptQueue::try_open(const QString& endpoint) {
    const Locked locked(mutex_);
    if (handle_ != nullptr) {
        failure_ = {Status::invalid,
                    QStringLiteral("listening at %1: it listens already; close it first")
                        .arg(endpoint)};
        return false;
    }
    auto listener = treenail::Listener::try_open(endpoint.toStdString());
    if (!listener) {
        failure_ = failure(listener.status());
        return false;
    }
    handle_ = std::make_shared<treenail::Listener>(*std::move(listener));
    failure_ = {};
    return true;
}

void AcceptQueue::close() {
    std::deque<treenail::Channel> dropped;
    ListenerHandle closed;
    {
        const Locked locked(mutex_);
        dropped.swap(pending_);
        closed.swap(handle_);
    }
    if (closed != nullptr) {
        closed->close();
        run([this] { resume(); });
    }
}

ListenerHandle AcceptQueue::handle() const {
    const Locked locked(mutex_);
    return handle_;
}

Failure AcceptQueue::error() const {
    const Locked locked(mutex_);
    return failure_;
}

bool AcceptQueue::is_empty() const {
    const Locked locked(mutex_);
    return pending_.empty();
}

bool AcceptQueue::is_full() const {
    const Locked locked(mutex_);
    return static_cast<int>(pending_.size()) >= room_;
}

treenail::Channel AcceptQueue::take() {
    treenail::Channel channel;
    {
        const Locked locked(mutex_);
        if (!pending_.empty()) {
            channel = std::move(pending_.front());
            pending_.pop_front();
        }
    }
    run([this] { resume(); });
    return channel;
}

int AcceptQueue::room() const {
    const Locked locked(mutex_);
    return room_;
}

void AcceptQueue::set_room(int count) {
    {
        const Locked locked(mutex_);
        room_ = count;
    }
    run([this] { resume(); });
}

// ---- in the event loop ----

void AcceptQueue::resume() {
    auto handle = this->handle();
    if (handle != watched_) {
        unwatch();
        watched_ = std::move(handle);
        if (watched_ != nullptr) {
            if (const auto fd = watched_->try_fd()) {
                watch(*fd, watched_);
            } else {
                watched_.reset();
                fail(failure(fd.status()));
                return;
            }
        }
    }
    pause(is_full());
}

void AcceptQueue::ready() {
    for (int taken = 0; taken < channels_a_turn; ++taken) {
        if (is_full()) {
            pause(true);
            return;
        }
        const auto handle = watched_;
        auto accepted = handle->try_accept(now);
        if (!accepted) {
            if (accepted == Status::closed) {
                resume();
            } else if (accepted != Status::again) {
                fail(failure(accepted.status()));
            }
            return;
        }
        {
            const Locked locked(mutex_);
            if (handle != handle_) {
                return;  // closed by another thread, and what came is dropped
            }
            pending_.push_back(*std::move(accepted));
        }
        Q_EMIT static_cast<Listener*>(owner())->newChannel();
        if (owner() == nullptr || !is_here() || handle != watched_) {
            return;
        }
    }
}

void AcceptQueue::fail(const Failure& why) {
    {
        const Locked locked(mutex_);
        failure_ = why;
    }
    pause(true);
    again_.start(milliseconds_to_retry, this);
    Q_EMIT static_cast<Listener*>(owner())->errorOccurred(why.status, why.text);
}

void AcceptQueue::timerEvent(QTimerEvent* event) {
    if (event->timerId() == again_.timerId()) {
        again_.stop();
        call_guarded([this] { resume(); });
    }
}

}  // namespace treenail::qt::detail
