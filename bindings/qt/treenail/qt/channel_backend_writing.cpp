/// ChannelBackend: what is written, until it has left this process.

#include <treenail/qt/channel_backend.hpp>

namespace treenail::qt::detail {

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
    // If there was no room, the second descriptor tells when there is.
    if (!choked_ || unreported_ != 0 || watcher_ == nullptr) {
        callBack();
    }
    return size;
}

/// Sends as much as there is room for, and returns how much that was. With time it waits only for
/// the first message.
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
            choked_ = true;
            sending_ended_ = status != Status::again && status != Status::timed_out;
            regulate();
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
    return gathered_.empty() && unreported_ == 0 && ok(flushChannel());
}

std::size_t ChannelBackend::written() {
    if (unreported_ == 0 || flushChannel() != Status::again) {
        return unreported_;
    }
    choked_ = true;
    const auto rest = static_cast<std::size_t>(channel_.try_stats()->pending_bytes);
    return unreported_ - std::min(unreported_, rest);
}

Status ChannelBackend::flushChannel() {
    const auto status = channel_.try_flush(treenail::now);
    sending_ended_ = sending_ended_ || (!ok(status) && status != Status::again);
    return status;
}

bool ChannelBackend::flush() {
    choked_ = false;
    return push();
}

bool ChannelBackend::push() {
    if (!channel_) {
        return false;
    }
    if (!gathered_.empty() && !choked_) {
        sendGathered();
    }
    const auto written = this->written();
    if (written != 0 && !emitting_bytes_written_) {
        const InUse in_use(this);
        emitting_bytes_written_ = true;
        unreported_ -= written;
        Q_EMIT socket_.bytesWritten(static_cast<qint64>(written));
        if (!in_use) {
            return true;
        }
        emitting_bytes_written_ = false;
        if (unreported_ != 0 && !choked_) {
            callBack();
        }
    }
    if (state_ == LocalSocket::ClosingState && isAllOut()) {
        finish();
    }
    return written != 0;
}

}  // namespace treenail::qt::detail
