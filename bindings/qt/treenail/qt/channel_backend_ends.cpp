/// ChannelBackend: the calls that wait, and the ways in which a connection ends.

#include <treenail/qt/channel_backend.hpp>
#include <treenail/qt/wait.hpp>

#include <chrono>

namespace treenail::qt::detail {

namespace {

Timeout rest(const QDeadlineTimer& deadline) {
    return deadline.isForever() ? treenail::no_timeout
                                : Timeout(std::chrono::milliseconds(deadline.remainingTime()));
}

/// Nothing has come yet, and nothing has failed.
bool is_pending(Status status) { return status == Status::again || status == Status::timed_out; }

}  // namespace

// ---- waiting ----

bool ChannelBackend::waitForConnected(int msecs) {
    // If the server's backlog is full, the connection is not yet in it.
    if (channel_ && channel_.try_peer() == Status::again) {
        (void)channel_.try_flush(rest(deadline_after(msecs)));
    }
    return state_ == LocalSocket::ConnectedState;
}

bool ChannelBackend::waitForChannel(const QDeadlineTimer& deadline) {
    const int room = choked_ ? sendDescriptor() : -1;
    return wait_for({static_cast<int>(descriptor()), room}, deadline);
}

bool ChannelBackend::waitForReadyRead(int msecs) {
    const InUse in_use(this);
    const auto deadline = deadline_after(msecs);
    for (;;) {
        flush();
        if (!in_use || state_ != LocalSocket::ConnectedState || room() == 0) {
            return false;
        }
        // If there is nothing else to do meanwhile, the channel itself waits best.
        const bool is_alone = !choked_;
        const auto before = available();
        const auto status = receive(is_alone ? rest(deadline) : treenail::now);
        if (ok(status)) {
            if (gotSome(before)) {
                return static_cast<bool>(in_use);
            }
        } else if (!is_pending(status)) {
            lost(status);
            return false;
        } else if (is_alone || !waitForChannel(deadline)) {
            return timedOut();
        }
    }
}

bool ChannelBackend::waitForBytesWritten(int msecs) {
    const InUse in_use(this);
    const auto deadline = deadline_after(msecs);
    while (bytesToWrite() != 0) {
        if (flush() || !in_use) {
            return true;
        }
        if (room() == 0) {
            const bool is_out = gathered_.empty()
                                    ? channel_.try_flush(rest(deadline)) != Status::timed_out
                                    : sendGathered(rest(deadline));
            if (!is_out && deadline.hasExpired()) {
                return timedOut();
            }
            if (sending_ended_) {
                return false;
            }
            continue;
        }
        const auto before = available();
        const auto status = receive(treenail::now);
        if (ok(status)) {
            gotSome(before);
        } else if (!is_pending(status)) {
            lost(status);
            return false;
        } else if (!waitForChannel(deadline)) {
            return timedOut();
        }
        if (!in_use || !channel_) {
            return false;
        }
    }
    return false;
}

bool ChannelBackend::waitForDisconnected(int msecs) {
    const InUse in_use(this);
    const auto deadline = deadline_after(msecs);
    for (;;) {
        flush();
        if (!in_use || state_ == LocalSocket::UnconnectedState) {
            return true;
        }
        if (room() == 0) {
            return timedOut();
        }
        const auto before = available();
        const auto status = receive(treenail::now);
        if (ok(status)) {
            gotSome(before);
        } else if (!is_pending(status)) {
            lost(status);
        } else if (!waitForChannel(deadline)) {
            return timedOut();
        }
        if (!in_use) {
            return true;
        }
    }
}

bool ChannelBackend::timedOut() {
    fail(LocalSocket::SocketTimeoutError, LocalSocket::tr("%1: Socket operation timed out"));
    return false;
}

// ---- ending ----

void ChannelBackend::setState(LocalSocket::LocalSocketState state) {
    state_ = state;
    if (state == LocalSocket::UnconnectedState) {
        socket_.d->forgetNames();
    }
    Q_EMIT socket_.stateChanged(state);
}

void ChannelBackend::fail(LocalSocket::LocalSocketError error, const QString& text) {
    error_ = error;
    socket_.setErrorString(text.contains(QLatin1String("%1")) ? text.arg(QLatin1String("QLocalSocket"))
                                                              : text);
    Q_EMIT socket_.errorOccurred(error);
}

/// The other side's end, or that of the handshake.
void ChannelBackend::lost(Status status) {
    const InUse in_use(this);
    const bool was_wanted = state_ == LocalSocket::ClosingState && gathered_.empty();
    const auto why = QString::fromUtf8(treenail::last_error());
    if (was_wanted) {
    } else if (status == Status::closed || status == Status::peer_lost) {
        fail(LocalSocket::PeerClosedError, LocalSocket::tr("%1: Remote closed"));
    } else if (status == Status::denied) {
        fail(LocalSocket::SocketAccessError, why);
    } else if (status == Status::no_space) {
        fail(LocalSocket::SocketResourceError, why);
    } else {
        fail(LocalSocket::ConnectionError, why);
    }
    if (in_use && state_ == LocalSocket::ConnectedState) {
        setState(LocalSocket::ClosingState);
    }
    if (in_use && state_ == LocalSocket::ClosingState) {
        finish();
    }
}

void ChannelBackend::drop() {
    delete std::exchange(watcher_, nullptr);
    delete std::exchange(room_watcher_, nullptr);
    keepHeld();
    takeHeld(held_.size());
    gathered_.clear();
    unreported_ = 0;
    channel_ = treenail::Channel();
    state_ = LocalSocket::UnconnectedState;
}

void ChannelBackend::finish() {
    const InUse in_use(this);
    drop();
    setState(LocalSocket::UnconnectedState);
    if (in_use) {
        Q_EMIT socket_.readChannelFinished();
    }
    if (in_use) {
        Q_EMIT socket_.disconnected();
    }
}

void ChannelBackend::disconnectFromServer() {
    if (state_ == LocalSocket::UnconnectedState) {
        return;
    }
    const InUse in_use(this);
    if (state_ != LocalSocket::ClosingState) {
        setState(LocalSocket::ClosingState);
    }
    if (!in_use || state_ != LocalSocket::ClosingState) {
        return;
    }
    if (isAllOut()) {
        finish();
    } else {
        callBack();
    }
}

/// Qt 5 also signals that its inner device closes.
void ChannelBackend::closeInner() {
    const bool was_open = std::exchange(is_inner_open_, false);
    if (was_open && QT_VERSION < QT_VERSION_CHECK(6, 0, 0)) {
        Q_EMIT socket_.aboutToClose();
    }
}

void ChannelBackend::close() {
    const InUse in_use(this);
    received_.clear();
    takeHeld(held_.size());
    disconnectFromServer();
    if (in_use) {
        closeInner();
    }
}

void ChannelBackend::abort() {
    const InUse in_use(this);
    received_.clear();
    takeHeld(held_.size());
    if (state_ != LocalSocket::UnconnectedState) {
        closeInner();
    }
    if (in_use && state_ != LocalSocket::UnconnectedState) {
        finish();
    }
}

}  // namespace treenail::qt::detail
