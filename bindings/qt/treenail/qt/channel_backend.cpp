#include <treenail/qt/channel_backend.hpp>

#include <QAbstractEventDispatcher>
#include <QCoreApplication>
#include <QEvent>

#include <cstring>

namespace treenail::qt::detail {

namespace {

/// It is so large that a message's own cost doesn't matter, and a part of the ring, so that both
/// sides work at the same time.
constexpr std::size_t message_size_max = 64 << 10;
/// How much one event may receive before timers and other sockets get their turn.
constexpr std::size_t event_bytes_max = 256 << 10;
constexpr int event_messages_max = 256;
constexpr int event_ms_max = 2;

QEvent::Type call_back_type() {
    static const auto type = static_cast<QEvent::Type>(QEvent::registerEventType());
    return type;
}

}  // namespace

ChannelBackend::ChannelBackend(LocalSocket& socket, treenail::Channel channel)
    : Backend(socket), channel_(std::move(channel)), message_size_(message_size_max) {}

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

void ChannelBackend::accepted() { callBack(); }

qintptr ChannelBackend::descriptor() const { return channel_ ? *channel_.try_fd() : -1; }

int ChannelBackend::sendDescriptor() const { return channel_ ? *channel_.try_send_fd() : -1; }

bool ChannelBackend::isValid() const { return channel_ || is_inner_open_; }

// ---- the event loop ----

/// Makes the event loop come back to this object. A readable descriptor does that for free.
void ChannelBackend::callBack() {
    if (!readable_ || watcher_ == nullptr || !watcher_->isEnabled()) {
        postCallBack();
    }
}

void ChannelBackend::postCallBack() {
    if (!calling_back_) {
        calling_back_ = true;
        QCoreApplication::postEvent(this, new QEvent(call_back_type()));
    }
}

bool ChannelBackend::event(QEvent* event) {
    if (event->type() != call_back_type()) {
        return QObject::event(event);
    }
    calling_back_ = false;
    const InUse in_use(this);
    watch();
    if (!in_use) {
        return true;
    }
    if (isHolding() && !shows_held_) {
        ready();
    } else {
        push();
    }
    return true;
}

/// They are made only here, so that a program without an event loop doesn't pay for descriptors
/// that nobody watches.
void ChannelBackend::watch() {
    if (!channel_ || QAbstractEventDispatcher::instance() == nullptr) {
        return;
    }
    if (watcher_ == nullptr) {
        const auto fd = channel_.try_fd();
        if (!fd) {
            return lost(fd.status());
        }
        watcher_ = new MessageWatcher(*fd, this, this);
    }
    if (room_watcher_ == nullptr && wantsRoom()) {
        const auto fd = channel_.try_send_fd();
        if (!fd) {
            return lost(fd.status());
        }
        room_watcher_ = new RoomWatcher(*fd, this, this);
    }
    regulate();
}

void ChannelBackend::ready() {
    const InUse in_use(this);
    std::size_t bytes = 0;
    const QDeadlineTimer turn(event_ms_max, Qt::PreciseTimer);
    const bool is_alone = was_last(this);
    for (int i = 0; i < event_messages_max && bytes < event_bytes_max; ++i) {
        if (i > 0) {
            if (turn.hasExpired()) {
                break;
            }
            // In a conversation the next message comes sooner than the event loop would get here.
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
        // What a slot writes is sent before the next look, as the other side waits for it.
        gotSome(before);
        if (!in_use || !channel_) {
            return;
        }
        push();
        if (!in_use || !channel_ || !is_more) {
            break;
        }
    }
    if (in_use) {
        regulate();
    }
}

void ChannelBackend::hasRoom() {
    const InUse in_use(this);
    (void)was_last(this);
    choked_ = false;
    push();
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
    const bool wants_room = wantsRoom();
    if (room_watcher_ == nullptr) {
        if (wants_room) {
            postCallBack();
        }
    } else if (room_watcher_->isEnabled() != wants_room) {
        room_watcher_->setEnabled(wants_room);
    }
}

/// Receiving sends the rest of a message too, if there is anything to receive.
bool ChannelBackend::wantsRoom() {
    const auto has_rest = [this] { return room() == 0 && flushChannel() == Status::again; };
    return !sending_ended_ && (choked_ || has_rest());
}

// ---- reading ----

std::size_t ChannelBackend::room() const {
    if (read_buffer_size_ == 0 || state_ == LocalSocket::ClosingState) {
        return std::size_t{0} - 1;
    }
    return read_buffer_size_ - std::min(read_buffer_size_, received_.size());
}

/// Receives one message, or as much of it as there is room for.
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
        // Nobody reads any more; messages are received only to make room.
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

/// Tells that there is more than before, unless a slot is being told so at the moment.
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

/// There may be room again. If nothing was received and nothing more can come, that is the end.
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

}  // namespace treenail::qt::detail
