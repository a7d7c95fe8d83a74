#include "channel.hpp"

#include "channel_driver.hpp"

namespace treenail::qt {

using detail::ChannelDriver;
using detail::ChannelState;
using detail::PendingRequest;

namespace {

/// How long the destructor may spend to send what waits, if there is room for it.
constexpr int last_milliseconds = 2;

QDeadlineTimer deadline(int timeout_ms) {
    return timeout_ms < 0 ? QDeadlineTimer(QDeadlineTimer::Forever) : QDeadlineTimer(timeout_ms);
}

/// The state of a new channel: connected, unless nobody listens yet, or its endpoint makes it wait
/// for more.
Channel::State state_of(const treenail::Channel& channel) {
    return channel.try_peer() == Status::again ? Channel::Connecting : Channel::Connected;
}

}  // namespace

Channel::Channel(QObject* parent)
    : QObject(parent),
      shared_(std::make_shared<ChannelState>()),
      driver_(new ChannelDriver(this, shared_)) {
    detail::register_types();
}

Channel::Channel(treenail::Channel channel, QObject* parent) : Channel(parent) {
    const auto state = state_of(channel);
    const auto peer = channel.try_peer();
    const auto address = peer->address();
    shared_->open(state,
                QString::fromUtf8(address.data(), static_cast<int>(address.size())),
                std::make_shared<treenail::Channel>(std::move(channel)));
    driver_->run([driver = driver_] { driver->start(); });
}

Channel::~Channel() {
    driver_->leave();
    const auto handle = shared_->handle();
    if (handle != nullptr && shared_->state() == Connected) {
        shared_->drain(QDeadlineTimer(last_milliseconds));
        (void)handle->try_flush(now);
    }
    const detail::Failure why{Status::closed, QStringLiteral("the channel was destroyed")};
    for (auto& pending : shared_->end(why)) {
        pending.done = nullptr;
        pending.finish({why.status, {}, why.text});
    }
    if (handle != nullptr) {
        handle->close();
    }
}

// ---- connecting ----

bool Channel::connectTo(const QString& endpoint, int timeoutMs) {
    if (!shared_->is_free(endpoint)) {
        return false;
    }
    auto channel = treenail::Channel::try_connect_start(endpoint.toStdString());
    if (!channel) {
        const auto why = detail::failure(channel.status());
        shared_->fail(why);
        driver_->post([driver = driver_, why] { driver->fail(why); });
        return false;
    }
    const auto state = state_of(*channel);
    if (!shared_->open(state, endpoint,
                     std::make_shared<treenail::Channel>(*std::move(channel)))) {
        return false;
    }
    driver_->run([driver = driver_, timeoutMs] { driver->start_anew(timeoutMs); });
    return true;
}

void Channel::close() {
    const auto handle = shared_->handle();
    if (handle == nullptr) {
        return;
    }
    if (shared_->shut() && !driver_->is_here() && ok(handle->try_flush(now))) {
        handle->close();  // the peer needn't wait for this object's thread
    }
    driver_->run([driver = driver_, handle] { driver->close(handle); });
}

void Channel::abort() {
    const auto handle = shared_->handle();
    if (handle == nullptr) {
        return;
    }
    shared_->shut();
    handle->close();
    driver_->run([driver = driver_, handle] { driver->abort(handle); });
}

Channel::State Channel::state() const { return shared_->state(); }
QString Channel::endpoint() const { return shared_->endpoint(); }

// ---- sending ----

bool Channel::send(quint32 tag, const QByteArray& data) {
    return shared_->send({tag, data, 0, std::nullopt});
}

qint64 Channel::bytesToWrite() const {
    return shared_->waiting_bytes() + static_cast<qint64>(stats().pending_bytes);
}

qint64 Channel::maxBytesToWrite() const { return shared_->limit(); }
void Channel::setMaxBytesToWrite(qint64 bytes) { shared_->set_limit(bytes); }

// ---- asking ----

QFuture<QByteArray> Channel::request(quint32 tag, const QByteArray& data, int timeoutMs) {
    QFutureInterface<QByteArray> promise;
    promise.reportStarted();
    const auto future = promise.future();
    const auto until = deadline(timeoutMs);
    const auto number = shared_->ask(tag, data, PendingRequest{promise, nullptr, until});
    if (number == 0) {
        const auto why = shared_->error();
        PendingRequest{promise, nullptr, until}.finish({why.status, {}, why.text});
        return future;
    }
    driver_->run([driver = driver_, number, future, until] {
        driver->watch_future(number, future);
        driver->watch_deadline(until);
    });
    return future;
}

quint64 Channel::request(quint32 tag, const QByteArray& data,
                         std::function<void(const Reply&)> done, int timeoutMs) {
    const auto until = deadline(timeoutMs);
    const auto number =
        shared_->ask(tag, data, PendingRequest{std::nullopt, std::move(done), until});
    if (number != 0 && !until.isForever()) {
        driver_->run([driver = driver_, until] { driver->watch_deadline(until); });
    }
    return number;
}

void Channel::cancelRequest(quint64 request) {
    if (auto pending = shared_->cancel(request); pending && pending->promise) {
        pending->promise->reportCanceled();
        pending->promise->reportFinished();
    }
}

// ---- asking about it ----

Status Channel::error() const { return shared_->error().status; }
QString Channel::errorString() const { return shared_->error().text; }

Peer Channel::peer() const {
    const auto handle = shared_->handle();
    return handle != nullptr ? *handle->try_peer() : Peer();
}

Stats Channel::stats() const {
    const auto handle = shared_->handle();
    return handle != nullptr ? *handle->try_stats() : Stats{};
}

QVariantMap Channel::statistics() const {
    const auto now = stats();
    const auto number = [](std::uint64_t count) { return QVariant::fromValue<quint64>(count); };
    return {
        {QStringLiteral("messages_sent"), number(now.messages_sent)},
        {QStringLiteral("messages_received"), number(now.messages_received)},
        {QStringLiteral("bytes_sent"), number(now.bytes_sent)},
        {QStringLiteral("bytes_received"), number(now.bytes_received)},
        {QStringLiteral("send_waits"), number(now.send_waits)},
        {QStringLiteral("recv_waits"), number(now.recv_waits)},
        {QStringLiteral("wakeups_sent"), number(now.wakeups_sent)},
        {QStringLiteral("pending_bytes"), number(now.pending_bytes)},
        {QStringLiteral("ring_bytes"), number(now.ring_bytes)},
        {QStringLiteral("ring_used"), number(now.ring_used)},
        {QStringLiteral("ring_used_max"), number(now.ring_used_max)},
        {QStringLiteral("late_replies"), number(now.late_replies)},
    };
}

}  // namespace treenail::qt
