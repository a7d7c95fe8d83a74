#include "single_instance.hpp"

#include "channel_state.hpp"
#include "watcher.hpp"

#include <treenail/single_instance.hpp>

#include <QFile>
#include <QTimer>

#include <utility>

namespace treenail::qt {

namespace {

constexpr int milliseconds_to_retry = 100;

std::vector<std::string> encoded(const QStringList& texts) {
    std::vector<std::string> bytes;
    for (const auto& text : texts) {
        bytes.push_back(QFile::encodeName(text).toStdString());
    }
    return bytes;
}

QString decoded(const std::string& bytes) {
    return QFile::decodeName(QByteArray::fromStdString(bytes));
}

SingleInstance::State state_of(treenail::SingleInstance::Role role) {
    using Role = treenail::SingleInstance::Role;
    switch (role) {
        case Role::first:
            return SingleInstance::First;
        case Role::handed_over:
            return SingleInstance::HandedOver;
        case Role::queued:
            return SingleInstance::Queued;
        case Role::none:
            break;
    }
    return SingleInstance::Unknown;
}

}  // namespace

class SingleInstance::Private {
public:
    Private(SingleInstance* owner, const QString& name)
        : owner_(owner), instance(QFile::encodeName(name).toStdString()) {}

    /// From the event loop, as a notifier needs one.
    void watch() {
        if (watcher_ != nullptr || instance.role() != treenail::SingleInstance::Role::first) {
            return;
        }
        if (const auto fd = instance.try_fd()) {
            watcher_ = std::make_unique<detail::Watcher<Private, &Private::ready>>(*fd, this, owner_);
        } else {
            fail(fd.status());
        }
    }
    void close() {
        watcher_.reset();
        instance.close();
    }

private:
    /// One in each turn of the event loop. A slot may destroy this object.
    void ready() {
        auto received = instance.try_receive(now);
        if (!received) {
            if (received != Status::again) {
                fail(received.status());
            }
            return;
        }
        const auto start = std::make_shared<Start>(*std::move(received));
        // A slot that shows a dialog runs an event loop: the other instance needn't wait for it.
        QMetaObject::invokeMethod(
            owner_, [start] { start->done(); }, Qt::QueuedConnection);
        QStringList arguments;
        for (const auto& argument : start->arguments()) {
            arguments += decoded(argument);
        }
        Q_EMIT owner_->anotherStarted(arguments, decoded(start->directory()));
        start->done();
    }

    /// No descriptors are left, say, whose end nothing tells: it tries again.
    void fail(Status status) {
        failure = detail::failure(status);
        watcher_.reset();
        QTimer::singleShot(milliseconds_to_retry, owner_, [this] { watch(); });
    }

    SingleInstance* owner_;
    std::unique_ptr<QSocketNotifier> watcher_;

public:
    treenail::SingleInstance instance;
    detail::Failure failure;
};

SingleInstance::SingleInstance(const QString& name, QObject* parent)
    : QObject(parent), d(std::make_unique<Private>(this, name)) {}

SingleInstance::~SingleInstance() { d->close(); }

bool SingleInstance::handOver(const QStringList& arguments, int timeoutMs) {
    const auto timeout = Timeout::from_c(timeoutMs < 0 ? TN_FOREVER : timeoutMs);
    const auto role = d->instance.try_hand_over(encoded(arguments), timeout);
    if (!role) {
        d->failure = detail::failure(role.status());
        return false;
    }
    d->failure = {};
    QMetaObject::invokeMethod(
        this, [this] { d->watch(); }, Qt::QueuedConnection);
    return !isFirst();
}

SingleInstance::State SingleInstance::state() const { return state_of(d->instance.role()); }

void SingleInstance::close() { d->close(); }

Status SingleInstance::error() const { return d->failure.status; }
QString SingleInstance::errorString() const { return d->failure.text; }

}  // namespace treenail::qt
