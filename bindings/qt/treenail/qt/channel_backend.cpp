#include <treenail/qt/channel_backend.hpp>

#include <QAbstractEventDispatcher>
#include <QCoreApplication>
#include <QEvent>

#include <cstring>

namespace treenail::qt::detail {

namespace {

/// Large enough that a message's own cost doesn't count, and a part of the ring, so that both
/// sides are at work at a time.
constexpr std::size_t message_size_max = 64 << 10;
/// What one event may take in before timers and other sockets get their turn.
constexpr std::size_t event_bytes_max = 256 << 10;
constexpr int event_messages_max = 256;
constexpr int event_ms_max = 2;
constexpr int retry_ms = 5;

QEvent::Type call_back_type() {
    static const auto type = static_cast<QEvent::Type>(QEvent::registerEventType());
    return type;
}

}  // namespace

ChannelBackend::ChannelBackend(LocalSocket& socket, treenail::Channel channel)
    : Backend(socket), Handshaking(this), channel_(std::move(channel)),
      message_size_(message_size_max) {}

void ChannelBackend::connected(QIODevice::OpenMode openMode) {
    const InUse in_use(this);
    setState(LocalSocket::ConnectingState);
    if (in_use) {
        setState(LocalSocket::ConnectedState);
    }
    if (in_use && state_ == LocalSocket::ConnectedState) {
#if QT_VERSION < QT_VERSION_CHECK(6, 0, 0)
        openMode |= QIODevice::Unbuffered;
#endif
        socket_.QIODevice::open(openMode);
        callBack();
        Q_EMIT socket_.connected();
    }
}

void ChannelBackend::accepted() {
    established_ = true;
    done();
    callBack();
}

qintptr ChannelBackend::descriptor() const { return channel_ ? *channel_.try_fd() : -1; }

bool ChannelBackend::isValid() const { return channel_ || is_inner_open_; }

// ---- the event loop ----

/// Sees to it that the event loop comes back to this object, which a readable descriptor does for
/// nothing.
void ChannelBackend::callBack() {
    const bool is_called = readable_ && watcher_ != nullptr && watcher_->isEnabled();
    if (!is_called && !calling_back_) {
        calling_back_ = true;
        QCoreApplication::postEvent(this, new QEvent(call_back_type()));
    }
}

bool ChannelBackend::event(QEvent* event) {
    if (event->type() != call_back_type()) {
        return QObject::event(event);
    }
    calling_back_ = false;
    watch();
    if (isHolding() && !shows_held_) {
        ready();
    } else {
        flush();
    }
    return true;
}

/// Only here, as a program without an event loop doesn't pay for a descriptor that nobody watches.
void ChannelBackend::watch() {
    if (watcher_ != nullptr || !channel_ || QAbstractEventDispatcher::instance() == nullptr) {
        return;
    }
    const auto fd = channel_.try_fd();
    if (!fd) {
        return lost(fd.status());
    }
    watcher_ = new ChannelWatcher(*fd, this, this);
    regulate();
}

void ChannelBackend::ready() {
    const InUse in_use(this);
    choked_ = false;
    std::size_t bytes = 0;
    const QDeadlineTimer turn(event_ms_max, Qt::PreciseTimer);
    const bool is_alone = was_last(this);
    for (int i = 0; i < event_messages_max && bytes < event_bytes_max; ++i) {
        if (i > 0) {
            if (turn.hasExpired()) {
                break;
            }
            // In a conversation the answer is here sooner than the event loop would be.
            if (is_alone) {
                (void)channel_.try_busy_poll();
            }
        }
        const auto before = available();
        const auto status = room() > 0 ? receive(treenail::now) : Status::again;
        const bool is_more = ok(status);
        if (!is_more && status != Status::again) {
            return lost(status);
        }
        bytes += available() - std::min(before, available());
        // What a slot writes goes out before the next look, as the other side waits for it.
        gotSome(before);
        if (!in_use || !channel_) {
            return;
        }
        flush();
        if (!in_use || !channel_ || !is_more) {
            break;
        }
    }
    if (in_use) {
        regulate();
    }
}

void ChannelBackend::regulate() {
    if (watcher_ == nullptr) {
        return;
    }
    const bool may_read = room() > 0;
    if (watcher_->isEnabled() != may_read) {
        watcher_->setEnabled(may_read);
    }
    const bool needs_timer = !may_read && !isAllOut();
    if (needs_timer && timer_ == 0) {
        timer_ = startTimer(retry_ms);
    } else if (!needs_timer && timer_ != 0) {
        killTimer(timer_);
        timer_ = 0;
    }
}

void ChannelBackend::timerEvent(QTimerEvent*) {
    const InUse in_use(this);
    flush();
    if (in_use) {
        regulate();
    }
}

void ChannelBackend::goOn() {
    readable_ = false;
    if (channel_.try_flush(treenail::now) != Status::again) {
        established_ = true;
        done();
    }
}

// ---- reading ----

std::size_t ChannelBackend::room() const {
    if (read_buffer_size_ == 0 || state_ == LocalSocket::ClosingState) {
        return std::size_t{0} - 1;
    }
    return read_buffer_size_ - std::min(read_buffer_size_, received_.size());
}

/// Takes one message, or as much of it as there is room for.
Status ChannelBackend::receive(Timeout timeout) {
    keepHeld();
    if (!isHolding()) {
        auto got = channel_.try_recv_view(timeout);
        readable_ = got != Status::again && got != Status::timed_out;
        if (!got) {
            return got.status();
        }
        held_ = *std::move(got);
        held_taken_ = 0;
    }
    if (state_ == LocalSocket::ClosingState) {
        // Nobody reads any more, and what comes only makes room.
        takeHeld(held_.size());
    } else if (read_buffer_size_ == 0) {
        shows_held_ = true;
    } else {
        const auto part = std::min(room(), held_.size() - held_taken_);
        received_.append(held_.data() + held_taken_, part);
        takeHeld(part);
    }
    return Status::ok;
}

void ChannelBackend::takeHeld(std::size_t size) {
    held_taken_ += std::min(size, held_.size() - held_taken_);
    if (!isHolding()) {
        held_.release();
        held_taken_ = 0;
        shows_held_ = false;
    }
}

/// Moves what is left of a message that was shown out of the channel.
void ChannelBackend::keepHeld() {
    if (shows_held_) {
        received_.append(held_.data() + held_taken_, shown());
        takeHeld(shown());
    }
}

/// Says that there is more than before, unless a slot is just being told so.
bool ChannelBackend::gotSome(std::size_t before) {
    if (available() <= before || state_ != LocalSocket::ConnectedState) {
        return false;
    }
    if (!emitting_ready_read_) {
        const InUse in_use(this);
        emitting_ready_read_ = true;
        Q_EMIT socket_.readyRead();
        if (in_use) {
            emitting_ready_read_ = false;
        }
    }
    return true;
}

qint64 ChannelBackend::bytesAvailable() const { return static_cast<qint64>(available()); }

void ChannelBackend::setReadBufferSize(qint64 size) {
    keepHeld();
    read_buffer_size_ = static_cast<std::size_t>(std::max<qint64>(size, 0));
    afterRead(0);
}

qint64 ChannelBackend::read(char* data, qint64 maxSize) {
    const auto most = static_cast<std::size_t>(maxSize);
    const auto from_buffer = received_.take(data, most);
    const auto in_place = std::min(most - from_buffer, shown());
    if (in_place != 0) {
        std::memcpy(data + from_buffer, held_.data() + held_taken_, in_place);
        takeHeld(in_place);
    }
    return afterRead(from_buffer + in_place);
}

/// The bytes up to and with the first newline; 0 if there is none.
std::size_t ChannelBackend::line() const {
    if (const auto line = received_.line(); line != 0 || shown() == 0) {
        return line;
    }
    const auto* begin = held_.data() + held_taken_;
    const auto* newline = static_cast<const std::byte*>(std::memchr(begin, '\n', shown()));
    return newline == nullptr ? 0 : received_.size() + static_cast<std::size_t>(newline - begin) + 1;
}

qint64 ChannelBackend::readLine(char* data, qint64 maxSize) {
    const auto end = static_cast<qint64>(line());
    return read(data, end == 0 ? maxSize : std::min(end, maxSize));
}

qint64 ChannelBackend::skip(qint64 maxSize) {
    const auto most = static_cast<std::size_t>(maxSize);
    const auto from_buffer = received_.drop(most);
    const auto in_place = std::min(most - from_buffer, shown());
    takeHeld(in_place);
    return afterRead(from_buffer + in_place);
}

/// There may be room again. Nothing taken is the end where nothing can come any more.
qint64 ChannelBackend::afterRead(std::size_t taken) {
    if (read_buffer_size_ != 0 || (watcher_ != nullptr && !watcher_->isEnabled())) {
        regulate();
        if (isHolding() && !shows_held_ && room() > 0) {
            callBack();
        }
    }
    const bool is_end = taken == 0 && state_ != LocalSocket::ConnectedState;
    return is_end ? -1 : static_cast<qint64>(taken);
}

// ---- writing ----

qint64 ChannelBackend::bytesToWrite() const {
    return static_cast<qint64>(gathered_.size() + unreported_);
}

qint64 ChannelBackend::write(const char* data, qint64 size) {
    if (state_ == LocalSocket::UnconnectedState) {
        error_ = LocalSocket::UnknownSocketError;
        return -1;
    }
    const auto all = static_cast<std::size_t>(size);
    std::size_t sent = 0;
    if (gathered_.empty() && all >= message_size_ && !choked_) {
        sent = send(data, all, treenail::now);
        unreported_ += sent;
    }
    gathered_.append(data + sent, all - sent);
    if (gathered_.size() >= message_size_ && !choked_) {
        sendGathered();
    }
    callBack();
    return size;
}

/// Sends as much as there is room for, and says how much that was. With time it waits for the first
/// message alone.
std::size_t ChannelBackend::send(const char* data, std::size_t size, Timeout timeout) {
    std::size_t sent = 0;
    while (sent < size) {
        const auto part = std::min(size - sent, message_size_);
        const auto status = channel_.try_send({data + sent, part}, timeout);
        if (ok(status)) {
            sent += part;
            timeout = treenail::now;
        } else if (status == Status::too_large && message_size_ > 1) {
            message_size_ /= 2;
        } else {
            // The end too shows at the descriptor, and is a receiving call's to find.
            readable_ = status != Status::again && status != Status::timed_out;
            choked_ = true;
            break;
        }
    }
    return sent;
}

bool ChannelBackend::sendGathered(Timeout timeout) {
    const auto sent = send(gathered_.data(), gathered_.size(), timeout);
    gathered_.drop(sent);
    unreported_ += sent;
    return sent != 0;
}

bool ChannelBackend::isAllOut() {
    if (!gathered_.empty() || unreported_ != 0) {
        return false;
    }
    if (!established_) {
        return true;
    }
    const auto status = channel_.try_flush(treenail::now);
    readable_ = readable_ && status != Status::again;
    return ok(status);
}

bool ChannelBackend::flush() {
    if (!channel_) {
        return false;
    }
    if (!gathered_.empty()) {
        choked_ = false;
        sendGathered();
    }
    const bool has_written = unreported_ != 0;
    if (has_written && !emitting_bytes_written_) {
        const InUse in_use(this);
        emitting_bytes_written_ = true;
        Q_EMIT socket_.bytesWritten(static_cast<qint64>(std::exchange(unreported_, 0)));
        if (!in_use) {
            return true;
        }
        emitting_bytes_written_ = false;
        if (unreported_ != 0) {
            callBack();
        }
    }
    if (state_ == LocalSocket::ClosingState && isAllOut()) {
        finish();
    }
    return has_written;
}

}  // namespace treenail::qt::detail
