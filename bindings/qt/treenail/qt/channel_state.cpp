#include "channel_state.hpp"

namespace treenail::qt::detail {

namespace {

using Locked = std::lock_guard<std::mutex>;

/// Whether a send failed because of its message, and not because the connection has ended.
bool is_refusal(Status status) {
    return status == Status::too_large || status == Status::unsupported ||
           status == Status::invalid || status == Status::no_space;
}

}  // namespace

Failure failure(Status status) { return {status, QString::fromUtf8(last_error())}; }

void register_types() {
    static const bool done = [] {
        qRegisterMetaType<treenail::Status>("treenail::Status");
        qRegisterMetaType<Request>("treenail::qt::Request");
        qRegisterMetaType<Channel::State>("treenail::qt::Channel::State");
        return true;
    }();
    (void)done;
}

void PendingRequest::finish(const Reply& reply) {
    if (done) {
        done(reply);
    }
    if (promise) {
        if (reply) {
            promise->reportResult(reply.data);
        } else {
#ifndef QT_NO_EXCEPTIONS
            promise->reportException(RequestError(reply.status, reply.text));
#else
            promise->reportCanceled();
#endif
        }
        promise->reportFinished();
    }
}

// ---- a connection's life ----

bool ChannelState::expect_none(const QString& endpoint) {
    if (handle_ != nullptr) {
        failure_ = {Status::invalid,
                    QStringLiteral("connecting to %1: there is a connection already; end it first")
                        .arg(endpoint)};
    }
    return handle_ == nullptr;
}

bool ChannelState::is_free(const QString& endpoint) {
    const Locked locked(mutex_);
    return expect_none(endpoint);
}

bool ChannelState::open(Channel::State state, const QString& endpoint, Handle handle) {
    const Locked locked(mutex_);
    if (!expect_none(endpoint)) {
        return false;
    }
    handle_ = std::move(handle);
    state_ = state;
    endpoint_ = endpoint;
    failure_ = {};
    return true;
}

void ChannelState::set_connected() {
    const Locked locked(mutex_);
    if (state_ == Channel::Connecting) {
        state_ = Channel::Connected;
    }
}

bool ChannelState::shut() {
    const Locked locked(mutex_);
    if (handle_ != nullptr) {
        state_ = Channel::Closing;
    }
    return waiting_.empty();
}

std::vector<PendingRequest> ChannelState::end(const Failure& why) {
    std::vector<PendingRequest> pending;
    std::deque<Outgoing> dropped;  // this and the handle die when the lock is given back
    Handle ended;
    const Locked locked(mutex_);
    for (auto& entry : pending_) {
        pending.push_back(std::move(entry.second));
    }
    pending_.clear();
    numbers_.clear();
    dropped.swap(waiting_);
    waiting_bytes_ = 0;
    ended.swap(handle_);
    state_ = Channel::Unconnected;
    failure_ = why;
    return pending;
}

Handle ChannelState::handle() const {
    const Locked locked(mutex_);
    return handle_;
}

Channel::State ChannelState::state() const {
    const Locked locked(mutex_);
    return state_;
}

QString ChannelState::endpoint() const {
    const Locked locked(mutex_);
    return endpoint_;
}

Failure ChannelState::error() const {
    const Locked locked(mutex_);
    return failure_;
}

void ChannelState::fail(Failure why) {
    const Locked locked(mutex_);
    failure_ = std::move(why);
}

// ---- sending ----

void ChannelState::on_waiting(std::function<void()> call) {
    const Locked locked(mutex_);
    on_waiting_ = std::move(call);
}

bool ChannelState::send(Outgoing item) {
    const Locked locked(mutex_);
    return put(std::move(item));
}

bool ChannelState::reply(Outgoing item, const Handle& came_from) {
    const Locked locked(mutex_);
    if (came_from == nullptr || came_from != handle_) {
        failure_ = {Status::closed, QStringLiteral("replying: the request's connection has ended")};
        return false;
    }
    return put(std::move(item));
}

quint64 ChannelState::ask(quint32 tag, const QByteArray& data, PendingRequest pending) {
    const Locked locked(mutex_);
    const auto number = ++last_number_;
    pending_.emplace(number, std::move(pending));
    if (!put({tag, data, number, std::nullopt})) {
        pending_.erase(number);
        return 0;
    }
    return number;
}

bool ChannelState::put(Outgoing&& item) {
    if (state_ == Channel::Unconnected || state_ == Channel::Closing) {
        failure_ = {Status::closed, QStringLiteral("sending: the channel is not connected")};
        return false;
    }
    // While it connects, only the driver calls the handle, so that it misses no progress.
    if (state_ == Channel::Connected && waiting_.empty()) {
        const auto status = transmit(item);
        if (status != Status::again) {
            if (!ok(status)) {
                failure_ = failure(status);
            }
            return ok(status);
        }
    }
    const auto bytes = waiting_bytes_ + static_cast<qint64>(item.data.size());
    const auto count = static_cast<qint64>(waiting_.size()) + 1;
    if (bytes + count * Channel::CostPerMessage > limit_) {
        failure_ = {Status::no_space, no_room_to_wait(item.data.size())};
        return false;
    }
    waiting_bytes_ = bytes;
    waiting_.push_back(std::move(item));
    if (waiting_.size() == 1 && state_ == Channel::Connected && on_waiting_) {
        on_waiting_();
    }
    return true;
}

QString ChannelState::no_room_to_wait(qint64 size) const {
    if (size + Channel::CostPerMessage > limit_) {
        return QStringLiteral("sending %1 bytes: the channel has no room for them now, and "
                              "maxBytesToWrite lets no message of more than %2 bytes wait; set it "
                              "to %3 or more, or send smaller messages")
            .arg(size)
            .arg(std::max<qint64>(limit_ - Channel::CostPerMessage, 0))
            .arg(size + Channel::CostPerMessage);
    }
    return QStringLiteral("sending %1 bytes: %2 bytes in %3 messages wait already, and "
                          "maxBytesToWrite is %4; wait for bytesWritten()")
        .arg(size)
        .arg(waiting_bytes_)
        .arg(waiting_.size())
        .arg(limit_);
}

Status ChannelState::transmit(const Outgoing& item) {
    const Bytes bytes(item.data.constData(), static_cast<std::size_t>(item.data.size()));
    if (item.request) {
        return handle_->try_reply(*item.request, bytes, now);
    }
    if (item.number == 0) {
        return handle_->try_send(item.tag, bytes, now);
    }
    const auto pending = pending_.find(item.number);
    if (pending == pending_.end()) {
        return Status::ok;  // nobody waits for the answer any more
    }
    const auto id = handle_->try_request_start(item.tag, bytes, now);
    if (id) {
        pending->second.id = *id;
        numbers_[*id] = item.number;
    }
    return id.status();
}

ChannelState::Progress ChannelState::drain(QDeadlineTimer deadline) {
    Progress progress;
    for (bool first = true;; first = false) {
        const Locked locked(mutex_);  // given back after each, for who sends meanwhile
        if (waiting_.empty()) {
            return progress;
        }
        if (!first && deadline.hasExpired()) {
            return progress;
        }
        const auto& item = waiting_.front();
        const auto status = transmit(item);
        if (!ok(status) && !is_refusal(status)) {
            return progress;
        }
        if (!ok(status)) {
            failure_ = failure(status);
            progress.dropped.push_back({failure_, take(item.number)});
        }
        const auto size = static_cast<qint64>(item.data.size());
        waiting_bytes_ -= size;
        progress.bytes += size;
        waiting_.pop_front();
    }
}

bool ChannelState::has_waiting() const {
    const Locked locked(mutex_);
    return !waiting_.empty();
}

qint64 ChannelState::waiting_bytes() const {
    const Locked locked(mutex_);
    return waiting_bytes_;
}

qint64 ChannelState::limit() const {
    const Locked locked(mutex_);
    return limit_;
}

void ChannelState::set_limit(qint64 bytes) {
    const Locked locked(mutex_);
    limit_ = bytes;
}

// ---- pending requests ----

std::optional<PendingRequest> ChannelState::take(quint64 number) {
    const auto found = pending_.find(number);
    if (found == pending_.end()) {
        return std::nullopt;
    }
    auto pending = std::move(found->second);
    numbers_.erase(pending.id);
    pending_.erase(found);
    return pending;
}

std::optional<PendingRequest> ChannelState::replied(quint32 id) {
    const Locked locked(mutex_);
    const auto found = numbers_.find(id);
    return found == numbers_.end() ? std::nullopt : take(found->second);
}

std::optional<PendingRequest> ChannelState::cancel(quint64 number) {
    const Locked locked(mutex_);
    auto pending = take(number);
    if (pending && pending->id != 0) {
        (void)handle_->try_request_cancel(pending->id);
    }
    return pending;
}

std::vector<PendingRequest> ChannelState::overdue(QDeadlineTimer& next) {
    next = QDeadlineTimer(QDeadlineTimer::Forever);
    std::vector<quint64> numbers;
    {
        const Locked locked(mutex_);
        for (const auto& [number, pending] : pending_) {
            if (pending.deadline.hasExpired()) {
                numbers.push_back(number);
            } else {
                next = std::min(next, pending.deadline);
            }
        }
    }
    std::vector<PendingRequest> over;
    for (const auto number : numbers) {
        if (auto pending = cancel(number)) {
            over.push_back(std::move(*pending));
        }
    }
    return over;
}

}  // namespace treenail::qt::detail
