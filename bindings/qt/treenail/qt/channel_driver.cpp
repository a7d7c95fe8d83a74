#include "channel_driver.hpp"

#include "byte_array.hpp"

#include <QFutureWatcher>
#include <QTimerEvent>

namespace treenail::qt::detail {

namespace {

/// How much is done in one turn of the event loop. If that was not all, the descriptor stays
/// readable, and the loop comes back after everything else had its turn.
constexpr int messages_a_turn = 256;
constexpr int milliseconds_a_turn = 2;

const Failure& closed_here() {
    static const Failure why{Status::closed, QStringLiteral("this program has closed the channel")};
    return why;
}

Failure not_connected(const QString& endpoint) {
    return {Status::timed_out,
            QStringLiteral("connecting to %1: not connected within the time; start the listener "
                           "first, look whether it hangs, or give it more time")
                .arg(endpoint)};
}

Failure too_large(std::size_t size) {
    return {Status::too_large,
            QStringLiteral("receiving: a message of %1 bytes is more than a QByteArray holds, %2, "
                           "and was dropped; say max_message= in this side's endpoint")
                .arg(size)
                .arg(byte_array_max)};
}

}  // namespace

ChannelDriver::ChannelDriver(Channel* channel, std::shared_ptr<ChannelState> shared)
    : ThreadBound(channel), shared_(std::move(shared)) {
    shared_->on_waiting([this] {
        post([this] {
            if (handle_ != nullptr && shared_->has_waiting()) {
                want_room(true);
            }
        });
    });
}

void ChannelDriver::leave() {
    shared_->on_waiting(nullptr);
    ThreadBound::leave();
}

void ChannelDriver::start() {
    const auto handle = shared_->handle();
    if (handle == nullptr || handle == handle_) {
        return;
    }
    handle_ = handle;
    is_connected_ = shared_->state() == Channel::Connected;
    if (is_connected_) {
        if (watch_messages()) {
            want_room(shared_->has_waiting());
        }
        return;
    }
    want_room(true);
    if (serves(handle)) {
        tell(&Channel::stateChanged, Channel::Connecting);
    }
}

void ChannelDriver::start_anew(int timeout_ms) {
    start();
    if (handle_ != nullptr && !is_connected_ && timeout_ms >= 0) {
        connecting_timer_.start(timeout_ms, this);
    }
    if (handle_ == nullptr || !is_connected_) {
        return;
    }
    post([this, handle = handle_] {
        if (serves(handle)) {
            tell(&Channel::connected);
        }
    });
    tell(&Channel::stateChanged, shared_->state());
}

/// Returns false if the connection has ended because there are no descriptors left.
bool ChannelDriver::watch_messages() {
    const auto fd = handle_->try_fd();
    if (!fd) {
        end(failure(fd.status()));
        return false;
    }
    watch(*fd, handle_);
    return true;
}

/// Begins or ends to watch for room, and for progress of connecting.
void ChannelDriver::want_room(bool wanted) {
    if (!wanted || watches_room()) {
        pause_room(!wanted);
        return;
    }
    const auto fd = handle_->try_send_fd();
    if (!fd) {
        end(failure(fd.status()));
        return;
    }
    watch_room(*fd, handle_);
}

void ChannelDriver::ready() {
    if (handle_ != nullptr) {
        is_alone_ = was_last(this);
        receive(handle_, QDeadlineTimer(milliseconds_a_turn));
    }
}

void ChannelDriver::has_room() {
    if (handle_ == nullptr) {
        return;
    }
    const auto handle = handle_;
    const QDeadlineTimer turn(milliseconds_a_turn);
    (void)was_last(this);
    if ((is_connected_ || finish_connecting()) && serves(handle)) {
        drain(turn);
    }
}

bool ChannelDriver::finish_connecting() {
    const auto status = handle_->try_flush(now);
    if (status == Status::again) {
        return false;
    }
    if (!ok(status)) {
        end(failure(status));
        return false;
    }
    if (!watch_messages()) {
        return false;
    }
    is_connected_ = true;
    connecting_timer_.stop();
    shared_->set_connected();
    tell(&Channel::stateChanged, shared_->state());
    tell(&Channel::connected);
    return true;
}

/// Returns false if this ended the connection.
bool ChannelDriver::drain(QDeadlineTimer turn) {
    auto progress = shared_->drain(turn);
    const auto handle = handle_;
    if (progress.bytes > 0) {
        tell(&Channel::bytesWritten, progress.bytes);
    }
    for (auto& dropped : progress.dropped) {
        if (dropped.pending) {
            finish(*dropped.pending, {dropped.why.status, {}, dropped.why.text});
        }
        tell(&Channel::errorOccurred, dropped.why.status, dropped.why.text);
    }
    if (!serves(handle)) {
        return true;
    }
    const bool is_last = shared_->state() == Channel::Closing && !shared_->has_waiting();
    if (is_last && handle->try_flush(now) != Status::again) {
        end(closed_here());
        return false;
    }
    want_room(is_last || shared_->has_waiting());
    return true;
}

void ChannelDriver::receive(Handle handle, QDeadlineTimer turn) {
    for (int taken = 0; taken < messages_a_turn; ++taken) {
        auto view = handle->try_recv_view(now);
        if (!view) {
            if (view != Status::again) {
                end(failure(view.status()));
            }
            return;
        }
        deliver(handle, *std::move(view));
        if (!serves(handle) || turn.hasExpired()) {
            return;
        }
        // In a conversation the next message comes sooner than the event loop would get here.
        if (is_alone_) {
            (void)handle->try_busy_poll();
        }
    }
}

void ChannelDriver::deliver(const Handle& handle, View&& view) {
    const auto data = to_byte_array(view.data(), view.size());
    const auto why = data ? Failure() : too_large(view.size());
    view.release();  // the peer may go on, whatever the slots do
    if (view.is_reply()) {
        if (auto pending = shared_->replied(view.id())) {
            finish(*pending, {why.status, data.value_or(QByteArray()), why.text});
        }
    } else if (!data) {
        shared_->fail(why);
        tell(&Channel::errorOccurred, why.status, why.text);
    } else if (view.is_request()) {
        tell(&Channel::requestReceived, Request(shared_, handle, view, *data));
    } else {
        tell(&Channel::messageReceived, *data, view.tag());
    }
}

void ChannelDriver::close(const Handle& handle) {
    if (handle_ != handle) {
        return;
    }
    if (!is_connected_ && shared_->waiting_bytes() == 0) {
        end(closed_here());
        return;
    }
    if ((!is_connected_ || drain(QDeadlineTimer(milliseconds_a_turn))) && serves(handle)) {
        tell(&Channel::stateChanged, Channel::Closing);
    }
}

void ChannelDriver::abort(const Handle& handle) {
    if (handle_ == handle) {
        end(closed_here());
    }
}

void ChannelDriver::fail(const Failure& why) {
    tell(&Channel::errorOccurred, why.status, why.text);
}

void ChannelDriver::end(const Failure& why) {
    auto requests = shared_->end(why);
    unwatch();
    connecting_timer_.stop();
    timer_.stop();
    alarm_ = QDeadlineTimer(QDeadlineTimer::Forever);
    if (auto handle = std::exchange(handle_, nullptr)) {
        handle->close();
    }
    const bool was_connected = std::exchange(is_connected_, false);
    for (auto& pending : requests) {
        finish(pending, {why.status, {}, why.text});
    }
    tell(&Channel::stateChanged, Channel::Unconnected);
    if (why.status != Status::closed) {
        tell(&Channel::errorOccurred, why.status, why.text);
    }
    if (was_connected) {
        tell(&Channel::disconnected);
    }
}

// ---- requests ----

void ChannelDriver::finish(PendingRequest& pending, const Reply& reply) {
    if (owner() == nullptr) {
        pending.done = nullptr;  // a callback dies with the owner; a promise is kept
    }
    pending.finish(reply);
}

void ChannelDriver::watch_future(quint64 number, const QFuture<QByteArray>& future) {
    auto* watcher = new QFutureWatcher<QByteArray>(this);
    connect(watcher, &QFutureWatcher<QByteArray>::canceled, this, [this, number] {
        if (auto pending = shared_->cancel(number)) {
            pending->promise->reportFinished();
        }
    });
    connect(watcher, &QFutureWatcher<QByteArray>::finished, watcher, &QObject::deleteLater);
    watcher->setFuture(future);
}

void ChannelDriver::watch_deadline(QDeadlineTimer deadline) {
    if (deadline < alarm_) {
        alarm_ = deadline;
        timer_.start(static_cast<int>(std::max<qint64>(deadline.remainingTime(), 0)), this);
    }
}

void ChannelDriver::timerEvent(QTimerEvent* event) {
    if (event->timerId() == timer_.timerId()) {
        call_guarded([this] { end_overdue(); });
    } else if (event->timerId() == connecting_timer_.timerId()) {
        call_guarded([this] { end(not_connected(shared_->endpoint())); });
    }
}

void ChannelDriver::end_overdue() {
    timer_.stop();
    alarm_ = QDeadlineTimer(QDeadlineTimer::Forever);
    QDeadlineTimer next;
    auto over = shared_->overdue(next);
    watch_deadline(next);
    for (auto& pending : over) {
        finish(pending, {Status::timed_out, {},
                         QStringLiteral("a request: no reply came within its time")});
    }
}

}  // namespace treenail::qt::detail
